//! Writing dates and times in the session's style (PostgreSQL's `EncodeDateOnly`, `EncodeTimeOnly`, `EncodeDateTime`).
//! Enters: a calendar point of time, with a zone or not; leaves: text.

use std::fmt::Write;

use super::{
    INFINITY, NEGATIVE_INFINITY,
    calendar::{Civil, MICROS_PER_SECOND, weekday},
    tokens::{MONTHS, WEEKDAYS},
};
use crate::session::context::{Context, DateFormat, DateOrder, DateStyle};

/// ISO style, whatever the session has.
pub const ISO: DateStyle = DateStyle { format: DateFormat::Iso, order: DateOrder::Ymd };

/// `infinity` or `-infinity`, where the value is one of them.
pub fn infinity(value: i64) -> Option<&'static str> {
    match value {
        INFINITY => Some("infinity"),
        NEGATIVE_INFINITY => Some("-infinity"),
        _ => None,
    }
}

/// The year as shown: 1 BC for year 0.
fn shown_year(year: i64) -> i64 {
    if year > 0 { year } else { 1 - year }
}

/// A date in storage form.
pub fn date(days: i64, style: DateStyle) -> String {
    if let Some(text) = infinity(days) {
        return text.to_owned();
    }
    let civil = Civil::from_days(days);
    let mut out = String::with_capacity(13);
    date_part(&civil, style, '-', &mut out);
    era(&civil, &mut out);
    out
}

/// Day, month and year; in PostgreSQL style with `separator`.
fn date_part(civil: &Civil, style: DateStyle, separator: char, out: &mut String) {
    let (year, month, day) = (shown_year(civil.year), civil.month, civil.day);
    let day_first = style.order == DateOrder::Dmy;
    let (first, second) = if day_first { (day, month) } else { (month, day) };
    let written = match style.format {
        DateFormat::Iso => write!(out, "{year:04}-{month:02}-{day:02}"),
        DateFormat::Sql => write!(out, "{first:02}/{second:02}/{year:04}"),
        DateFormat::German => write!(out, "{day:02}.{month:02}.{year:04}"),
        DateFormat::Postgres => write!(out, "{first:02}{separator}{second:02}{separator}{year:04}"),
    };
    written.expect("writing to a string cannot fail");
}

fn era(civil: &Civil, out: &mut String) {
    if civil.year <= 0 {
        out.push_str(" BC");
    }
}

/// `HH:MM:SS` with as many digits of fraction as there are.
pub fn clock(civil: &Civil, out: &mut String) {
    write!(out, "{:02}:{:02}:", civil.hour, civil.minute).expect("writing to a string cannot fail");
    seconds(civil.second, civil.micros, 2, out);
}

/// Seconds with as many digits of fraction as there are.
pub fn seconds(second: i64, micros: i64, width: usize, out: &mut String) {
    write!(out, "{:0width$}", second.abs()).expect("writing to a string cannot fail");
    if micros != 0 {
        let digits = format!("{:06}", micros.abs());
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}

/// A time in storage form.
pub fn time(micros: i64) -> String {
    let mut out = String::with_capacity(15);
    clock(&Civil::default().with_time(micros), &mut out);
    out
}

/// A displacement `+02`, `+05:30`, `-00:00:01`; minutes always where `minutes` says so.
pub fn displacement(offset: i32, minutes: bool, out: &mut String) {
    let (sign, seconds) = (if offset < 0 { '-' } else { '+' }, offset.abs());
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let written = if second != 0 {
        write!(out, "{sign}{hour:02}:{minute:02}:{second:02}")
    } else if minute != 0 || minutes {
        write!(out, "{sign}{hour:02}:{minute:02}")
    } else {
        write!(out, "{sign}{hour:02}")
    };
    written.expect("writing to a string cannot fail");
}

/// A point of time in a style; `zone` is the offset and its abbreviation.
pub fn date_time(civil: &Civil, zone: Option<(i32, Option<String>)>, style: DateStyle) -> String {
    let mut out = String::with_capacity(32);
    match style.format {
        DateFormat::Postgres => {
            let month = &MONTHS[(civil.month - 1).rem_euclid(12) as usize][..3];
            let day = &WEEKDAYS[weekday(civil.days()) as usize][..3];
            let written = if style.order == DateOrder::Dmy {
                write!(out, "{day} {:02} {month} ", civil.day)
            } else {
                write!(out, "{day} {month} {:02} ", civil.day)
            };
            written.expect("writing to a string cannot fail");
            clock(civil, &mut out);
            write!(out, " {:04}", shown_year(civil.year)).expect("writing to a string cannot fail");
        }
        _ => {
            date_part(civil, style, '-', &mut out);
            out.push(' ');
            clock(civil, &mut out);
        }
    }
    if let Some((offset, abbreviation)) = zone {
        match (style.format, abbreviation) {
            (DateFormat::Iso, _) => displacement(offset, false, &mut out),
            (_, Some(name)) => {
                out.push(' ');
                out.push_str(name.get(..10).unwrap_or(&name));
            }
            (format, None) => {
                if format == DateFormat::Postgres {
                    out.push(' ');
                }
                displacement(offset, false, &mut out);
            }
        }
    }
    era(civil, &mut out);
    out
}

/// A timestamp in storage form.
pub fn timestamp(micros: i64, style: DateStyle) -> String {
    match infinity(micros) {
        Some(text) => text.to_owned(),
        None => date_time(&Civil::from_micros(micros), None, style),
    }
}

/// A timestamptz in storage form, in the session's zone.
pub fn timestamptz(micros: i64, cx: &Context) -> String {
    if let Some(text) = infinity(micros) {
        return text.to_owned();
    }
    let zone = cx.time_zone;
    let (civil, offset) = zone.to_local(micros);
    let abbreviation = if cx.date_style.format == DateFormat::Iso { None } else { zone.abbreviation_at(micros) };
    date_time(&civil, Some((offset, abbreviation)), cx.date_style)
}

/// A timetz: microseconds since midnight and the offset.
pub fn timetz(micros: i64, offset: i32) -> String {
    let mut out = time(micros);
    displacement(offset, false, &mut out);
    out
}

/// A point of time as JSON has it: `2024-02-29T13:04:05.678+02:00`.
pub fn json(civil: &Civil, offset: Option<i32>) -> String {
    let mut out = String::with_capacity(32);
    date_part(civil, ISO, '-', &mut out);
    out.push('T');
    clock(civil, &mut out);
    if let Some(offset) = offset {
        displacement(offset, true, &mut out);
    }
    era(civil, &mut out);
    out
}

/// Microseconds rounded to a precision of 0 to 6 digits, halves away from zero (PostgreSQL's `AdjustTimestampForTypmod`).
pub fn round_to_precision(micros: i64, precision: i32) -> i64 {
    if !(0..6).contains(&precision) {
        return micros;
    }
    let unit = MICROS_PER_SECOND / 10_i64.pow(precision as u32);
    if micros >= 0 {
        micros.saturating_add(unit / 2) / unit * unit
    } else {
        -(micros.saturating_neg().saturating_add(unit / 2) / unit * unit)
    }
}
