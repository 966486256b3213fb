//! Casts among dates, times, timestamps and intervals, rounding to a precision, `isfinite`, and the rest of `pg_cast`.

use super::arithmetic::midnight;
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, results::boolean, row},
    types::{
        Value,
        datetime::{
            calendar::{Civil, MICROS_PER_DAY, MICROS_PER_SECOND, POSTGRES_EPOCH_MICROS, is_valid_timestamp},
            format::round_to_precision,
            is_finite, out_of_range,
            zone::Zone,
        },
        interval::Interval,
        timestamp,
        timetz::Timetz,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("date(timestamp without time zone)", Scalar(|c| Ok(Value::Integer(date(c.int(0)?))))),
    row("date(timestamp with time zone)", Scalar(|c| Ok(Value::Integer(date(local(c, 0)?))))),
    row("timestamp(date)", Scalar(|c| midnight(c.int(0)?).map(Value::Integer))),
    row("timestamp(timestamp with time zone)", Scalar(|c| local(c, 0).map(Value::Integer))),
    row("timestamptz(date)", Scalar(|c| from_local(midnight(c.int(0)?)?, session_zone(c)))),
    row("timestamptz(timestamp without time zone)", Scalar(|c| from_local(c.int(0)?, session_zone(c)))),
    row(
        "timestamptz(date,time without time zone)",
        Scalar(|c| from_local(midnight(c.int(0)?)?.saturating_add(c.int(1)?), session_zone(c))),
    ),
    row("time(timestamp without time zone)", Scalar(|c| Ok(time(c.int(0)?)))),
    row("time(timestamp with time zone)", Scalar(|c| Ok(time(local(c, 0)?)))),
    row("time(interval)", Scalar(|c| Ok(Value::Integer(c.interval(0)?.microseconds.rem_euclid(MICROS_PER_DAY))))),
    row("time(time with time zone)", Scalar(|c| Ok(Value::Integer(Timetz::from_storage(c.text(0)?)?.time)))),
    row("timetz(timestamp with time zone)", Scalar(timetz_of_timestamptz)),
    row("timetz(time without time zone)", Scalar(timetz_of_time)),
    row("interval(time without time zone)", Scalar(|c| Ok(interval(Interval { microseconds: c.int(0)?, ..Interval::default() })))),
    row("interval(interval,integer)", Scalar(|c| Ok(interval(c.interval(0)?.with_typmod(c.int(1)? as i32))))),
    row(
        "timestamp(timestamp without time zone,integer)",
        Scalar(|c| Ok(Value::Integer(timestamp::apply_typmod(c.int(0)?, c.int(1)? as i32)))),
    ),
    row(
        "timestamptz(timestamp with time zone,integer)",
        Scalar(|c| Ok(Value::Integer(timestamp::apply_typmod(c.int(0)?, c.int(1)? as i32)))),
    ),
    row("time(time without time zone,integer)", Scalar(|c| Ok(Value::Integer(round_to_precision(c.int(0)?, c.int(1)? as i32))))),
    row("timetz(time with time zone,integer)", Scalar(timetz_precision)),
    row("isfinite(date)", Scalar(|c| Ok(boolean(is_finite(c.int(0)?))))),
    row("isfinite(timestamp without time zone)", Scalar(|c| Ok(boolean(is_finite(c.int(0)?))))),
    row("isfinite(timestamp with time zone)", Scalar(|c| Ok(boolean(is_finite(c.int(0)?))))),
    row("isfinite(interval)", Scalar(|_| Ok(boolean(true)))),
    row("to_timestamp(double precision)", Scalar(to_timestamp)),
    row("date_larger(date,date)", Scalar(larger)),
    row("date_smaller(date,date)", Scalar(smaller)),
    row("time_larger(time without time zone,time without time zone)", Scalar(larger)),
    row("time_smaller(time without time zone,time without time zone)", Scalar(smaller)),
    row("timestamp_larger(timestamp without time zone,timestamp without time zone)", Scalar(larger)),
    row("timestamp_smaller(timestamp without time zone,timestamp without time zone)", Scalar(smaller)),
    row("timestamptz_larger(timestamp with time zone,timestamp with time zone)", Scalar(larger)),
    row("timestamptz_smaller(timestamp with time zone,timestamp with time zone)", Scalar(smaller)),
];

fn interval(value: Interval) -> Value {
    Value::Text(value.to_storage())
}

fn larger(call: &Call<'_>) -> Result<Value> {
    Ok(Value::Integer(call.int(0)?.max(call.int(1)?)))
}

fn smaller(call: &Call<'_>) -> Result<Value> {
    Ok(Value::Integer(call.int(0)?.min(call.int(1)?)))
}

/// The session's zone.
pub(super) fn session_zone(call: &Call<'_>) -> Zone {
    call.cx.time_zone
}

/// A timestamptz argument as a timestamp in the session's zone.
pub(super) fn local(call: &Call<'_>, at: usize) -> Result<i64> {
    to_local(call.int(at)?, session_zone(call))
}

/// A timestamptz as a timestamp in a zone.
pub(super) fn to_local(timestamptz: i64, zone: Zone) -> Result<i64> {
    if !is_finite(timestamptz) {
        return Ok(timestamptz);
    }
    zone.to_local(timestamptz).0.checked_micros()
}

/// A timestamp in a zone as a timestamptz.
pub(super) fn from_local(timestamp: i64, zone: Zone) -> Result<Value> {
    if !is_finite(timestamp) {
        return Ok(Value::Integer(timestamp));
    }
    zone.to_utc(&Civil::from_micros(timestamp)).map(Value::Integer).ok_or_else(|| out_of_range("timestamp"))
}

fn date(timestamp: i64) -> i64 {
    if is_finite(timestamp) { timestamp.div_euclid(MICROS_PER_DAY) } else { timestamp }
}

fn time(timestamp: i64) -> Value {
    if is_finite(timestamp) { Value::Integer(timestamp.rem_euclid(MICROS_PER_DAY)) } else { Value::Null }
}

fn timetz_of_timestamptz(call: &Call<'_>) -> Result<Value> {
    let timestamptz = call.int(0)?;
    if !is_finite(timestamptz) {
        return Ok(Value::Null);
    }
    let (civil, offset) = session_zone(call).to_local(timestamptz);
    Ok(Value::Text(Timetz { time: civil.time(), offset }.to_storage()))
}

fn timetz_of_time(call: &Call<'_>) -> Result<Value> {
    let zone = session_zone(call);
    let time = call.int(0)?;
    let today = zone.to_local(call.cx.transaction_time).0;
    let offset = zone.offset_of_local(&Civil::from_days(today.days()).with_time(time));
    Ok(Value::Text(Timetz { time, offset }.to_storage()))
}

fn timetz_precision(call: &Call<'_>) -> Result<Value> {
    let mut value = Timetz::from_storage(call.text(0)?)?;
    value.time = round_to_precision(value.time, call.int(1)? as i32);
    Ok(Value::Text(value.to_storage()))
}

fn to_timestamp(call: &Call<'_>) -> Result<Value> {
    let seconds = call.float(0)?;
    if seconds.is_nan() {
        return Err(SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        use crate::types::datetime::{INFINITY, NEGATIVE_INFINITY};
        return Ok(Value::Integer(if seconds > 0.0 { INFINITY } else { NEGATIVE_INFINITY }));
    }
    let error = || SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("timestamp out of range: \"{seconds:e}\""));
    let shifted = ((seconds - (POSTGRES_EPOCH_MICROS / MICROS_PER_SECOND) as f64) * MICROS_PER_SECOND as f64).round_ties_even();
    if !(-9.2e18..9.2e18).contains(&shifted) {
        return Err(error());
    }
    (shifted as i64).checked_add(POSTGRES_EPOCH_MICROS).filter(|m| is_valid_timestamp(*m)).map(Value::Integer).ok_or_else(error)
}
