//! Names of objects to OIDs: the cast from text to regclass, and `to_regclass` with its kin, which answer NULL for what does not exist.

use super::{Body::Scalar, Call, Row, Value, row};
use crate::{error::Result, types::registered::kind};

pub(super) const ROWS: &[Row] = &[
    row("regclass(text)", Scalar(|call| Ok(Value::Integer(kind("regclass")?.read(call.text(0)?, call.cx)?.into())))),
    row("to_regclass(text)", Scalar(|call| lookup(call, "regclass"))),
    row("to_regtype(text)", Scalar(|call| lookup(call, "regtype"))),
    row("to_regproc(text)", Scalar(|call| lookup(call, "regproc"))),
    row("to_regprocedure(text)", Scalar(|call| lookup(call, "regprocedure"))),
    row("to_regoper(text)", Scalar(|call| lookup(call, "regoper"))),
    row("to_regoperator(text)", Scalar(|call| lookup(call, "regoperator"))),
    row("to_regnamespace(text)", Scalar(|call| lookup(call, "regnamespace"))),
    row("to_regrole(text)", Scalar(|call| lookup(call, "regrole"))),
    row("to_regcollation(text)", Scalar(|call| lookup(call, "regcollation"))),
    row("pg_typeof(\"any\")", Scalar(|call| Ok(Value::Integer(call.types.first().copied().unwrap_or_default().into())))),
];

fn lookup(call: &Call<'_>, name: &str) -> Result<Value> {
    let found = kind(name)?.lookup(call.text(0)?, call.cx)?;
    Ok(found.map_or(Value::Null, |oid| Value::Integer(oid.into())))
}
