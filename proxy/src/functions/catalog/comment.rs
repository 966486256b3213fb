//! `obj_description`, `col_description`, `shobj_description`: what COMMENT ON said.

use super::super::{Body::Scalar, Call, Row, Value, ValueRef, results::text_or_null, row};
use crate::{catalog::lookup, error::Result, types::Oid};

pub(super) const ROWS: &[Row] = &[
    row("obj_description(oid,name)", Scalar(of_object)),
    row("obj_description(oid)", Scalar(of_any)),
    row("col_description(oid,integer)", Scalar(of_column)),
    row("shobj_description(oid,name)", Scalar(of_shared)),
];

/// The OID of a relation of pg_catalog, by its name.
fn class(call: &Call<'_>, i: usize) -> Result<Option<Oid>> {
    Ok(call.cx.catalog.relation(Some("pg_catalog"), call.text(i)?, &[]).map(|relation| relation.oid))
}

fn described(call: &Call<'_>, class: Option<Oid>, number: i64) -> Result<Value> {
    let rows = lookup::rows("pg_description", "objoid", ValueRef::Integer(call.int(0)?), call.cx)?;
    let is_meant = |row: &&lookup::CatalogRow| {
        row.integer("objsubid") == number && class.is_none_or(|class| row.integer("classoid") == i64::from(class))
    };
    Ok(text_or_null(rows.iter().find(is_meant).and_then(|row| row.text("description").map(str::to_owned))))
}

fn of_object(call: &Call<'_>) -> Result<Value> {
    match class(call, 1)? {
        Some(class) => described(call, Some(class), 0),
        None => Ok(Value::Null),
    }
}

fn of_any(call: &Call<'_>) -> Result<Value> {
    described(call, None, 0)
}

fn of_column(call: &Call<'_>) -> Result<Value> {
    /// `pg_class`.
    const RELATIONS: Oid = 1259;
    described(call, Some(RELATIONS), call.int(1)?)
}

fn of_shared(call: &Call<'_>) -> Result<Value> {
    let Some(class) = class(call, 1)? else { return Ok(Value::Null) };
    let rows = lookup::rows("pg_shdescription", "objoid", ValueRef::Integer(call.int(0)?), call.cx)?;
    let found = rows.iter().find(|row| row.integer("classoid") == i64::from(class));
    Ok(text_or_null(found.and_then(|row| row.text("description").map(str::to_owned))))
}
