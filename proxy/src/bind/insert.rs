//! INSERT: columns, VALUES or a query, ON CONFLICT, RETURNING (`transformInsertStmt`). One SQLite INSERT comes out.

use peergres_sync::schema::{ConstraintRule, Index, Object};
use sqlparser::ast::{self, ConflictTarget, Insert, ObjectNamePart, OnConflictAction, OnInsert, SetExpr, TableObject};

use super::{
    Binder, Clause, Scope, SourceId,
    binder::{fold, schema_and_name},
    change::{Changed, guard_key, refuse_given},
    from::nth_column,
    scope::ScopeItem,
    tree::{Distinct, Expr, ExprKind, From, Query, QueryBody, Select, Target as Item},
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::{Action, Plan, Tag},
    rewrite::{self, quote_identifier},
    types::{TypeRef, oid},
};

/// What is inserted: per row one value for each of the columns, or a query that yields them.
enum Rows {
    Values(Vec<Vec<Expr>>),
    Query(Box<Query>),
}

impl Binder<'_> {
    /// Plans an INSERT.
    pub(super) fn plan_insert(&mut self, insert: &Insert) -> Result<Plan> {
        refuse_foreign(insert)?;
        let TableObject::TableName(name) = &insert.table else { return Err(SqlError::unsupported("INSERT into a function or query")) };
        let alias = insert.table_alias.as_ref().map(|alias| &alias.alias);
        let changed = self.changed(name, alias)?;
        let mut columns = self.insert_columns(&changed, insert)?;
        let rows = self.insert_rows(&changed, insert, &mut columns)?;
        let (columns, rows) = self.complete(&changed, columns, rows)?;
        let names: Vec<String> = columns.iter().map(|at| quote_identifier(&changed.table.columns[*at].physical)).collect();
        let (body, new_rows) = self.insert_body(&changed, &columns, &rows)?;
        let list = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let mut sql = format!("INSERT INTO {}{list} {body}", changed.sqlite());
        if let Some(on) = &insert.on {
            sql += &self.on_conflict(&changed, on)?;
        }
        let mut output = Vec::new();
        if let Some(items) = &insert.returning {
            let items = self.returning(items, &mut changed.scope(Clause::Returning))?;
            let (clause, columns) = self.returning_clause(&changed, &items)?;
            sql += &clause;
            output = columns;
        }
        let target = changed.target(Action::Insert, Some(new_rows));
        self.single(sql, target, output, Tag::Insert)
    }

    /// The columns named, or all.
    fn insert_columns(&mut self, changed: &Changed, insert: &Insert) -> Result<Vec<usize>> {
        if insert.columns.is_empty() {
            return Ok((0..changed.table.columns.len()).collect());
        }
        let mut out = Vec::with_capacity(insert.columns.len());
        for name in &insert.columns {
            let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else {
                return Err(SqlError::unsupported("INSERT into a field of a column").at(self.position_at(name)));
            };
            let at = changed.position(self, ident)?;
            if out.contains(&at) {
                let message = format!("column \"{}\" specified more than once", fold(ident));
                return Err(SqlError::new(SqlState::DUPLICATE_COLUMN, message).at(self.position(ident.span)));
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
        check_width(insert, columns, query.columns.len(), 0)?;
        columns.truncate(query.columns.len());
        for at in columns.iter() {
            refuse_given(&changed.table.columns[*at], true)?;
        }
        let source = self.new_source();
        let mut targets = Vec::with_capacity(columns.len());
        for (index, at) in columns.iter().enumerate() {
            let value = nth_column(source, index, &query.columns[index]);
            let expr = self.column_value(changed, *at, value)?;
            targets.push(Item { expr, name: changed.table.columns[*at].name.clone() });
        }
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
        let scope = Scope::empty(Clause::Values);
        let width = values.rows.first().map_or(0, |row| row.len());
        let extra = values.rows.first().and_then(|row| row.get(columns.len())).map_or(0, |expr| self.position_at(expr));
        check_width(insert, columns, width, extra)?;
        columns.truncate(width);
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let row: &Vec<ast::Expr> = row;
            if row.len() != width {
                let position = row.first().map_or(0, |first| self.position_at(first));
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length").at(position));
            }
            let mut out = Vec::with_capacity(width);
            for (expr, at) in row.iter().zip(columns.iter()) {
                let bound = self.expression(expr, &scope)?;
                if !matches!(bound.kind, ExprKind::Default) {
                    refuse_given(&changed.table.columns[*at], true)?;
                }
                out.push(self.column_value(changed, *at, bound)?);
            }
            rows.push(out);
        }
        // A generated column can only be told DEFAULT, which SQLite does by itself.
        let kept: Vec<bool> = columns.iter().map(|at| changed.table.columns[*at].generated.is_none()).collect();
        retain(columns, &kept);
        rows.iter_mut().for_each(|row| retain(row, &kept));
        Ok(Rows::Values(rows))
    }

    /// Adds the columns that were not named and have a default.
    fn complete(&mut self, changed: &Changed, mut columns: Vec<usize>, mut rows: Rows) -> Result<(Vec<usize>, Rows)> {
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
    fn insert_body(&mut self, changed: &Changed, columns: &[usize], rows: &Rows) -> Result<(String, String)> {
        let (body, source) = match rows {
            Rows::Values(rows) if columns.is_empty() => {
                ("DEFAULT VALUES".to_owned(), format!("VALUES {}", "(NULL)".repeat(rows.len().min(1))))
            }
            Rows::Values(rows) => {
                let mut printed = Vec::with_capacity(rows.len());
                for row in rows {
                    let mut values = Vec::with_capacity(row.len());
                    for (value, at) in row.iter().zip(columns) {
                        values.push(guard_key(changed, *at, value, rewrite::expression(value, self.cx)?));
                    }
                    printed.push(format!("({})", values.join(", ")));
                }
                let values = format!("VALUES {}", printed.join(", "));
                (values.clone(), values)
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

    /// ` ON CONFLICT …`.
    fn on_conflict(&mut self, changed: &Changed, on: &OnInsert) -> Result<String> {
        let OnInsert::OnConflict(on) = on else { return Err(SqlError::unsupported("ON DUPLICATE KEY UPDATE")) };
        let target = match &on.conflict_target {
            None => String::new(),
            Some(ConflictTarget::Columns(idents)) => {
                let columns = idents.iter().map(|ident| changed.position(self, ident)).collect::<Result<Vec<_>>>()?;
                let names: Vec<&str> = columns.iter().map(|at| changed.table.columns[*at].name.as_str()).collect();
                self.arbiter(changed, &names)?
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                let name = schema_and_name(name, self.cx)?.1;
                let key = changed.table.constraints.iter().find(|c| c.name == name).map(|c| &c.rule);
                match key {
                    Some(ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. }) => {
                        self.arbiter(changed, &columns.iter().map(String::as_str).collect::<Vec<_>>())?
                    }
                    Some(_) => {
                        return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, "constraint in ON CONFLICT clause has no associated index"));
                    }
                    None => {
                        let message = format!("constraint \"{name}\" for table \"{}\" does not exist", changed.table.name.name);
                        return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message));
                    }
                }
            }
        };
        match &on.action {
            OnConflictAction::DoNothing => Ok(format!(" ON CONFLICT{target} DO NOTHING")),
            OnConflictAction::DoUpdate(_) if target.is_empty() => {
                Err(SqlError::new(SqlState::SYNTAX_ERROR, "ON CONFLICT DO UPDATE requires inference specification or constraint name")
                    .hint("For example, ON CONFLICT (column_name)."))
            }
            OnConflictAction::DoUpdate(update) => {
                let mut scope = changed.scope(Clause::OnConflict);
                scope.items.push(ScopeItem {
                    columns_visible: false,
                    ..ScopeItem::of_relation(&changed.relation, Some("excluded"), SourceId::EXCLUDED)
                });
                let set = self.assignments(changed, &update.assignments, &mut scope)?;
                let mut out = format!(" ON CONFLICT{target} DO UPDATE SET {}", set.clause(self, changed)?);
                if let Some(filter) = self.filter(update.selection.as_ref(), &mut scope)? {
                    out += &format!(" WHERE {}", rewrite::condition(&filter, self.cx)?);
                }
                Ok(out)
            }
        }
    }

    /// The conflict target in SQLite: a unique key over exactly these columns. 42P10 where there is none.
    fn arbiter(&self, changed: &Changed, names: &[&str]) -> Result<String> {
        let same = |key: &[&str]| key.iter().all(|name| names.contains(name)) && names.iter().all(|name| key.contains(name));
        let physical = |name: &&str| changed.table.columns.iter().find(|c| c.name == **name).map(|c| quote_identifier(&c.physical));
        if let Some(ConstraintRule::PrimaryKey { columns }) = changed.table.primary_key().map(|c| &c.rule)
            && same(&columns.iter().map(String::as_str).collect::<Vec<_>>())
        {
            return Ok(format!(" ({})", names.iter().filter_map(physical).collect::<Vec<_>>().join(", ")));
        }
        let unique = self.catalog.schema.objects.values().find_map(|object| match &**object {
            Object::Index(index) if index.unique && index.predicate.is_none() && index.table == changed.table.name => {
                let columns: Option<Vec<&str>> = index.keys.iter().map(|key| key.column.as_deref()).collect();
                columns.is_some_and(|columns| same(&columns)).then_some(index)
            }
            _ => None,
        });
        let Some(index) = unique else {
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message));
        };
        if index.nulls_not_distinct {
            return Err(SqlError::unsupported("ON CONFLICT over a key with NULLS NOT DISTINCT"));
        }
        Ok(format!(" ({})", index_columns(index).iter().filter_map(physical).collect::<Vec<_>>().join(", ")))
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

fn index_columns(index: &Index) -> Vec<&str> {
    index.keys.iter().filter_map(|key| key.column.as_deref()).collect()
}

fn retain<T>(items: &mut Vec<T>, kept: &[bool]) {
    let mut kept = kept.iter();
    items.retain(|_| *kept.next().unwrap_or(&true));
}

fn check_width(insert: &Insert, columns: &[usize], width: usize, position: usize) -> Result<()> {
    if width > columns.len() {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "INSERT has more expressions than target columns").at(position));
    }
    if width < columns.len() && !insert.columns.is_empty() {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "INSERT has more target columns than expressions"));
    }
    Ok(())
}

/// Other systems' clauses that the grammar lets through.
fn refuse_foreign(insert: &Insert) -> Result<()> {
    let foreign = insert.or.is_some()
        || insert.ignore
        || insert.overwrite
        || insert.replace_into
        || insert.partitioned.is_some()
        || insert.priority.is_some()
        || insert.insert_alias.is_some()
        || !insert.assignments.is_empty()
        || !insert.into;
    if foreign { Err(SqlError::new(SqlState::SYNTAX_ERROR, "syntax error in INSERT")) } else { Ok(()) }
}
