//! FROM: tables, views, subqueries, functions and joins become sources, and names in a scope (`parse_clause.c`).

use std::sync::Arc;

use peergres_sync::schema::{Object, Table};
use sqlparser::ast::{self, TableFactor};

use super::{
    Binder, Clause, CoercionContext, Scope,
    binder::{CteInReach, fold, schema_and_name},
    join::{join_item, same_schema},
    scope::{ScopeColumn, ScopeItem, output_column},
    tree::{CallForm, Expr, ExprKind, From, FromFunction, RelationRef},
};
use crate::{
    catalog::{Relation, RelationKind},
    error::{Result, SqlError, SqlState},
    execute::plan::OutputColumn,
    types::{Kind, TypeRef, oid},
};

/// A bound FROM item with the names that it brings.
pub(super) type Bound = (From, Vec<ScopeItem>);

impl Binder<'_> {
    /// Binds the comma-separated items.
    pub(super) fn from_clause(&mut self, from: &[ast::TableWithJoins], outer: Option<&Scope<'_>>) -> Result<(Vec<From>, Vec<ScopeItem>)> {
        let (mut bound, mut items): (Vec<From>, Vec<ScopeItem>) = (Vec::new(), Vec::new());
        for table in from {
            let (from, new) = self.deeper(|binder| binder.table_with_joins(table, outer, &items))?;
            for item in new.iter().filter(|item| item.alias_visible) {
                let clashes = |known: &&ScopeItem| known.alias_visible && known.alias == item.alias && same_schema(known, item);
                if let (Some(alias), Some(_)) = (&item.alias, items.iter().find(clashes)) {
                    return Err(duplicate_alias(alias));
                }
            }
            bound.push(from);
            items.extend(new);
        }
        Ok((bound, items))
    }

    /// Binds an item with its joins; `before` are the items that LATERAL may refer to.
    pub fn table_with_joins(&mut self, table: &ast::TableWithJoins, outer: Option<&Scope<'_>>, before: &[ScopeItem]) -> Result<Bound> {
        let mut left = self.factor(&table.relation, outer, before)?;
        for join in &table.joins {
            use ast::JoinOperator as J;
            // Rows that the join adds by itself have nothing on the left that a LATERAL item could look at.
            let lateral_ok = !matches!(join.join_operator, J::Right(_) | J::RightOuter(_) | J::FullOuter(_));
            let mut reach = before.to_vec();
            reach.extend(left.1.iter().cloned().map(|item| ScopeItem { lateral_ok, ..item }));
            let right = self.factor(&join.relation, outer, &reach)?;
            left = self.join(left, right, &join.join_operator, outer)?;
        }
        Ok(left)
    }

    fn factor(&mut self, factor: &TableFactor, outer: Option<&Scope<'_>>, before: &[ScopeItem]) -> Result<Bound> {
        match factor {
            TableFactor::Table { name, alias, args: None, sample, with_ordinality: false, .. } => {
                let (from, item) = self.named_relation(name, alias.as_ref())?;
                self.sample(from, item, sample.as_ref(), outer)
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
                self.from_function(name, &args.args, alias.as_ref(), *with_ordinality, outer, before)
            }
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                self.from_function(name, args, alias.as_ref(), *with_ordinality, outer, before)
            }
            TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset: false, .. } => {
                self.from_unnest(array_exprs, alias.as_ref(), *with_ordinality, outer, before)
            }
            TableFactor::Derived { lateral, subquery, alias, .. } => self.derived(*lateral, subquery, alias.as_ref(), outer, before),
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let (from, mut items) = self.table_with_joins(table_with_joins, outer, before)?;
                if let Some(alias) = alias {
                    let columns = visible_columns(&items);
                    items.iter_mut().for_each(|item| {
                        item.columns_visible = false;
                        item.alias_visible = false;
                    });
                    let mut item = join_item(columns);
                    item.alias = Some(fold(&alias.name));
                    item.alias_visible = true;
                    self.rename_columns(&mut item, Some(alias))?;
                    items.push(item);
                }
                Ok((from, items))
            }
            TableFactor::TableFunction { .. } => Err(SqlError::unsupported("TABLE(…) in FROM")),
            other => {
                let text = format!("{other:?}");
                let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
                Err(SqlError::unsupported(format!("FROM item {}", &text[..end])))
            }
        }
    }

    fn sample(&mut self, from: From, item: ScopeItem, sample: Option<&ast::TableSampleKind>, outer: Option<&Scope<'_>>) -> Result<Bound> {
        let Some(ast::TableSampleKind::BeforeTableAlias(kind) | ast::TableSampleKind::AfterTableAlias(kind)) = sample else {
            return Ok((from, vec![item]));
        };
        let known = matches!(kind.name, Some(ast::TableSampleMethod::Bernoulli | ast::TableSampleMethod::System));
        // A seed promises the same rows again while the table stays the same: only all and none can keep that promise here.
        let is_certain = kind.quantity.as_ref().is_some_and(|quantity| matches!(quantity.value.to_string().as_str(), "0" | "100"));
        let (true, true, Some(quantity)) = (known, kind.seed.is_none() || is_certain, &kind.quantity) else {
            return Err(SqlError::unsupported("this form of TABLESAMPLE"));
        };
        let scope = Scope { parent: outer, items: Vec::new(), clause: Clause::From, windows: Vec::new(), domain_value: None };
        let percent = self.expression(&quantity.value, &scope)?;
        let percent = self.coerce_to(percent, TypeRef::new(oid::FLOAT4), CoercionContext::Assignment)?;
        match from {
            From::Relation { source, relation, .. } => Ok((From::Relation { source, relation, sample: Some(percent) }, vec![item])),
            _ => {
                let message = "TABLESAMPLE clause can only be applied to tables and materialized views";
                Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
            }
        }
    }

    /// A table, view or common table expression by name.
    fn named_relation(&mut self, name: &ast::ObjectName, alias: Option<&ast::TableAlias>) -> Result<(From, ScopeItem)> {
        let position = self.position_at(name);
        let (schema, table) = schema_and_name(name, self.cx).map_err(|error| error.at(position))?;
        if schema.is_none() {
            if let Some(at) = self.ctes.iter().rposition(|cte| cte.name == table) {
                return self.cte_reference(at, alias, position);
            }
            if self.silent.contains(&table) {
                let message = format!("WITH query \"{table}\" does not have a RETURNING clause");
                return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(position));
            }
        }
        let relation = self.relation(schema.as_deref(), &table, position)?;
        let shown = alias.map(|alias| fold(&alias.name));
        let source = self.new_source();
        match relation.kind {
            RelationKind::Table | RelationKind::Catalog => {
                refuse_unpopulated(&relation)?;
                let mut item = ScopeItem::of_relation(&relation, shown.as_deref(), source);
                self.rename_columns(&mut item, alias)?;
                Ok((From::Relation { source, relation: RelationRef(relation), sample: None }, item))
            }
            RelationKind::View => {
                let query = self.view_query(&relation, position)?;
                let columns: Vec<(String, TypeRef)> =
                    relation.columns.iter().zip(&query.columns).map(|(c, output)| (c.name.clone(), output.ty)).collect();
                let mut item = ScopeItem::of_columns(shown.as_deref().unwrap_or(&table), source, &columns);
                for (column, defined) in item.columns.iter_mut().zip(&relation.columns) {
                    if let ExprKind::Column(reference) = &mut column.expr.kind {
                        (reference.table, reference.number) = (relation.oid, defined.number);
                    }
                }
                item.schema = shown.is_none().then(|| relation.name.schema.clone());
                item.row_type = relation.oid | crate::types::ROW_OID_BIT;
                self.rename_columns(&mut item, alias)?;
                Ok((From::Query { source, query: Box::new(query), lateral: false }, item))
            }
            RelationKind::Sequence => self.sequence_row(&relation, shown.as_deref(), alias),
            RelationKind::Index => Err(cannot_open(&table, "an index", position)),
            RelationKind::Composite => Err(cannot_open(&table, "a composite type", position)),
        }
    }

    /// A sequence read as a table: its only row says where it stands.
    fn sequence_row(
        &mut self,
        relation: &Arc<Relation>,
        shown: Option<&str>,
        alias: Option<&ast::TableAlias>,
    ) -> Result<(From, ScopeItem)> {
        let source = self.new_source();
        let columns: Vec<(String, TypeRef)> = relation.columns.iter().map(|column| (column.name.clone(), column.ty)).collect();
        let mut item = ScopeItem::of_columns(shown.unwrap_or(&relation.name.name), source, &columns);
        item.schema = shown.is_none().then(|| relation.name.schema.clone());
        self.rename_columns(&mut item, alias)?;
        let outputs = columns.into_iter().map(|(name, ty)| OutputColumn { name, ty, table: 0, number: 0 }).collect();
        let oid_of = ExprKind::Constant(rusqlite::types::Value::Integer(relation.oid.into()));
        let call = super::tree::Call {
            proc: super::tree::ProcRef(Arc::new(crate::catalog::proc::sequence_state())),
            args: vec![Expr::new(oid_of, TypeRef::new(oid::OID))],
            variadic_array: false,
            form: super::tree::CallForm::Function,
        };
        let expr = Expr::new(ExprKind::Call(Box::new(call)), TypeRef::new(oid::RECORD));
        let function = FromFunction { expr, columns: outputs, defined: false };
        Ok((From::Function { source, functions: vec![function], ordinality: false }, item))
    }

    /// A relation by name; 42P01 where there is none.
    pub fn relation(&self, schema: Option<&str>, name: &str, position: usize) -> Result<Arc<Relation>> {
        self.catalog.relation(schema, name, &self.path).cloned().ok_or_else(|| {
            let shown = schema.map_or(name.to_owned(), |schema| format!("{schema}.{name}"));
            SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{shown}\" does not exist")).at(position)
        })
    }

    fn cte_reference(&mut self, at: usize, alias: Option<&ast::TableAlias>, position: usize) -> Result<(From, ScopeItem)> {
        let CteInReach { name, physical, columns, .. } = self.ctes[at].clone();
        self.ctes[at].uses += 1;
        let Some(columns) = columns else {
            let message = format!("recursive reference to query \"{name}\" must not appear within its non-recursive term");
            return Err(SqlError::new(SqlState::INVALID_RECURSION, message).at(position));
        };
        let source = self.new_source();
        let pairs: Vec<(String, TypeRef)> = columns.into_iter().map(|column| (column.name, column.ty)).collect();
        let shown = alias.map_or(name, |alias| fold(&alias.name));
        let mut item = ScopeItem::of_columns(&shown, source, &pairs);
        self.rename_columns(&mut item, alias)?;
        Ok((From::Cte { source, physical }, item))
    }

    /// The bound query of a view, in a world of its own: no common table expressions, no positions.
    fn view_query(&mut self, relation: &Relation, position: usize) -> Result<super::Query> {
        if self.views.contains(&relation.oid) {
            let message = format!("infinite recursion detected in rules for relation \"{}\"", relation.name.name);
            return Err(SqlError::new(SqlState::INVALID_OBJECT_DEFINITION, message).at(position));
        }
        let text = relation.query.as_deref().unwrap_or_default();
        let parsed = crate::parse::stored_query(text)
            .map_err(|error| SqlError::unsupported(format!("view \"{}\" ({error})", relation.name.name)))?;
        let ctes = std::mem::take(&mut self.ctes);
        let path = std::mem::replace(&mut self.path, vec![relation.name.schema.clone()]);
        let keys = std::mem::take(&mut self.group_keys);
        let lines = self.hide_positions();
        self.views.push(relation.oid);
        let query = self.deeper(|binder| binder.query(&parsed, None));
        self.views.pop();
        (self.ctes, self.path, self.group_keys) = (ctes, path, keys);
        self.restore_positions(lines);
        let query = query.map_err(|error| error.at(position))?;
        if query.columns.len() != relation.columns.len() {
            return Err(SqlError::internal(format!("view \"{}\" does not fit its columns", relation.name.name)));
        }
        Ok(query)
    }

    fn derived(
        &mut self,
        lateral: bool,
        subquery: &ast::Query,
        alias: Option<&ast::TableAlias>,
        outer: Option<&Scope<'_>>,
        before: &[ScopeItem],
    ) -> Result<Bound> {
        let position = self.position_at(subquery);
        let Some(alias) = alias else {
            let what = if matches!(*subquery.body, ast::SetExpr::Values(_)) { "VALUES" } else { "subquery" };
            let example = if what == "VALUES" { "FROM (VALUES ...) [AS] foo" } else { "FROM (SELECT ...) [AS] foo" };
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("{what} in FROM must have an alias"))
                .hint(format!("For example, {example}."))
                .at(position.saturating_sub(1)));
        };
        let query = if lateral {
            let scope = Scope { parent: outer, items: before.to_vec(), clause: Clause::From, windows: Vec::new(), domain_value: None };
            self.query(subquery, Some(&scope))?
        } else {
            self.query(subquery, outer)?
        };
        let source = self.new_source();
        let mut item = self.query_item(&fold(&alias.name), source, &query);
        self.rename_columns(&mut item, Some(alias))?;
        Ok((From::Query { source, query: Box::new(query), lateral }, vec![item]))
    }

    /// The names of a subquery's columns; where they came from a table unchanged is remembered for RowDescription.
    fn query_item(&self, alias: &str, source: super::SourceId, query: &super::Query) -> ScopeItem {
        let pairs: Vec<(String, TypeRef)> = query.columns.iter().map(|column| (column.name.clone(), column.ty)).collect();
        let mut item = ScopeItem::of_columns(alias, source, &pairs);
        for (column, output) in item.columns.iter_mut().zip(&query.columns) {
            if let ExprKind::Column(reference) = &mut column.expr.kind {
                (reference.table, reference.number) = (output.table, output.number);
            }
        }
        item
    }

    /// `AS t(a, b)`.
    pub(super) fn rename_columns(&self, item: &mut ScopeItem, alias: Option<&ast::TableAlias>) -> Result<()> {
        let Some(alias) = alias else { return Ok(()) };
        if alias.columns.len() > item.columns.len() {
            let (have, want) = (item.columns.len(), alias.columns.len());
            let name = fold(&alias.name);
            let message = format!("table \"{name}\" has {have} columns available but {want} columns specified");
            return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(self.position(alias.name.span)));
        }
        for (column, renamed) in item.columns.iter_mut().zip(&alias.columns) {
            column.name = fold(&renamed.name);
        }
        Ok(())
    }

    fn from_unnest(
        &mut self,
        arrays: &[ast::Expr],
        alias: Option<&ast::TableAlias>,
        ordinality: bool,
        outer: Option<&Scope<'_>>,
        before: &[ScopeItem],
    ) -> Result<Bound> {
        let scope = Scope { parent: outer, items: before.to_vec(), clause: Clause::From, windows: Vec::new(), domain_value: None };
        let mut calls = Vec::new();
        for array in arrays {
            let position = self.position_at(array);
            let bound = self.expression(array, &scope)?;
            calls.push(self.call_named("unnest", vec![bound], CallForm::Function, position)?);
        }
        self.function_item(calls, "unnest", alias, ordinality)
    }

    fn from_function(
        &mut self,
        name: &ast::ObjectName,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        ordinality: bool,
        outer: Option<&Scope<'_>>,
        before: &[ScopeItem],
    ) -> Result<Bound> {
        let scope = Scope { parent: outer, items: before.to_vec(), clause: Clause::From, windows: Vec::new(), domain_value: None };
        let (_, shown) = schema_and_name(name, self.cx)?;
        if shown == crate::parse::sugar::ROWS_FROM {
            return self.rows_from(args, alias, ordinality, &scope);
        }
        if shown == "unnest" && args.len() > 1 {
            let arrays = super::syntax::plain_arguments(&argument_list(args))?;
            return self.from_unnest(&arrays, alias, ordinality, outer, before);
        }
        let function = ast::Function {
            name: name.clone(),
            uses_odbc_syntax: false,
            parameters: ast::FunctionArguments::None,
            args: argument_list(args),
            filter: None,
            null_treatment: None,
            over: None,
            within_group: Vec::new(),
        };
        let call = self.function(&function, &scope)?;
        self.function_item(vec![call], &shown, alias, ordinality)
    }

    /// `ROWS FROM (f(…), g(…))`.
    fn rows_from(
        &mut self,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        ordinality: bool,
        scope: &Scope<'_>,
    ) -> Result<Bound> {
        let mut calls = Vec::with_capacity(args.len());
        let mut first = None;
        for arg in super::syntax::plain_arguments(&argument_list(args))? {
            let call = match &arg {
                ast::Expr::Function(function) => self.function(function, scope)?,
                _ => return Err(SqlError::syntax("ROWS", self.position_at(&arg))),
            };
            first = first.or_else(|| Some(super::naming::column_name(&arg)));
            calls.push(call);
        }
        self.function_item(calls, &first.unwrap_or_default(), alias, ordinality)
    }

    /// The source of one or several functions in FROM.
    fn function_item(&mut self, calls: Vec<Expr>, name: &str, alias: Option<&ast::TableAlias>, ordinality: bool) -> Result<Bound> {
        let source = self.new_source();
        let shown = alias.map_or(name.to_owned(), |alias| fold(&alias.name));
        let defined = alias.is_some_and(|alias| alias.columns.iter().any(|column| column.data_type.is_some()));
        let (mut functions, mut columns, mut scalar) = (Vec::new(), Vec::<(String, TypeRef)>::new(), false);
        let single = calls.len() == 1;
        for expr in calls {
            let outputs = match (defined, alias) {
                (true, Some(alias)) => self.defined_columns(alias)?,
                _ => {
                    let (outputs, is_scalar) = self.function_columns(&expr, if single { &shown } else { name })?;
                    scalar = is_scalar && single && !ordinality;
                    outputs
                }
            };
            columns.extend(outputs.iter().cloned());
            let columns = outputs.into_iter().map(|(name, ty)| OutputColumn { name, ty, table: 0, number: 0 }).collect();
            functions.push(FromFunction { expr, columns, defined });
        }
        if ordinality {
            columns.push(("ordinality".to_owned(), TypeRef::new(oid::INT8)));
        }
        let mut item = ScopeItem::of_columns(&shown, source, &columns);
        item.scalar = scalar;
        if ordinality {
            if let Some(ScopeColumn { expr: Expr { kind: ExprKind::Column(column), .. }, .. }) = item.columns.last_mut() {
                column.physical = Arc::from("ordinality");
            }
        }
        self.rename_columns(&mut item, alias)?;
        Ok((From::Function { source, functions, ordinality }, vec![item]))
    }

    fn defined_columns(&self, alias: &ast::TableAlias) -> Result<Vec<(String, TypeRef)>> {
        let column = |column: &ast::TableAliasColumnDef| match &column.data_type {
            Some(ty) => Ok((fold(&column.name), self.catalog.data_type(ty, &self.path)?)),
            None => Err(SqlError::new(SqlState::SYNTAX_ERROR, "a column definition list needs a type for every column")),
        };
        alias.columns.iter().map(column).collect()
    }

    /// Names and types of the columns that a call yields in FROM, and whether it is one scalar column.
    pub(super) fn function_columns(&self, expr: &Expr, shown: &str) -> Result<(Vec<(String, TypeRef)>, bool)> {
        if let ExprKind::Call(call) = &expr.kind {
            if call.proc.outputs.len() > 1 {
                let given: Vec<_> = call.args.iter().map(|arg| arg.ty.oid).collect();
                let column = |output: &crate::catalog::OutputArgument| {
                    let resolved = self.resolve_polymorphic(&call.proc.args, &given, output.ty).map_or(output.ty, |(_, ty)| ty);
                    (output.name.clone(), TypeRef::new(resolved))
                };
                return Ok((call.proc.outputs.iter().map(column).collect(), false));
            }
            if let ([output], true) = (call.proc.outputs.as_slice(), call.proc.result != oid::RECORD) {
                return Ok((vec![(output.name.clone(), expr.ty)], true));
            }
        }
        if let Some(Kind::Composite(attributes)) = self.catalog.type_by_oid(self.base_oid(expr.ty.oid)).map(|ty| ty.kind.clone()) {
            return Ok((attributes.iter().cloned().collect(), false));
        }
        if expr.ty.oid == oid::RECORD {
            let message = "a column definition list is required for functions returning \"record\"";
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(expr.position));
        }
        Ok((vec![(shown.to_owned(), expr.ty)], true))
    }
}

fn argument_list(args: &[ast::FunctionArg]) -> ast::FunctionArguments {
    ast::FunctionArguments::List(ast::FunctionArgumentList { duplicate_treatment: None, args: args.to_vec(), clauses: Vec::new() })
}

/// 55000 for a materialized view that was made, or refreshed, WITH NO DATA.
fn refuse_unpopulated(relation: &Relation) -> Result<()> {
    match relation.object.as_deref() {
        Some(Object::Table(Table { materialized: Some(materialized), .. })) if !materialized.populated => {
            let message = format!("materialized view \"{}\" has not been populated", relation.name.name);
            Err(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint("Use the REFRESH MATERIALIZED VIEW command."))
        }
        _ => Ok(()),
    }
}

fn cannot_open(name: &str, what: &str, position: usize) -> SqlError {
    SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot open relation \"{name}\""))
        .detail(format!("This operation is not supported for {}.", if what == "an index" { "indexes" } else { "composite types" }))
        .at(position)
}

pub(super) fn duplicate_alias(alias: &str) -> SqlError {
    SqlError::new(SqlState::DUPLICATE_ALIAS, format!("table name \"{alias}\" specified more than once"))
}

/// The columns that can be named without a qualifier, in order: what `*` yields.
pub(super) fn visible_columns(items: &[ScopeItem]) -> Vec<ScopeColumn> {
    items.iter().filter(|item| item.columns_visible).flat_map(|item| item.columns.iter().cloned()).collect()
}

/// A column of an item by position, as an expression.
pub(super) fn nth_column(source: super::SourceId, at: usize, column: &OutputColumn) -> Expr {
    output_column(source, at, &column.name, column.ty)
}
