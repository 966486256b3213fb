//! The proleptic Gregorian calendar by Julian day numbers, as PostgreSQL computes it (`date2j`, `j2date` in `datetime.c`).
//! Enters: year, month, day and time of day; leaves: counts of days or microseconds since 1970-01-01, and back. Year 0 is 1 BC.

use super::out_of_range;
use crate::error::Result;

/// Microseconds in a second.
pub const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
/// Microseconds in an hour.
pub const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
/// Microseconds in a day.
pub const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
/// Julian day of 1970-01-01.
pub const UNIX_EPOCH_JULIAN: i64 = 2_440_588;
/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's own epoch, which its binary format counts from.
pub const POSTGRES_EPOCH_DAYS: i64 = 10_957;
/// Microseconds from 1970-01-01 to 2000-01-01.
pub const POSTGRES_EPOCH_MICROS: i64 = POSTGRES_EPOCH_DAYS * MICROS_PER_DAY;
/// The first day a date or timestamp can hold, 4714-11-24 BC.
pub const MIN_DAYS: i64 = -UNIX_EPOCH_JULIAN;
/// The day after the last one a date can hold, 5874898-06-03.
pub const END_DATE_DAYS: i64 = 2_147_483_494 - UNIX_EPOCH_JULIAN;
/// The first timestamp.
pub const MIN_MICROS: i64 = MIN_DAYS * MICROS_PER_DAY;

/// Days in each month, of common and of leap years.
const DAYS_IN_MONTH: [[i64; 12]; 2] = [[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]];

/// A point of time by calendar and clock, without a zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Civil {
    /// Year; 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 24.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 60.
    pub second: i64,
    /// Microseconds of the second.
    pub micros: i64,
}

/// Whether the year has a 29th of February.
pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The number of days of a month (1 to 12).
pub fn days_in_month(year: i64, month: i64) -> i64 {
    DAYS_IN_MONTH[usize::from(is_leap(year))][(month - 1).rem_euclid(12) as usize]
}

/// Whether [`julian_day`] can be asked for this month (PostgreSQL's `IS_VALID_JULIAN`).
pub fn is_valid_julian(year: i64, month: i64) -> bool {
    (year > -4713 || (year == -4713 && month >= 11)) && (year < 5_874_898 || (year == 5_874_898 && month < 6))
}

/// The Julian day of a date; months beyond 1 to 12 are not normalized.
pub fn julian_day(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year + 4800, month + 1) } else { (year + 4799, month + 13) };
    let century = year / 100;
    year * 365 - 32_167 + year / 4 - century + century / 4 + 7834 * month / 256 + day
}

/// The year, month and day of a Julian day.
pub fn from_julian_day(julian: i64) -> (i64, i64, i64) {
    let mut julian = (julian + 32_044) as u64;
    let mut quad = julian / 146_097;
    let extra = (julian - quad * 146_097) * 4 + 3;
    julian += 60 + quad * 3 + extra / 146_097;
    quad = julian / 1461;
    julian -= quad * 1461;
    let y = julian * 4 / 1461;
    julian = if y != 0 { (julian + 305) % 365 } else { (julian + 306) % 366 } + 123;
    let year = (y + quad * 4) as i64 - 4800;
    let quad = julian * 2141 / 65_536;
    let day = julian - 7834 * quad / 256;
    let month = (quad + 10) % 12 + 1;
    (year, month as i64, day as i64)
}

/// Days since 1970-01-01 of a date.
pub fn days_from_date(year: i64, month: i64, day: i64) -> i64 {
    julian_day(year, month, day) - UNIX_EPOCH_JULIAN
}

/// The date of a count of days since 1970-01-01.
pub fn date_from_days(days: i64) -> (i64, i64, i64) {
    from_julian_day(days + UNIX_EPOCH_JULIAN)
}

/// The day of the week, 0 for Sunday, of a count of days since 1970-01-01.
pub fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// The day of the year, from 1.
pub fn day_of_year(year: i64, month: i64, day: i64) -> i64 {
    julian_day(year, month, day) - julian_day(year, 1, 1) + 1
}

/// The Julian day of the Monday on which the ISO year's first week begins.
fn iso_year_start(year: i64) -> i64 {
    let fourth = julian_day(year, 1, 4);
    fourth - fourth.rem_euclid(7)
}

/// The ISO year and week of a date (PostgreSQL's `date2isoyear`, `date2isoweek`).
pub fn iso_week(year: i64, month: i64, day: i64) -> (i64, i64) {
    let julian = julian_day(year, month, day);
    let mut iso_year = year;
    if julian < iso_year_start(iso_year) {
        iso_year -= 1;
    } else if julian >= iso_year_start(iso_year + 1) {
        iso_year += 1;
    }
    (iso_year, (julian - iso_year_start(iso_year)) / 7 + 1)
}

/// The Monday of an ISO year's week, as a Julian day (PostgreSQL's `isoweek2j`).
pub fn iso_week_julian(iso_year: i64, week: i64) -> i64 {
    iso_year_start(iso_year) + (week - 1) * 7
}

impl Civil {
    /// The point of time of a count of microseconds since 1970-01-01.
    pub fn from_micros(micros: i64) -> Civil {
        let days = micros.div_euclid(MICROS_PER_DAY);
        let (year, month, day) = date_from_days(days);
        Civil { year, month, day, ..Civil::default() }.with_time(micros.rem_euclid(MICROS_PER_DAY))
    }

    /// Midnight of a count of days since 1970-01-01.
    pub fn from_days(days: i64) -> Civil {
        let (year, month, day) = date_from_days(days);
        Civil { year, month, day, ..Civil::default() }
    }

    /// The same day at `time` microseconds after midnight.
    #[must_use]
    pub fn with_time(mut self, time: i64) -> Civil {
        self.hour = time / MICROS_PER_HOUR;
        self.minute = time / MICROS_PER_MINUTE % 60;
        self.second = time / MICROS_PER_SECOND % 60;
        self.micros = time % MICROS_PER_SECOND;
        self
    }

    /// Microseconds since midnight.
    pub fn time(&self) -> i64 {
        ((self.hour * 60 + self.minute) * 60 + self.second) * MICROS_PER_SECOND + self.micros
    }

    /// Days since 1970-01-01.
    pub fn days(&self) -> i64 {
        days_from_date(self.year, self.month, self.day)
    }

    /// Microseconds since 1970-01-01, where a timestamp can hold them. The last one is in the year 294247: counted from 1970, 64 bits
    /// end 30 years before PostgreSQL's own range does.
    pub fn micros(&self) -> Option<i64> {
        if !is_valid_julian(self.year, self.month) {
            return None;
        }
        timestamp(self.days(), self.time())
    }

    /// [`Civil::micros`], or 22008.
    pub fn checked_micros(&self) -> Result<i64> {
        self.micros().ok_or_else(|| out_of_range("timestamp"))
    }
}

/// A day and a time of day as one count of microseconds, where a timestamp can hold it.
pub fn timestamp(days: i64, time: i64) -> Option<i64> {
    days.checked_mul(MICROS_PER_DAY)?.checked_add(time).filter(|&micros| is_valid_timestamp(micros))
}

/// Whether a count of microseconds since 1970-01-01 is a finite timestamp.
pub fn is_valid_timestamp(micros: i64) -> bool {
    (MIN_MICROS..i64::MAX).contains(&micros)
}

/// Whether a count of days since 1970-01-01 is a finite date.
pub fn is_valid_date(days: i64) -> bool {
    (MIN_DAYS..END_DATE_DAYS).contains(&days)
}
