//! Functions of our own, which the binder's casts and constructors resolve to; they have no row in `pg_proc` and bear the prefix
//! `peergres.`. All others are PostgreSQL's.

use super::{Body::Scalar, Call, Row, Value, ValueRef, row};
use crate::{
    error::{Result, SqlError},
    types::{Oid, Type, TypeRef, name},
};

/// Signature, strict, immutable, result type.
pub(super) const OWN: &[(&str, bool, bool, &str)] = &[
    // A text through a type's input function: (text, type, modifier).
    ("peergres.input(text,oid,integer)", true, false, "unknown"),
    // A value through its type's output function: (value).
    ("peergres.output(\"any\")", true, false, "text"),
];

/// The rows.
pub(super) const ROWS: &[Row] = &[row("peergres.input(text,oid,integer)", Scalar(input)), row("peergres.output(\"any\")", Scalar(output))];

/// The type of an OID; XX000 where a statement names one that is not there.
pub(crate) fn type_of<'a>(call: &Call<'a>, oid: Oid) -> Result<&'a std::sync::Arc<Type>> {
    call.cx.catalog.type_by_oid(oid).ok_or_else(|| SqlError::internal(format!("cache lookup failed for type {oid}")))
}

fn input(call: &Call<'_>) -> Result<Value> {
    let (Ok(text), Ok(oid), Ok(typmod)) = (call.args[0].as_str(), call.args[1].as_i64(), call.args[2].as_i64()) else {
        return Err(SqlError::internal("peergres.input takes a text, a type and a modifier"));
    };
    let ty = type_of(call, oid as Oid)?;
    ty.codec.input(text, ty, typmod as i32, call.cx)
}

/// A value in its type's text form.
pub(crate) fn text_of(value: ValueRef<'_>, ty: &Type, cx: &crate::session::context::Context) -> Result<String> {
    let mut out = Vec::new();
    ty.codec.output(value, ty, cx, &mut out)?;
    String::from_utf8(out)
        .map_err(|_| SqlError::internal(format!("output of type {} is not UTF-8", name::format(TypeRef::new(ty.oid), &cx.catalog))))
}

fn output(call: &Call<'_>) -> Result<Value> {
    text_of(call.args[0], type_of(call, call.types[0])?, call.cx).map(Value::Text)
}
