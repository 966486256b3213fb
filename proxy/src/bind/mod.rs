//! Names, types, overloads, parameters: a syntax tree becomes a typed tree. Enters: sqlparser's tree, the statement's text (for
//! positions) and the session's context. Leaves: [`tree`]'s nodes, or by [`plan`] the SQLite statements ready to run.
//!
//! The rules are PostgreSQL's: name resolution of `parse_relation.c`, overloads of the manual's chapter 10, messages and positions
//! of its parser.

use sqlparser::ast;

use crate::{
    error::{Result, SqlError},
    execute::plan::Plan,
    parse::change::Change,
    session::context::Context,
    types::{Oid, TypeRef},
};

mod aggregate;
mod binder;
mod call;
mod candidate;
mod change;
mod coerce;
mod common_type;
mod condition;
mod conflict;
mod delete;
mod delete_own;
pub mod deparse;
mod expression;
mod from;
mod function;
mod group;
mod insert;
mod join;
mod layer;
mod literal;
mod merge;
mod name;
mod naming;
mod nested_query;
mod operator;
mod precedence;
mod query;
pub mod routine;
pub mod scope;
mod select;
mod staged;
mod staged_conflict;
mod subquery;
mod syntax;
pub mod tree;
mod trigger;
mod update;
mod window;
mod with;

pub use binder::{Binder, fold, name_parts, schema_and_name, search_path};
pub use deparse::{deparse, deparse_prettily};
pub use scope::{Clause, Scope};
pub(crate) use syntax::same as is_same;
pub use tree::{Expr, Query, SourceId};

/// The column in which an updated row's former value waits for its triggers.
pub(crate) fn old_column(at: usize) -> String {
    trigger::old_column(at)
}

/// Where a value is going, which decides the casts that apply by themselves.
pub use crate::catalog::CastContext as CoercionContext;

/// Plans a statement that reads or changes rows. `parameter_types` are those that the client gave, 0 where it left one open.
pub fn plan(statement: &ast::Statement, source: &str, parameter_types: &[Oid], cx: &Context) -> Result<Plan> {
    let mut binder = Binder::new(cx, source, parameter_types);
    match statement {
        ast::Statement::Query(query) => binder.plan_query(query),
        other => Err(SqlError::unsupported(crate::parse::name_of(&other.to_string()))),
    }
}

/// Plans a data change, or a query with data changes in its WITH.
pub fn plan_change(change: &Change, source: &str, parameter_types: &[Oid], cx: &Context) -> Result<Plan> {
    Binder::new(cx, source, parameter_types).plan_change(change)
}

/// Binds one expression in a scope: a CHECK, a DEFAULT, an index key.
pub fn expression(expr: &ast::Expr, source: &str, scope: &mut Scope<'_>, cx: &Context) -> Result<Expr> {
    let mut binder = Binder::new(cx, source, &[]);
    let bound = binder.expression(expr, scope)?;
    binder.finish_parameters()?;
    Ok(bound)
}

/// Binds a query that stands by itself, such as a view's.
pub fn query(query: &ast::Query, source: &str, cx: &Context) -> Result<Query> {
    Binder::new(cx, source, &[]).query(query, None)
}

/// Coerces an expression to a type; 42804 with PostgreSQL's words where there is no way.
pub fn coerce(expr: Expr, target: TypeRef, context: CoercionContext, cx: &Context) -> Result<Expr> {
    Binder::new(cx, "", &[]).coerce_to(expr, target, context)
}
