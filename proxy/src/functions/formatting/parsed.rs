//! The fields that a template found in a text, put together to a point of time (`do_to_timestamp`).

use crate::{
    error::{Result, SqlError, SqlState},
    types::datetime::{
        Fault,
        calendar::{Civil, days_in_month, from_julian_day, is_leap, iso_week_julian},
    },
};

/// The fields found, 0 where none was.
#[derive(Default)]
pub(super) struct Parsed {
    pub(super) is_iso: Option<bool>,
    pub(super) hour: i64,
    pub(super) is_late: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) second_of_day: i64,
    pub(super) weekday: i64,
    pub(super) day: i64,
    pub(super) day_of_year: i64,
    pub(super) month: i64,
    pub(super) milliseconds: i64,
    pub(super) year: i64,
    pub(super) is_before_christ: i64,
    pub(super) week: i64,
    pub(super) week_of_month: i64,
    pub(super) century: i64,
    pub(super) julian: i64,
    pub(super) microseconds: i64,
    pub(super) year_digits: u32,
    pub(super) twelve_hours: bool,
    pub(super) offset_sign: i64,
    pub(super) offset_hours: i64,
    pub(super) offset_minutes: i64,
    /// Digits of the fraction asked for by `FF`, 0 for any.
    pub(super) precision: u32,
}

/// A point of time with the offset that the text names, in seconds east.
pub(super) struct Moment {
    pub(super) civil: Civil,
    pub(super) offset: Option<i32>,
}

const YEAR: u8 = 1;
const MONTH: u8 = 2;
const DAY: u8 = 4;

fn bad(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_DATETIME_FORMAT, message)
}

impl Parsed {
    /// The point of time; `text` for errors.
    pub(super) fn moment(mut self, text: &str) -> Result<Moment> {
        let mut civil = Civil { year: 0, month: 1, day: 1, ..Civil::default() };
        self.clock(&mut civil)?;
        let mut mask = self.years(&mut civil);
        mask |= self.days(&mut civil)?;
        civil.micros = self.milliseconds * 1000 + self.microseconds;
        let overflow = || Fault::Field.error(text, "timestamp");
        if mask & MONTH != 0 && !(1..=12).contains(&civil.month) || mask & DAY != 0 && !(1..=31).contains(&civil.day) {
            return Err(overflow());
        }
        if mask == YEAR | MONTH | DAY && civil.day > days_in_month(civil.year, civil.month) {
            return Err(overflow());
        }
        let fits = (0..24).contains(&civil.hour) && (0..60).contains(&civil.minute) && (0..60).contains(&civil.second);
        if !fits || !(0..1_000_000).contains(&civil.micros) {
            return Err(overflow());
        }
        let offset = match self.offset_sign {
            0 => None,
            sign => {
                if !(0..=15).contains(&self.offset_hours) || !(0..60).contains(&self.offset_minutes) {
                    return Err(Fault::Displacement.error(text, "timestamp"));
                }
                Some((sign * (self.offset_hours * 3600 + self.offset_minutes * 60)) as i32)
            }
        };
        Ok(Moment { civil, offset })
    }

    fn clock(&self, civil: &mut Civil) -> Result<()> {
        if self.second_of_day != 0 {
            let seconds = self.second_of_day;
            (civil.hour, civil.minute, civil.second) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
        }
        for (found, slot) in [(self.second, &mut civil.second), (self.minute, &mut civil.minute), (self.hour, &mut civil.hour)] {
            if found != 0 {
                *slot = found;
            }
        }
        if self.twelve_hours {
            if !(1..=12).contains(&civil.hour) {
                return Err(bad(format!("hour \"{}\" is invalid for the 12-hour clock", civil.hour))
                    .hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            if self.is_late != 0 && civil.hour < 12 {
                civil.hour += 12;
            } else if self.is_late == 0 && civil.hour == 12 {
                civil.hour = 0;
            }
        }
        Ok(())
    }

    /// The year. The 21st century runs from 2001 to 2100, the 6th one before Christ from 600 to 501.
    fn years(&mut self, civil: &mut Civil) -> u8 {
        let signed_century = if self.is_before_christ != 0 { -self.century } else { self.century };
        if self.year == 0 {
            if self.century == 0 {
                return 0;
            }
            civil.year = if signed_century >= 0 { (signed_century - 1) * 100 + 1 } else { signed_century * 100 + 1 };
            return YEAR;
        }
        if self.century != 0 && self.year_digits <= 2 {
            let short = self.year % 100;
            civil.year = match (short, signed_century >= 0) {
                (0, true) => signed_century * 100,
                (0, false) => signed_century * 100 + 1,
                (short, true) => short + (signed_century - 1) * 100,
                (short, false) => (signed_century + 1) * 100 - short + 1,
            };
            return YEAR;
        }
        civil.year = if self.is_before_christ != 0 { -self.year } else { self.year };
        if civil.year < 0 {
            civil.year += 1;
        }
        YEAR
    }

    fn days(&mut self, civil: &mut Civil) -> Result<u8> {
        let mut mask = 0;
        let mut set = |civil: &mut Civil, julian: i64| {
            (civil.year, civil.month, civil.day) = from_julian_day(julian);
            mask = YEAR | MONTH | DAY;
        };
        if self.julian != 0 {
            set(civil, self.julian);
        }
        if self.week != 0 {
            if self.is_iso == Some(true) {
                let monday = iso_week_julian(civil.year, self.week);
                let days = match self.weekday {
                    0 => 0,
                    1 => 6,
                    day => day - 2,
                };
                set(civil, monday + days);
            } else {
                self.day_of_year = (self.week - 1) * 7 + 1;
            }
        }
        if self.week_of_month != 0 {
            self.day = (self.week_of_month - 1) * 7 + 1;
        }
        if self.day != 0 {
            civil.day = self.day;
            mask |= DAY;
        }
        if self.month != 0 {
            civil.month = self.month;
            mask |= MONTH;
        }
        if self.day_of_year != 0 && (civil.month <= 1 || civil.day <= 1) {
            if civil.year == 0 && self.is_before_christ == 0 {
                return Err(bad("cannot calculate day of year without year information"));
            }
            if self.is_iso == Some(true) {
                let first = iso_week_julian(civil.year, 1) - 1;
                (civil.year, civil.month, civil.day) = from_julian_day(first + self.day_of_year);
                return Ok(YEAR | MONTH | DAY);
            }
            let (mut month, mut before) = (1, 0);
            while month <= 12 {
                let length = if month == 2 { 28 + i64::from(is_leap(civil.year)) } else { days_in_month(civil.year, month) };
                if self.day_of_year <= before + length || month == 12 {
                    break;
                }
                before += length;
                month += 1;
            }
            let year_length = 365 + i64::from(is_leap(civil.year));
            if self.day_of_year > year_length {
                // Beyond the year's end the month becomes the thirteenth, which the range check refuses.
                (month, before) = (13, year_length);
            }
            if civil.month <= 1 {
                civil.month = month;
            }
            if civil.day <= 1 {
                civil.day = self.day_of_year - before;
            }
            mask |= MONTH | DAY;
        }
        Ok(mask)
    }
}
