//! Functions of our own, which the binder's casts and constructors resolve to; they have no row in `pg_proc` and bear the prefix
//! `peergres.`. All others are PostgreSQL's.

use super::{
    Body::{Native, Scalar},
    Call, Row, Value, ValueRef,
    arguments::text_value,
    lookup, registry, row,
};
use crate::{
    catalog::type_name::format_row,
    error::{Result, SqlError},
    session::context::Context,
    types::{
        Kind, Oid, Type, TypeRef,
        array::{canonical_text, from_canonical, is_registered},
        composite,
    },
};

/// Signature, strict, immutable, result type.
pub(super) const OWN: &[(&str, bool, bool, &str)] = &[
    // A text through a type's input function: (text, type, modifier).
    ("peergres.input(text,oid,integer)", true, false, "unknown"),
    // A value through its type's output function.
    ("peergres.output(\"any\")", true, false, "text"),
    // `ARRAY[…]`: elements, or arrays of the result type.
    ("peergres.array(\"any\")", false, true, "anyarray"),
    // `a[i][j]`: the array, then a subscript for each dimension.
    ("peergres.element(anyarray,\"any\")", false, true, "anyelement"),
    // `a[l:u]`: the array, then two bounds for each dimension, an omitted one as the text `*`.
    ("peergres.slice(anyarray,\"any\")", false, true, "anyarray"),
    // `SET a[i] = v`: the array (may be NULL), the value, subscripts.
    ("peergres.assign_element(anyarray,anyelement,\"any\")", false, true, "anyarray"),
    ("peergres.assign_slice(anyarray,anyarray,\"any\")", false, true, "anyarray"),
    ("peergres.assign_member(jsonb,jsonb,\"any\")", false, true, "jsonb"),
    // `a::t[]`: the array, the element's modifier.
    ("peergres.array_cast(anyarray,integer)", true, false, "anyarray"),
    // `ROW(…)`: the fields.
    ("peergres.row(\"any\")", false, true, "record"),
    // `(r).field`: the composite value and the field's number from 1.
    ("peergres.field(record,integer)", true, true, "anyelement"),
    ("peergres.raise(text,text)", true, false, "text"),
    // Fails: SQLSTATE, message, schema, domain, constraint.
    ("peergres.raise(text,text,text,text,text)", true, false, "text"),
    // The count of LIMIT or OFFSET, and which of them.
    ("peergres.row_count(bigint,text)", true, true, "bigint"),
    // What TABLESAMPLE takes of a hundred rows.
    ("peergres.percentage(real)", true, false, "double precision"),
    // The only row of a sequence read as a table.
    ("peergres.sequence_state(oid)", true, false, "record"),
    // The least text that a pattern can match, and the first one behind those that it can.
    ("peergres.like_low(text)", true, true, "text"),
    ("peergres.like_high(text)", true, true, "text"),
    // The value of the only row.
    ("peergres.single(\"any\")", false, true, "anyelement"),
    // Rows as one value, and that value as rows: what a LATERAL subquery yields.
    ("peergres.pack(\"any\")", false, true, "bytea"),
    ("peergres.unpack(bytea)", true, true, "record"),
];

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("peergres.input(text,oid,integer)", Scalar(input)),
    row("peergres.output(\"any\")", Scalar(output)),
    row("peergres.row(\"any\")", Scalar(construct_row)),
    row("peergres.field(record,integer)", Scalar(field)),
    row("textin(cstring)", Native("{0}")),
    row("textout(text)", Native("{0}")),
];

fn input(call: &Call<'_>) -> Result<Value> {
    let ty = call.type_of(call.int(1)? as Oid)?;
    ty.codec.input(call.text(0)?, ty, call.int(2)? as i32, call.cx)
}

/// A value in its type's text form.
pub(crate) fn text_of(value: ValueRef<'_>, ty: &Type, cx: &Context) -> Result<String> {
    let mut out = Vec::new();
    ty.codec.output(value, ty, cx, &mut out)?;
    let message = || format!("output of type {} is not UTF-8", format_row(ty, None));
    String::from_utf8(out).map_err(|_| SqlError::internal(message()))
}

fn output(call: &Call<'_>) -> Result<Value> {
    text_of(call.args[0], call.type_at(0)?, call.cx).map(Value::Text)
}

fn construct_row(call: &Call<'_>) -> Result<Value> {
    let field = |i: usize| if call.is_null(i) { Ok(None) } else { canonical_text(call.args[i], call.type_at(i)?, call.cx).map(Some) };
    let fields = (0..call.args.len()).map(field).collect::<Result<Vec<_>>>()?;
    text_value(composite::write(&fields))
}

fn field(call: &Call<'_>) -> Result<Value> {
    let fields = composite::parse(call.text(0)?)?;
    match usize::try_from(call.int(1)? - 1).ok().and_then(|i| fields.get(i)) {
        Some(Some(text)) => from_canonical(text, call.result_type()?, call.cx),
        _ => Ok(Value::Null),
    }
}

/// A canonical text of one type as a value of another: by the cast function where a Rust one exists, by way of text otherwise.
pub(super) fn convert(text: &str, from: &Type, to: TypeRef, cx: &Context) -> Result<Value> {
    let row = cx.catalog.type_by_oid(to.oid).ok_or_else(|| SqlError::internal(format!("cache lookup failed for type {}", to.oid)))?;
    let value = from_canonical(text, from, cx)?;
    if from.oid == to.oid && to.typmod < 0 {
        return Ok(value);
    }
    // Names and numbers of the same objects: the OID is the value of both.
    let bears_oid = |ty: &Type| ty.oid == crate::types::oid::OID || is_registered(ty);
    if bears_oid(from) && bears_oid(row) {
        return Ok(value);
    }
    let long = |ty: &Type| format_row(ty, None);
    let candidates = [registry::signature(&row.name, &long(from)), registry::signature(&long(row), &long(from))];
    let cast = candidates.iter().find_map(|signature| lookup(signature));
    if let (Some(super::Body::Scalar(body)), Kind::Base) = (cast.map(|entry| entry.body), &from.kind) {
        let cast = body(&Call { args: &[(&value).into()], types: &[], result: 0, extra: "", cx })?;
        if to.typmod < 0 {
            return Ok(cast);
        }
        return row.codec.input(&text_of((&cast).into(), row, cx)?, row, to.typmod, cx);
    }
    row.codec.input(&text_of((&value).into(), from, cx)?, row, to.typmod, cx)
}
