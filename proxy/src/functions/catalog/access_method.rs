//! What access methods and their indexes can do (`amutils.c`, manual 9.26 "Index Access Method Properties"). All indexes here are B-trees
//! of SQLite's; the properties are those of the method that the statement named, since clients choose their statements by them.

use peergres_sync::schema::Object;

use super::super::{Body::Scalar, Call, Row, Value, row};
use crate::{catalog::lookup, error::Result, types::Oid};

pub(super) const ROWS: &[Row] = &[
    row("pg_indexam_has_property(oid,text)", Scalar(of_method)),
    row("pg_index_has_property(regclass,text)", Scalar(of_index)),
    row("pg_index_column_has_property(regclass,integer,text)", Scalar(of_column)),
];

/// The methods, in the order of the letters below.
const METHODS: [&str; 6] = ["btree", "hash", "gist", "gin", "brin", "spgist"];

/// Properties of a method: one letter for each of [`METHODS`].
const OF_METHOD: &[(&str, &str)] =
    &[("can_order", "tfffff"), ("can_unique", "tfffff"), ("can_multi_col", "tftttf"), ("can_exclude", "tttfft"), ("can_include", "tftfft")];

/// Properties of an index as a whole.
const OF_INDEX: &[(&str, &str)] =
    &[("clusterable", "tftfff"), ("index_scan", "tttfft"), ("bitmap_scan", "tttttt"), ("backward_scan", "ttffff")];

/// Properties of a key column that its method decides.
const OF_KEY: &[(&str, &str)] = &[
    ("orderable", "tfffff"),
    ("distance_orderable", "ffffff"),
    ("returnable", "tfffff"),
    ("search_array", "tfffff"),
    ("search_nulls", "tftftt"),
];

fn answer(table: &[(&str, &str)], method: &str, property: &str) -> Value {
    let letter = || {
        let (_, letters) = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(property))?;
        let at = METHODS.iter().position(|known| *known == method)?;
        Some(letters.as_bytes()[at] == b't')
    };
    letter().map_or(Value::Null, |yes| Value::Integer(yes.into()))
}

fn of_method(call: &Call<'_>) -> Result<Value> {
    let method = lookup::row("pg_am", "oid", call.int(0)? as Oid, call.cx)?;
    Ok(method.as_ref().and_then(|row| row.text("amname")).map_or(Value::Null, |name| answer(OF_METHOD, name, call.text(1).unwrap_or(""))))
}

fn index(call: &Call<'_>) -> Result<Option<peergres_sync::schema::Index>> {
    let oid = call.int(0)? as Oid;
    Ok(match call.cx.catalog.schema.objects.get(&oid).map(|object| &**object) {
        Some(Object::Index(index)) => Some(index.clone()),
        _ => None,
    })
}

fn of_index(call: &Call<'_>) -> Result<Value> {
    let property = call.text(1)?;
    Ok(index(call)?.map_or(Value::Null, |index| answer(OF_INDEX, &index.method, property)))
}

fn of_column(call: &Call<'_>) -> Result<Value> {
    let (Some(index), Ok(at)) = (index(call)?, usize::try_from(call.int(1)? - 1)) else { return Ok(Value::Null) };
    let property = call.text(2)?.to_ascii_lowercase();
    let is_btree = index.method == "btree";
    let Some(key) = index.keys.get(at) else {
        // An included column is stored only.
        let known = at < index.keys.len() + index.include.len();
        return Ok(if known && property == "returnable" { Value::Integer(is_btree.into()) } else { Value::Null });
    };
    let direction = match property.as_str() {
        "asc" => !key.descending,
        "desc" => key.descending,
        "nulls_first" => key.nulls_first,
        "nulls_last" => !key.nulls_first,
        _ => return Ok(answer(OF_KEY, &index.method, &property)),
    };
    Ok(Value::Integer((is_btree && direction).into()))
}
