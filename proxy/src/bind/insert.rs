//! INSERT: columns, VALUES or a query, ON CONFLICT, RETURNING (`transformInsertStmt`). One SQLite INSERT comes out.

use peergres_sync::schema::Column;
use sqlparser::ast::{self, SetExpr};

use super::{
    Binder, Clause, Scope, SourceId,
    change::{Changed, guard_key, refuse_given},
    conflict::Conflict,
    from::nth_column,
    tree::{Distinct, Expr, ExprKind, From, Query, QueryBody, Select, Target as Item},
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::{Action, Plan, Tag},
    parse::change::{Insert, Target},
    rewrite::{self, quote_identifier},
    types::{TypeRef, oid},
};

/// What is inserted: per row one value for each of the columns, or a query that yields them.
pub(super) enum Rows {
    Values(Vec<Vec<Expr>>),
    Query(Box<Query>),
}

/// An INSERT with its names resolved and all defaults filled in.
pub(super) struct BoundInsert {
    pub(super) changed: Changed,
    /// The columns that are given values, by position.
    pub(super) columns: Vec<usize>,
    pub(super) rows: Rows,
    pub(super) conflict: Option<Conflict>,
    pub(super) returned: Option<Vec<Item>>,
}

impl BoundInsert {
    /// Whether RETURNING reads tables, which must be as before, or an update of a conflict reads its own.
    pub(super) fn must_stage(&self) -> bool {
        let own = Some(self.changed.relation.oid);
        let updates = self.conflict.iter().filter_map(|conflict| conflict.update.as_ref());
        self.changed.fires('i')
            || self.conflict.is_some() && self.changed.fires('u')
            || self.returned.iter().flatten().any(|item| item.expr.reads(None))
            || updates.flat_map(|(assigned, _)| &assigned.single).any(|(_, value)| value.reads(own))
    }

    /// Whether more than one row may come.
    fn is_plural(&self) -> bool {
        match &self.rows {
            Rows::Values(rows) => rows.len() > 1,
            Rows::Query(_) => true,
        }
    }
}

impl Binder<'_> {
    /// Binds an INSERT.
    pub(super) fn bind_insert(&mut self, insert: &Insert) -> Result<BoundInsert> {
        let changed = self.changed(&insert.table, insert.alias.as_ref())?;
        let mut columns = self.insert_columns(&changed, &insert.columns)?;
        let rows = self.insert_rows(&changed, insert, &mut columns)?;
        let (columns, rows) = self.complete(&changed, columns, rows)?;
        let conflict = match &insert.on_conflict {
            Some(on) => Some(self.conflict(&changed, on)?),
            None => None,
        };
        let returned = match &insert.returning {
            Some(items) => Some(self.returning(items, &mut changed.scope(Clause::Returning))?),
            None => None,
        };
        Ok(BoundInsert { changed, columns, rows, conflict, returned })
    }

    /// One SQLite statement.
    pub(super) fn insert_directly(&mut self, bound: BoundInsert) -> Result<Plan> {
        let plural = bound.is_plural();
        let BoundInsert { changed, columns, rows, conflict, returned } = bound;
        let names: Vec<String> = columns.iter().map(|at| quote_identifier(&changed.table.columns[*at].physical)).collect();
        let (body, new_rows) = self.insert_body(&changed, &columns, &rows)?;
        let list = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let mut sql = format!("INSERT INTO {}{list} {body}", changed.sqlite());
        let mut once = false;
        if let Some(conflict) = &conflict {
            sql += &self.conflict_clause(&changed, conflict)?;
            once = plural && conflict.update.is_some();
        }
        let mut output = Vec::new();
        if let Some(items) = &returned {
            let (clause, columns) = self.returning_clause(&changed, items)?;
            sql += &clause;
            output = columns;
        }
        if once {
            // The keys of the rows go along, so that one that is hit twice is noticed.
            let key = quote_identifier(changed.table.row_key());
            sql += &if returned.is_some() { format!(", {key}") } else { format!(" RETURNING {key}") };
        }
        let target = changed.target(Action::Insert, Some(new_rows));
        let mut plan = self.single(sql, target, output, Tag::Insert)?;
        plan.steps.iter_mut().for_each(|step| step.once = once);
        Ok(plan)
    }

    /// The columns named, or all.
    pub(super) fn insert_columns(&mut self, changed: &Changed, named: &[Target]) -> Result<Vec<usize>> {
        if named.is_empty() {
            return Ok((0..changed.table.columns.len()).collect());
        }
        let mut out = Vec::with_capacity(named.len());
        for target in named {
            let position = self.position(target.column.span);
            let at = changed.position(self, &target.column)?;
            if !target.path.is_empty() {
                return Err(SqlError::unsupported("INSERT into an element or a field of a column").at(position));
            }
            if out.contains(&at) {
                let message = format!("column \"{}\" specified more than once", changed.table.columns[at].name);
                return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, message).at(position));
            }
            out.push(at);
        }
        Ok(out)
    }

    /// Binds the source; `columns` is cut to those that it fills.
    fn insert_rows(&mut self, changed: &Changed, insert: &Insert, columns: &mut Vec<usize>) -> Result<Rows> {
        let Some(source) = &insert.source else {
            columns.clear();
            return Ok(Rows::Values(vec![Vec::new()]));
        };
        let plain = source.with.is_none() && source.order_by.is_none() && source.limit_clause.is_none() && source.fetch.is_none();
        if let (SetExpr::Values(values), true) = (&*source.body, plain) {
            return self.insert_values(changed, insert, values, columns);
        }
        let query = self.query(source, None)?;
        let query = self.settle_for(changed, query, columns)?;
        self.check_width(&insert.columns, columns, query.columns.len(), 0)?;
        columns.truncate(query.columns.len());
        let kept: Vec<bool> = columns.iter().map(|at| takes_value(&changed.table.columns[*at], insert.overriding)).collect();
        for (at, kept) in columns.iter().zip(&kept) {
            if *kept {
                refuse_value(&changed.table.columns[*at], insert.overriding)?;
            }
        }
        let source = self.new_source();
        let mut targets = Vec::with_capacity(columns.len());
        for (index, at) in columns.iter().enumerate().filter(|(index, _)| kept[*index]) {
            let value = nth_column(source, index, &query.columns[index]);
            let expr = self.column_value(changed, *at, value)?;
            targets.push(Item { expr, name: changed.table.columns[*at].name.clone() });
        }
        retain(columns, &kept);
        let from = From::Query { source, query: Box::new(query), lateral: false };
        Ok(Rows::Query(Box::new(self.select_of(targets, vec![from], None))))
    }

    /// Literals of open type in a query's list take the type of the column that they go to.
    fn settle_for(&mut self, changed: &Changed, mut query: Query, columns: &[usize]) -> Result<Query> {
        let types: Vec<TypeRef> = query
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| match columns.get(index) {
                Some(at) if column.ty.oid == oid::UNKNOWN => TypeRef::new(self.base_type(changed.ty(*at)).oid),
                _ => column.ty,
            })
            .collect();
        self.retype(&mut query, &types)?;
        self.settle_columns(query)
    }

    fn insert_values(&mut self, changed: &Changed, insert: &Insert, values: &ast::Values, columns: &mut Vec<usize>) -> Result<Rows> {
        let width = values.rows.first().map_or(0, |row| row.len());
        let extra = values.rows.first().and_then(|row| row.get(columns.len())).map_or(0, |expr| self.position_at(expr));
        self.check_width(&insert.columns, columns, width, extra)?;
        columns.truncate(width);
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let row: &Vec<ast::Expr> = row;
            if row.len() != width {
                let position = row.first().map_or(0, |first| self.position_at(first));
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length").at(position));
            }
            rows.push(self.row_values(changed, insert.overriding, row, columns, &Scope::empty(Clause::Values))?);
        }
        let kept: Vec<bool> = columns.iter().map(|at| takes_value(&changed.table.columns[*at], insert.overriding)).collect();
        retain(columns, &kept);
        rows.iter_mut().for_each(|row| retain(row, &kept));
        Ok(Rows::Values(rows))
    }

    /// One row of VALUES, each value on its way into its column.
    pub(super) fn row_values(
        &mut self,
        changed: &Changed,
        overriding: Option<bool>,
        row: &[ast::Expr],
        columns: &[usize],
        scope: &Scope<'_>,
    ) -> Result<Vec<Expr>> {
        let mut out = Vec::with_capacity(row.len());
        for (expr, at) in row.iter().zip(columns) {
            let bound = self.expression(expr, scope)?;
            let column = &changed.table.columns[*at];
            if !matches!(bound.kind, ExprKind::Default) && (takes_value(column, overriding) || column.generated.is_some()) {
                refuse_value(column, overriding)?;
            }
            out.push(self.column_value(changed, *at, bound)?);
        }
        Ok(out)
    }

    pub(super) fn check_width(&self, named: &[Target], columns: &[usize], width: usize, position: usize) -> Result<()> {
        if width > columns.len() {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "INSERT has more expressions than target columns").at(position));
        }
        if let Some(target) = named.get(width) {
            let message = "INSERT has more target columns than expressions";
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(self.position(target.column.span)));
        }
        Ok(())
    }

    /// Adds the columns that were not named and have a default.
    pub(super) fn complete(&mut self, changed: &Changed, mut columns: Vec<usize>, mut rows: Rows) -> Result<(Vec<usize>, Rows)> {
        for at in 0..changed.table.columns.len() {
            if columns.contains(&at) || changed.table.columns[at].generated.is_some() {
                continue;
            }
            let is_key = changed.table.rowid_column().is_some_and(|key| key.name == changed.table.columns[at].name);
            let default = match self.default_value(changed, at)? {
                None if is_key => Some(Expr::null(changed.ty(at))),
                other => other,
            };
            let Some(default) = default else { continue };
            columns.push(at);
            match &mut rows {
                Rows::Values(values) => values.iter_mut().for_each(|row| row.push(default.clone())),
                Rows::Query(query) => {
                    if let QueryBody::Select(select) = &mut query.body {
                        let name = changed.table.columns[at].name.clone();
                        select.targets.push(Item { expr: default, name });
                    }
                }
            }
        }
        Ok((columns, rows))
    }

    /// VALUES or SELECT for SQLite, and the query that gives the new rows whole.
    pub(super) fn insert_body(&mut self, changed: &Changed, columns: &[usize], rows: &Rows) -> Result<(String, String)> {
        let (body, source) = match rows {
            Rows::Values(rows) if columns.is_empty() => {
                ("DEFAULT VALUES".to_owned(), format!("VALUES {}", "(NULL)".repeat(rows.len().min(1))))
            }
            Rows::Values(rows) => {
                let (mut printed, mut plain) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
                for row in rows {
                    let (mut values, mut bare) = (Vec::with_capacity(row.len()), Vec::with_capacity(row.len()));
                    for (value, at) in row.iter().zip(columns) {
                        let text = rewrite::expression(value, self.cx)?;
                        values.push(guard_key(changed, *at, value, text.clone()));
                        bare.push(text);
                    }
                    printed.push(format!("({})", values.join(", ")));
                    plain.push(format!("({})", bare.join(", ")));
                }
                // To tell a failure the rows are looked at again, without what would refuse them.
                (format!("VALUES {}", printed.join(", ")), format!("VALUES {}", plain.join(", ")))
            }
            Rows::Query(query) => {
                let inner = rewrite::query(query, self.cx)?;
                let mut guarded = Vec::with_capacity(columns.len());
                let QueryBody::Select(select) = &query.body else { return Err(SqlError::internal("the rows are a SELECT")) };
                for ((index, at), item) in columns.iter().enumerate().zip(&select.targets) {
                    guarded.push(guard_key(changed, *at, &item.expr, format!("c{}", index + 1)));
                }
                (format!("SELECT {} FROM ({inner}) WHERE true", guarded.join(", ")), inner)
            }
        };
        let prefix = if matches!(rows, Rows::Query(_)) { "c" } else { "column" };
        let all = changed.table.columns.iter().enumerate().map(|(at, column)| {
            let name = quote_identifier(&column.physical);
            match columns.iter().position(|filled| *filled == at) {
                Some(index) => format!("{prefix}{} AS {name}", index + 1),
                None => format!("NULL AS {name}"),
            }
        });
        let all: Vec<String> = all.collect();
        // Looking again must not draw again: what was drawn last is what the row had.
        let source = source.replace("\"nextval(regclass)\"", "\"currval(regclass)\"");
        Ok((body, format!("SELECT {} FROM ({source})", all.join(", "))))
    }

    /// A plain SELECT.
    pub(super) fn select_of(&mut self, targets: Vec<Item>, from: Vec<From>, filter: Option<Expr>) -> Query {
        let columns = self.output(&targets);
        let select = Select {
            distinct: Distinct::All,
            targets,
            from,
            filter,
            group_by: Vec::new(),
            grouping_sets: None,
            having: None,
            grouped: false,
        };
        Query {
            ctes: Vec::new(),
            recursive: false,
            body: QueryBody::Select(Box::new(select)),
            order_by: Vec::new(),
            limit: None,
            offset: None,
            with_ties: false,
            columns,
            output: SourceId::BARE,
            locks: false,
        }
    }
}

pub(super) fn retain<T>(items: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    items.retain(|_| *kept.next().unwrap_or(&true));
}

/// Whether a column takes the value given: a generated one can only be told DEFAULT, which SQLite does by itself, and an identity one
/// ignores it under OVERRIDING USER VALUE.
pub(super) fn takes_value(column: &Column, overriding: Option<bool>) -> bool {
    column.generated.is_none() && !(overriding == Some(false) && column.identity.is_some())
}

/// 428C9, unless OVERRIDING SYSTEM VALUE lets an identity column be given one.
pub(super) fn refuse_value(column: &Column, overriding: Option<bool>) -> Result<()> {
    if overriding == Some(true) && column.generated.is_none() { Ok(()) } else { refuse_given(column, true) }
}
