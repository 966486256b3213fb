//! `interval`: months, days and microseconds, each with its own sign. Storage: TEXT in PostgreSQL's default style
//! (`1 mon 2 days 03:04:05`), whatever `IntervalStyle` is, with the collation `interval`.

use std::cmp::Ordering;

use super::{
    Codec, Type, Value, ValueRef,
    binary::{BinaryReader, stored_text},
    datetime::{
        Fault,
        calendar::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND},
        out_of_range,
    },
};
use crate::{
    error::{Result, SqlError},
    session::context::{Context, IntervalStyle},
};

mod format;
mod iso;
mod parse;

/// A span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Months, twelve to a year.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub microseconds: i64,
}

/// The codec of `interval`.
pub struct IntervalCodec;

/// Bits of the fields that a typmod names (`interval year to month`).
pub mod field {
    /// MONTH.
    pub const MONTH: i32 = 1 << 1;
    /// YEAR.
    pub const YEAR: i32 = 1 << 2;
    /// DAY.
    pub const DAY: i32 = 1 << 3;
    /// HOUR.
    pub const HOUR: i32 = 1 << 10;
    /// MINUTE.
    pub const MINUTE: i32 = 1 << 11;
    /// SECOND.
    pub const SECOND: i32 = 1 << 12;
    /// All.
    pub const FULL: i32 = 0x7FFF;
}

impl Interval {
    /// Reads an interval as a user writes it, in any style; `typmod` as in `atttypmod` (PostgreSQL's `interval_in`).
    pub fn parse(text: &str, typmod: i32, style: IntervalStyle) -> Result<Interval> {
        let range = if typmod < 0 { field::FULL } else { typmod >> 16 & field::FULL };
        let parsed = match parse::interval(text, range, style) {
            Err(Fault::Format) => iso::interval(text),
            other => other,
        };
        let interval = parsed.map_err(|fault| match fault {
            Fault::Field => Fault::Interval.error(text, "interval"),
            fault => fault.error(text, "interval"),
        })?;
        Ok(interval.with_typmod(typmod))
    }

    /// Reads the storage form.
    pub fn from_storage(text: &str) -> Result<Interval> {
        parse::interval(text, field::FULL, IntervalStyle::Postgres)
            .map_err(|_| SqlError::internal(format!("no interval in storage: \"{text}\"")))
    }

    /// The storage form.
    pub fn to_storage(&self) -> String {
        format::postgres(self)
    }

    /// The text in a style.
    pub fn format(&self, style: IntervalStyle) -> String {
        format::interval(self, style)
    }

    /// The length that comparisons go by: months of 30 days of 24 hours.
    pub fn span(&self) -> i128 {
        (i128::from(self.months) * 30 + i128::from(self.days)) * i128::from(MICROS_PER_DAY) + i128::from(self.microseconds)
    }

    /// With the fields and the precision that a typmod leaves (PostgreSQL's `AdjustIntervalForTypmod`).
    #[must_use]
    pub fn with_typmod(mut self, typmod: i32) -> Interval {
        use field::{DAY, FULL, HOUR, MINUTE, MONTH, SECOND, YEAR};
        if typmod < 0 {
            return self;
        }
        let (range, precision) = (typmod >> 16 & FULL, typmod & 0xFFFF);
        if range != FULL && range & (DAY | HOUR | MINUTE | SECOND) == 0 {
            self.days = 0;
            self.microseconds = 0;
            if range & MONTH == 0 && range & YEAR != 0 {
                self.months = self.months / 12 * 12;
            }
        } else if range != FULL && range & SECOND == 0 {
            let unit = if range & MINUTE != 0 {
                MICROS_PER_MINUTE
            } else if range & HOUR != 0 {
                MICROS_PER_HOUR
            } else {
                0
            };
            self.microseconds = if unit == 0 { 0 } else { self.microseconds / unit * unit };
        }
        if (0..6).contains(&precision) {
            self.microseconds = super::datetime::format::round_to_precision(self.microseconds, precision);
        }
        self
    }

    /// The opposite, or 22008.
    pub fn negate(&self) -> Result<Interval> {
        let negated = || {
            Some(Interval {
                months: self.months.checked_neg()?,
                days: self.days.checked_neg()?,
                microseconds: self.microseconds.checked_neg()?,
            })
        };
        negated().ok_or_else(|| out_of_range("interval"))
    }

    /// The sum, or 22008.
    pub fn add(&self, other: &Interval) -> Result<Interval> {
        let sum = || {
            Some(Interval {
                months: self.months.checked_add(other.months)?,
                days: self.days.checked_add(other.days)?,
                microseconds: self.microseconds.checked_add(other.microseconds)?,
            })
        };
        sum().ok_or_else(|| out_of_range("interval"))
    }

    /// The product with a factor, fractions of months and days going to the smaller units (PostgreSQL's `interval_mul`).
    pub fn multiply(&self, factor: f64) -> Result<Interval> {
        self.scale(|part| part * factor)
    }

    /// The quotient by a divisor that is not zero.
    pub fn divide(&self, divisor: f64) -> Result<Interval> {
        self.scale(|part| part / divisor)
    }

    fn scale(&self, scaled: impl Fn(f64) -> f64) -> Result<Interval> {
        let overflow = || out_of_range("interval");
        let micros_rounded = |value: f64| (value * MICROS_PER_SECOND as f64).round_ties_even() / MICROS_PER_SECOND as f64;
        let months = to_int4(scaled(f64::from(self.months))).ok_or_else(overflow)?;
        let days = to_int4(scaled(f64::from(self.days))).ok_or_else(overflow)?;
        let month_remainder_days = micros_rounded((scaled(f64::from(self.months)) - f64::from(months)) * 30.0);
        let mut sec_remainder =
            (scaled(f64::from(self.days)) - f64::from(days) + month_remainder_days - month_remainder_days.trunc()) * 86_400.0;
        sec_remainder = micros_rounded(sec_remainder);
        let mut days = i64::from(days);
        if sec_remainder.abs() >= 86_400.0 {
            let whole = (sec_remainder / 86_400.0).trunc();
            days += whole as i64;
            sec_remainder -= whole * 86_400.0;
        }
        days += month_remainder_days.trunc() as i64;
        let micros = (scaled(self.microseconds as f64) + sec_remainder * MICROS_PER_SECOND as f64).round_ties_even();
        if micros.is_nan() || !(-9.223_372_036_854_775e18..9.223_372_036_854_775e18).contains(&micros) {
            return Err(overflow());
        }
        Ok(Interval { months, days: i32::try_from(days).map_err(|_| overflow())?, microseconds: micros as i64 })
    }

    /// Whole days of 24 hours out of the time (PostgreSQL's `interval_justify_hours`).
    pub fn justify_hours(mut self) -> Result<Interval> {
        let whole = self.microseconds / MICROS_PER_DAY;
        self.microseconds -= whole * MICROS_PER_DAY;
        self.days = i32::try_from(i64::from(self.days) + whole).map_err(|_| out_of_range("interval"))?;
        if self.days > 0 && self.microseconds < 0 {
            self.microseconds += MICROS_PER_DAY;
            self.days -= 1;
        } else if self.days < 0 && self.microseconds > 0 {
            self.microseconds -= MICROS_PER_DAY;
            self.days += 1;
        }
        Ok(self)
    }

    /// Whole months of 30 days out of the days.
    pub fn justify_days(mut self) -> Result<Interval> {
        let whole = self.days / 30;
        self.days -= whole * 30;
        self.months = self.months.checked_add(whole).ok_or_else(|| out_of_range("interval"))?;
        if self.months > 0 && self.days < 0 {
            self.days += 30;
            self.months -= 1;
        } else if self.months < 0 && self.days > 0 {
            self.days -= 30;
            self.months += 1;
        }
        Ok(self)
    }

    /// Both, with one sign for all (PostgreSQL's `interval_justify_interval`).
    pub fn justify(mut self) -> Result<Interval> {
        let overflow = || out_of_range("interval");
        if (self.days > 0 && self.microseconds > 0) || (self.days < 0 && self.microseconds < 0) {
            let whole = self.days / 30;
            self.days -= whole * 30;
            self.months = self.months.checked_add(whole).ok_or_else(overflow)?;
        }
        let whole = self.microseconds / MICROS_PER_DAY;
        self.microseconds -= whole * MICROS_PER_DAY;
        self.days = i32::try_from(i64::from(self.days) + whole).map_err(|_| overflow())?;
        let whole = self.days / 30;
        self.days -= whole * 30;
        self.months = self.months.checked_add(whole).ok_or_else(overflow)?;
        if self.months > 0 && (self.days < 0 || (self.days == 0 && self.microseconds < 0)) {
            self.days += 30;
            self.months -= 1;
        } else if self.months < 0 && (self.days > 0 || (self.days == 0 && self.microseconds > 0)) {
            self.days -= 30;
            self.months += 1;
        }
        if self.days > 0 && self.microseconds < 0 {
            self.microseconds += MICROS_PER_DAY;
            self.days -= 1;
        } else if self.days < 0 && self.microseconds > 0 {
            self.microseconds -= MICROS_PER_DAY;
            self.days += 1;
        }
        Ok(self)
    }
}

/// The whole part of a number, where 32 bits hold it.
fn to_int4(value: f64) -> Option<i32> {
    (value.is_finite() && value < 2_147_483_648.0 && value > -2_147_483_649.0).then_some(value as i32)
}

impl Codec for IntervalCodec {
    fn input(&self, text: &str, _: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        Ok(Value::Text(Interval::parse(text, typmod, cx.interval_style)?.to_storage()))
    }

    fn output(&self, value: ValueRef<'_>, _: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let text = stored_text(value)?;
        if cx.interval_style == IntervalStyle::Postgres {
            out.extend_from_slice(text.as_bytes());
        } else {
            out.extend_from_slice(Interval::from_storage(text)?.format(cx.interval_style).as_bytes());
        }
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _: &Type, typmod: i32, _: &Context) -> Result<Value> {
        let mut reader = BinaryReader::new(bytes);
        let interval = Interval { microseconds: reader.int8()?, days: reader.int4()?, months: reader.int4()? };
        reader.end()?;
        Ok(Value::Text(interval.with_typmod(typmod).to_storage()))
    }

    fn send(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        let interval = Interval::from_storage(stored_text(value)?)?;
        out.extend_from_slice(&interval.microseconds.to_be_bytes());
        out.extend_from_slice(&interval.days.to_be_bytes());
        out.extend_from_slice(&interval.months.to_be_bytes());
        Ok(())
    }

    fn compare(&self, left: &str, right: &str, _: &Type, _: &Context) -> Ordering {
        match (Interval::from_storage(left), Interval::from_storage(right)) {
            (Ok(left), Ok(right)) => left.span().cmp(&right.span()),
            _ => left.cmp(right),
        }
    }
}

#[cfg(test)]
mod tests;
