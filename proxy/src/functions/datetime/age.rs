//! `age`: the difference of two points of time in years, months, days and time (`timestamp_age`).

use super::conversion::local;
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Row, row},
    types::{
        Value,
        datetime::{
            calendar::{Civil, MICROS_PER_DAY, days_in_month},
            is_finite,
        },
        interval::Interval,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("age(timestamp without time zone,timestamp without time zone)", Scalar(|c| age(c.int(0)?, c.int(1)?))),
    row("age(timestamp with time zone,timestamp with time zone)", Scalar(|c| age(local(c, 0)?, local(c, 1)?))),
    row("age(timestamp without time zone)", Scalar(|c| age(today(c)?, c.int(0)?))),
    row("age(timestamp with time zone)", Scalar(|c| age(today(c)?, local(c, 0)?))),
];

/// Midnight of the transaction's day in the session's zone.
fn today(call: &crate::functions::Call<'_>) -> Result<i64> {
    call.cx.time_zone.to_local(call.cx.transaction_time).0.with_time(0).checked_micros()
}

/// The difference of two timestamps, field by field, borrowing days from the month of the earlier one.
fn age(left: i64, right: i64) -> Result<Value> {
    if !is_finite(left) || !is_finite(right) {
        return Err(SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range"));
    }
    let negative = left < right;
    let (later, earlier) = if negative { (right, left) } else { (left, right) };
    let (a, b) = (Civil::from_micros(later), Civil::from_micros(earlier));
    let mut time = a.time() - b.time();
    let mut days = a.day - b.day;
    let mut months = (a.year - b.year) * 12 + a.month - b.month;
    if time < 0 {
        time += MICROS_PER_DAY;
        days -= 1;
    }
    while days < 0 {
        let borrowed =
            if negative { days_in_month(a.year, if a.month == 1 { 12 } else { a.month - 1 }) } else { days_in_month(b.year, b.month) };
        days += borrowed;
        months -= 1;
    }
    let sign = if negative { -1 } else { 1 };
    let interval = Interval { months: (months * sign) as i32, days: (days * sign) as i32, microseconds: time * sign };
    Ok(Value::Text(interval.to_storage()))
}
