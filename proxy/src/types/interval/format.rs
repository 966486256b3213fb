//! Writing intervals in the four styles (PostgreSQL's `EncodeInterval`). Enters: an [`Interval`]; leaves: text.

use std::fmt::Write;

use super::{
    super::datetime::{
        calendar::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND},
        format::seconds,
    },
    Interval,
};
use crate::session::context::IntervalStyle;

/// The parts of an interval, all with the sign of their unit.
struct Parts {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    micros: i64,
}

impl From<&Interval> for Parts {
    fn from(interval: &Interval) -> Parts {
        let time = interval.microseconds;
        Parts {
            years: i64::from(interval.months) / 12,
            months: i64::from(interval.months) % 12,
            days: i64::from(interval.days),
            hours: time / MICROS_PER_HOUR,
            minutes: time / MICROS_PER_MINUTE % 60,
            seconds: time / MICROS_PER_SECOND % 60,
            micros: time % MICROS_PER_SECOND,
        }
    }
}

impl Parts {
    fn time_is_negative(&self) -> bool {
        self.hours < 0 || self.minutes < 0 || self.seconds < 0 || self.micros < 0
    }

    fn has_time(&self) -> bool {
        self.hours != 0 || self.minutes != 0 || self.seconds != 0 || self.micros != 0
    }

    /// `HH:MM:SS.fff` without a sign.
    fn clock(&self, hour_width: usize, out: &mut String) {
        push(out, format_args!("{:0hour_width$}:{:02}:", self.hours.abs(), self.minutes.abs()));
        seconds(self.seconds, self.micros, 2, out);
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

/// In the given style.
pub(super) fn interval(interval: &Interval, style: IntervalStyle) -> String {
    let parts = Parts::from(interval);
    match style {
        IntervalStyle::Postgres => postgres(interval),
        IntervalStyle::PostgresVerbose => verbose(&parts),
        IntervalStyle::SqlStandard => sql_standard(&parts),
        IntervalStyle::Iso8601 => iso8601(&parts),
    }
}

/// `1 year 2 mons -3 days +04:05:06`.
pub(super) fn postgres(interval: &Interval) -> String {
    let parts = Parts::from(interval);
    let mut out = String::new();
    let mut before_was_negative = false;
    for (value, unit) in [(parts.years, "year"), (parts.months, "mon"), (parts.days, "day")] {
        if value == 0 {
            continue;
        }
        let space = if out.is_empty() { "" } else { " " };
        let plus = if before_was_negative && value > 0 { "+" } else { "" };
        let plural = if value == 1 { "" } else { "s" };
        push(&mut out, format_args!("{space}{plus}{value} {unit}{plural}"));
        before_was_negative = value < 0;
    }
    if out.is_empty() || parts.has_time() {
        let sign = match (parts.time_is_negative(), before_was_negative) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        let space = if out.is_empty() { "" } else { " " };
        push(&mut out, format_args!("{space}{sign}"));
        parts.clock(2, &mut out);
    }
    out
}

/// `@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago`.
fn verbose(parts: &Parts) -> String {
    let mut out = String::from("@");
    let mut is_before = false;
    let mut is_zero = true;
    let units = [(parts.years, "year"), (parts.months, "mon"), (parts.days, "day"), (parts.hours, "hour"), (parts.minutes, "min")];
    for (value, unit) in units {
        if value == 0 {
            continue;
        }
        let shown = if is_zero {
            is_before = value < 0;
            value.abs()
        } else if is_before {
            -value
        } else {
            value
        };
        let plural = if shown == 1 { "" } else { "s" };
        push(&mut out, format_args!(" {shown} {unit}{plural}"));
        is_zero = false;
    }
    if parts.seconds != 0 || parts.micros != 0 {
        let negative = parts.seconds < 0 || parts.micros < 0;
        out.push(' ');
        if is_zero {
            is_before = negative;
        } else if negative != is_before {
            out.push('-');
        }
        seconds(parts.seconds, parts.micros, 1, &mut out);
        let plural = if parts.seconds.abs() != 1 || parts.micros != 0 { "s" } else { "" };
        push(&mut out, format_args!(" sec{plural}"));
        is_zero = false;
    }
    if is_zero {
        out.push_str(" 0");
    }
    if is_before {
        out.push_str(" ago");
    }
    out
}

/// `+1-2 -3 +4:05:06`.
fn sql_standard(parts: &Parts) -> String {
    let values = [parts.years, parts.months, parts.days, parts.hours, parts.minutes, parts.seconds, parts.micros];
    let has_negative = values.iter().any(|v| *v < 0);
    let has_positive = values.iter().any(|v| *v > 0);
    let has_year_month = parts.years != 0 || parts.months != 0;
    let has_day = parts.days != 0;
    let has_time = parts.has_time();
    let is_standard = !(has_negative && has_positive) && !(has_year_month && (has_day || has_time));
    let mut out = String::new();
    if !has_negative && !has_positive {
        return "0".to_owned();
    }
    if !is_standard {
        let sign = |negative: bool| if negative { '-' } else { '+' };
        push(&mut out, format_args!("{}{}-{}", sign(parts.years < 0 || parts.months < 0), parts.years.abs(), parts.months.abs()));
        push(&mut out, format_args!(" {}{} {}", sign(parts.days < 0), parts.days.abs(), sign(parts.time_is_negative())));
        parts.clock(1, &mut out);
        return out;
    }
    if has_negative {
        out.push('-');
    }
    if has_year_month {
        push(&mut out, format_args!("{}-{}", parts.years.abs(), parts.months.abs()));
    } else {
        if has_day {
            push(&mut out, format_args!("{} ", parts.days.abs()));
        }
        parts.clock(1, &mut out);
    }
    out
}

/// `P1Y2M3DT4H5M6S`.
fn iso8601(parts: &Parts) -> String {
    let mut out = String::from("P");
    for (value, unit) in [(parts.years, 'Y'), (parts.months, 'M'), (parts.days, 'D')] {
        if value != 0 {
            push(&mut out, format_args!("{value}{unit}"));
        }
    }
    if parts.has_time() {
        out.push('T');
    }
    for (value, unit) in [(parts.hours, 'H'), (parts.minutes, 'M')] {
        if value != 0 {
            push(&mut out, format_args!("{value}{unit}"));
        }
    }
    if parts.seconds != 0 || parts.micros != 0 {
        if parts.seconds < 0 || parts.micros < 0 {
            out.push('-');
        }
        seconds(parts.seconds, parts.micros, 1, &mut out);
        out.push('S');
    }
    if out == "P" { "PT0S".to_owned() } else { out }
}
