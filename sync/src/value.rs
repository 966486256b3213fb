//! Storage classes: how a column's values lie in SQLite, and how the log writes them as JSON in PostgreSQL's text forms.
//! Enters: a SQLite value and its [`Storage`]; leaves: a JSON value, and back. The rule (DESIGN section 4): a person, and any
//! other implementation, can read the log.

use serde::{Deserialize, Serialize};

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
