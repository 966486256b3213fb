//! The functions of schema `information_schema`: what a type and its modifier say of lengths, precisions and scales
//! (`information_schema.sql` of PostgreSQL), and an array's elements with their numbers.
//! Enters: type OIDs and modifiers, arrays; leaves: numbers, NULL where the question does not fit the type.

use super::{
    Body::{Scalar, Set},
    Call, Row, Rows, Value,
    arguments::text_value,
    row,
};
use crate::{
    catalog::{Relation, RelationKind},
    error::Result,
    types::{Oid, TypeRef, array::from_canonical, oid},
};

/// Signature, strict, immutable, result type.
pub(super) const OWN: &[(&str, bool, bool, &str)] = &[
    ("information_schema._pg_expandarray(anyarray)", true, true, "record"),
    ("information_schema._pg_index_position(oid,smallint)", true, false, "integer"),
    ("information_schema._pg_char_max_length(oid,integer)", true, true, "integer"),
    ("information_schema._pg_char_octet_length(oid,integer)", true, true, "integer"),
    ("information_schema._pg_numeric_precision(oid,integer)", true, true, "integer"),
    ("information_schema._pg_numeric_precision_radix(oid,integer)", true, true, "integer"),
    ("information_schema._pg_numeric_scale(oid,integer)", true, true, "integer"),
    ("information_schema._pg_datetime_precision(oid,integer)", true, true, "integer"),
    ("information_schema._pg_interval_type(oid,integer)", true, true, "text"),
];

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("information_schema._pg_expandarray(anyarray)", Set(expand_array)),
    row("information_schema._pg_index_position(oid,smallint)", Scalar(index_position)),
    row("information_schema._pg_char_max_length(oid,integer)", Scalar(|call| number(call, char_max_length))),
    row("information_schema._pg_char_octet_length(oid,integer)", Scalar(|call| number(call, char_octet_length))),
    row("information_schema._pg_numeric_precision(oid,integer)", Scalar(|call| number(call, numeric_precision))),
    row("information_schema._pg_numeric_precision_radix(oid,integer)", Scalar(|call| number(call, numeric_precision_radix))),
    row("information_schema._pg_numeric_scale(oid,integer)", Scalar(|call| number(call, numeric_scale))),
    row("information_schema._pg_datetime_precision(oid,integer)", Scalar(|call| number(call, datetime_precision))),
    row("information_schema._pg_interval_type(oid,integer)", Scalar(interval_type)),
    row("nameconcatoid(name,oid)", Scalar(name_with_oid)),
    row("pg_relation_is_updatable(regclass,boolean)", Scalar(relation_events)),
    row("pg_column_is_updatable(regclass,smallint,boolean)", Scalar(column_is_updatable)),
];

/// The longest name, in bytes (`NAMEDATALEN - 1`).
const NAME_BYTES: usize = 63;
/// Bytes of one character in UTF-8.
const CHARACTER_BYTES: i64 = 4;

fn number(call: &Call<'_>, answer: fn(Oid, i64) -> Option<i64>) -> Result<Value> {
    let (ty, modifier) = (call.int(0)?, call.int(1)?);
    Ok(answer(Oid::try_from(ty).unwrap_or(0), modifier).map_or(Value::Null, Value::Integer))
}

fn char_max_length(ty: Oid, modifier: i64) -> Option<i64> {
    match ty {
        oid::BPCHAR | oid::VARCHAR if modifier != -1 => Some(modifier - 4),
        oid::BIT | oid::VARBIT if modifier != -1 => Some(modifier),
        _ => None,
    }
}

fn char_octet_length(ty: Oid, modifier: i64) -> Option<i64> {
    match ty {
        oid::TEXT | oid::BPCHAR | oid::VARCHAR if modifier == -1 => Some(1 << 30),
        oid::TEXT | oid::BPCHAR | oid::VARCHAR => Some(CHARACTER_BYTES * (modifier - 4)),
        _ => None,
    }
}

fn numeric_precision(ty: Oid, modifier: i64) -> Option<i64> {
    match ty {
        oid::INT2 => Some(16),
        oid::INT4 => Some(32),
        oid::INT8 => Some(64),
        oid::FLOAT4 => Some(24),
        oid::FLOAT8 => Some(53),
        oid::NUMERIC if modifier != -1 => Some(((modifier - 4) >> 16) & 0xffff),
        _ => None,
    }
}

fn numeric_precision_radix(ty: Oid, _modifier: i64) -> Option<i64> {
    match ty {
        oid::INT2 | oid::INT4 | oid::INT8 | oid::FLOAT4 | oid::FLOAT8 => Some(2),
        oid::NUMERIC => Some(10),
        _ => None,
    }
}

fn numeric_scale(ty: Oid, modifier: i64) -> Option<i64> {
    match ty {
        oid::INT2 | oid::INT4 | oid::INT8 => Some(0),
        oid::NUMERIC if modifier != -1 => Some((modifier - 4) & 0xffff),
        _ => None,
    }
}

fn datetime_precision(ty: Oid, modifier: i64) -> Option<i64> {
    match ty {
        oid::DATE => Some(0),
        oid::TIME | oid::TIMETZ | oid::TIMESTAMP | oid::TIMESTAMPTZ => Some(if modifier < 0 { 6 } else { modifier }),
        oid::INTERVAL => Some(if modifier < 0 || modifier & 0xffff == 0xffff { 6 } else { modifier & 0xffff }),
        _ => None,
    }
}

/// The fields of an interval: what stands after `interval` in its name, and after a precision there.
fn interval_type(call: &Call<'_>) -> Result<Value> {
    let (ty, modifier) = (call.int(0)?, call.int(1)?);
    if ty != i64::from(oid::INTERVAL) {
        return Ok(Value::Null);
    }
    let name = call.cx.catalog.format_type(TypeRef { oid: oid::INTERVAL, typmod: modifier as i32 }, &call.cx.search_path);
    let rest = name.strip_prefix("interval").unwrap_or_default().trim_start_matches(|c: char| matches!(c, '(' | ')') || c.is_ascii_digit());
    match rest.strip_prefix(' ') {
        Some(fields) => text_value(fields.to_uppercase()),
        None => Ok(Value::Null),
    }
}

/// Elements from the array's lower bound on, numbered from 1.
fn expand_array(call: &Call<'_>) -> Result<Rows> {
    let (array, element) = call.array(0)?;
    let mut rows = Vec::with_capacity(array.elements.len());
    for (at, value) in array.elements.into_iter().enumerate() {
        let value = match value {
            Some(text) => from_canonical(&text, element, call.cx)?,
            None => Value::Null,
        };
        rows.push(Ok(vec![value, Value::Integer(at as i64 + 1)]));
    }
    Ok(Box::new(rows.into_iter()))
}

/// Where a column stands in an index, from 1.
fn index_position(call: &Call<'_>) -> Result<Value> {
    let (index, column) = (call.int(0)?, call.int(1)?);
    let keys = call.cx.catalog.index_key(Oid::try_from(index).unwrap_or(0));
    Ok(keys.iter().position(|key| *key == column).map_or(Value::Null, |at| Value::Integer(at as i64 + 1)))
}

/// A name made unique by an OID, cut so that both fit into a name.
fn name_with_oid(call: &Call<'_>) -> Result<Value> {
    let (name, suffix) = (call.text(0)?, format!("_{}", call.int(1)?));
    let mut end = name.len().min(NAME_BYTES - suffix.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    text_value(format!("{}{suffix}", &name[..end]))
}

/// Whether the rows of a relation can be changed: those of tables can, those of views cannot.
fn is_table(call: &Call<'_>) -> Result<bool> {
    let relation = Oid::try_from(call.int(0)?).unwrap_or(0);
    // A materialized view is a table with a query.
    let is_table = |relation: &Relation| relation.kind == RelationKind::Table && relation.query.is_none();
    Ok(call.cx.catalog.relation_by_oid(relation).is_some_and(|relation| is_table(relation)))
}

/// The events that a relation takes, as bits: INSERT 8, UPDATE 4, DELETE 16.
fn relation_events(call: &Call<'_>) -> Result<Value> {
    Ok(Value::Integer(if is_table(call)? { 8 | 4 | 16 } else { 0 }))
}

fn column_is_updatable(call: &Call<'_>) -> Result<Value> {
    Ok(Value::Integer(i64::from(is_table(call)? && call.int(1)? > 0)))
}
