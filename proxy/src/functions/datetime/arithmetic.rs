//! Sums and differences of dates, times, timestamps and intervals (`timestamp.c`, `date.c`).

use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Body::Set, Call, Row, Rows, row},
    types::{
        Value,
        datetime::{
            INFINITY, NEGATIVE_INFINITY,
            calendar::{
                Civil, MICROS_PER_DAY, date_from_days, days_from_date, days_in_month, is_valid_date, is_valid_julian, is_valid_timestamp,
            },
            is_finite, out_of_range,
            zone::Zone,
        },
        interval::Interval,
        timetz::Timetz,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("date_mi(date,date)", Scalar(date_mi)),
    row("date_pli(date,integer)", Scalar(|c| date_plus(c.int(0)?, c.int(1)?))),
    row("date_mii(date,integer)", Scalar(|c| date_plus(c.int(0)?, -c.int(1)?))),
    row("integer_pl_date(integer,date)", Scalar(|c| date_plus(c.int(1)?, c.int(0)?))),
    row("date_pl_interval(date,interval)", Scalar(|c| date_interval(c.int(0)?, c.interval(1)?))),
    row("date_mi_interval(date,interval)", Scalar(|c| date_interval(c.int(0)?, c.interval(1)?.negate()?))),
    row("interval_pl_date(interval,date)", Scalar(|c| date_interval(c.int(1)?, c.interval(0)?))),
    row("timestamp_pl_interval(timestamp without time zone,interval)", Scalar(|c| integer(plus(c.int(0)?, &c.interval(1)?)))),
    row("timestamp_mi_interval(timestamp without time zone,interval)", Scalar(|c| integer(plus(c.int(0)?, &c.interval(1)?.negate()?)))),
    row("interval_pl_timestamp(interval,timestamp without time zone)", Scalar(|c| integer(plus(c.int(1)?, &c.interval(0)?)))),
    row("timestamptz_pl_interval(timestamp with time zone,interval)", Scalar(|c| integer(plus_zoned(c.int(0)?, &c.interval(1)?, c)))),
    row(
        "timestamptz_mi_interval(timestamp with time zone,interval)",
        Scalar(|c| integer(plus_zoned(c.int(0)?, &c.interval(1)?.negate()?, c))),
    ),
    row("interval_pl_timestamptz(interval,timestamp with time zone)", Scalar(|c| integer(plus_zoned(c.int(1)?, &c.interval(0)?, c)))),
    row("timestamp_mi(timestamp without time zone,timestamp without time zone)", Scalar(difference)),
    row("timestamptz_mi(timestamp with time zone,timestamp with time zone)", Scalar(difference)),
    row("time_mi_time(time without time zone,time without time zone)", Scalar(time_difference)),
    row("time_pl_interval(time without time zone,interval)", Scalar(|c| Ok(time_plus(c.int(0)?, c.interval(1)?.microseconds)))),
    row("time_mi_interval(time without time zone,interval)", Scalar(|c| Ok(time_plus(c.int(0)?, -c.interval(1)?.microseconds)))),
    row("interval_pl_time(interval,time without time zone)", Scalar(|c| Ok(time_plus(c.int(1)?, c.interval(0)?.microseconds)))),
    row("timetz_pl_interval(time with time zone,interval)", Scalar(|c| timetz_plus(c.text(0)?, c.interval(1)?.microseconds))),
    row("timetz_mi_interval(time with time zone,interval)", Scalar(|c| timetz_plus(c.text(0)?, -c.interval(1)?.microseconds))),
    row("interval_pl_timetz(interval,time with time zone)", Scalar(|c| timetz_plus(c.text(1)?, c.interval(0)?.microseconds))),
    row("datetime_pl(date,time without time zone)", Scalar(|c| at_time(c.int(0)?, c.int(1)?))),
    row("timedate_pl(time without time zone,date)", Scalar(|c| at_time(c.int(1)?, c.int(0)?))),
    row("timestamp(date,time without time zone)", Scalar(|c| at_time(c.int(0)?, c.int(1)?))),
    row("datetimetz_pl(date,time with time zone)", Scalar(|c| at_timetz(c.int(0)?, c.text(1)?))),
    row("timetzdate_pl(time with time zone,date)", Scalar(|c| at_timetz(c.int(1)?, c.text(0)?))),
    row("timestamptz(date,time with time zone)", Scalar(|c| at_timetz(c.int(0)?, c.text(1)?))),
    row("generate_series(timestamp without time zone,timestamp without time zone,interval)", Set(series)),
    row("generate_series(timestamp with time zone,timestamp with time zone,interval)", Set(zoned_series)),
];

fn integer(value: Result<i64>) -> Result<Value> {
    value.map(Value::Integer)
}

fn date_mi(call: &Call<'_>) -> Result<Value> {
    let (left, right) = (call.int(0)?, call.int(1)?);
    if !is_finite(left) || !is_finite(right) {
        return Err(SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, "cannot subtract infinite dates"));
    }
    Ok(Value::Integer(left - right))
}

fn date_plus(date: i64, days: i64) -> Result<Value> {
    if !is_finite(date) {
        return Ok(Value::Integer(date));
    }
    let sum = date + days;
    if is_valid_date(sum) { Ok(Value::Integer(sum)) } else { Err(out_of_range("date")) }
}

fn date_interval(date: i64, interval: Interval) -> Result<Value> {
    integer(plus(midnight(date)?, &interval))
}

/// A date as a timestamp, or 22008.
pub(super) fn midnight(date: i64) -> Result<i64> {
    if !is_finite(date) {
        return Ok(date);
    }
    date.checked_mul(MICROS_PER_DAY)
        .filter(|micros| is_valid_timestamp(*micros))
        .ok_or_else(|| SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range for timestamp"))
}

/// A calendar date some months later, on the last day of the month where the day does not exist.
fn add_months(civil: &mut Civil, months: i32) {
    let month = civil.year * 12 + civil.month - 1 + i64::from(months);
    civil.year = month.div_euclid(12);
    civil.month = month.rem_euclid(12) + 1;
    civil.day = civil.day.min(days_in_month(civil.year, civil.month));
}

/// The days since 1970 after adding months and days to a calendar date, or 22008.
fn add_date_part(civil: &Civil, interval: &Interval) -> Result<i64> {
    let mut civil = *civil;
    if interval.months != 0 {
        add_months(&mut civil, interval.months);
        if !is_valid_julian(civil.year, civil.month) {
            return Err(out_of_range("timestamp"));
        }
    }
    Ok(days_from_date(civil.year, civil.month, civil.day) + i64::from(interval.days))
}

/// A timestamp and an interval.
pub(crate) fn plus(timestamp: i64, interval: &Interval) -> Result<i64> {
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    let civil = Civil::from_micros(timestamp);
    let sum = || -> Option<i64> {
        let days = add_date_part(&civil, interval).ok()?;
        let moved = crate::types::datetime::calendar::timestamp(days, civil.time())?;
        moved.checked_add(interval.microseconds).filter(|sum| is_valid_timestamp(*sum))
    };
    sum().ok_or_else(|| out_of_range("timestamp"))
}

/// A timestamptz and an interval: months and days are those of the session's zone.
pub(crate) fn plus_zoned(timestamp: i64, interval: &Interval, call: &Call<'_>) -> Result<i64> {
    plus_in_zone(timestamp, interval, call.cx.time_zone)
}

/// A timestamptz and an interval in a zone.
pub(crate) fn plus_in_zone(timestamp: i64, interval: &Interval, zone: Zone) -> Result<i64> {
    if !is_finite(timestamp) {
        return Ok(timestamp);
    }
    let mut moved = timestamp;
    for step in [Interval { months: interval.months, ..Interval::default() }, Interval { days: interval.days, ..Interval::default() }] {
        if step == Interval::default() {
            continue;
        }
        let (civil, _) = zone.to_local(moved);
        let days = add_date_part(&civil, &step)?;
        if !is_valid_date(days) {
            return Err(out_of_range("timestamp"));
        }
        let (year, month, day) = date_from_days(days);
        moved = zone.to_utc(&Civil { year, month, day, ..civil }).ok_or_else(|| out_of_range("timestamp"))?;
    }
    moved.checked_add(interval.microseconds).filter(|sum| is_valid_timestamp(*sum)).ok_or_else(|| out_of_range("timestamp"))
}

fn difference(call: &Call<'_>) -> Result<Value> {
    let (left, right) = (call.int(0)?, call.int(1)?);
    if !is_finite(left) || !is_finite(right) {
        return Err(SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, "cannot subtract infinite timestamps"));
    }
    let microseconds = left.checked_sub(right).ok_or_else(|| out_of_range("interval"))?;
    Ok(Value::Text(Interval { microseconds, ..Interval::default() }.justify_hours()?.to_storage()))
}

fn time_difference(call: &Call<'_>) -> Result<Value> {
    let microseconds = call.int(0)? - call.int(1)?;
    Ok(Value::Text(Interval { microseconds, ..Interval::default() }.to_storage()))
}

fn time_plus(time: i64, micros: i64) -> Value {
    Value::Integer((i128::from(time) + i128::from(micros)).rem_euclid(i128::from(MICROS_PER_DAY)) as i64)
}

fn timetz_plus(time: &str, micros: i64) -> Result<Value> {
    let mut time = Timetz::from_storage(time)?;
    time.time = (i128::from(time.time) + i128::from(micros)).rem_euclid(i128::from(MICROS_PER_DAY)) as i64;
    Ok(Value::Text(time.to_storage()))
}

fn at_time(date: i64, time: i64) -> Result<Value> {
    let midnight = midnight(date)?;
    if !is_finite(midnight) {
        return Ok(Value::Integer(midnight));
    }
    integer(midnight.checked_add(time).filter(|sum| is_valid_timestamp(*sum)).ok_or_else(|| out_of_range("timestamp")))
}

fn at_timetz(date: i64, time: &str) -> Result<Value> {
    at_time(date, Timetz::from_storage(time)?.utc())
}

/// Adds an interval to a point of time; none where the result is out of range.
type Step = Box<dyn Fn(i64) -> Result<i64>>;

fn series(call: &Call<'_>) -> Result<Rows> {
    let interval = call.interval(2)?;
    steps(call, &interval, Box::new(move |at| plus(at, &interval)))
}

fn zoned_series(call: &Call<'_>) -> Result<Rows> {
    let (interval, zone) = (call.interval(2)?, call.cx.time_zone);
    steps(call, &interval, Box::new(move |at| plus_in_zone(at, &interval, zone)))
}

fn steps(call: &Call<'_>, interval: &Interval, step: Step) -> Result<Rows> {
    let (start, end) = (call.int(0)?, call.int(1)?);
    let direction = interval.span().signum();
    if direction == 0 {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero"));
    }
    let mut next = Some(Ok(start));
    Ok(Box::new(std::iter::from_fn(move || match next.take()? {
        Err(error) => Some(Err(error)),
        Ok(at) if (direction > 0 && at > end) || (direction < 0 && at < end) => None,
        Ok(at) => {
            let is_last = at == INFINITY || at == NEGATIVE_INFINITY;
            next = if is_last { None } else { Some(step(at)) };
            Some(Ok(vec![Value::Integer(at)]))
        }
    })))
}
