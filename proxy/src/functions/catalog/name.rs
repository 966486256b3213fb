//! Names of what OIDs stand for: types, roles, the sequence behind a column, a table's place.

use super::super::{
    Body::{Native, Scalar, Set},
    Call, Row, Rows, Value,
    results::text_or_null,
    row,
};
use crate::{
    catalog::type_name::quote_identifier,
    error::{Result, SqlError, SqlState},
    types::{
        Oid,
        registered::{kind, named},
    },
};
use peergres_sync::schema::Object;

pub(super) const ROWS: &[Row] = &[
    row("format_type(oid,integer)", Scalar(format_type)),
    row("pg_get_userbyid(oid)", Scalar(user_by_id)),
    row("pg_get_serial_sequence(text,text)", Scalar(serial_sequence)),
    row("pg_sequence_last_value(regclass)", Scalar(last_value)),
    row("peergres.sequence_state(oid)", Set(sequence_state)),
    row("pg_tablespace_location(oid)", Native("''")),
    row("pg_relation_filenode(regclass)", Scalar(filenode)),
    row("pg_my_temp_schema()", Native("0")),
    row("pg_is_other_temp_schema(oid)", Native("0")),
];

/// Not strict: a NULL modifier is none, and shows the type's internal default modifiers; a NULL type is NULL.
fn format_type(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    let oid = call.int(0)? as Oid;
    if oid == 0 {
        return Ok(Value::Text("-".to_owned()));
    }
    let typmod = if call.is_null(1) { None } else { Some(call.int(1)? as i32) };
    Ok(Value::Text(call.cx.catalog.format_type_with(oid, typmod, &call.cx.search_path)))
}

fn user_by_id(call: &Call<'_>) -> Result<Value> {
    let oid = call.int(0)? as Oid;
    Ok(Value::Text(named::role_name(oid, call.cx)?.unwrap_or_else(|| format!("unknown (OID={oid})"))))
}

/// The sequence that a column owns, or that its identity is.
fn serial_sequence(call: &Call<'_>) -> Result<Value> {
    let oid = kind("regclass")?.find(call.text(0)?, call.cx)??;
    let Some(Object::Table(table)) = call.cx.catalog.schema.objects.get(&oid).map(|object| &**object) else { return Ok(Value::Null) };
    let name = call.text(1)?;
    let column = table.columns.iter().find(|column| column.name == name).ok_or_else(|| {
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name.name);
        SqlError::new(SqlState::UNDEFINED_COLUMN, message)
    })?;
    let shown = |sequence: &peergres_sync::schema::QualifiedName| {
        format!("{}.{}", quote_identifier(&sequence.schema), quote_identifier(&sequence.name))
    };
    let owned = || {
        call.cx.catalog.schema.objects.values().find_map(|object| match &**object {
            Object::Sequence(sequence) if sequence.owned_by.as_ref().is_some_and(|(of, at)| *of == table.name && at == name) => {
                Some(shown(&sequence.name))
            }
            _ => None,
        })
    };
    Ok(text_or_null(column.sequence.as_ref().map(shown).or_else(owned)))
}

/// Relations that have storage have themselves as its number.
fn filenode(call: &Call<'_>) -> Result<Value> {
    use crate::catalog::RelationKind::{Catalog, Index, Sequence, Table};
    let oid = call.int(0)?;
    let found = call.cx.catalog.relation_by_oid(oid as Oid);
    let stored = found.is_some_and(|relation| matches!(relation.kind, Catalog | Index | Sequence | Table));
    Ok(if stored { Value::Integer(oid) } else { Value::Null })
}

fn last_value(call: &Call<'_>) -> Result<Value> {
    let answer = call.cx.services.call("pg_sequence_last_value", &[Some(call.int(0)?.to_string())])?;
    Ok(answer.and_then(|digits| digits.parse().ok()).map_or(Value::Null, Value::Integer))
}

/// `last_value`, `log_cnt` (nothing is drawn ahead here), `is_called`.
fn sequence_state(call: &Call<'_>) -> Result<Rows> {
    let answer = call.cx.services.call("sequence_state", &[Some(call.int(0)?.to_string())])?.unwrap_or_default();
    let (last, called) = answer.split_once('|').unwrap_or_default();
    let row = vec![Value::Integer(last.parse().unwrap_or(0)), Value::Integer(0), Value::Integer((called == "t").into())];
    Ok(Box::new(std::iter::once(Ok(row))))
}
