//! `make_date`, `make_time`, `make_timestamp`, `make_timestamptz`, `make_interval`.

use super::conversion::{from_local, session_zone};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::{
        Value,
        datetime::{
            calendar::{Civil, MICROS_PER_DAY, MICROS_PER_SECOND, days_in_month, is_valid_date, is_valid_julian},
            number::displacement,
            out_of_range,
            zone::{Zone, at_offset},
            zone_not_recognized,
        },
        interval::Interval,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("make_date(integer,integer,integer)", Scalar(|c| Ok(Value::Integer(date(c)?.days())))),
    row("make_time(integer,integer,double precision)", Scalar(|c| time(c, 0).map(Value::Integer))),
    row("make_timestamp(integer,integer,integer,integer,integer,double precision)", Scalar(|c| timestamp(c).map(Value::Integer))),
    row(
        "make_timestamptz(integer,integer,integer,integer,integer,double precision)",
        Scalar(|c| from_local(timestamp(c)?, session_zone(c))),
    ),
    row("make_timestamptz(integer,integer,integer,integer,integer,double precision,text)", Scalar(timestamptz)),
    row("make_interval(integer,integer,integer,integer,integer,integer,double precision)", Scalar(interval)),
];

fn date(call: &Call<'_>) -> Result<Civil> {
    let (written_year, month, day) = (call.int(0)?, call.int(1)?, call.int(2)?);
    let wrong = || {
        let message = format!("date field value out of range: {written_year}-{month:02}-{day:02}");
        SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
    };
    let year = if written_year < 0 { written_year + 1 } else { written_year };
    if written_year == 0 || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return Err(wrong());
    }
    let civil = Civil { year, month, day, ..Civil::default() };
    if !is_valid_julian(year, month) || !is_valid_date(civil.days()) {
        return Err(SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date out of range: {written_year}-{month:02}-{day:02}")));
    }
    Ok(civil)
}

/// Hours, minutes and seconds from argument `at` on, in microseconds.
fn time(call: &Call<'_>, at: usize) -> Result<i64> {
    let (hour, minute, seconds) = (call.int(at)?, call.int(at + 1)?, call.float(at + 2)?);
    let micros = (seconds * MICROS_PER_SECOND as f64).round_ties_even();
    let total = (hour * 60 + minute) as f64 * 60.0 * MICROS_PER_SECOND as f64 + micros;
    let fits = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0 * MICROS_PER_SECOND as f64).contains(&micros);
    if !fits || total > MICROS_PER_DAY as f64 {
        let message = format!("time field value out of range: {hour}:{minute:02}:{}", shown_seconds(seconds));
        return Err(SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, message));
    }
    Ok(total as i64)
}

/// Seconds as C's `%02g` prints them.
fn shown_seconds(seconds: f64) -> String {
    if seconds.is_nan() {
        return "nan".to_owned();
    }
    let text = format!("{seconds}");
    if text.len() < 2 { format!("0{text}") } else { text }
}

fn timestamp(call: &Call<'_>) -> Result<i64> {
    let (date, time) = (date(call)?, time(call, 3)?);
    let error = || {
        SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("timestamp out of range: {}-{:02}-{:02}", date.year, date.month, date.day))
    };
    crate::types::datetime::calendar::timestamp(date.days(), time).ok_or_else(error)
}

fn timestamptz(call: &Call<'_>) -> Result<Value> {
    let local = Civil::from_micros(timestamp(call)?);
    let name = call.text(6)?;
    let utc = if name.starts_with(['+', '-']) || name.starts_with(|c: char| c.is_ascii_digit()) {
        let signed = if name.starts_with(['+', '-']) { name.to_owned() } else { format!("+{name}") };
        let offset = displacement(&signed).map_err(|_| {
            SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid input syntax for type numeric time zone: \"{name}\""))
                .hint("Numeric time zones must have \"-\" or \"+\" as first character.")
        })?;
        at_offset(&local, offset)
    } else {
        Zone::by_any_name(name).ok_or_else(|| zone_not_recognized(name))?.to_utc(&local)
    };
    utc.map(Value::Integer).ok_or_else(|| out_of_range("timestamp"))
}

fn interval(call: &Call<'_>) -> Result<Value> {
    let seconds = call.float(6)?;
    if !seconds.is_finite() {
        return Err(out_of_range("interval"));
    }
    let overflow = || out_of_range("interval");
    let months = i32::try_from(call.int(0)? * 12 + call.int(1)?).map_err(|_| overflow())?;
    let days = i32::try_from(call.int(2)? * 7 + call.int(3)?).map_err(|_| overflow())?;
    let clock = (call.int(4)? * 60 + call.int(5)?) * 60 * MICROS_PER_SECOND;
    let micros = (seconds * MICROS_PER_SECOND as f64).round_ties_even();
    if micros.abs() >= 9.2e18 {
        return Err(overflow());
    }
    let microseconds = clock.checked_add(micros as i64).ok_or_else(overflow)?;
    Ok(Value::Text(Interval { months, days, microseconds }.to_storage()))
}
