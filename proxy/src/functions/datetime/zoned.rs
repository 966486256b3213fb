//! `timezone(…)`: what `AT TIME ZONE` calls.

use super::conversion::{from_local, to_local};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::{
        Value,
        datetime::{
            calendar::{MICROS_PER_DAY, MICROS_PER_SECOND},
            is_finite,
            zone::Zone,
            zone_not_recognized,
        },
        interval::Interval,
        timetz::Timetz,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("timezone(text,timestamp with time zone)", Scalar(|c| to_local(c.int(1)?, named(c)?).map(Value::Integer))),
    row("timezone(text,timestamp without time zone)", Scalar(|c| from_local(c.int(1)?, named(c)?))),
    row("timezone(interval,timestamp with time zone)", Scalar(|c| to_local(c.int(1)?, displaced(c)?).map(Value::Integer))),
    row("timezone(interval,timestamp without time zone)", Scalar(|c| from_local(c.int(1)?, displaced(c)?))),
    row("timezone(text,time with time zone)", Scalar(|c| moved(c, named(c)?))),
    row("timezone(interval,time with time zone)", Scalar(|c| moved(c, displaced(c)?))),
];

/// The zone of a name.
fn named(call: &Call<'_>) -> Result<Zone> {
    let name = call.text(0)?;
    let is_infinite = matches!(call.args[1], rusqlite::types::ValueRef::Integer(value) if !is_finite(value));
    match Zone::by_any_name(name) {
        Some(zone) => Ok(zone),
        None if is_infinite => Ok(Zone::Fixed(0)),
        None => Err(zone_not_recognized(name)),
    }
}

/// The zone of a displacement from Greenwich.
fn displaced(call: &Call<'_>) -> Result<Zone> {
    let interval = call.interval(0)?;
    if interval.months != 0 || interval.days != 0 {
        let message = format!("interval time zone \"{}\" must not include months or days", call.text(0)?);
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    let Interval { microseconds, .. } = interval;
    let seconds = i32::try_from(microseconds / MICROS_PER_SECOND)
        .map_err(|_| SqlError::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE, "time zone displacement out of range"))?;
    Ok(Zone::Fixed(seconds))
}

/// The same moment in another zone, at the offset it has now.
fn moved(call: &Call<'_>, zone: Zone) -> Result<Value> {
    let time = Timetz::from_storage(call.text(1)?)?;
    let offset = zone.offset_at(call.cx.transaction_time);
    let local = (time.utc() + i64::from(offset) * MICROS_PER_SECOND).rem_euclid(MICROS_PER_DAY);
    Ok(Value::Text(Timetz { time: local, offset }.to_storage()))
}
