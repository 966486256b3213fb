//! Sizes of relations and databases in bytes, and bytes for the eye.

use super::super::{Body::Scalar, Call, Row, Value, ValueRef, row};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{Oid, decimal::Numeric, text::text},
};
use peergres_sync::schema::Object;

pub(super) const ROWS: &[Row] = &[
    row("pg_relation_size(regclass)", Scalar(|call| relation(call, false, false))),
    row("pg_relation_size(regclass,text)", Scalar(by_fork)),
    row("pg_table_size(regclass)", Scalar(|call| relation(call, false, false))),
    row("pg_indexes_size(regclass)", Scalar(|call| relation(call, true, true))),
    row("pg_total_relation_size(regclass)", Scalar(|call| relation(call, true, false))),
    row("pg_database_size(name)", Scalar(database)),
    row("pg_database_size(oid)", Scalar(database)),
    row("pg_size_pretty(bigint)", Scalar(|call| Ok(Value::Text(pretty(call.int(0)?))))),
    row("pg_size_pretty(numeric)", Scalar(pretty_numeric)),
    row("pg_size_bytes(text)", Scalar(bytes)),
    row("pg_column_size(\"any\")", Scalar(column)),
];

fn physical_size(physical: &str, call: &Call<'_>) -> Result<i64> {
    let answer = call.cx.services.call("relation_size", &[Some(physical.to_owned())])?;
    Ok(answer.and_then(|digits| digits.parse().ok()).unwrap_or(0))
}

/// A table's pages, those of its indexes, or both; NULL for an OID that no relation bears.
fn relation(call: &Call<'_>, with_indexes: bool, indexes_only: bool) -> Result<Value> {
    let Some(relation) = call.cx.catalog.relation_by_oid(call.int(0)? as Oid) else { return Ok(Value::Null) };
    let mut size = 0;
    if !indexes_only && !relation.physical.is_empty() && relation.object.is_some() {
        size += physical_size(&relation.physical, call)?;
    }
    if with_indexes {
        for object in call.cx.catalog.schema.objects.values() {
            match &**object {
                Object::Index(index) if index.table == relation.name && !index.physical.is_empty() => {
                    size += physical_size(&index.physical, call)?;
                }
                _ => {}
            }
        }
    }
    Ok(Value::Integer(size))
}

/// There is a main fork only.
fn by_fork(call: &Call<'_>) -> Result<Value> {
    match call.text(1)? {
        "main" => relation(call, false, false),
        "fsm" | "vm" | "init" => Ok(Value::Integer(0)),
        _ => Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "invalid fork name")
            .hint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".")),
    }
}

/// By name or OID.
fn database(call: &Call<'_>) -> Result<Value> {
    let name = match call.args[0] {
        ValueRef::Integer(oid) => match crate::catalog::lookup::row("pg_database", "oid", oid as Oid, call.cx)? {
            Some(row) => row.text("datname").unwrap_or_default().to_owned(),
            None => return Ok(Value::Null),
        },
        name => text(name)?.to_owned(),
    };
    match call.cx.services.call("database_size", &[Some(name.clone())])? {
        Some(digits) => Ok(Value::Integer(digits.parse().unwrap_or(0))),
        None => Err(SqlError::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{name}\" does not exist"))),
    }
}

/// The units, and from how many of each the next is used.
const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];

fn pretty(size: i64) -> String {
    let mut size = i128::from(size);
    // Rounding happens once, so that one more bit is kept until then.
    let mut doubled = false;
    for (at, unit) in UNITS.iter().enumerate() {
        let limit = if at == 0 { 10 * 1024 } else { 20 * 1024 - 1 };
        if size.abs() < limit || at == UNITS.len() - 1 {
            let shown = if doubled { half_rounded(size) } else { size };
            return format!("{shown} {unit}");
        }
        // Bytes lose 9 bits and then 10 for each unit, which leaves the one bit that rounds.
        size /= if at == 0 { 1 << 9 } else { 1 << 10 };
        doubled = true;
    }
    size.to_string()
}

fn half_rounded(doubled: i128) -> i128 {
    (doubled + doubled.signum()) / 2
}

fn pretty_numeric(call: &Call<'_>) -> Result<Value> {
    let text = call.text(0)?;
    let whole = text.split('.').next().unwrap_or(text);
    match whole.parse::<i64>() {
        Ok(size) if !text.contains('.') || size.abs() >= 10 * 1024 => Ok(Value::Text(pretty(size))),
        // Small ones keep their fraction.
        Ok(_) => Ok(Value::Text(format!("{text} bytes"))),
        Err(_) => Err(SqlError::unsupported("pg_size_pretty of a numeric beyond bigint")),
    }
}

fn bytes(call: &Call<'_>) -> Result<Value> {
    let given = call.text(0)?;
    let invalid = || SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid size: \"{given}\""));
    let trimmed = given.trim();
    let end = trimmed.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(trimmed.len());
    let (number, unit) = (&trimmed[..end], trimmed[end..].trim());
    let shift = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 0,
        "kb" => 10,
        "mb" => 20,
        "gb" => 30,
        "tb" => 40,
        "pb" => 50,
        _ => {
            return Err(invalid()
                .detail(format!("Invalid size unit: \"{unit}\"."))
                .hint("Valid units are \"bytes\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\"."));
        }
    };
    Numeric::parse(number).map_err(|_| invalid())?;
    let value: f64 = number.parse().map_err(|_| invalid())?;
    let scaled = match number.parse::<i128>() {
        Ok(whole) => whole << shift,
        Err(_) => (value * (1i64 << shift) as f64).round() as i128,
    };
    i64::try_from(scaled).map(Value::Integer).map_err(|_| SqlError::out_of_range("bigint"))
}

/// Bytes that a value takes here.
fn column(call: &Call<'_>) -> Result<Value> {
    Ok(match call.args[0] {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(_) | ValueRef::Real(_) => Value::Integer(call.type_at(0).map_or(8, |ty| match &*ty.name {
            "bool" | "char" => 1,
            "int2" => 2,
            "int4" | "float4" | "date" | "oid" => 4,
            _ => 8,
        })),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Integer(bytes.len() as i64 + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn sizes_are_rounded_as_postgresql_rounds_them() {
        for (size, shown) in [
            (0, "0 bytes"),
            (10239, "10239 bytes"),
            (10240, "10 kB"),
            (10751, "10 kB"),
            (10752, "11 kB"),
            (10 * 1024 * 1024 - 1, "10 MB"),
            (123_456_789, "118 MB"),
            (-10240, "-10 kB"),
            (i64::MAX, "8192 PB"),
        ] {
            assert_eq!(pretty(size), shown, "{size}");
        }
    }
}
