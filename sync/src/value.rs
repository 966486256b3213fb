//! Storage classes: how a column's values lie in SQLite, and how the log writes them as JSON in PostgreSQL's text forms.
//! Enters: a SQLite value and its [`Storage`]; leaves: a JSON value, and back. The rule (DESIGN section 4): a person, and any
//! other implementation, can read the log.

use std::fmt::Write;

use rusqlite::types::{Value, ValueRef};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

mod datetime;

/// How the values of a column lie in SQLite. Whatever is not listed lies as [`Storage::Text`] in PostgreSQL's text form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// smallint, integer, bigint, oid: INTEGER. In the log a JSON number.
    Integer,
    /// real, double precision: REAL; NaN, which SQLite would turn into NULL, is the BLOB `NaN`, which sorts after every number as
    /// PostgreSQL's NaN does. In the log a JSON number, or the strings "NaN", "Infinity", "-Infinity".
    Real,
    /// boolean: INTEGER 0 or 1. In the log true or false.
    Boolean,
    /// text, varchar, char, json, and all types kept in their text form (numeric, interval, jsonb, arrays, enums, ranges, …):
    /// TEXT, with a collation where the type's order or equality is not that of its bytes. In the log a string.
    Text,
    /// bytea: BLOB. In the log a string, `\x` and hex digits.
    Bytes,
    /// uuid: 16-byte BLOB. In the log a string, 8-4-4-4-12.
    Uuid,
    /// date: INTEGER days since 1970-01-01; infinities are `i64::MAX` and `i64::MIN`. In the log `2024-02-29`.
    Date,
    /// time: INTEGER microseconds since midnight. In the log `13:04:05.678`.
    Time,
    /// timestamp: INTEGER microseconds since 1970-01-01; infinities as for date. In the log `2024-02-29 13:04:05.678`.
    Timestamp,
    /// timestamptz: INTEGER microseconds since 1970-01-01 UTC. In the log `2024-02-29 13:04:05.678+00`.
    Timestamptz,
}

/// The BLOB that stands for a float's NaN.
pub const NAN: &[u8] = b"NaN";

/// A value that its storage class does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not a value of storage class {storage:?}")]
pub struct ValueError {
    storage: Storage,
    value: String,
}

/// Appends the value's JSON form in the log's one spelling: no spaces, shortest digits.
pub fn write_json(storage: Storage, value: ValueRef<'_>, out: &mut String) -> Result<(), ValueError> {
    let wrong = || ValueError { storage, value: format!("{value:?}") };
    match (storage, value) {
        (_, ValueRef::Null) => out.push_str("null"),
        (Storage::Integer, ValueRef::Integer(i)) => push_integer(i, out),
        (Storage::Boolean, ValueRef::Integer(0)) => out.push_str("false"),
        (Storage::Boolean, ValueRef::Integer(1)) => out.push_str("true"),
        (Storage::Real, ValueRef::Real(r)) if r.is_finite() => out.push_str(&Json::from(r).to_string()),
        (Storage::Real, ValueRef::Integer(i)) => out.push_str(&Json::from(i as f64).to_string()),
        (Storage::Text, ValueRef::Text(text)) => push_string(std::str::from_utf8(text).map_err(|_| wrong())?, out),
        _ => push_string(&special_text(storage, value).ok_or_else(wrong)?, out),
    }
    Ok(())
}

/// The value's text form, as it stands in a record's id; none for NULL.
pub fn text_form(storage: Storage, value: ValueRef<'_>) -> Result<Option<String>, ValueError> {
    let wrong = || ValueError { storage, value: format!("{value:?}") };
    Ok(Some(match (storage, value) {
        (_, ValueRef::Null) => return Ok(None),
        (Storage::Integer, ValueRef::Integer(i)) => i.to_string(),
        (Storage::Boolean, ValueRef::Integer(i @ 0..=1)) => (i == 1).to_string(),
        (Storage::Real, ValueRef::Real(r)) if r.is_finite() => Json::from(r).to_string(),
        (Storage::Text, ValueRef::Text(text)) => std::str::from_utf8(text).map_err(|_| wrong())?.to_owned(),
        _ => special_text(storage, value).ok_or_else(wrong)?,
    }))
}

/// The value that stands in a record's id.
pub fn from_text_form(storage: Storage, text: &str) -> Result<Value, ValueError> {
    let json = match storage {
        Storage::Integer => text.parse::<i64>().map(Json::from).ok(),
        Storage::Boolean => text.parse::<bool>().map(Json::from).ok(),
        Storage::Real => text.parse::<f64>().ok().filter(|r| r.is_finite()).map(Json::from).or_else(|| Some(Json::from(text))),
        _ => Some(Json::from(text)),
    };
    from_json(storage, &json.ok_or_else(|| ValueError { storage, value: text.to_owned() })?)
}

/// The value as JSON.
pub fn to_json(storage: Storage, value: ValueRef<'_>) -> Result<Json, ValueError> {
    let mut text = String::new();
    write_json(storage, value, &mut text)?;
    serde_json::from_str(&text).map_err(|_| ValueError { storage, value: text })
}

/// The value that the JSON form stands for.
pub fn from_json(storage: Storage, json: &Json) -> Result<Value, ValueError> {
    let value = match (storage, json) {
        (_, Json::Null) => Some(Value::Null),
        (Storage::Integer, Json::Number(number)) => number.as_i64().map(Value::Integer),
        (Storage::Boolean, Json::Bool(bool)) => Some(Value::Integer(i64::from(*bool))),
        (Storage::Real, Json::Number(number)) => number.as_f64().map(Value::Real),
        (Storage::Real, Json::String(text)) => match text.as_str() {
            "NaN" => Some(Value::Blob(NAN.to_vec())),
            "Infinity" => Some(Value::Real(f64::INFINITY)),
            "-Infinity" => Some(Value::Real(f64::NEG_INFINITY)),
            _ => None,
        },
        (Storage::Text, Json::String(text)) => Some(Value::Text(text.clone())),
        (Storage::Bytes, Json::String(text)) => text.strip_prefix("\\x").and_then(from_hex).map(Value::Blob),
        (Storage::Uuid, Json::String(text)) => uuid::Uuid::try_parse(text).ok().map(|uuid| Value::Blob(uuid.as_bytes().to_vec())),
        (Storage::Date, Json::String(text)) => datetime::parse_date(text).map(Value::Integer),
        (Storage::Time, Json::String(text)) => datetime::parse_time(text).map(Value::Integer),
        (Storage::Timestamp, Json::String(text)) => datetime::parse_timestamp(text, false).map(Value::Integer),
        (Storage::Timestamptz, Json::String(text)) => datetime::parse_timestamp(text, true).map(Value::Integer),
        _ => None,
    };
    value.ok_or_else(|| ValueError { storage, value: json.to_string() })
}

/// The text of values that JSON has no form for.
fn special_text(storage: Storage, value: ValueRef<'_>) -> Option<String> {
    match (storage, value) {
        (Storage::Real, ValueRef::Real(r)) if r > 0.0 => Some("Infinity".to_owned()),
        (Storage::Real, ValueRef::Real(_)) => Some("-Infinity".to_owned()),
        (Storage::Real, ValueRef::Blob(NAN)) => Some("NaN".to_owned()),
        (Storage::Bytes, ValueRef::Blob(bytes)) => {
            let mut text = String::with_capacity(2 + 2 * bytes.len());
            text.push_str("\\x");
            bytes.iter().for_each(|byte| push_hex(*byte, &mut text));
            Some(text)
        }
        (Storage::Uuid, ValueRef::Blob(bytes)) => uuid::Uuid::from_slice(bytes).ok().map(|uuid| uuid.hyphenated().to_string()),
        (Storage::Date, ValueRef::Integer(days)) => Some(datetime::date(days)),
        (Storage::Time, ValueRef::Integer(microseconds)) => Some(datetime::time(microseconds)),
        (Storage::Timestamp, ValueRef::Integer(microseconds)) => Some(datetime::timestamp(microseconds, false)),
        (Storage::Timestamptz, ValueRef::Integer(microseconds)) => Some(datetime::timestamp(microseconds, true)),
        _ => None,
    }
}

fn push_integer(i: i64, out: &mut String) {
    write!(out, "{i}").expect("writing to a string does not fail");
}

/// A JSON string, spelled as serde_json does.
pub(crate) fn push_string(text: &str, out: &mut String) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Json::from(text).to_string());
    }
}

fn push_hex(byte: u8, out: &mut String) {
    for digit in [byte >> 4, byte & 15] {
        out.push(char::from_digit(u32::from(digit), 16).expect("four bits are a digit"));
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests;
