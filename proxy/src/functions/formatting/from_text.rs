//! Dates and times read by a template (`DCH_from_char`).

use super::{
    date_template::{Field, Key, Node, is_separator, nodes},
    parsed::Parsed,
    to_text::ROMAN,
};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::{
        Value,
        datetime::{
            calendar::{days_from_date, is_valid_date, is_valid_julian},
            out_of_range,
            tokens::{MONTHS, WEEKDAYS},
            zone::at_offset,
        },
    },
};

/// The rows.
pub(super) const ROWS: &[Row] = &[row("to_timestamp(text,text)", Scalar(to_timestamp)), row("to_date(text,text)", Scalar(to_date))];

fn to_timestamp(call: &Call<'_>) -> Result<Value> {
    let text = call.text(0)?;
    let parsed = read(text, call.text(1)?)?;
    let precision = parsed.precision;
    let moment = parsed.moment(text)?;
    let civil = moment.civil;
    if !is_valid_julian(civil.year, civil.month) {
        return Err(out_of_range("timestamp"));
    }
    let micros = match moment.offset {
        Some(offset) => at_offset(&civil, offset),
        None => call.cx.time_zone.to_utc(&civil),
    };
    let mut micros = micros.ok_or_else(|| out_of_range("timestamp"))?;
    if precision != 0 {
        let unit = 10i64.pow(6 - precision);
        micros = (micros + unit / 2).div_euclid(unit) * unit;
    }
    Ok(Value::Integer(micros))
}

fn to_date(call: &Call<'_>) -> Result<Value> {
    let text = call.text(0)?;
    let civil = read(text, call.text(1)?)?.moment(text)?.civil;
    let out = || SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date out of range: \"{text}\""));
    if !is_valid_julian(civil.year, civil.month) {
        return Err(out());
    }
    let days = days_from_date(civil.year, civil.month, civil.day);
    if is_valid_date(days) { Ok(Value::Integer(days)) } else { Err(out()) }
}

fn bad(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_DATETIME_FORMAT, message)
}

/// The text as far as it is read.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    out: Parsed,
    /// Characters skipped beyond those that the template names.
    skipped: i64,
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

/// Reads the fields of a template out of a text.
fn read(text: &str, template: &str) -> Result<Parsed> {
    let nodes = nodes(template);
    let mut reader = Reader { text, at: 0, out: Parsed::default(), skipped: 0 };
    let mut exact = false;
    for (number, node) in nodes.iter().enumerate() {
        if reader.rest().is_empty() {
            break;
        }
        let is_exact_mark = matches!(node, Node::Field(Field { key: Key::Exact, .. }));
        if !exact && !is_exact_mark && (matches!(node, Node::Field(_)) || number == 0) {
            reader.skip_spaces();
        }
        match node {
            Node::Space(_) | Node::Separator(_) if exact => reader.advance(),
            Node::Space(_) | Node::Separator(_) => {
                reader.skipped -= 1;
                if reader.peek().is_some_and(|c| is_space(c) || is_separator(c)) {
                    reader.advance();
                    reader.skipped += 1;
                }
            }
            Node::Literal(_) => {
                if !exact && reader.skipped > 0 {
                    reader.skipped -= 1;
                } else {
                    reader.advance();
                }
            }
            Node::Field(Field { key: Key::Exact, .. }) => exact = true,
            Node::Field(field) => {
                reader.set_calendar(*field)?;
                reader.field(*field, slurps(field, nodes.get(number + 1)))?;
                if !exact {
                    reader.skipped = 0;
                    reader.skip_spaces();
                }
            }
        }
    }
    Ok(reader.out)
}

/// Whether a field takes as many digits as there are: in fill mode, and where no digit can follow.
fn slurps(field: &Field, next: Option<&Node>) -> bool {
    field.fill
        || field.ordinal.is_some()
        || match next {
            None => true,
            Some(Node::Field(next)) => !next.key.is_digits(),
            Some(Node::Literal(c) | Node::Separator(c) | Node::Space(c)) => !c.is_ascii_digit(),
        }
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.advance();
            self.skipped += 1;
        }
    }

    fn set_calendar(&mut self, field: Field) -> Result<()> {
        match (self.out.is_iso, field.key.is_iso()) {
            (Some(known), Some(new)) if known != new => Err(bad("invalid combination of date conventions")
                .hint("Do not mix Gregorian and ISO week date conventions in a formatting template.")),
            (None, new) => {
                self.out.is_iso = new;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A whole number of so many characters, or as many as there are; its value and how many characters were read.
    fn number(&mut self, field: Field, width: usize, slurp: bool) -> Result<(i64, usize)> {
        let init = self.at;
        let start = self.at + (self.rest().len() - self.rest().trim_start_matches(is_space).len());
        let remaining = &self.text[start..];
        let cut = (0..=width.min(remaining.len())).rev().find(|at| remaining.is_char_boundary(*at)).unwrap_or(0);
        let copy = remaining[..cut].to_owned();
        let hint = "If your source string is not fixed-width, try using the \"FM\" modifier.";
        let value = if slurp {
            let (value, used) = leading_integer(remaining);
            self.at = if used == 0 { init } else { start + used };
            value
        } else {
            if remaining.len() < width {
                let detail = format!("Field requires {width} characters, but only {} remain.", remaining.len());
                let message = format!("source string too short for \"{}\" formatting field", field.name);
                return Err(bad(message).detail(detail).hint(hint));
            }
            let (value, used) = leading_integer(&copy);
            if used > 0 && used < width {
                let detail = format!("Field requires {width} characters, but only {used} could be parsed.");
                return Err(bad(format!("invalid value \"{copy}\" for \"{}\"", field.name)).detail(detail).hint(hint));
            }
            self.at = start + used;
            value
        };
        if self.at == init {
            return Err(bad(format!("invalid value \"{copy}\" for \"{}\"", field.name)).detail("Value must be an integer."));
        }
        match value.filter(|v| i32::try_from(*v).is_ok()) {
            Some(value) => Ok((value, self.at - init)),
            None => {
                let message = format!("value for \"{}\" in source string is out of range", field.name);
                let detail = format!("Value must be in the range {} to {}.", i32::MIN, i32::MAX);
                Err(SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, message).detail(detail))
            }
        }
    }

    /// The position in a list of the word that comes next.
    fn word(&mut self, field: Field, words: &[&str]) -> Result<i64> {
        let rest = self.rest();
        let fits = |word: &&str| rest.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word));
        match words.iter().position(fits) {
            Some(at) => {
                self.at += words[at].len();
                Ok(at as i64)
            }
            None => {
                let shown = rest.split(is_space).next().unwrap_or_default();
                Err(bad(format!("invalid value \"{shown}\" for \"{}\"", field.name))
                    .detail("The given value did not match any of the allowed values for this field."))
            }
        }
    }

    fn field(&mut self, field: Field, slurp: bool) -> Result<()> {
        let width = field.name.len();
        let plain = |reader: &mut Self, slot: fn(&mut Parsed) -> &mut i64, width: usize| {
            let (value, read) = reader.number(field, width, slurp)?;
            set(slot(&mut reader.out), value, field)?;
            Ok::<usize, SqlError>(read)
        };
        match field.key {
            Key::Hour12 => {
                plain(self, |p| &mut p.hour, 2)?;
                self.out.twelve_hours = true;
            }
            Key::Hour24 => drop(plain(self, |p| &mut p.hour, 2)?),
            Key::Minute => drop(plain(self, |p| &mut p.minute, width)?),
            Key::Second => drop(plain(self, |p| &mut p.second, width)?),
            Key::Milliseconds => {
                let read = plain(self, |p| &mut p.milliseconds, 3)?;
                self.out.milliseconds *= 10i64.pow(3usize.saturating_sub(read) as u32);
            }
            Key::Fraction(digits) => {
                self.out.precision = digits;
                self.fraction(field, digits as usize, slurp)?;
            }
            Key::Microseconds => self.fraction(field, 6, slurp)?,
            Key::SecondOfDay => drop(plain(self, |p| &mut p.second_of_day, width)?),
            Key::Zone(_) | Key::Offset => {
                let message = format!("formatting field \"{}\" is only supported in to_char", field.name);
                return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            Key::OffsetHours => self.offset_hours(field, slurp)?,
            Key::OffsetMinutes => {
                if self.out.offset_sign == 0 {
                    self.out.offset_sign = 1;
                }
                plain(self, |p| &mut p.offset_minutes, 2)?;
            }
            Key::Month => drop(plain(self, |p| &mut p.month, 2)?),
            Key::DayOfYear => drop(plain(self, |p| &mut p.day_of_year, width)?),
            Key::IsoDayOfYear => drop(plain(self, |p| &mut p.day_of_year, 3)?),
            Key::Day => drop(plain(self, |p| &mut p.day, 2)?),
            Key::Weekday => drop(plain(self, |p| &mut p.weekday, width)?),
            Key::IsoWeekday => {
                plain(self, |p| &mut p.weekday, 1)?;
                self.out.weekday = if self.out.weekday >= 7 { 1 } else { self.out.weekday + 1 };
            }
            Key::Week | Key::IsoWeek => drop(plain(self, |p| &mut p.week, width)?),
            Key::Quarter => drop(self.number(field, width, slurp)?),
            Key::Century => drop(plain(self, |p| &mut p.century, width)?),
            Key::YearWithComma => self.year_with_comma(field)?,
            Key::Year(digits) | Key::IsoYear(digits) => self.year(field, digits, slurp)?,
            Key::WeekOfMonth => drop(plain(self, |p| &mut p.week_of_month, width)?),
            Key::Julian => drop(plain(self, |p| &mut p.julian, width)?),
            Key::Exact => {}
            // Words take no ordinal.
            _ => return self.named(field),
        }
        if field.ordinal.is_some() {
            self.advance();
            self.advance();
        }
        Ok(())
    }

    /// Fields that are words: halves of the day, eras, names of months and days, Roman months.
    fn named(&mut self, field: Field) -> Result<()> {
        match field.key {
            Key::HalfDay(_, dots) => {
                let words = if dots { ["a.m.", "p.m."] } else { ["am", "pm"] };
                let value = self.word(field, &words)?;
                set(&mut self.out.is_late, value, field)?;
                self.out.twelve_hours = true;
                Ok(())
            }
            Key::Era(_, dots) => {
                let words = if dots { ["a.d.", "b.c."] } else { ["ad", "bc"] };
                let value = self.word(field, &words)?;
                set(&mut self.out.is_before_christ, value, field)
            }
            Key::MonthName(_) => self.month(field, &MONTHS),
            Key::MonthAbbreviation(_) => self.month(field, &MONTHS.map(|name| &name[..3])),
            Key::DayName(_) => self.weekday(field, &WEEKDAYS),
            Key::DayAbbreviation(_) => self.weekday(field, &WEEKDAYS.map(|name| &name[..3])),
            Key::Roman(_) => {
                let value = self.word(field, &ROMAN)?;
                set(&mut self.out.month, 12 - value, field)
            }
            _ => Ok(()),
        }
    }

    fn fraction(&mut self, field: Field, digits: usize, slurp: bool) -> Result<()> {
        let (value, read) = self.number(field, digits, slurp)?;
        set(&mut self.out.microseconds, value, field)?;
        self.out.microseconds *= 10i64.pow(6usize.saturating_sub(read) as u32);
        Ok(())
    }

    fn offset_hours(&mut self, field: Field, slurp: bool) -> Result<()> {
        match self.peek() {
            Some(c @ ('+' | '-' | ' ')) => {
                self.out.offset_sign = if c == '-' { -1 } else { 1 };
                self.advance();
            }
            _ => {
                let was_minus = self.skipped > 0 && self.text[..self.at].ends_with('-');
                self.out.offset_sign = if was_minus { -1 } else { 1 };
            }
        }
        let (value, _) = self.number(field, 2, slurp)?;
        set(&mut self.out.offset_hours, value, field)
    }

    fn month(&mut self, field: Field, names: &[&str]) -> Result<()> {
        let value = self.word(field, names)?;
        set(&mut self.out.month, value + 1, field)
    }

    fn weekday(&mut self, field: Field, names: &[&str]) -> Result<()> {
        let value = self.word(field, names)?;
        set(&mut self.out.weekday, value, field)?;
        self.out.weekday += 1;
        Ok(())
    }

    fn year_with_comma(&mut self, field: Field) -> Result<()> {
        let invalid = || bad("invalid input string for \"Y,YYY\"");
        let (thousands, used) = leading_integer(self.rest());
        let after = self.rest().get(used..).and_then(|rest| rest.strip_prefix(',')).filter(|_| used > 0).ok_or_else(invalid)?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).take(3).collect();
        let rest: i64 = digits.parse().map_err(|_| invalid())?;
        self.at += used + 1 + digits.len();
        set(&mut self.out.year, thousands.ok_or_else(invalid)? * 1000 + rest, field)?;
        self.out.year_digits = 4;
        Ok(())
    }

    fn year(&mut self, field: Field, digits: u32, slurp: bool) -> Result<()> {
        let (value, read) = self.number(field, field.name.len(), slurp)?;
        set(&mut self.out.year, value, field)?;
        if digits < 4 && read < 4 {
            self.out.year = nearest_year(self.out.year);
        }
        self.out.year_digits = digits;
        Ok(())
    }
}

/// A short year as the one next to 2020 that ends so.
fn nearest_year(year: i64) -> i64 {
    match year {
        ..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

/// Sets a field once: a second, different value contradicts.
fn set(slot: &mut i64, value: i64, field: Field) -> Result<()> {
    if *slot != 0 && *slot != value {
        return Err(bad(format!("conflicting values for \"{}\" field in formatting string", field.name))
            .detail("This value contradicts a previous setting for the same field type."));
    }
    *slot = value;
    Ok(())
}

/// `strtol`: the whole number at the beginning, after white space, none where it does not fit; and its length.
fn leading_integer(text: &str) -> (Option<i64>, usize) {
    let start = text.len() - text.trim_start_matches(is_space).len();
    let bytes = &text.as_bytes()[start..];
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let digits = bytes[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return (Some(0), 0);
    }
    let end = start + sign + digits;
    (text[start..end].trim_start_matches('+').parse().ok(), end)
}
