//! The present: `now()` and its relatives, and SQL's `current_date`, `localtime` … under signatures of our own, which the binder
//! resolves the keywords to (PostgreSQL has no `pg_proc` rows for them).

use super::conversion::session_zone;
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::{
        Value,
        datetime::{
            calendar::Civil,
            format::round_to_precision,
            tokens::{MONTHS, WEEKDAYS},
            zone,
        },
        timestamp::apply_typmod,
        timetz::Timetz,
    },
};

/// Signature, strict, immutable and result type of SQL's keywords.
pub(in crate::functions) const OWN: &[(&str, bool, bool, &str)] = &[
    ("peergres.current_date()", true, false, "date"),
    ("peergres.current_time(integer)", true, false, "time with time zone"),
    ("peergres.current_timestamp(integer)", true, false, "timestamp with time zone"),
    ("peergres.localtime(integer)", true, false, "time without time zone"),
    ("peergres.localtimestamp(integer)", true, false, "timestamp without time zone"),
];

/// The rows. The keywords' argument is the precision, -1 where none was written.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("now()", Scalar(|c| Ok(Value::Integer(c.cx.transaction_time)))),
    row("transaction_timestamp()", Scalar(|c| Ok(Value::Integer(c.cx.transaction_time)))),
    row("statement_timestamp()", Scalar(|c| Ok(Value::Integer(c.cx.statement_time)))),
    row("clock_timestamp()", Scalar(|_| Ok(Value::Integer(zone::wall_clock())))),
    row("timeofday()", Scalar(time_of_day)),
    row("peergres.current_date()", Scalar(|c| Ok(Value::Integer(local_now(c).0.days())))),
    row("peergres.current_time(integer)", Scalar(current_time)),
    row("peergres.current_timestamp(integer)", Scalar(|c| Ok(Value::Integer(apply_typmod(c.cx.transaction_time, precision(c)?))))),
    row("peergres.localtime(integer)", Scalar(|c| Ok(Value::Integer(round_to_precision(local_now(c).0.time(), precision(c)?))))),
    row("peergres.localtimestamp(integer)", Scalar(local_timestamp)),
    row("pg_sleep(double precision)", Scalar(|c| sleep(c, c.float(0)?))),
    row("pg_sleep_for(interval)", Scalar(|c| sleep(c, c.interval(0)?.span() as f64 / 1e6))),
    row("pg_sleep_until(timestamp with time zone)", Scalar(|c| sleep(c, (c.int(0)? as f64 - zone::wall_clock() as f64) / 1e6))),
];

/// The transaction's time in the session's zone, with the offset.
fn local_now(call: &Call<'_>) -> (Civil, i32) {
    session_zone(call).to_local(call.cx.transaction_time)
}

fn precision(call: &Call<'_>) -> Result<i32> {
    call.int(0).map(|precision| precision as i32)
}

fn current_time(call: &Call<'_>) -> Result<Value> {
    let (now, offset) = local_now(call);
    Ok(Value::Text(Timetz { time: round_to_precision(now.time(), precision(call)?), offset }.to_storage()))
}

fn local_timestamp(call: &Call<'_>) -> Result<Value> {
    Ok(Value::Integer(apply_typmod(local_now(call).0.checked_micros()?, precision(call)?)))
}

/// `Thu Feb 29 13:04:05.678901 2024 CET`.
fn time_of_day(call: &Call<'_>) -> Result<Value> {
    let micros = zone::wall_clock();
    let zone = session_zone(call);
    let (civil, _) = zone.to_local(micros);
    let weekday = &WEEKDAYS[crate::types::datetime::calendar::weekday(civil.days()) as usize][..3];
    let month = &MONTHS[(civil.month - 1) as usize][..3];
    let Civil { year, day, hour, minute, second, micros: fraction, .. } = civil;
    let name = zone.abbreviation_at(micros).unwrap_or_default();
    Ok(Value::Text(format!("{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02}.{fraction:06} {year} {name}")))
}

/// Waits in the session, which hears a cancel request meanwhile. A value of type void shows as an empty string.
fn sleep(call: &Call<'_>, seconds: f64) -> Result<Value> {
    if seconds.is_nan() {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "invalid sleep time"));
    }
    call.cx.services.call("pg_sleep", &[Some(seconds.to_string())]).map(|_| Value::Text(String::new()))
}
