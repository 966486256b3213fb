//! Values and rows as the details of errors show them. Enters: values in storage form; leaves: PostgreSQL's text forms.

use peergres_sync::{
    schema::Table,
    value::{NAN, Storage},
};
use rusqlite::types::Value;

/// A row as `ExecBuildSlotValueDescription` prints it: each value cut after 64 characters.
pub(crate) fn row_text(table: &Table, row: &[Value]) -> String {
    let texts = table.columns.iter().zip(row).map(|(column, value)| {
        let text = text_of(table, &column.name, value);
        if text.chars().count() > 64 { text.chars().take(64).chain("...".chars()).collect() } else { text }
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// `Key (a, b)=(1, 2)`.
pub(crate) fn key_text(columns: &[String], values: &[String]) -> String {
    format!("Key ({})=({})", columns.join(", "), values.join(", "))
}

/// One value of a column.
pub(crate) fn text_of(table: &Table, column: &str, value: &Value) -> String {
    let storage = table.columns.iter().find(|c| c.name == column).map_or(Storage::Text, |c| c.storage);
    text_in(storage, value)
}

fn text_in(storage: Storage, value: &Value) -> String {
    match (storage, value) {
        (_, Value::Null) => "null".to_owned(),
        (Storage::Boolean, Value::Integer(flag)) => if *flag != 0 { "t" } else { "f" }.to_owned(),
        (Storage::Date, Value::Integer(days)) => days
            .checked_mul(MICROSECONDS_PER_DAY)
            .and_then(chrono::DateTime::from_timestamp_micros)
            .map_or_else(|| infinity(*days), |at| at.format("%Y-%m-%d").to_string()),
        (Storage::Time, Value::Integer(micros)) => moment(*micros, "%H:%M:%S"),
        (Storage::Timestamp, Value::Integer(micros)) => moment(*micros, "%Y-%m-%d %H:%M:%S"),
        (Storage::Timestamptz, Value::Integer(micros)) if micros.unsigned_abs() < i64::MAX as u64 => {
            format!("{}+00", moment(*micros, "%Y-%m-%d %H:%M:%S"))
        }
        (Storage::Timestamptz, Value::Integer(micros)) => infinity(*micros),
        (Storage::Uuid, Value::Blob(bytes)) => uuid::Uuid::from_slice(bytes).map_or_else(|_| hex(bytes), |id| id.to_string()),
        (Storage::Real, Value::Blob(bytes)) if bytes == NAN => "NaN".to_owned(),
        (_, Value::Integer(number)) => number.to_string(),
        (_, Value::Real(number)) => number.to_string(),
        (_, Value::Text(text)) => text.clone(),
        (_, Value::Blob(bytes)) => hex(bytes),
    }
}

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

fn infinity(value: i64) -> String {
    if value < 0 { "-infinity" } else { "infinity" }.to_owned()
}

/// A moment with its fraction of a second, trailing zeroes left out.
fn moment(micros: i64, format: &str) -> String {
    let Some(at) = chrono::DateTime::from_timestamp_micros(micros) else { return infinity(micros) };
    let whole = at.format(format).to_string();
    match micros.rem_euclid(1_000_000) {
        0 => whole,
        fraction => format!("{whole}.{}", format!("{fraction:06}").trim_end_matches('0')),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 + bytes.len() * 2);
    out.push_str("\\x");
    for byte in bytes {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}
