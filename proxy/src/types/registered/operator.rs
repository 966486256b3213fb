//! regoper and regoperator: operators by name alone, or by name and operand types (`regproc.c`).

use super::{
    Found, Oid, Qualified,
    procedure::{name_and_types, operator_name},
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

fn undefined(text: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {text}"))
}

/// All operators are built in: they stand in pg_catalog.
fn is_reachable(name: &Qualified) -> bool {
    name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
}

/// The only operator of a name.
pub(super) fn find_name(text: &str, cx: &Context) -> Result<Found> {
    let name = Qualified::of(operator_name(text)?, "qualified", cx)?;
    let found = if is_reachable(&name) { cx.catalog.operators(&name.name) } else { &[] };
    Ok(match found {
        [only] => Ok(only.oid),
        [] => Err(undefined(text)),
        _ => Err(SqlError::new(SqlState::AMBIGUOUS_FUNCTION, format!("more than one operator named {text}"))),
    })
}

/// An operator by name and operand types.
pub(super) fn find(text: &str, cx: &Context) -> Result<Found> {
    let (name, types) = name_and_types(text, cx, true)?;
    let name = Qualified::of(name, "qualified", cx)?;
    let [left, right] = types[..] else {
        return Err(if types.len() < 2 {
            SqlError::new(SqlState::UNDEFINED_PARAMETER, "missing argument")
                .hint("Use NONE to denote the missing argument of a unary operator.")
        } else {
            SqlError::new(SqlState::TOO_MANY_ARGUMENTS, "too many arguments").hint("Provide two argument types for operator.")
        });
    };
    let operators = if is_reachable(&name) { cx.catalog.operators(&name.name) } else { &[] };
    let found = operators.iter().find(|operator| operator.left == left && operator.right == right);
    Ok(found.map(|operator| operator.oid).ok_or_else(|| undefined(text)))
}

/// An operator's name, bare where it is the only one of that name.
pub(super) fn show_name(oid: Oid, cx: &Context) -> Option<String> {
    let operator = cx.catalog.operator(oid)?;
    let is_only = cx.catalog.operators(&operator.name).len() == 1;
    Some(if is_only { operator.name.clone() } else { format!("pg_catalog.{}", operator.name) })
}

/// An operator's name and operand types: `format_operator`.
pub(super) fn show(oid: Oid, cx: &Context) -> Option<String> {
    let operator = cx.catalog.operator(oid)?;
    let operand = |ty: Oid| match ty {
        0 => "NONE".to_owned(),
        ty => cx.catalog.format_type_with(ty, None, &cx.search_path),
    };
    Some(format!("{}({},{})", operator.name, operand(operator.left), operand(operator.right)))
}
