//! Typed tree → SQLite text. The rules that change a query's shape have a file each and apply in this order: grouping sets, DISTINCT
//! ON, WITH TIES, bags of INTERSECT and EXCEPT; then the printer writes expressions, whose functions it looks up by signature.
//!
//! Enters: [`crate::bind`]'s tree, every cast explicit. Leaves: text that means on storage forms what PostgreSQL means on values.

use crate::{
    bind::tree::{Expr, Query},
    error::{Result, SqlError},
    session::context::Context,
};

mod call;
mod compare;
mod expression;
mod from;
mod grouping_sets;
mod lateral;
mod prefix;
mod print;
mod query;
mod routine;
mod set_operation;
mod subquery;
mod window_filter;

pub use print::Printer;

/// A query as SQLite runs it; its columns are `c1`, `c2`, …
pub fn query(query: &Query, cx: &Context) -> Result<String> {
    Printer::new(cx).query(query)
}

/// An expression as SQLite runs it.
pub fn expression(expr: &Expr, cx: &Context) -> Result<String> {
    Printer::new(cx).expression(expr)
}

/// A condition as SQLite runs it: where only true counts, as in WHERE.
pub fn condition(expr: &Expr, cx: &Context) -> Result<String> {
    Printer::new(cx).condition(expr)
}

/// A SQLite identifier.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A SQLite string.
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// 0A000 for a function that has no body.
fn no_body(signature: &str) -> SqlError {
    SqlError::unsupported(format!("function {signature}"))
}
