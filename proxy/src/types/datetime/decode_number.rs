//! Numbers without a label in a date or time: which of year, month, day and time they are (PostgreSQL's `DecodeDate`, `DecodeNumber`
//! and `DecodeNumberField`). Enters: a field and what was seen before; leaves: what it adds to that.

use super::{
    Fault,
    calendar::MICROS_PER_SECOND,
    decode::{DATE, DAY, DOY, Decoder, MONTH, TIME, YEAR, ZONE},
    number,
    tokens::{Word, date_word},
};
use crate::session::context::DateOrder;

impl Decoder<'_> {
    /// A date with separators.
    pub(super) fn date(&mut self, text: &str) -> Result<u32, Fault> {
        let mut parts = Vec::new();
        let mut rest = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        if rest.is_empty() || text.ends_with(|c: char| !c.is_ascii_alphanumeric()) && parts_ended(text) {
            return Err(Fault::Format);
        }
        while !rest.is_empty() {
            let is_digit = rest.starts_with(|c: char| c.is_ascii_digit());
            let end = rest.find(|c: char| if is_digit { !c.is_ascii_digit() } else { !c.is_ascii_alphabetic() }).unwrap_or(rest.len());
            parts.push(&rest[..end]);
            rest = rest[end..].trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        }
        let mut seen = self.seen;
        let mut added = 0;
        let mut numbers = Vec::new();
        for part in parts {
            if part.starts_with(|c: char| c.is_ascii_digit()) {
                numbers.push(part);
                continue;
            }
            match date_word(part) {
                Some(Word::Ignored) => {}
                Some(Word::Month(month)) => {
                    self.civil.month = month;
                    self.text_month = true;
                    if seen & MONTH != 0 {
                        return Err(Fault::Format);
                    }
                    seen |= MONTH;
                    added |= MONTH;
                }
                _ => return Err(Fault::Format),
            }
        }
        for part in numbers {
            let mask = self.plain_number(part, seen)?;
            if seen & mask != 0 {
                return Err(Fault::Format);
            }
            seen |= mask;
            added |= mask;
        }
        if seen & !(DOY | ZONE) != DATE {
            return Err(Fault::Format);
        }
        Ok(added)
    }

    /// A number of one to five digits, or with a fraction.
    pub(super) fn plain_number(&mut self, text: &str, seen: u32) -> Result<u32, Fault> {
        let (value, rest) = number::integer(text)?;
        if rest.starts_with('.') {
            if text.len() - rest.len() > 2 {
                return self.run_together(text, seen | DATE);
            }
            self.civil.micros = number::fraction_micros(rest)?;
        } else if !rest.is_empty() {
            return Err(Fault::Format);
        }
        if text.len() == 3 && seen & DATE == YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(DOY | MONTH | DAY);
        }
        let long = text.len() >= 3;
        let order = self.order();
        let mask = match seen & DATE {
            0 if long || order == DateOrder::Ymd => YEAR,
            0 if order == DateOrder::Dmy => DAY,
            0 | YEAR | DAY => MONTH,
            MONTH if self.text_month && (long || order == DateOrder::Ymd) => YEAR,
            MONTH => DAY,
            seen if seen == YEAR | MONTH => {
                if self.text_month && long && self.two_digit_year {
                    self.civil.day = self.civil.year;
                    self.civil.year = value;
                    self.two_digit_year = false;
                    return Ok(DAY);
                }
                DAY
            }
            seen if seen == MONTH | DAY => YEAR,
            DATE => return self.run_together(text, seen),
            _ => return Err(Fault::Format),
        };
        match mask {
            YEAR => {
                self.civil.year = value;
                self.two_digit_year = text.len() <= 2;
            }
            MONTH => self.civil.month = value,
            _ => self.civil.day = value,
        }
        Ok(mask)
    }

    /// Digits run together: `20011223`, `040506.789`.
    pub(super) fn run_together(&mut self, text: &str, seen: u32) -> Result<u32, Fault> {
        let (digits, fraction) = match text.find('.') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        let part = |from: usize, to: usize| digits[from..to].parse::<i64>().map_err(|_| Fault::Field);
        let len = digits.len();
        if !fraction.is_empty() {
            self.civil.micros = (number::fraction(fraction)? * MICROS_PER_SECOND as f64).round_ties_even() as i64;
        } else if seen & DATE != DATE && len >= 6 {
            self.civil.day = part(len - 2, len)?;
            self.civil.month = part(len - 4, len - 2)?;
            self.civil.year = part(0, len - 4)?;
            if i32::try_from(self.civil.year).is_err() {
                return Err(Fault::Field);
            }
            if len == 6 {
                self.two_digit_year = true;
            }
            return Ok(DATE);
        }
        if seen & TIME == TIME || (len != 6 && len != 4) {
            return Err(Fault::Format);
        }
        self.civil.hour = part(0, 2)?;
        self.civil.minute = part(2, 4)?;
        self.civil.second = if len == 6 { part(4, 6)? } else { 0 };
        Ok(TIME)
    }
}

/// Whether the text ends in a separator with nothing after it: an end that PostgreSQL takes only for the separator right after a part.
fn parts_ended(text: &str) -> bool {
    let tail = text.bytes().rev().take_while(|b| !b.is_ascii_alphanumeric()).count();
    tail > 1
}
