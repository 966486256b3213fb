//! Typed tree → PostgreSQL text in canonical form, as `pg_get_expr` prints it.

use super::tree::Expr;
use crate::session::context::Context;

/// An expression as `pg_get_expr` prints it.
pub fn deparse(expr: &Expr, cx: &Context) -> String {
    let _ = (expr, cx);
    String::new()
}
