//! Reading intervals with units, in SQL's form and in PostgreSQL's (`DecodeInterval`). Enters: text; leaves: an [`Interval`].

use super::{
    super::datetime::{
        Fault,
        calendar::{MICROS_PER_DAY, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND},
        fields::{self, FieldKind},
        number,
        tokens::{IntervalWord, Unit, Word, date_word, interval_word},
    },
    Interval, field,
};
use crate::session::context::IntervalStyle;

/// The fields as they are added up.
#[derive(Default)]
pub(super) struct Sum {
    pub(super) years: i64,
    pub(super) months: i64,
    pub(super) days: i64,
    pub(super) micros: i64,
}

impl Sum {
    /// Adds a whole number and a fraction of a unit of time.
    pub(super) fn add_time(&mut self, value: i64, fraction: f64, unit: i64) -> Result<(), Fault> {
        let whole = value.checked_mul(unit).ok_or(Fault::Field)?;
        self.micros = self.micros.checked_add(whole).ok_or(Fault::Field)?;
        self.add_fraction(fraction, unit as f64)
    }

    /// Adds a fraction of a unit in microseconds, rounded to the nearest one.
    fn add_fraction(&mut self, fraction: f64, unit: f64) -> Result<(), Fault> {
        if fraction == 0.0 {
            return Ok(());
        }
        let exact = fraction * unit;
        let mut micros = exact as i64;
        let rest = exact - micros as f64;
        if rest > 0.5 {
            micros += 1;
        } else if rest < -0.5 {
            micros -= 1;
        }
        self.micros = self.micros.checked_add(micros).ok_or(Fault::Field)?;
        Ok(())
    }

    /// Adds a number of units of days, its fraction going to days and time.
    pub(super) fn add_days(&mut self, value: i64, fraction: f64, scale: i64) -> Result<(), Fault> {
        let whole = value.checked_mul(scale).ok_or(Fault::Field)?;
        self.days = narrow(self.days.checked_add(whole))?;
        self.add_fraction_of_days(fraction, scale)
    }

    fn add_fraction_of_days(&mut self, fraction: f64, scale: i64) -> Result<(), Fault> {
        if fraction == 0.0 {
            return Ok(());
        }
        let exact = fraction * scale as f64;
        let days = exact as i64;
        self.days = narrow(self.days.checked_add(days))?;
        self.add_fraction(exact - days as f64, MICROS_PER_DAY as f64)
    }

    /// Adds months, their fraction going to days of 30 to the month.
    pub(super) fn add_months(&mut self, value: i64, fraction: f64) -> Result<(), Fault> {
        self.months = narrow(self.months.checked_add(value))?;
        self.add_fraction_of_days(fraction, 30)
    }

    /// Adds units of years, their fraction going to months.
    pub(super) fn add_years(&mut self, value: i64, fraction: f64, scale: i64) -> Result<(), Fault> {
        let whole = value.checked_mul(scale).ok_or(Fault::Field)?;
        self.years = narrow(self.years.checked_add(whole))?;
        let months = (fraction * scale as f64 * 12.0).round_ties_even() as i64;
        self.months = narrow(self.months.checked_add(months))?;
        Ok(())
    }

    /// The interval.
    pub(super) fn interval(&self) -> Result<Interval, Fault> {
        let months = i32::try_from(self.years * 12 + self.months).map_err(|_| Fault::Range)?;
        Ok(Interval { months, days: i32::try_from(self.days).map_err(|_| Fault::Field)?, microseconds: self.micros })
    }

    fn negate(&mut self) -> Result<(), Fault> {
        for part in [&mut self.years, &mut self.months, &mut self.days] {
            *part = narrow(Some(-*part))?;
        }
        self.micros = self.micros.checked_neg().ok_or(Fault::Field)?;
        Ok(())
    }
}

/// A sum that fits 32 bits.
fn narrow(sum: Option<i64>) -> Result<i64, Fault> {
    sum.filter(|sum| i32::try_from(*sum).is_ok()).ok_or(Fault::Field)
}

/// Reads an interval; `range` are the fields its type names, `style` decides what a leading minus means.
pub(super) fn interval(text: &str, range: i32, style: IntervalStyle) -> Result<Interval, Fault> {
    let fields = fields::split(text)?;
    let signed = |text: &str| text.starts_with(['-', '+']);
    let force_negative = style == IntervalStyle::SqlStandard
        && fields.first().is_some_and(|first| first.text.starts_with('-'))
        && !fields[1..].iter().any(|field| signed(&field.text));
    let mut reader = Reader { sum: Sum::default(), unit: None, range, force_negative, seen: 0, ago: false };
    for field in fields.iter().rev() {
        match field.kind {
            FieldKind::Time => reader.time(&field.text, false)?,
            FieldKind::Zone if field.text.contains(':') => match reader.time(&field.text[1..], field.text.starts_with('-')) {
                Ok(()) => {}
                Err(_) => reader.number(&field.text)?,
            },
            FieldKind::Zone | FieldKind::Date | FieldKind::Number => reader.number(&field.text)?,
            FieldKind::Word | FieldKind::Special => reader.word(&field.text)?,
        }
    }
    if reader.seen == 0 {
        return Err(Fault::Format);
    }
    if reader.ago {
        reader.sum.negate()?;
    }
    reader.sum.interval()
}

/// The state of reading from right to left.
struct Reader {
    sum: Sum,
    unit: Option<Unit>,
    range: i32,
    force_negative: bool,
    seen: u32,
    ago: bool,
}

impl Reader {
    fn see(&mut self, mask: u32) -> Result<(), Fault> {
        if self.seen & mask != 0 {
            return Err(Fault::Format);
        }
        self.seen |= mask;
        Ok(())
    }

    fn time(&mut self, text: &str, negative: bool) -> Result<(), Fault> {
        let clock = number::clock(text, self.range == field::MINUTE | field::SECOND)?;
        let micros = clock
            .hour
            .checked_mul(MICROS_PER_HOUR)
            .and_then(|m| m.checked_add(clock.minute * MICROS_PER_MINUTE + clock.second * MICROS_PER_SECOND + clock.micros))
            .ok_or(Fault::Field)?;
        let negative = negative || (self.force_negative && micros > 0);
        self.sum.micros = if negative { -micros } else { micros };
        self.unit = Some(Unit::Day);
        self.see(mask(Unit::Hour) | mask(Unit::Minute) | mask(Unit::Second))
    }

    /// The unit of a number without one, by the fields that the type names.
    fn default_unit(&self) -> Unit {
        use field::{DAY, FULL, HOUR, MINUTE, MONTH, SECOND, YEAR};
        let range = self.range;
        if range == FULL || range & SECOND != 0 {
            Unit::Second
        } else if range & MINUTE != 0 {
            Unit::Minute
        } else if range & HOUR != 0 {
            Unit::Hour
        } else if range & DAY != 0 {
            Unit::Day
        } else if range & MONTH != 0 {
            Unit::Month
        } else if range & YEAR != 0 {
            Unit::Year
        } else {
            Unit::Second
        }
    }

    fn number(&mut self, text: &str) -> Result<(), Fault> {
        let mut unit = self.unit.unwrap_or_else(|| self.default_unit());
        let (mut value, rest) = number::long(text)?;
        let mut fraction = 0.0;
        let negative = text.starts_with('-');
        if let Some(months) = rest.strip_prefix('-') {
            let (months, rest) = number::integer(months)?;
            if !(0..12).contains(&months) {
                return Err(Fault::Field);
            }
            if !rest.is_empty() {
                return Err(Fault::Format);
            }
            unit = Unit::Month;
            let months = if negative { -months } else { months };
            value = value.checked_mul(12).and_then(|v| v.checked_add(months)).ok_or(Fault::Field)?;
        } else if rest.starts_with('.') {
            fraction = number::fraction(rest)?;
            if negative {
                fraction = -fraction;
            }
        } else if !rest.is_empty() {
            return Err(Fault::Format);
        }
        if self.force_negative {
            value = -value.abs();
            fraction = -f64::abs(fraction);
        }
        self.unit = Some(if unit == Unit::Hour { Unit::Day } else { unit });
        let seen = match unit {
            Unit::Second if fraction != 0.0 => mask(Unit::Second) | mask(Unit::Millisecond) | mask(Unit::Microsecond),
            _ => mask(unit),
        };
        self.add(unit, value, fraction)?;
        self.see(seen)
    }

    fn add(&mut self, unit: Unit, value: i64, fraction: f64) -> Result<(), Fault> {
        match unit {
            Unit::Microsecond => self.sum.add_time(value, fraction, 1),
            Unit::Millisecond => self.sum.add_time(value, fraction, 1000),
            Unit::Second => self.sum.add_time(value, fraction, MICROS_PER_SECOND),
            Unit::Minute => self.sum.add_time(value, fraction, MICROS_PER_MINUTE),
            Unit::Hour => self.sum.add_time(value, fraction, MICROS_PER_HOUR),
            Unit::Day => self.sum.add_days(value, fraction, 1),
            Unit::Week => self.sum.add_days(value, fraction, 7),
            Unit::Month => self.sum.add_months(value, fraction),
            Unit::Year => self.sum.add_years(value, fraction, 1),
            Unit::Decade => self.sum.add_years(value, fraction, 10),
            Unit::Century => self.sum.add_years(value, fraction, 100),
            Unit::Millennium => self.sum.add_years(value, fraction, 1000),
            _ => Err(Fault::Format),
        }
    }

    fn word(&mut self, text: &str) -> Result<(), Fault> {
        match interval_word(text) {
            Some(IntervalWord::Ignored) => Ok(()),
            Some(IntervalWord::Ago) => {
                self.ago = true;
                self.unit = None;
                Ok(())
            }
            Some(IntervalWord::Unit(unit)) => {
                self.unit = Some(unit);
                Ok(())
            }
            None => match date_word(text) {
                Some(Word::Ignored) => Ok(()),
                Some(Word::Label(unit)) => {
                    self.unit = Some(unit);
                    Ok(())
                }
                _ => Err(Fault::Format),
            },
        }
    }
}

/// The bit of a unit among those seen.
fn mask(unit: Unit) -> u32 {
    1 << unit as u32
}
