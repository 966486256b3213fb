//! stub

use crate::{
    bind::Expr,
    error::{Result, SqlError},
    session::context::Context,
};

/// An expression as SQLite runs it.
pub fn expression(expr: &Expr, cx: &Context) -> Result<String> {
    let _ = (expr, cx);
    Err(SqlError::unsupported("this expression"))
}
