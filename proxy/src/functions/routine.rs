//! Functions that users made, as the rewriter calls them: the body is the session's to run. Enters: the function's schema and name, then its
//! arguments. Leaves: its value, or its rows.

use super::{
    Body::{Scalar, Set},
    Call, Row, Rows, Value, row,
};
use crate::{
    error::{Result, SqlError},
    session::context::RoutineCall,
    types::TypeRef,
};

/// Signature, strict, immutable, result type.
pub(super) const OWN: &[(&str, bool, bool, &str)] = &[
    ("peergres.routine(\"any\")", false, false, "anyelement"),
    ("peergres.immutable_routine(\"any\")", false, true, "anyelement"),
    ("peergres.routine_rows(\"any\")", false, false, "record"),
];

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("peergres.routine(\"any\")", Scalar(value)),
    row("peergres.immutable_routine(\"any\")", Scalar(value)),
    row("peergres.routine_rows(\"any\")", Set(rows)),
];

fn run(call: &Call<'_>, in_rows: bool) -> Result<Vec<Vec<Value>>> {
    let columns = match call.extra {
        "" => None,
        extra => Some(extra.split('\u{1f}').map(column).collect::<Result<Vec<_>>>()?),
    };
    let args = call
        .args
        .get(2..)
        .unwrap_or_default()
        .iter()
        .map(|arg| (*arg).try_into())
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| SqlError::internal("an argument is not UTF-8"))?;
    let routine =
        RoutineCall { schema: call.text(0)?, name: call.text(1)?, args, types: call.types, result: call.result, columns, in_rows };
    call.cx.services.routine(&routine)
}

/// `23/-1:a`.
fn column(text: &str) -> Result<(String, TypeRef)> {
    let parts = text.split_once(':').and_then(|(ty, name)| {
        let (oid, typmod) = ty.split_once('/')?;
        Some((name.to_owned(), TypeRef { oid: oid.parse().ok()?, typmod: typmod.parse().ok()? }))
    });
    parts.ok_or_else(|| SqlError::internal("a column definition list is malformed"))
}

/// The only column of the only row; the session has put a row's columns together.
fn value(call: &Call<'_>) -> Result<Value> {
    Ok(run(call, false)?.pop().and_then(|mut row| row.pop()).unwrap_or(Value::Null))
}

fn rows(call: &Call<'_>) -> Result<Rows> {
    Ok(Box::new(run(call, true)?.into_iter().map(Ok)))
}
