//! Dates and times as PostgreSQL knows them: calendar arithmetic over its whole range, time zones, the parser of its input styles and
//! the printer of its output styles. The codecs of `date`, `time`, `timetz`, `timestamp` and `timestamptz` and the functions stand on it.
//!
//! Enters: text, or counts of days and microseconds in storage form. Leaves: the other one. PostgreSQL's `datetime.c` is the model.

pub mod calendar;
pub mod decode;
mod decode_number;
pub(crate) mod fields;
pub mod format;
pub(crate) mod number;
pub mod tokens;
pub mod zone;

use crate::error::{SqlError, SqlState};

/// Storage form of `infinity`, for dates and timestamps.
pub const INFINITY: i64 = i64::MAX;
/// Storage form of `-infinity`.
pub const NEGATIVE_INFINITY: i64 = i64::MIN;

/// SQLSTATE 22015.
pub const INTERVAL_FIELD_OVERFLOW: SqlState = SqlState("22015");

/// Whether a date or timestamp in storage form is neither `infinity` nor `-infinity`.
pub fn is_finite(value: i64) -> bool {
    value != INFINITY && value != NEGATIVE_INFINITY
}

/// What is wrong with a date or time text (PostgreSQL's `DTERR_` codes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The text has no known form.
    Format,
    /// A field is out of range.
    Field,
    /// A month or day is out of range, perhaps because the order is another one.
    MonthOrDay,
    /// An interval's field is out of range.
    Interval,
    /// The sum of an interval's fields is out of range.
    Range,
    /// A zone displacement is out of range.
    Displacement,
    /// The name is no zone's.
    Zone(String),
}

impl Fault {
    /// The error for `text` read as `type_name` (PostgreSQL's `DateTimeParseError`).
    pub fn error(self, text: &str, type_name: &str) -> SqlError {
        let out_of_range = || SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date/time field value out of range: \"{text}\""));
        match self {
            Fault::Format => {
                SqlError::new(SqlState::INVALID_DATETIME_FORMAT, format!("invalid input syntax for type {type_name}: \"{text}\""))
            }
            Fault::Field => out_of_range(),
            Fault::MonthOrDay => out_of_range().hint("Perhaps you need a different \"datestyle\" setting."),
            Fault::Interval => SqlError::new(INTERVAL_FIELD_OVERFLOW, format!("interval field value out of range: \"{text}\"")),
            Fault::Range => SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("{type_name} out of range")),
            Fault::Displacement => {
                SqlError::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE, format!("time zone displacement out of range: \"{text}\""))
            }
            Fault::Zone(name) => zone_not_recognized(&name),
        }
    }
}

/// 22023 for an unknown time zone.
pub fn zone_not_recognized(name: &str) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized"))
}

/// 22008 for a result that the type cannot hold.
pub fn out_of_range(type_name: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("{type_name} out of range"))
}

#[cfg(test)]
mod tests;
