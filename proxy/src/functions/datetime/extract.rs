//! `extract` (numeric) and `date_part` (double precision): one field of a date, time, timestamp or interval.

use super::conversion::session_zone;
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, results::float, row},
    types::{
        Value,
        datetime::{
            INFINITY,
            calendar::{Civil, MICROS_PER_DAY, UNIX_EPOCH_JULIAN, day_of_year, iso_week, weekday},
            is_finite,
            tokens::{Unit, unit},
        },
        decimal::{Decimal, Numeric},
        interval::Interval,
        timetz::Timetz,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("extract(text,date)", Scalar(|c| numeric(date(c)?))),
    row("extract(text,time without time zone)", Scalar(|c| numeric(time(c)?))),
    row("extract(text,time with time zone)", Scalar(|c| numeric(timetz(c)?))),
    row("extract(text,timestamp without time zone)", Scalar(|c| numeric(timestamp(c)?))),
    row("extract(text,timestamp with time zone)", Scalar(|c| numeric(timestamptz(c)?))),
    row("extract(text,interval)", Scalar(|c| numeric(interval(c)?))),
    row("date_part(text,date)", Scalar(|c| double(date_as_timestamp(c)?))),
    row("date_part(text,time without time zone)", Scalar(|c| double(time(c)?))),
    row("date_part(text,time with time zone)", Scalar(|c| double(timetz(c)?))),
    row("date_part(text,timestamp without time zone)", Scalar(|c| double(timestamp(c)?))),
    row("date_part(text,timestamp with time zone)", Scalar(|c| double(timestamptz(c)?))),
    row("date_part(text,interval)", Scalar(|c| double(interval(c)?))),
];

/// A field's value.
enum Part {
    /// A number of units of 10^-scale.
    Exact(i128, usize),
    /// Julian day and microseconds of the day.
    Julian(i64, i64),
    Infinity(bool),
    Null,
}

fn numeric(part: Part) -> Result<Value> {
    Ok(match part {
        Part::Exact(value, scale) => Value::Text(decimal(value, scale)),
        Part::Julian(day, micros) => Value::Text(julian(day, micros)?),
        Part::Infinity(negative) => Value::Text(if negative { "-Infinity" } else { "Infinity" }.to_owned()),
        Part::Null => Value::Null,
    })
}

fn double(part: Part) -> Result<Value> {
    Ok(match part {
        Part::Exact(value, scale) => float(value as f64 / 10_f64.powi(scale as i32)),
        Part::Julian(day, micros) => float(day as f64 + micros as f64 / MICROS_PER_DAY as f64),
        Part::Infinity(negative) => float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        Part::Null => Value::Null,
    })
}

/// `value / 10^scale` in numeric's text form.
fn decimal(value: i128, scale: usize) -> String {
    if scale == 0 {
        return value.to_string();
    }
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{fraction}", if value < 0 { "-" } else { "" })
}

/// A Julian day with the time as its fraction, as numeric's division gives it.
fn julian(day: i64, micros: i64) -> Result<String> {
    let fraction = Decimal::integer(micros).divide(&Decimal::integer(MICROS_PER_DAY))?;
    Ok(Numeric::Finite(Decimal::integer(day).add(&fraction, false)).to_string())
}

fn requested(call: &Call<'_>, type_name: &str) -> Result<Unit> {
    let name = call.text(0)?;
    unit(name).ok_or_else(|| {
        let message = format!("unit \"{}\" not recognized for type {type_name}", name.to_ascii_lowercase());
        SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
    })
}

fn not_supported<T>(call: &Call<'_>, type_name: &str) -> Result<T> {
    let message = format!("unit \"{}\" not supported for type {type_name}", call.text(0)?.to_ascii_lowercase());
    Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
}

fn exact(value: i64) -> Result<Part> {
    Ok(Part::Exact(i128::from(value), 0))
}

/// What `infinity` has of a field: its years and days are infinite, its other fields unknown.
fn infinite(unit: Unit, value: i64) -> Option<Part> {
    let grows = matches!(unit, Unit::Year | Unit::Decade | Unit::Century | Unit::Millennium | Unit::Julian | Unit::IsoYear | Unit::Epoch);
    let cycles = matches!(
        unit,
        Unit::Microsecond
            | Unit::Millisecond
            | Unit::Second
            | Unit::Minute
            | Unit::Hour
            | Unit::Day
            | Unit::Month
            | Unit::Quarter
            | Unit::Week
            | Unit::DayOfWeek
            | Unit::IsoDayOfWeek
            | Unit::DayOfYear
            | Unit::Zone
            | Unit::ZoneHour
            | Unit::ZoneMinute
    );
    if grows { Some(Part::Infinity(value != INFINITY)) } else { cycles.then_some(Part::Null) }
}

/// A field of the calendar.
fn calendar_part(unit: Unit, civil: &Civil) -> Option<i64> {
    let (year, month, day) = (civil.year, civil.month, civil.day);
    let of_years = |span: i64| if year > 0 { (year + span - 1) / span } else { -((span - 1 - (year - 1)) / span) };
    Some(match unit {
        Unit::Day => day,
        Unit::Month => month,
        Unit::Quarter => (month - 1) / 3 + 1,
        Unit::Week => iso_week(year, month, day).1,
        Unit::Year => {
            if year > 0 {
                year
            } else {
                year - 1
            }
        }
        Unit::Decade => year.div_euclid(10),
        Unit::Century => of_years(100),
        Unit::Millennium => of_years(1000),
        Unit::IsoYear => {
            let iso = iso_week(year, month, day).0;
            if iso > 0 { iso } else { iso - 1 }
        }
        Unit::DayOfWeek => weekday(civil.days()),
        Unit::IsoDayOfWeek => (weekday(civil.days()) + 6) % 7 + 1,
        Unit::DayOfYear => day_of_year(year, month, day),
        _ => return None,
    })
}

/// A field of the time of day.
fn clock_part(unit: Unit, civil: &Civil) -> Option<Part> {
    let micros = i128::from(civil.second * 1_000_000 + civil.micros);
    Some(match unit {
        Unit::Microsecond => Part::Exact(micros, 0),
        Unit::Millisecond => Part::Exact(micros, 3),
        Unit::Second => Part::Exact(micros, 6),
        Unit::Minute => Part::Exact(i128::from(civil.minute), 0),
        Unit::Hour => Part::Exact(i128::from(civil.hour), 0),
        _ => return None,
    })
}

fn zone_part(unit: Unit, offset: i32) -> Option<i64> {
    Some(match unit {
        Unit::Zone => i64::from(offset),
        Unit::ZoneHour => i64::from(offset / 3600),
        Unit::ZoneMinute => i64::from(offset / 60 % 60),
        _ => return None,
    })
}

fn date(call: &Call<'_>) -> Result<Part> {
    let unit = requested(call, "date")?;
    let days = call.int(1)?;
    let of_time = matches!(unit, Unit::Microsecond | Unit::Millisecond | Unit::Second | Unit::Minute | Unit::Hour);
    if of_time || zone_part(unit, 0).is_some() {
        return not_supported(call, "date");
    }
    if !is_finite(days) {
        return infinite(unit, days).map_or_else(|| not_supported(call, "date"), Ok);
    }
    match unit {
        Unit::Epoch => exact(days * 86_400),
        Unit::Julian => exact(days + UNIX_EPOCH_JULIAN),
        _ => match calendar_part(unit, &Civil::from_days(days)) {
            Some(value) => exact(value),
            None => not_supported(call, "date"),
        },
    }
}

/// `date_part` of a date is that of its midnight.
fn date_as_timestamp(call: &Call<'_>) -> Result<Part> {
    let micros = super::arithmetic::midnight(call.int(1)?)?;
    timestamp_part(call, micros, None, "timestamp without time zone")
}

fn timestamp(call: &Call<'_>) -> Result<Part> {
    timestamp_part(call, call.int(1)?, None, "timestamp without time zone")
}

fn timestamptz(call: &Call<'_>) -> Result<Part> {
    let micros = call.int(1)?;
    let offset = if is_finite(micros) { session_zone(call).offset_at(micros) } else { 0 };
    timestamp_part(call, micros, Some(offset), "timestamp with time zone")
}

fn timestamp_part(call: &Call<'_>, micros: i64, offset: Option<i32>, type_name: &str) -> Result<Part> {
    let unit = requested(call, type_name)?;
    let has_zone = offset.is_some() || zone_part(unit, 0).is_none();
    if !is_finite(micros) {
        return infinite(unit, micros).filter(|_| has_zone).map_or_else(|| not_supported(call, type_name), Ok);
    }
    let local = match offset {
        Some(_) => session_zone(call).to_local(micros).0,
        None => Civil::from_micros(micros),
    };
    if unit == Unit::Epoch {
        return Ok(Part::Exact(i128::from(micros), 6));
    }
    if unit == Unit::Julian {
        return Ok(Part::Julian(local.days() + UNIX_EPOCH_JULIAN, local.time()));
    }
    if let Some(part) = clock_part(unit, &local) {
        return Ok(part);
    }
    match calendar_part(unit, &local).or_else(|| offset.and_then(|offset| zone_part(unit, offset))) {
        Some(value) => exact(value),
        None => not_supported(call, type_name),
    }
}

fn time(call: &Call<'_>) -> Result<Part> {
    let type_name = "time without time zone";
    let unit = requested(call, type_name)?;
    let micros = call.int(1)?;
    if unit == Unit::Epoch {
        return Ok(Part::Exact(i128::from(micros), 6));
    }
    clock_part(unit, &Civil::default().with_time(micros)).map_or_else(|| not_supported(call, type_name), Ok)
}

fn timetz(call: &Call<'_>) -> Result<Part> {
    let type_name = "time with time zone";
    let unit = requested(call, type_name)?;
    let value = Timetz::from_storage(call.text(1)?)?;
    if unit == Unit::Epoch {
        return Ok(Part::Exact(i128::from(value.utc()), 6));
    }
    if let Some(zone) = zone_part(unit, value.offset) {
        return exact(zone);
    }
    clock_part(unit, &Civil::default().with_time(value.time)).map_or_else(|| not_supported(call, type_name), Ok)
}

fn interval(call: &Call<'_>) -> Result<Part> {
    let unit = requested(call, "interval")?;
    let Interval { months, days, microseconds } = call.interval(1)?;
    let (years, months) = (i64::from(months / 12), i64::from(months % 12));
    match unit {
        Unit::Day => exact(i64::from(days)),
        Unit::Month => exact(months),
        Unit::Quarter => exact(months / 3 + 1),
        Unit::Year => exact(years),
        Unit::Decade => exact(years / 10),
        Unit::Century => exact(years / 100),
        Unit::Millennium => exact(years / 1000),
        Unit::Epoch => {
            let day_seconds = i128::from(years) * 31_557_600 + i128::from(months) * 2_592_000 + i128::from(days) * 86_400;
            Ok(Part::Exact(day_seconds * 1_000_000 + i128::from(microseconds), 6))
        }
        _ => clock_part(unit, &Civil::default().with_time(microseconds)).map_or_else(|| not_supported(call, "interval"), Ok),
    }
}
