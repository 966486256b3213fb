//! Queries: WITH, set operations, VALUES, ORDER BY, LIMIT and what hands a bound query on as a [`Plan`].

use sqlparser::ast::{self, SetExpr, SetOperator as AstOperator, SetQuantifier};

use super::{
    Binder, Clause, CoercionContext, Scope,
    from::nth_column,
    select::Outcome,
    tree::{CastForm, Expr, ExprKind, Query, QueryBody, SetOperation, SetOperator, SortKey},
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::{OutputColumn, Plan, Role, Step, Tag},
    types::{TypeRef, oid},
};

impl Binder<'_> {
    /// Plans a query as a statement of its own.
    pub fn plan_query(&mut self, query: &ast::Query) -> Result<Plan> {
        let bound = self.query(query, None)?;
        let bound = self.settle_columns(bound)?;
        let columns = bound.columns.iter().map(|c| OutputColumn { ty: self.base_type(c.ty), ..c.clone() }).collect();
        let parameters = self.finish_parameters()?;
        let sql = crate::rewrite::query(&bound, self.cx)?;
        let steps = vec![Step::read(sql, Role::Result)];
        Ok(Plan { steps, columns, parameters, tag: Tag::Select, writes: self.writes, timely: self.timely })
    }

    /// Binds a query; `outer` is the scope around it, none at the top.
    pub fn query(&mut self, query: &ast::Query, outer: Option<&Scope<'_>>) -> Result<Query> {
        self.deeper(|binder| {
            let reach = binder.ctes.len();
            let keys = std::mem::take(&mut binder.group_keys);
            let bound = binder.query_at_depth(query, outer);
            binder.group_keys = keys;
            binder.ctes.truncate(reach);
            bound
        })
    }

    fn query_at_depth(&mut self, query: &ast::Query, outer: Option<&Scope<'_>>) -> Result<Query> {
        let foreign = query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some();
        if foreign || !query.pipe_operators.is_empty() {
            return Err(SqlError::syntax("query", self.position_at(query)));
        }
        if let Some(inner) = super::nested_query::unwrapped(query)? {
            return self.query(&inner, outer);
        }
        let ctes = match &query.with {
            Some(with) => self.with_clause(with, outer)?,
            None => Vec::new(),
        };
        let order_by: &[ast::OrderByExpr] = match &query.order_by {
            None => &[],
            Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(keys), interpolate: None }) => keys,
            Some(_) => return Err(SqlError::unsupported("ORDER BY ALL")),
        };
        let mut bound = match &*query.body {
            SetExpr::Select(select) => {
                let Outcome { select, order_by, columns } = self.select(select, order_by, outer)?;
                self.assemble(QueryBody::Select(Box::new(select)), columns, order_by)
            }
            body => {
                let mut bound = self.body(body, outer)?;
                bound.output = self.new_source();
                bound.order_by = self.order_by_output(&bound, order_by)?;
                bound
            }
        };
        let inner = std::mem::replace(&mut bound.ctes, ctes);
        bound.ctes.extend(inner);
        bound.recursive = query.with.as_ref().is_some_and(|with| with.recursive);
        self.limits(query, &mut bound, outer)?;
        if !query.locks.is_empty() {
            if matches!(bound.body, QueryBody::SetOperation(_)) {
                let message = "FOR UPDATE is not allowed with UNION/INTERSECT/EXCEPT";
                return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            refuse_lock(&bound, query)?;
            self.writes = true;
            bound.locks = true;
        }
        Ok(bound)
    }

    fn assemble(&mut self, body: QueryBody, columns: Vec<OutputColumn>, order_by: Vec<SortKey>) -> Query {
        Query {
            ctes: Vec::new(),
            recursive: false,
            body,
            order_by,
            limit: None,
            offset: None,
            with_ties: false,
            columns,
            output: super::SourceId::BARE,
            locks: false,
        }
    }

    /// A query's body without ORDER BY.
    pub(super) fn body(&mut self, body: &SetExpr, outer: Option<&Scope<'_>>) -> Result<Query> {
        self.deeper(|binder| match body {
            SetExpr::Select(select) => {
                let Outcome { select, columns, .. } = binder.select(select, &[], outer)?;
                Ok(binder.assemble(QueryBody::Select(Box::new(select)), columns, Vec::new()))
            }
            SetExpr::Query(query) => binder.query(query, outer),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let all = match set_quantifier {
                    SetQuantifier::All => true,
                    SetQuantifier::Distinct | SetQuantifier::None => false,
                    _ => return Err(SqlError::unsupported("BY NAME")),
                };
                let operator = match op {
                    AstOperator::Union => SetOperator::Union,
                    AstOperator::Intersect => SetOperator::Intersect,
                    AstOperator::Except => SetOperator::Except,
                    AstOperator::Minus => return Err(SqlError::syntax("minus", 0)),
                };
                let left = binder.body(left, outer)?;
                let right = binder.body(right, outer)?;
                binder.set_operation(operator, all, left, right)
            }
            SetExpr::Values(values) => binder.values(values, outer),
            SetExpr::Table(table) => {
                let names = [&table.schema_name, &table.table_name].into_iter().flatten();
                let parts = names.map(|name| ast::ObjectNamePart::Identifier(ast::Ident::new(name.clone())));
                let select = table_select(ast::ObjectName(parts.collect()));
                let Outcome { select, columns, .. } = binder.select(&select, &[], outer)?;
                Ok(binder.assemble(QueryBody::Select(Box::new(select)), columns, Vec::new()))
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(SqlError::unsupported("a data-modifying statement inside a query"))
            }
        })
    }

    /// UNION, INTERSECT, EXCEPT over bound sides: each column gets the common type.
    pub(super) fn set_operation(&mut self, operator: SetOperator, all: bool, mut left: Query, mut right: Query) -> Result<Query> {
        let name = match operator {
            SetOperator::Union => "UNION",
            SetOperator::Intersect => "INTERSECT",
            SetOperator::Except => "EXCEPT",
        };
        if left.columns.len() != right.columns.len() {
            let message = format!("each {name} query must have the same number of columns");
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(column_position(&right, 0)));
        }
        let mut columns = Vec::with_capacity(left.columns.len());
        let mut types = Vec::with_capacity(left.columns.len());
        for (at, (l, r)) in left.columns.iter().zip(&right.columns).enumerate() {
            let positions = (column_position(&left, at), column_position(&right, at));
            let common = self.common_type(&[(l.ty.oid, positions.0), (r.ty.oid, positions.1)], name)?;
            let typmod = if l.ty == r.ty { l.ty.typmod } else { -1 };
            let ty = TypeRef { oid: common, typmod };
            types.push(ty);
            columns.push(OutputColumn { name: l.name.clone(), ty, table: 0, number: 0 });
        }
        self.retype(&mut left, &types)?;
        self.retype(&mut right, &types)?;
        let body = QueryBody::SetOperation(Box::new(SetOperation { operator, all, left, right }));
        Ok(self.assemble(body, columns, Vec::new()))
    }

    /// Coerces a query's columns, in its own select list where it has one, else by a select around it.
    pub(super) fn retype(&mut self, query: &mut Query, types: &[TypeRef]) -> Result<()> {
        if query.columns.iter().zip(types).all(|(column, ty)| column.ty.oid == ty.oid) {
            return Ok(());
        }
        let can_push = match &query.body {
            QueryBody::Select(select) => {
                select.distinct == super::tree::Distinct::All || query.columns.iter().all(|c| c.ty.oid != oid::UNKNOWN)
            }
            _ => true,
        };
        if let (true, QueryBody::Select(select)) = (can_push && query.order_by.is_empty() && query.limit.is_none(), &mut query.body) {
            for (target, ty) in select.targets.iter_mut().zip(types) {
                let expr = target.expr.clone();
                target.expr = self.coerce_to(expr, TypeRef::new(ty.oid), CoercionContext::Implicit)?;
            }
        } else if let QueryBody::Values(rows) = &mut query.body {
            for row in rows {
                for (value, ty) in row.iter_mut().zip(types) {
                    let expr = value.clone();
                    *value = self.coerce_to(expr, TypeRef::new(ty.oid), CoercionContext::Implicit)?;
                }
            }
        } else {
            return self.retype_around(query, types);
        }
        for (column, ty) in query.columns.iter_mut().zip(types) {
            column.ty = *ty;
        }
        Ok(())
    }

    fn retype_around(&mut self, query: &mut Query, types: &[TypeRef]) -> Result<()> {
        let source = self.new_source();
        let mut targets = Vec::with_capacity(types.len());
        let mut columns = query.columns.clone();
        for (at, (column, ty)) in columns.iter_mut().zip(types).enumerate() {
            let mut expr = nth_column(source, at, column);
            if column.ty.oid == oid::UNKNOWN {
                expr = Expr::new(ExprKind::InputOutput(Box::new(expr), CastForm::Implicit), TypeRef::new(ty.oid));
            }
            let expr = self.coerce_to(expr, TypeRef::new(ty.oid), CoercionContext::Implicit)?;
            targets.push(super::tree::Target { expr, name: column.name.clone() });
            column.ty = *ty;
        }
        let placeholder = self.assemble(QueryBody::Values(Vec::new()), Vec::new(), Vec::new());
        let inner = std::mem::replace(query, placeholder);
        let select = super::tree::Select {
            distinct: super::tree::Distinct::All,
            targets,
            from: vec![super::tree::From::Query { source, query: Box::new(inner), lateral: false }],
            filter: None,
            group_by: Vec::new(),
            grouping_sets: None,
            having: None,
            grouped: false,
        };
        *query = self.assemble(QueryBody::Select(Box::new(select)), columns, Vec::new());
        Ok(())
    }

    /// What is still of unknown type in a query's columns becomes text.
    pub(super) fn settle_columns(&mut self, mut query: Query) -> Result<Query> {
        let settle = |ty: TypeRef| if ty.oid == oid::UNKNOWN { TypeRef::new(oid::TEXT) } else { ty };
        let types: Vec<TypeRef> = query.columns.iter().map(|column| settle(column.ty)).collect();
        self.retype(&mut query, &types)?;
        Ok(query)
    }

    fn values(&mut self, values: &ast::Values, outer: Option<&Scope<'_>>) -> Result<Query> {
        let scope = Scope { parent: outer, items: Vec::new(), clause: Clause::Values, windows: Vec::new(), domain_value: None };
        let mut rows: Vec<Vec<Expr>> = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let row: &Vec<ast::Expr> = row;
            let bound = self.expressions(row, &scope)?;
            if rows.first().is_some_and(|first| first.len() != bound.len()) {
                let position = row.first().map_or(0, |first| self.position_at(first));
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length").at(position));
            }
            rows.push(bound);
        }
        let width = rows.first().map_or(0, Vec::len);
        let mut columns = Vec::with_capacity(width);
        for at in 0..width {
            let column: Vec<&Expr> = rows.iter().map(|row| &row[at]).collect();
            if let Some(default) = column.iter().find(|value| matches!(value.kind, ExprKind::Default)) {
                let message = "DEFAULT is not allowed in this context";
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(default.position));
            }
            let ty = self.common_type_of(&column, "VALUES")?;
            for row in &mut rows {
                let value = row[at].clone();
                row[at] = self.coerce_to_common(value, ty, "VALUES")?;
            }
            columns.push(OutputColumn { name: format!("column{}", at + 1), ty, table: 0, number: 0 });
        }
        Ok(self.assemble(QueryBody::Values(rows), columns, Vec::new()))
    }

    /// ORDER BY of a set operation or VALUES: output names and ordinals only.
    fn order_by_output(&mut self, query: &Query, keys: &[ast::OrderByExpr]) -> Result<Vec<SortKey>> {
        let mut out = Vec::with_capacity(keys.len());
        for key in keys {
            let position = self.position_at(&key.expr);
            let found = match &key.expr {
                ast::Expr::Identifier(ident) => {
                    let name = super::binder::fold(ident);
                    query.columns.iter().position(|column| column.name == name).ok_or_else(|| {
                        SqlError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")).at(position)
                    })?
                }
                ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(number, _), .. }) => {
                    let ordinal = number.parse::<usize>().unwrap_or(0);
                    if ordinal == 0 || ordinal > query.columns.len() {
                        let message = format!("ORDER BY position {number} is not in select list");
                        return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(position));
                    }
                    ordinal - 1
                }
                _ if matches!(query.body, QueryBody::Values(_)) => {
                    return Err(SqlError::unsupported("ORDER BY an expression over VALUES").at(position));
                }
                _ => {
                    return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
                        .detail("Only result column names can be used, not expressions or functions.")
                        .hint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.")
                        .at(position));
                }
            };
            let expr = nth_column(query.output, found, &query.columns[found]).at(position);
            out.push(self.sort_key(expr, &key.options)?);
        }
        Ok(out)
    }

    fn limits(&mut self, query: &ast::Query, bound: &mut Query, outer: Option<&Scope<'_>>) -> Result<()> {
        let (limit, offset) = match &query.limit_clause {
            None => (None, None),
            Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(_) => return Err(SqlError::new(SqlState::SYNTAX_ERROR, "LIMIT #,# syntax is not supported")),
        };
        bound.offset = offset.map(|offset| self.row_count(offset, Clause::Offset, outer)).transpose()?;
        bound.limit = match limit {
            Some(ast::Expr::Identifier(all)) if all.quote_style.is_none() && all.value.eq_ignore_ascii_case("all") => None,
            Some(limit) => Some(self.row_count(limit, Clause::Limit, outer)?),
            None => None,
        };
        if let Some(fetch) = &query.fetch {
            if fetch.percent || bound.limit.is_some() {
                return Err(SqlError::syntax("FETCH", 0));
            }
            bound.with_ties = fetch.with_ties;
            if fetch.with_ties && bound.order_by.is_empty() {
                let message = "WITH TIES cannot be specified without ORDER BY clause";
                return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
            }
            bound.limit = Some(match &fetch.quantity {
                Some(quantity) => self.row_count(quantity, Clause::Limit, outer)?,
                None => Expr::new(ExprKind::Constant(rusqlite::types::Value::Integer(1)), TypeRef::new(oid::INT8)),
            });
        }
        Ok(())
    }

    fn row_count(&mut self, expr: &ast::Expr, clause: Clause, outer: Option<&Scope<'_>>) -> Result<Expr> {
        let scope = Scope { parent: outer, items: Vec::new(), clause, windows: Vec::new(), domain_value: None };
        let bound = self.expression(expr, &scope)?;
        let name = clause.name();
        if !self.can_coerce(bound.ty.oid, oid::INT8, CoercionContext::Assignment) {
            let message = format!("argument of {name} must be type bigint, not type {}", self.type_name(bound.ty.oid));
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).at(bound.position));
        }
        if bound.any(&mut |e| matches!(e.kind, ExprKind::Column(_))) && outer.is_none() {
            let message = format!("argument of {name} must not contain variables");
            return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(bound.position));
        }
        let bound = self.coerce_to(bound, TypeRef::new(oid::INT8), CoercionContext::Assignment)?;
        match bound.kind {
            ExprKind::Constant(rusqlite::types::Value::Integer(..=-1)) => {
                let state = if clause == Clause::Limit {
                    SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE
                } else {
                    SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE
                };
                Err(SqlError::new(state, format!("{name} must not be negative")))
            }
            _ => Ok(bound),
        }
    }
}

/// Where a column of a query stands in the statement.
fn column_position(query: &Query, at: usize) -> usize {
    match &query.body {
        QueryBody::Select(select) => select.targets.get(at).map_or(0, |target| target.expr.position),
        QueryBody::SetOperation(operation) => column_position(&operation.left, at),
        QueryBody::Values(rows) => rows.first().and_then(|row| row.get(at)).map_or(0, |value| value.position),
        QueryBody::Materialized(_) => 0,
    }
}

/// Rows can be locked only where each row of the result is one of a table (`CheckSelectLocking`).
fn refuse_lock(query: &Query, written: &ast::Query) -> Result<()> {
    let QueryBody::Select(select) = &query.body else { return Ok(()) };
    let words = written.locks.first().map(|lock| format!("FOR {}", lock.lock_type)).unwrap_or_default();
    let has = |test: fn(&Expr) -> bool| select.targets.iter().any(|target| test(&target.expr));
    let what = if !matches!(select.distinct, super::tree::Distinct::All) {
        "DISTINCT clause"
    } else if !select.group_by.is_empty() {
        "GROUP BY clause"
    } else if select.having.is_some() {
        "HAVING clause"
    } else if has(Expr::has_aggregate) {
        "aggregate functions"
    } else if has(Expr::has_window) {
        "window functions"
    } else {
        return Ok(());
    };
    Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{words} is not allowed with {what}")))
}

/// `TABLE t` is `SELECT * FROM t`.
fn table_select(name: ast::ObjectName) -> ast::Select {
    let dialect = sqlparser::dialect::PostgreSqlDialect {};
    let text = format!("SELECT * FROM {name}");
    let parsed = sqlparser::parser::Parser::new(&dialect).try_with_sql(&text).and_then(|mut parser| parser.parse_query());
    match parsed.map(|query| *query.body) {
        Ok(SetExpr::Select(select)) => *select,
        _ => unreachable!("a select of a printed name parses"),
    }
}
