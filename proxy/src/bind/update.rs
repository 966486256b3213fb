//! UPDATE: assignments, FROM, RETURNING (`transformUpdateStmt`). Without FROM one plain SQLite UPDATE comes out; with it the new values are
//! found by a query over the table and the others, and brought back by the row's key.

use sqlparser::ast::{self, AccessExpr};

use super::{
    Binder, Clause, Scope,
    change::{Changed, guard_key, refuse_given},
    from::nth_column,
    tree::{Expr, ExprKind, From, Query, Target as Item},
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::{Action, Plan, Tag},
    parse::change::{Assignment, Target, Update},
    rewrite::{self, quote_identifier},
};

/// What a SET clause assigns.
#[derive(Default)]
pub(super) struct Assigned {
    /// Columns by position, each with its value.
    pub(super) single: Vec<(usize, Expr)>,
    /// `(a, b) = (SELECT …)`.
    pub(super) several: Vec<(Vec<usize>, Query)>,
}

impl Assigned {
    /// The columns that get values.
    pub(super) fn columns(&self) -> Vec<usize> {
        self.single.iter().map(|(at, _)| *at).chain(self.several.iter().flat_map(|(columns, _)| columns.iter().copied())).collect()
    }

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

/// An UPDATE with its names resolved.
pub(super) struct BoundUpdate {
    pub(super) changed: Changed,
    pub(super) assigned: Assigned,
    /// FROM.
    pub(super) sources: Vec<From>,
    pub(super) filter: Option<Expr>,
    pub(super) returned: Option<Vec<Item>>,
}

impl BoundUpdate {
    /// Whether SQLite, which changes row after row, would let a subquery see what was changed already, or RETURNING names other tables.
    pub(super) fn must_stage(&self) -> bool {
        let own = Some(self.changed.relation.oid);
        let returned = self.returned.as_deref().unwrap_or_default();
        let several = !self.assigned.several.is_empty();
        self.changed.fires('u')
            || !self.sources.is_empty() && (!returned.is_empty() || several)
            || returned.iter().any(|item| item.expr.reads(None))
            || self.assigned.single.iter().any(|(_, value)| value.reads(own))
            || self.assigned.several.iter().any(|(_, query)| query.reads(own))
    }
}

impl Binder<'_> {
    /// Binds an UPDATE.
    pub(super) fn bind_update(&mut self, update: &Update) -> Result<BoundUpdate> {
        let changed = self.changed(&update.table, update.alias.as_ref())?;
        let mut scope = changed.scope(Clause::Update);
        let (sources, items) = self.from_clause(&update.from, None)?;
        scope.items.extend(items);
        let assigned = self.assignments(&changed, &update.assignments, &mut scope)?;
        let filter = self.filter(update.filter.as_ref(), &mut scope)?;
        let returned = match &update.returning {
            Some(items) => Some(self.returning(items, &mut scope)?),
            None => None,
        };
        Ok(BoundUpdate { changed, assigned, sources, filter, returned })
    }

    /// One SQLite statement.
    pub(super) fn update_directly(&mut self, bound: BoundUpdate) -> Result<Plan> {
        let BoundUpdate { changed, assigned, sources, filter, returned } = bound;
        if !sources.is_empty() {
            return self.update_from(&changed, &assigned, sources, filter);
        }
        let filter = match &filter {
            Some(filter) => format!(" WHERE {}", rewrite::condition(filter, self.cx)?),
            None => String::new(),
        };
        let mut sql = format!("UPDATE {} SET {}{filter}", changed.sqlite(), assigned.clause(self, &changed)?);
        let mut output = Vec::new();
        if let Some(items) = &returned {
            let (clause, columns) = self.returning_clause(&changed, items)?;
            sql += &clause;
            output = columns;
        }
        let new_rows = assigned.new_rows(self, &changed, &filter)?;
        self.single(sql, changed.target(Action::Update, new_rows), output, Tag::Update)
    }

    /// UPDATE with FROM.
    fn update_from(&mut self, changed: &Changed, assigned: &Assigned, mut sources: Vec<From>, filter: Option<Expr>) -> Result<Plan> {
        sources.insert(0, changed.from());
        let mut targets = vec![Item { expr: changed.key(), name: "key".to_owned() }];
        targets
            .extend(assigned.single.iter().map(|(at, value)| Item { expr: value.clone(), name: changed.table.columns[*at].name.clone() }));
        let query = self.select_of(targets, sources, filter);
        let found = rewrite::query(&query, self.cx)?;
        let key = format!("{}.{}", changed.alias(), quote_identifier(changed.table.row_key()));
        let set: Vec<String> = assigned
            .single
            .iter()
            .enumerate()
            .map(|(index, (at, value))| {
                let printed = guard_key(changed, *at, value, format!("\"~found\".c{}", index + 2));
                format!("{} = {printed}", quote_identifier(&changed.table.columns[*at].physical))
            })
            .collect();
        let sql = format!("UPDATE {} SET {} FROM ({found}) AS \"~found\" WHERE {key} = \"~found\".c1", changed.sqlite(), set.join(", "));
        self.single(sql, changed.target(Action::Update, None), Vec::new(), Tag::Update)
    }

    /// Binds SET.
    pub(super) fn assignments(&mut self, changed: &Changed, assignments: &[Assignment], scope: &mut Scope<'_>) -> Result<Assigned> {
        let clause = scope.clause;
        scope.clause = Clause::Update;
        let mut out = Assigned { single: Vec::new(), several: Vec::new() };
        let mut seen: Vec<usize> = Vec::new();
        for assignment in assignments {
            if let ([target], false) = (assignment.targets.as_slice(), assignment.tuple)
                && !target.path.is_empty()
            {
                self.assign_part(changed, target, &assignment.value, scope, (&mut seen, &mut out))?;
                continue;
            }
            let columns =
                assignment.targets.iter().map(|target| self.assigned_column(changed, target, &mut seen)).collect::<Result<Vec<_>>>()?;
            match columns.as_slice() {
                [at] if !assignment.tuple => {
                    let value = self.assigned_value(changed, *at, &assignment.value, scope)?;
                    out.single.extend(value.map(|value| (*at, value)));
                }
                _ => self.assign_several(changed, columns, &assignment.value, scope, &mut out)?,
            }
        }
        scope.clause = clause;
        Ok(out)
    }

    fn assigned_column(&mut self, changed: &Changed, target: &Target, seen: &mut Vec<usize>) -> Result<usize> {
        let position = self.position(target.column.span);
        let at = changed.position(self, &target.column)?;
        if !target.path.is_empty() {
            return Err(SqlError::unsupported("assignment to an element or a field of a column").at(position));
        }
        if seen.contains(&at) {
            let message = format!("multiple assignments to same column \"{}\"", changed.table.columns[at].name);
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        }
        seen.push(at);
        Ok(at)
    }

    /// `SET a[i] = v`: the column's value, or what was assigned to it before, with a part replaced.
    fn assign_part(
        &mut self,
        changed: &Changed,
        target: &Target,
        value: &ast::Expr,
        scope: &Scope<'_>,
        (seen, out): (&mut Vec<usize>, &mut Assigned),
    ) -> Result<()> {
        let position = self.position(target.column.span);
        let subscripts: Option<Vec<&ast::Subscript>> = target
            .path
            .iter()
            .map(|access| match access {
                AccessExpr::Subscript(subscript) => Some(subscript),
                AccessExpr::Dot(_) => None,
            })
            .collect();
        let Some(subscripts) = subscripts else {
            // The right refusal for `SET t.a` and for fields of a column.
            return self.assigned_column(changed, target, seen).map(|_| ());
        };
        let at = changed.position(self, &target.column)?;
        let before = out.single.iter().position(|(column, value)| *column == at && matches!(value.kind, ExprKind::Assign { .. }));
        if seen.contains(&at) && before.is_none() {
            let message = format!("multiple assignments to same column \"{}\"", changed.table.columns[at].name);
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(position));
        }
        refuse_given(&changed.table.columns[at], false)?;
        let container = match before {
            Some(index) => out.single.remove(index).1,
            None => changed.item.columns[at].expr.clone(),
        };
        let part = self.subscript(container.at(position), &subscripts, scope)?;
        let bound = self.expression(value, scope)?;
        let value = self.coerce_for_column(bound, part.ty, &changed.table.columns[at].name)?;
        let ExprKind::Subscript { container, subscripts } = part.kind else { return Err(SqlError::internal("a subscript was bound")) };
        let ty = container.ty;
        let whole = Expr::new(ExprKind::Assign { container, subscripts, value: Box::new(value) }, ty);
        let whole = self.coerce_for_column(whole, changed.ty(at), &changed.table.columns[at].name)?;
        seen.push(at);
        out.single.push((at, whole));
        Ok(())
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
        let row: Vec<ast::Expr>;
        let values: &[ast::Expr] = match value {
            ast::Expr::Tuple(values) => values,
            ast::Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("row") => {
                row = row_fields(function)?;
                &row
            }
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
}

/// The fields of `ROW(…)`.
fn row_fields(function: &ast::Function) -> Result<Vec<ast::Expr>> {
    let ast::FunctionArguments::List(list) = &function.args else { return Ok(Vec::new()) };
    list.args
        .iter()
        .map(|argument| match argument {
            ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => Ok(expr.clone()),
            _ => Err(SqlError::new(SqlState::SYNTAX_ERROR, "syntax error in ROW")),
        })
        .collect()
}
