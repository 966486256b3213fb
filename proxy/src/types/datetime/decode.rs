//! Reading a date, a time or both (PostgreSQL's `DecodeDateTime` and `DecodeTimeOnly`). Enters: the text and the session's date order
//! and zone; leaves: a [`Decoded`], or the [`Fault`].

use super::{
    Fault,
    calendar::{Civil, MICROS_PER_DAY, MICROS_PER_SECOND, from_julian_day, julian_day},
    fields::{self, Field, FieldKind},
    number,
    tokens::{Unit, Word, date_word},
    zone::{self, Zone},
};
use crate::session::context::{Context, DateOrder};

pub(super) const YEAR: u32 = 1;
pub(super) const MONTH: u32 = 2;
pub(super) const DAY: u32 = 4;
pub(super) const DOY: u32 = 8;
pub(super) const TIME: u32 = 0x70;
pub(super) const HOUR: u32 = 0x10;
pub(super) const MINUTE: u32 = 0x20;
pub(super) const SECOND: u32 = 0x40;
pub(super) const ZONE: u32 = 0x80;
const DAYLIGHT: u32 = 0x100;
const AM_PM: u32 = 0x200;
const ERA: u32 = 0x400;
const WEEKDAY: u32 = 0x800;
const RESERVED: u32 = 0x1000;
/// Year, month and day.
pub(super) const DATE: u32 = YEAR | MONTH | DAY;

/// What a text says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decoded {
    /// A date and time with the offset (seconds east) that was written or that the session's zone has then.
    Civil(Civil, i32),
    /// `epoch`.
    Epoch,
    /// `infinity`.
    Infinity,
    /// `-infinity`.
    NegativeInfinity,
}

/// Reads a date, perhaps with a time and a zone.
pub fn date_time(text: &str, cx: &Context) -> Result<Decoded, Fault> {
    Decoder::new(cx, false).run(text)
}

/// Reads a time of day, perhaps with a zone.
pub fn time_only(text: &str, cx: &Context) -> Result<(Civil, i32), Fault> {
    match Decoder::new(cx, true).run(text)? {
        Decoded::Civil(civil, offset) => Ok((civil, offset)),
        _ => Err(Fault::Format),
    }
}

/// Where a fixed offset or a zone name came from.
enum Written {
    Offset(i32),
    Named(Zone),
}

/// The state of reading: PostgreSQL's local variables.
pub(super) struct Decoder<'a> {
    cx: &'a Context,
    time_only: bool,
    pub(super) civil: Civil,
    pub(super) day_of_year: i64,
    pub(super) two_digit_year: bool,
    pub(super) text_month: bool,
    pub(super) seen: u32,
    julian: bool,
    before_christ: bool,
    meridian: Option<Word>,
    label: Option<Unit>,
    zone: Option<Written>,
    daylight_seconds: i32,
    special: Option<Decoded>,
}

impl<'a> Decoder<'a> {
    fn new(cx: &'a Context, time_only: bool) -> Self {
        Decoder {
            cx,
            time_only,
            civil: Civil::default(),
            day_of_year: 0,
            two_digit_year: false,
            text_month: false,
            seen: 0,
            julian: false,
            before_christ: false,
            meridian: None,
            label: None,
            zone: None,
            daylight_seconds: 0,
            special: None,
        }
    }

    /// The session's order of day, month and year.
    pub(super) fn order(&self) -> DateOrder {
        self.cx.date_style.order
    }

    fn run(mut self, text: &str) -> Result<Decoded, Fault> {
        let fields = fields::split(text)?;
        for index in 0..fields.len() {
            let field = &fields[index];
            let mask = match field.kind {
                FieldKind::Date => self.date_field(&fields, index)?,
                FieldKind::Time => self.time_field(field)?,
                FieldKind::Zone => {
                    self.zone = Some(Written::Offset(number::displacement(&field.text)?));
                    ZONE
                }
                FieldKind::Number => self.number_field(&fields, index)?,
                FieldKind::Word | FieldKind::Special => match self.word_field(&fields, index)? {
                    Some(mask) => mask,
                    None => continue,
                },
            };
            if mask & self.seen != 0 {
                return Err(Fault::Format);
            }
            self.seen |= mask;
        }
        self.finish()
    }

    /// A date, or where one stands already a zone name or a time run together with a displacement.
    fn date_field(&mut self, fields: &[Field], index: usize) -> Result<u32, Fault> {
        let text = &fields[index].text;
        if self.label == Some(Unit::Julian) && !self.time_only {
            let (value, rest) = number::integer(text)?;
            self.set_julian(value)?;
            self.zone = Some(Written::Offset(number::displacement(rest)?));
            self.label = None;
            return Ok(DATE | TIME | ZONE);
        }
        let is_date = if self.time_only {
            let last = fields.last().map(|field| field.kind);
            index == 0 && fields.len() >= 2 && (last == Some(FieldKind::Date) || fields[1].kind == FieldKind::Time)
        } else {
            self.label.is_none() && self.seen & (MONTH | DAY) != (MONTH | DAY)
        };
        if is_date {
            return self.date(text);
        }
        if !text.starts_with(|c: char| c.is_ascii_digit()) && self.label.is_none() {
            self.zone = Some(Written::Named(Zone::by_name(text).ok_or_else(|| Fault::Zone(text.clone()))?));
            return Ok(ZONE);
        }
        if self.label.take().is_some_and(|label| label != Unit::Time) || self.seen & TIME == TIME {
            return Err(Fault::Format);
        }
        let (time, displacement) = text.split_at(text.find('-').ok_or(Fault::Format)?);
        self.zone = Some(Written::Offset(number::displacement(displacement)?));
        let seen = if self.time_only { self.seen | DATE } else { self.seen };
        Ok(self.run_together(time, seen)? | ZONE)
    }

    fn time_field(&mut self, field: &Field) -> Result<u32, Fault> {
        if self.label.take().is_some_and(|label| label != Unit::Time) {
            return Err(Fault::Format);
        }
        let clock = number::clock(&field.text, false)?;
        self.civil.hour = clock.hour;
        self.civil.minute = clock.minute;
        self.civil.second = clock.second;
        self.civil.micros = clock.micros;
        if time_overflows(&self.civil) { Err(Fault::Field) } else { Ok(TIME) }
    }

    fn number_field(&mut self, fields: &[Field], index: usize) -> Result<u32, Fault> {
        let text = &fields[index].text;
        if let Some(label) = self.label.take() {
            return self.labelled(label, text);
        }
        let point = text.find('.');
        if self.time_only {
            return match point {
                Some(_) if index == 0 && fields.len() >= 2 && fields.last().is_some_and(|f| f.kind == FieldKind::Date) => self.date(text),
                Some(at) if at > 2 => self.run_together(text, self.seen | DATE),
                Some(_) => Err(Fault::Format),
                None if text.len() > 4 => self.run_together(text, self.seen | DATE),
                None => self.plain_number(text, self.seen | DATE),
            };
        }
        match point {
            Some(_) if self.seen & DATE == 0 => self.date(text),
            Some(at) if at > 2 => self.run_together(text, self.seen),
            _ if text.len() >= 6 && (self.seen & DATE == 0 || self.seen & TIME == 0) => self.run_together(text, self.seen),
            _ => self.plain_number(text, self.seen),
        }
    }

    /// The number after a label such as `y`, `m`, `d`, `j`, `t`.
    fn labelled(&mut self, label: Unit, text: &str) -> Result<u32, Fault> {
        let (value, rest) = number::integer(text)?;
        let may_have_fraction = matches!(label, Unit::Julian | Unit::Time | Unit::Second);
        if !(rest.is_empty() || rest.starts_with('.') && may_have_fraction) {
            return Err(Fault::Format);
        }
        match label {
            Unit::Year => self.civil.year = value,
            Unit::Month if self.seen & MONTH != 0 && self.seen & HOUR != 0 => {
                self.civil.minute = value;
                return Ok(MINUTE);
            }
            Unit::Month => self.civil.month = value,
            Unit::Day => self.civil.day = value,
            Unit::Hour => self.civil.hour = value,
            Unit::Minute => self.civil.minute = value,
            Unit::Second => {
                self.civil.second = value;
                if !rest.is_empty() {
                    self.civil.micros = number::fraction_micros(rest)?;
                }
            }
            Unit::Julian => {
                self.set_julian(value)?;
                if rest.is_empty() {
                    return Ok(DATE);
                }
                self.civil = self.civil.with_time((number::fraction(rest)? * MICROS_PER_DAY as f64) as i64);
                return Ok(DATE | TIME);
            }
            Unit::Time => {
                let mask = self.run_together(text, self.seen | DATE)?;
                return if mask == TIME { Ok(mask) } else { Err(Fault::Format) };
            }
            _ => return Err(Fault::Format),
        }
        Ok(match label {
            Unit::Year => YEAR,
            Unit::Month => MONTH,
            Unit::Day => DAY,
            Unit::Hour => HOUR,
            Unit::Minute => MINUTE,
            _ => SECOND,
        })
    }

    fn set_julian(&mut self, value: i64) -> Result<(), Fault> {
        if value < 0 {
            return Err(Fault::Field);
        }
        (self.civil.year, self.civil.month, self.civil.day) = from_julian_day(value);
        self.julian = true;
        Ok(())
    }

    /// A word: what it adds to what was seen, nothing where it is a filler.
    fn word_field(&mut self, fields: &[Field], index: usize) -> Result<Option<u32>, Fault> {
        let text = fields[index].text.as_str();
        if let Some((offset, daylight)) = zone::abbreviation(text) {
            let _ = daylight;
            self.zone = Some(Written::Offset(offset));
            return Ok(Some(ZONE));
        }
        let Some(word) = date_word(text) else {
            self.zone = Some(Written::Named(Zone::by_name(text).ok_or(Fault::Format)?));
            return Ok(Some(ZONE));
        };
        Ok(Some(match word {
            Word::Ignored => return Ok(None),
            Word::Month(month) => {
                if self.seen & MONTH != 0 && !self.text_month && self.seen & DAY == 0 && (1..=31).contains(&self.civil.month) {
                    self.civil.day = self.civil.month;
                    self.text_month = true;
                    self.civil.month = month;
                    return Ok(Some(DAY));
                }
                self.text_month = true;
                self.civil.month = month;
                MONTH
            }
            Word::Weekday(_) => WEEKDAY,
            Word::Am | Word::Pm => {
                self.meridian = Some(word);
                AM_PM
            }
            Word::Ad | Word::Bc => {
                self.before_christ = word == Word::Bc;
                ERA
            }
            Word::DaylightModifier => {
                self.daylight_seconds = 3600;
                DAYLIGHT
            }
            Word::Label(unit) => {
                if self.label.replace(unit).is_some() {
                    return Err(Fault::Format);
                }
                0
            }
            Word::IsoTime => self.iso_time(fields, index)?,
            _ => self.reserved(word)?,
        }))
    }

    /// The letter `t` before a time.
    fn iso_time(&mut self, fields: &[Field], index: usize) -> Result<u32, Fault> {
        let date_is_missing = !self.time_only && self.seen & DATE != DATE;
        let next = fields.get(index + 1).map(|field| field.kind);
        if date_is_missing || !matches!(next, Some(FieldKind::Number | FieldKind::Time | FieldKind::Date)) || self.label.is_some() {
            return Err(Fault::Format);
        }
        self.label = Some(Unit::Time);
        Ok(0)
    }

    /// `now`, `today`, `epoch`, `infinity` and their like.
    fn reserved(&mut self, word: Word) -> Result<u32, Fault> {
        let zone = self.cx.time_zone;
        let (now, offset) = zone.to_local(self.cx.transaction_time);
        match word {
            Word::Zulu => {
                self.civil = self.civil.with_time(0);
                self.zone = Some(Written::Offset(0));
                return Ok(TIME | ZONE);
            }
            Word::Now if self.time_only => {
                self.civil = self.civil.with_time(now.time());
                return Ok(TIME);
            }
            _ if self.time_only => return Err(Fault::Format),
            Word::Now => {
                self.civil = now;
                self.zone = Some(Written::Offset(offset));
            }
            Word::Today(days) => {
                let date = Civil::from_days(now.days() + days);
                self.civil = date.with_time(self.civil.time());
                return Ok(DATE | RESERVED);
            }
            Word::Epoch => self.special = Some(Decoded::Epoch),
            Word::Infinity => self.special = Some(Decoded::Infinity),
            _ => self.special = Some(Decoded::NegativeInfinity),
        }
        Ok(DATE | TIME | ZONE | RESERVED)
    }

    /// Checks the whole and finds the offset.
    fn finish(mut self) -> Result<Decoded, Fault> {
        if self.label.is_some() {
            return Err(Fault::Format);
        }
        if let Some(special) = self.special {
            return Ok(special);
        }
        self.validate_date()?;
        match self.meridian {
            Some(_) if self.civil.hour > 12 => return Err(Fault::Field),
            Some(Word::Am) if self.civil.hour == 12 => self.civil.hour = 0,
            Some(Word::Pm) if self.civil.hour != 12 => self.civil.hour += 12,
            _ => {}
        }
        if self.time_only {
            if time_overflows(&self.civil) {
                return Err(Fault::Field);
            }
            if self.seen & TIME != TIME {
                return Err(Fault::Format);
            }
        } else if self.seen & DATE != DATE {
            return Err(Fault::Format);
        }
        let offset = self.offset()?;
        Ok(Decoded::Civil(self.civil, offset))
    }

    /// The offset written, or the one of the zone at that local time.
    fn offset(&self) -> Result<i32, Fault> {
        let has_modifier = self.seen & DAYLIGHT != 0;
        let zone = match &self.zone {
            Some(Written::Offset(offset)) => return Ok(offset + self.daylight_seconds),
            Some(Written::Named(zone)) => *zone,
            None => self.cx.time_zone,
        };
        if has_modifier {
            return Err(Fault::Format);
        }
        let mut local = self.civil;
        if self.time_only && self.seen & DATE != DATE {
            if self.zone.is_some() {
                return match zone {
                    Zone::Fixed(offset) => Ok(offset),
                    Zone::Named(chrono_tz::UTC | chrono_tz::Etc::UTC | chrono_tz::Etc::GMT | chrono_tz::GMT) => Ok(0),
                    Zone::Named(_) => Err(Fault::Format),
                };
            }
            let today = self.cx.time_zone.to_local(self.cx.transaction_time).0;
            local = Civil::from_days(today.days()).with_time(self.civil.time());
        }
        Ok(zone.offset_of_local(&local))
    }

    /// Years as meant, the day of the year, and the ranges (PostgreSQL's `ValidateDate`).
    fn validate_date(&mut self) -> Result<(), Fault> {
        if self.seen & YEAR != 0 && !self.julian && self.seen & RESERVED == 0 {
            let year = self.civil.year;
            if self.before_christ {
                if year <= 0 {
                    return Err(Fault::Field);
                }
                self.civil.year = 1 - year;
            } else if self.two_digit_year {
                self.civil.year += if year < 70 { 2000 } else { 1900 };
            } else if year <= 0 {
                return Err(Fault::Field);
            }
        }
        if self.seen & DOY != 0 {
            let julian = julian_day(self.civil.year, 1, 1) + self.day_of_year - 1;
            (self.civil.year, self.civil.month, self.civil.day) = from_julian_day(julian);
        }
        if self.seen & MONTH != 0 && !(1..=12).contains(&self.civil.month) || self.seen & DAY != 0 && !(1..=31).contains(&self.civil.day) {
            return Err(Fault::MonthOrDay);
        }
        if self.seen & DATE == DATE && self.civil.day > super::calendar::days_in_month(self.civil.year, self.civil.month) {
            return Err(Fault::Field);
        }
        Ok(())
    }
}

/// Whether the time is later than 24:00 (PostgreSQL's `time_overflows`).
fn time_overflows(time: &Civil) -> bool {
    !(0..=24).contains(&time.hour)
        || !(0..60).contains(&time.minute)
        || !(0..=60).contains(&time.second)
        || !(0..=MICROS_PER_SECOND).contains(&time.micros)
        || time.time() > MICROS_PER_DAY
}
