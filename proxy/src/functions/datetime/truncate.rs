//! `date_trunc` and `date_bin`.

use super::conversion::session_zone;
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::{
        Value,
        datetime::{
            calendar::{
                Civil, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, from_julian_day, is_valid_timestamp, iso_week,
                iso_week_julian,
            },
            is_finite, out_of_range,
            tokens::{Unit, unit},
            zone::{Zone, at_offset},
            zone_not_recognized,
        },
        interval::Interval,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("date_trunc(text,timestamp without time zone)", Scalar(timestamp)),
    row("date_trunc(text,timestamp with time zone)", Scalar(|c| timestamptz(c, session_zone(c)))),
    row("date_trunc(text,timestamp with time zone,text)", Scalar(in_zone)),
    row("date_trunc(text,interval)", Scalar(interval)),
    row("date_bin(interval,timestamp without time zone,timestamp without time zone)", Scalar(bin)),
    row("date_bin(interval,timestamp with time zone,timestamp with time zone)", Scalar(bin)),
];

fn not_recognized<T>(call: &Call<'_>, type_name: &str) -> Result<T> {
    let message = format!("unit \"{}\" not recognized for type {type_name}", call.text(0)?.to_ascii_lowercase());
    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

/// The beginning of the unit in which a calendar point of time lies; none for what is no unit of a calendar.
fn truncated(civil: &Civil, unit: Unit) -> Option<Civil> {
    let Civil { year, month, day, .. } = *civil;
    let midnight = |year, month, day| Civil { year, month, day, ..Civil::default() };
    let time = |unit: i64| civil.with_time(civil.time() / unit * unit);
    let first_year =
        |span: i64| if year > 0 { (year + span - 1) / span * span - (span - 1) } else { -((span - 1 - (year - 1)) / span) * span + 1 };
    Some(match unit {
        Unit::Microsecond => *civil,
        Unit::Millisecond => time(1000),
        Unit::Second => time(MICROS_PER_SECOND),
        Unit::Minute => time(MICROS_PER_MINUTE),
        Unit::Hour => time(MICROS_PER_HOUR),
        Unit::Day => midnight(year, month, day),
        Unit::Week => {
            let (iso_year, week) = iso_week(year, month, day);
            let (year, month, day) = from_julian_day(iso_week_julian(iso_year, week));
            midnight(year, month, day)
        }
        Unit::Month => midnight(year, month, 1),
        Unit::Quarter => midnight(year, (month - 1) / 3 * 3 + 1, 1),
        Unit::Year => midnight(year, 1, 1),
        Unit::Decade => midnight(if year > 0 { year / 10 * 10 } else { -((8 - (year - 1)) / 10) * 10 }, 1, 1),
        Unit::Century => midnight(first_year(100), 1, 1),
        Unit::Millennium => midnight(first_year(1000), 1, 1),
        _ => return None,
    })
}

fn timestamp(call: &Call<'_>) -> Result<Value> {
    let type_name = "timestamp without time zone";
    let micros = call.int(1)?;
    let Some(unit) = unit(call.text(0)?) else { return not_recognized(call, type_name) };
    if !is_finite(micros) {
        return Ok(Value::Integer(micros));
    }
    match truncated(&Civil::from_micros(micros), unit) {
        Some(civil) => civil.checked_micros().map(Value::Integer),
        None => not_supported(call, type_name),
    }
}

fn not_supported<T>(call: &Call<'_>, type_name: &str) -> Result<T> {
    let message = format!("unit \"{}\" not supported for type {type_name}", call.text(0)?.to_ascii_lowercase());
    Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
}

fn in_zone(call: &Call<'_>) -> Result<Value> {
    let name = call.text(2)?;
    timestamptz(call, Zone::by_any_name(name).ok_or_else(|| zone_not_recognized(name))?)
}

fn timestamptz(call: &Call<'_>, zone: Zone) -> Result<Value> {
    let type_name = "timestamp with time zone";
    let micros = call.int(1)?;
    let Some(unit) = unit(call.text(0)?) else { return not_recognized(call, type_name) };
    if !is_finite(micros) {
        return Ok(Value::Integer(micros));
    }
    let (local, offset) = zone.to_local(micros);
    let Some(civil) = truncated(&local, unit) else { return not_supported(call, type_name) };
    let keeps_offset = matches!(unit, Unit::Microsecond | Unit::Millisecond | Unit::Second | Unit::Minute | Unit::Hour);
    let utc = if keeps_offset { at_offset(&civil, offset) } else { zone.to_utc(&civil) };
    utc.map(Value::Integer).ok_or_else(|| out_of_range("timestamp"))
}

fn interval(call: &Call<'_>) -> Result<Value> {
    let value = call.interval(1)?;
    let Some(unit) = unit(call.text(0)?) else { return not_recognized(call, "interval") };
    let months = |unit: i32| Interval { months: value.months / unit * unit, ..Interval::default() };
    let time = |unit: i64| Interval { microseconds: value.microseconds / unit * unit, ..value };
    let truncated = match unit {
        Unit::Millennium => months(12_000),
        Unit::Century => months(1200),
        Unit::Decade => months(120),
        Unit::Year => months(12),
        Unit::Quarter => months(3),
        Unit::Month => months(1),
        Unit::Day => Interval { microseconds: 0, ..value },
        Unit::Hour => time(MICROS_PER_HOUR),
        Unit::Minute => time(MICROS_PER_MINUTE),
        Unit::Second => time(MICROS_PER_SECOND),
        Unit::Millisecond => time(1000),
        Unit::Microsecond => value,
        Unit::Week => {
            return not_supported(call, "interval").map_err(|error: SqlError| error.detail("Months usually have fractional weeks."));
        }
        _ => return not_supported(call, "interval"),
    };
    Ok(Value::Text(truncated.to_storage()))
}

fn bin(call: &Call<'_>) -> Result<Value> {
    let (stride, at, origin) = (call.interval(0)?, call.int(1)?, call.int(2)?);
    let refuse = |state, message: &str| Err(SqlError::new(state, message));
    if !is_finite(at) {
        return Ok(Value::Integer(at));
    }
    if !is_finite(origin) {
        return refuse(SqlState::DATETIME_FIELD_OVERFLOW, "origin out of range");
    }
    if stride.months != 0 {
        return refuse(SqlState::FEATURE_NOT_SUPPORTED, "timestamps cannot be binned into intervals containing months or years");
    }
    let width = i64::try_from(stride.span()).map_err(|_| out_of_range("interval"))?;
    if width <= 0 {
        return refuse(SqlState::DATETIME_FIELD_OVERFLOW, "stride must be greater than zero");
    }
    let difference = at.checked_sub(origin).ok_or_else(|| out_of_range("interval"))?;
    origin
        .checked_add(difference.div_euclid(width) * width)
        .filter(|micros| is_valid_timestamp(*micros))
        .map(Value::Integer)
        .ok_or_else(|| out_of_range("timestamp"))
}
