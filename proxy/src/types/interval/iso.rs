//! Reading intervals in ISO 8601's forms: `P1Y2M3DT4H5M6S`, `P0001-02-03T04:05:06`, `P00010203T040506`
//! (PostgreSQL's `DecodeISO8601Interval`). Enters: text; leaves: an [`Interval`].

use super::{
    super::datetime::{
        Fault,
        calendar::{MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND},
    },
    Interval,
    parse::Sum,
};

/// A number: its whole part, its fraction and how many digits the whole part has.
struct Number {
    whole: i64,
    fraction: f64,
    width: usize,
}

struct Reader<'a> {
    rest: &'a str,
    sum: Sum,
}

/// Reads an interval that begins with `P`.
pub(super) fn interval(text: &str) -> Result<Interval, Fault> {
    let rest = text.strip_prefix('P').filter(|rest| !rest.is_empty()).ok_or(Fault::Format)?;
    let mut reader = Reader { rest, sum: Sum::default() };
    let mut in_date = true;
    let mut have_field = false;
    while !reader.rest.is_empty() {
        if reader.take('T') {
            (in_date, have_field) = (false, false);
            continue;
        }
        let more = if in_date { reader.date_field(have_field)? } else { reader.time_field(have_field)? };
        if !more {
            (in_date, have_field) = (false, false);
            continue;
        }
        have_field = true;
    }
    reader.sum.interval()
}

impl Reader<'_> {
    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self) -> Result<Number, Fault> {
        let signed = usize::from(self.rest.starts_with(['-', '+']));
        let accepted = self.rest[signed..].bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (text, rest) = self.rest.split_at(signed + accepted);
        let mut end = text.len();
        if let Ok(exponent) = exponent_length(rest).ok_or(()) {
            end += exponent;
        }
        let text = &self.rest[..end];
        let value: f64 = text.parse().map_err(|_| Fault::Format)?;
        if !(-1.0e15..=1.0e15).contains(&value) {
            return Err(Fault::Field);
        }
        let whole = value.trunc();
        let width = text[signed..].bytes().take_while(u8::is_ascii_digit).count();
        self.rest = &self.rest[end..];
        Ok(Number { whole: whole as i64, fraction: value - whole, width })
    }

    /// A field before `T`. False where the date part is over.
    fn date_field(&mut self, have_field: bool) -> Result<bool, Fault> {
        let number = self.number()?;
        let (value, fraction) = (number.whole, number.fraction);
        if self.take('Y') {
            self.sum.add_years(value, fraction, 1)?;
        } else if self.take('M') {
            self.sum.add_months(value, fraction)?;
        } else if self.take('W') {
            self.sum.add_days(value, fraction, 7)?;
        } else if self.take('D') {
            self.sum.add_days(value, fraction, 1)?;
        } else if number.width == 8 && !have_field && (self.rest.is_empty() || self.rest.starts_with('T')) {
            self.sum.add_years(value / 10_000, 0.0, 1)?;
            self.sum.add_months(value / 100 % 100, 0.0)?;
            self.sum.add_days(value % 100, fraction, 1)?;
            self.take('T');
            return Ok(false);
        } else {
            return self.extended_date(&number, have_field);
        }
        Ok(true)
    }

    /// `0001-02-03`, or a part of it.
    fn extended_date(&mut self, year: &Number, have_field: bool) -> Result<bool, Fault> {
        if have_field || !(self.rest.is_empty() || self.rest.starts_with(['T', '-'])) {
            return Err(Fault::Format);
        }
        self.sum.add_years(year.whole, year.fraction, 1)?;
        if self.rest.is_empty() || self.take('T') {
            return Ok(false);
        }
        self.take('-');
        let month = self.number()?;
        self.sum.add_months(month.whole, month.fraction)?;
        if self.rest.is_empty() || self.take('T') {
            return Ok(false);
        }
        if !self.take('-') {
            return Err(Fault::Format);
        }
        let day = self.number()?;
        self.sum.add_days(day.whole, day.fraction, 1)?;
        if self.rest.is_empty() || self.take('T') { Ok(false) } else { Err(Fault::Format) }
    }

    /// A field after `T`.
    fn time_field(&mut self, have_field: bool) -> Result<bool, Fault> {
        let number = self.number()?;
        let (value, fraction) = (number.whole, number.fraction);
        if self.take('H') {
            self.sum.add_time(value, fraction, MICROS_PER_HOUR)?;
        } else if self.take('M') {
            self.sum.add_time(value, fraction, MICROS_PER_MINUTE)?;
        } else if self.take('S') {
            self.sum.add_time(value, fraction, MICROS_PER_SECOND)?;
        } else if self.rest.is_empty() && number.width == 6 && !have_field {
            self.sum.add_time(value / 10_000, 0.0, MICROS_PER_HOUR)?;
            self.sum.add_time(value / 100 % 100, 0.0, MICROS_PER_MINUTE)?;
            self.sum.add_time(value % 100, fraction, MICROS_PER_SECOND)?;
        } else if have_field || !(self.rest.is_empty() || self.rest.starts_with(':')) {
            return Err(Fault::Format);
        } else {
            self.sum.add_time(value, fraction, MICROS_PER_HOUR)?;
            for unit in [MICROS_PER_MINUTE, MICROS_PER_SECOND] {
                if self.rest.is_empty() {
                    return Ok(true);
                }
                if !self.take(':') {
                    return Err(Fault::Format);
                }
                let number = self.number()?;
                self.sum.add_time(number.whole, number.fraction, unit)?;
            }
            if !self.rest.is_empty() {
                return Err(Fault::Format);
            }
        }
        Ok(true)
    }
}

/// The length of an exponent `e+3`, where one follows.
fn exponent_length(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['e', 'E'])?;
    let sign = usize::from(after.starts_with(['-', '+']));
    let digits = after[sign..].bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then_some(1 + sign + digits)
}
