//! UPDATE: assignments, FROM, RETURNING (`transformUpdateStmt`). Without FROM one plain SQLite UPDATE comes out; with it the new values are
//! found by a query over the table and the others, and brought back by the row's key.

use sqlparser::ast::{self, Assignment, AssignmentTarget, ObjectName, ObjectNamePart, TableFactor, Update, UpdateTableFromKind};

use super::{
    Binder, Clause, Scope,
    change::{Changed, guard_key, refuse_given},
    from::nth_column,
    scope::output_column,
    tree::{Expr, ExprKind, From, Query, Target as Item},
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::{Action, Plan, Role, Step, Tag},
    rewrite::{self, quote_identifier},
};

/// What a SET clause assigns.
pub(super) struct Assigned {
    /// Columns by position, each with its value.
    single: Vec<(usize, Expr)>,
    /// `(a, b) = (SELECT …)`.
    several: Vec<(Vec<usize>, Query)>,
}

impl Assigned {
    /// The SET clause for SQLite.
    pub(super) fn clause(&self, binder: &Binder<'_>, changed: &Changed) -> Result<String> {
        let name = |at: &usize| quote_identifier(&changed.table.columns[*at].physical);
        let mut parts = Vec::with_capacity(self.single.len() + self.several.len());
        for (at, value) in &self.single {
            let printed = guard_key(changed, *at, value, rewrite::expression(value, binder.cx)?);
            parts.push(format!("{} = {printed}", name(at)));
        }
        for (columns, query) in &self.several {
            let names: Vec<String> = columns.iter().map(name).collect();
            parts.push(format!("({}) = ({})", names.join(", "), rewrite::query(query, binder.cx)?));
        }
        Ok(parts.join(", "))
    }

    /// The rows as they would be, for telling a failure.
    fn new_rows(&self, binder: &Binder<'_>, changed: &Changed, filter: &str) -> Result<Option<String>> {
        if !self.several.is_empty() {
            return Ok(None);
        }
        let mut list = Vec::with_capacity(changed.table.columns.len());
        for (at, column) in changed.table.columns.iter().enumerate() {
            let name = quote_identifier(&column.physical);
            match self.single.iter().find(|(assigned, _)| *assigned == at) {
                Some((_, value)) => list.push(format!("{} AS {name}", rewrite::expression(value, binder.cx)?)),
                None => list.push(format!("{}.{name} AS {name}", changed.alias())),
            }
        }
        Ok(Some(format!("SELECT {} FROM {}{filter}", list.join(", "), changed.sqlite())))
    }
}

impl Binder<'_> {
    /// Plans an UPDATE.
    pub(super) fn plan_update(&mut self, update: &Update) -> Result<Plan> {
        if update.or.is_some() || update.limit.is_some() || !update.order_by.is_empty() || !update.table.joins.is_empty() {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "syntax error in UPDATE"));
        }
        let TableFactor::Table { name, alias, .. } = &update.table.relation else {
            return Err(SqlError::unsupported("UPDATE of a query"));
        };
        let changed = self.changed(name, alias.as_ref().map(|alias| &alias.name))?;
        let mut scope = changed.scope(Clause::Update);
        if let Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) = &update.from {
            return self.update_from(&changed, update, from, scope);
        }
        let assigned = self.assignments(&changed, &update.assignments, &mut scope)?;
        let filter = match self.filter(update.selection.as_ref(), &mut scope)? {
            Some(filter) => format!(" WHERE {}", rewrite::condition(&filter, self.cx)?),
            None => String::new(),
        };
        let mut sql = format!("UPDATE {} SET {}{filter}", changed.sqlite(), assigned.clause(self, &changed)?);
        let mut output = Vec::new();
        if let Some(items) = &update.returning {
            let items = self.returning(items, &mut scope)?;
            let (clause, columns) = self.returning_clause(&changed, &items)?;
            sql += &clause;
            output = columns;
        }
        let new_rows = assigned.new_rows(self, &changed, &filter)?;
        self.single(sql, changed.target(Action::Update, new_rows), output, Tag::Update)
    }

    /// Binds SET.
    pub(super) fn assignments(&mut self, changed: &Changed, assignments: &[Assignment], scope: &mut Scope<'_>) -> Result<Assigned> {
        let clause = scope.clause;
        scope.clause = Clause::Update;
        let mut out = Assigned { single: Vec::new(), several: Vec::new() };
        let mut seen: Vec<usize> = Vec::new();
        for assignment in assignments {
            match &assignment.target {
                AssignmentTarget::ColumnName(name) => {
                    let at = self.assigned_column(changed, name, &mut seen)?;
                    let value = self.assigned_value(changed, at, &assignment.value, scope)?;
                    out.single.extend(value.map(|value| (at, value)));
                }
                AssignmentTarget::Tuple(names) => {
                    let columns = names.iter().map(|name| self.assigned_column(changed, name, &mut seen)).collect::<Result<Vec<_>>>()?;
                    self.assign_several(changed, columns, &assignment.value, scope, &mut out)?;
                }
            }
        }
        scope.clause = clause;
        Ok(out)
    }

    fn assigned_column(&mut self, changed: &Changed, name: &ObjectName, seen: &mut Vec<usize>) -> Result<usize> {
        let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else {
            if let Some(ObjectNamePart::Identifier(first)) = name.0.first() {
                changed.position(self, first)?;
            }
            return Err(SqlError::unsupported("assignment to a field of a column").at(self.position_at(name)));
        };
        let at = changed.position(self, ident)?;
        if seen.contains(&at) {
            let message = format!("multiple assignments to same column \"{}\"", changed.table.columns[at].name);
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        }
        seen.push(at);
        Ok(at)
    }

    /// A value to assign; none where DEFAULT leaves a generated column to SQLite.
    fn assigned_value(&mut self, changed: &Changed, at: usize, value: &ast::Expr, scope: &Scope<'_>) -> Result<Option<Expr>> {
        let bound = self.expression(value, scope)?;
        if !matches!(bound.kind, ExprKind::Default) {
            refuse_given(&changed.table.columns[at], false)?;
        } else if changed.table.columns[at].generated.is_some() {
            return Ok(None);
        }
        self.column_value(changed, at, bound).map(Some)
    }

    fn assign_several(
        &mut self,
        changed: &Changed,
        columns: Vec<usize>,
        value: &ast::Expr,
        scope: &Scope<'_>,
        out: &mut Assigned,
    ) -> Result<()> {
        let width = |given: usize| {
            let message = "number of columns does not match number of values";
            if given == columns.len() { Ok(()) } else { Err(SqlError::new(SqlState::SYNTAX_ERROR, message)) }
        };
        let values: &[ast::Expr] = match value {
            ast::Expr::Tuple(values) => values,
            ast::Expr::Nested(value) => std::slice::from_ref(&**value),
            ast::Expr::Subquery(query) => {
                let query = self.query(query, Some(scope))?;
                let query = self.settle_columns(query)?;
                width(query.columns.len())?;
                let source = self.new_source();
                let mut targets = Vec::with_capacity(columns.len());
                for (index, at) in columns.iter().enumerate() {
                    refuse_given(&changed.table.columns[*at], false)?;
                    let value = nth_column(source, index, &query.columns[index]);
                    let expr = self.column_value(changed, *at, value)?;
                    targets.push(Item { expr, name: changed.table.columns[*at].name.clone() });
                }
                let from = From::Query { source, query: Box::new(query), lateral: false };
                let around = self.select_of(targets, vec![from], None);
                out.several.push((columns, around));
                return Ok(());
            }
            _ => {
                let message = "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression";
                return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(self.position_at(value)));
            }
        };
        width(values.len())?;
        for (at, value) in columns.into_iter().zip(values) {
            let value = self.assigned_value(changed, at, value, scope)?;
            out.single.extend(value.map(|value| (at, value)));
        }
        Ok(())
    }

    /// UPDATE with FROM.
    fn update_from(&mut self, changed: &Changed, update: &Update, from: &[ast::TableWithJoins], mut scope: Scope<'_>) -> Result<Plan> {
        let (mut sources, items) = self.from_clause(from, None)?;
        scope.items.extend(items);
        let assigned = self.assignments(changed, &update.assignments, &mut scope)?;
        if !assigned.several.is_empty() {
            return Err(SqlError::unsupported("UPDATE with FROM and an assignment of several columns from a query"));
        }
        let filter = self.filter(update.selection.as_ref(), &mut scope)?;
        let returned = match &update.returning {
            Some(items) => self.returning(items, &mut scope)?,
            None => Vec::new(),
        };
        sources.insert(0, changed.from());
        let mut targets = vec![Item { expr: changed.key(), name: "key".to_owned() }];
        targets
            .extend(assigned.single.iter().map(|(at, value)| Item { expr: value.clone(), name: changed.table.columns[*at].name.clone() }));
        let kept = self.keep_foreign(changed, returned, &mut targets);
        let query = self.select_of(targets, sources, filter);
        let found = rewrite::query(&query, self.cx)?;
        let key = format!("{}.{}", changed.alias(), rewrite::quote_identifier(changed.table.row_key()));
        let set: Vec<String> = assigned
            .single
            .iter()
            .enumerate()
            .map(|(index, (at, value))| {
                let printed = guard_key(changed, *at, value, format!("\"~found\".c{}", index + 2));
                format!("{} = {printed}", quote_identifier(&changed.table.columns[*at].physical))
            })
            .collect();
        let target = changed.target(Action::Update, None);
        let update_by = |source: &str| {
            format!("UPDATE {} SET {} FROM {source} AS \"~found\" WHERE {key} = \"~found\".c1", changed.sqlite(), set.join(", "))
        };
        if kept.items.is_empty() {
            return self.single(update_by(&format!("({found})")), target, Vec::new(), Tag::Update);
        }
        let columns = self.output(&kept.items);
        let result = self.select_kept(changed, &kept)?;
        let steps = vec![
            Step::read(format!("CREATE TEMP TABLE \"~found\" AS {found}"), Role::Auxiliary),
            Step::change(update_by("temp.\"~found\""), Role::Auxiliary, target),
            Step::read(result, Role::Result),
            Step::read("DROP TABLE temp.\"~found\"", Role::Auxiliary),
        ];
        Ok(Plan { steps, columns, parameters: self.finish_parameters()?, tag: Tag::Update, writes: true })
    }

    /// Columns of other tables that RETURNING names are found along with the new values; RETURNING then reads them from there.
    pub(super) fn keep_foreign(&mut self, changed: &Changed, mut items: Vec<Item>, targets: &mut Vec<Item>) -> Kept {
        let source = self.new_source();
        for item in &mut items {
            replace_foreign(&mut item.expr, changed, source, targets);
        }
        Kept { items, source }
    }

    /// RETURNING over the changed rows and what was kept.
    fn select_kept(&mut self, changed: &Changed, kept: &Kept) -> Result<String> {
        let mut list = Vec::with_capacity(kept.items.len());
        for item in &kept.items {
            list.push(rewrite::expression(&item.expr, self.cx)?);
        }
        let key = quote_identifier(changed.table.row_key());
        let found = format!("\"s{}\"", kept.source.0);
        Ok(format!(
            "SELECT {} FROM temp.\"~found\" AS {found} JOIN {} ON {}.{key} = {found}.c1",
            list.join(", "),
            changed.sqlite(),
            changed.alias()
        ))
    }
}

/// RETURNING whose columns of other tables come from the query that found the rows.
pub(super) struct Kept {
    pub(super) items: Vec<Item>,
    pub(super) source: super::SourceId,
}

fn replace_foreign(expr: &mut Expr, changed: &Changed, source: super::SourceId, targets: &mut Vec<Item>) {
    if let ExprKind::Column(column) = &expr.kind {
        if column.source != changed.source {
            let name = column.name.to_string();
            let (ty, position) = (expr.ty, expr.position);
            let index = targets.iter().position(|target| target.expr.kind == expr.kind).unwrap_or(targets.len());
            if index == targets.len() {
                targets.push(Item { expr: expr.clone(), name: name.clone() });
            }
            *expr = output_column(source, index, &name, ty).at(position);
        }
        return;
    }
    expr.for_each_child_mut(&mut |child| replace_foreign(child, changed, source, targets));
}
