//! Time zones: IANA names, POSIX specifications, abbreviations and fixed offsets. Enters: a name, or a point of time; leaves: the
//! offset in seconds east of Greenwich and the abbreviation in force. Local times follow PostgreSQL's `DetermineTimeZoneOffset`.

use std::{collections::HashMap, sync::LazyLock};

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone};
use chrono_tz::{OffsetName, Tz};

use super::calendar::{Civil, MICROS_PER_DAY, MICROS_PER_SECOND, days_from_date, is_leap, weekday};

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Zone {
    /// A zone of the IANA database.
    Named(Tz),
    /// Always the same offset: seconds east of Greenwich.
    Fixed(i32),
}

/// The rules before this year are in the table; later years repeat them, so that one of the years before it stands for a later one.
const LAST_TABLE_YEAR: i64 = 2090;

impl Zone {
    /// A zone by IANA name, ignoring case, or by POSIX specification without daylight saving (`UTC+3`, which is west of Greenwich).
    pub fn by_name(name: &str) -> Option<Zone> {
        static NAMES: LazyLock<HashMap<String, Tz>> =
            LazyLock::new(|| chrono_tz::TZ_VARIANTS.iter().map(|tz| (tz.name().to_ascii_lowercase(), *tz)).collect());
        NAMES.get(&name.to_ascii_lowercase()).map(|tz| Zone::Named(*tz)).or_else(|| posix(name))
    }

    /// A zone by whatever AT TIME ZONE takes: an abbreviation, a name, a specification.
    pub fn by_any_name(name: &str) -> Option<Zone> {
        match abbreviation(&name.to_ascii_lowercase()) {
            Some((offset, _)) => Some(Zone::Fixed(offset)),
            None => Zone::by_name(name),
        }
    }

    /// The offset in seconds east of Greenwich at a point of time (microseconds since 1970 UTC).
    pub fn offset_at(&self, micros: i64) -> i32 {
        match self {
            Zone::Fixed(offset) => *offset,
            Zone::Named(tz) => tz.offset_from_utc_datetime(&table_time(&Civil::from_micros(micros))).fix().local_minus_utc(),
        }
    }

    /// The abbreviation in force at a point of time: `CEST`, `+03`; none for a fixed offset.
    pub fn abbreviation_at(&self, micros: i64) -> Option<String> {
        match self {
            Zone::Fixed(_) => None,
            Zone::Named(tz) => tz.offset_from_utc_datetime(&table_time(&Civil::from_micros(micros))).abbreviation().map(str::to_owned),
        }
    }

    /// The offset in force at a local time. A time that does not exist counts as before the change, one that exists twice as after it.
    pub fn offset_of_local(&self, local: &Civil) -> i32 {
        let tz = match self {
            Zone::Fixed(offset) => return *offset,
            Zone::Named(tz) => tz,
        };
        let naive = table_time(local);
        match tz.offset_from_local_datetime(&naive) {
            LocalResult::Single(offset) => offset.fix().local_minus_utc(),
            LocalResult::Ambiguous(_, after) => after.fix().local_minus_utc(),
            LocalResult::None => {
                let before = naive - chrono::TimeDelta::days(1);
                tz.offset_from_utc_datetime(&before).fix().local_minus_utc()
            }
        }
    }

    /// The local time at a point of time, with the offset in force.
    pub fn to_local(&self, micros: i64) -> (Civil, i32) {
        let offset = self.offset_at(micros);
        let local = i128::from(micros) + i128::from(offset) * i128::from(MICROS_PER_SECOND);
        let days = local.div_euclid(i128::from(MICROS_PER_DAY)) as i64;
        (Civil::from_days(days).with_time(local.rem_euclid(i128::from(MICROS_PER_DAY)) as i64), offset)
    }

    /// The point of time of a local time, where a timestamp can hold it.
    pub fn to_utc(&self, local: &Civil) -> Option<i64> {
        at_offset(local, self.offset_of_local(local))
    }
}

/// The point of time of a local time at an offset, where a timestamp can hold it.
pub fn at_offset(local: &Civil, offset: i32) -> Option<i64> {
    if !super::calendar::is_valid_julian(local.year, local.month) {
        return None;
    }
    super::calendar::timestamp(local.days(), local.time() - i64::from(offset) * MICROS_PER_SECOND)
}

/// A time for the zone table: itself, or for years behind the table's end the same day of a year with the same calendar.
fn table_time(civil: &Civil) -> NaiveDateTime {
    let mut year = civil.year;
    if year > LAST_TABLE_YEAR {
        let alike = |y: &i64| is_leap(*y) == is_leap(year) && weekday(days_from_date(*y, 1, 1)) == weekday(days_from_date(year, 1, 1));
        year = (LAST_TABLE_YEAR - 40..=LAST_TABLE_YEAR).find(alike).unwrap_or(LAST_TABLE_YEAR);
    }
    let time = civil.time();
    let midnight =
        NaiveDate::from_ymd_opt(year as i32, civil.month as u32, civil.day as u32).unwrap_or(NaiveDate::MIN).and_time(NaiveTime::MIN);
    debug_assert!(midnight.year() as i64 == year);
    midnight + chrono::TimeDelta::microseconds(time)
}

/// The offset (seconds east) and daylight saving flag of an abbreviation in lower case, as PostgreSQL's default set has them.
pub fn abbreviation(name: &str) -> Option<(i32, bool)> {
    static TABLE: LazyLock<HashMap<String, (i32, bool)>> = LazyLock::new(|| {
        include_str!("../../../data/catalog/pg_timezone_abbrevs.csv").lines().skip(1).filter_map(abbreviation_row).collect()
    });
    TABLE.get(name).copied()
}

/// One line of the table of abbreviations: `ACDT,10:30:00,t`.
fn abbreviation_row(line: &str) -> Option<(String, (i32, bool))> {
    let mut cells = line.split(',');
    let (name, offset, daylight) = (cells.next()?, cells.next()?, cells.next()?);
    let negative = offset.starts_with('-');
    let mut seconds = 0;
    for part in offset.trim_start_matches('-').split(':') {
        seconds = seconds * 60 + part.parse::<i32>().ok()?;
    }
    Some((name.to_ascii_lowercase(), (if negative { -seconds } else { seconds }, daylight == "t")))
}

/// A POSIX specification without daylight saving: letters or `<…>`, then hours west of Greenwich.
fn posix(spec: &str) -> Option<Zone> {
    let rest = match spec.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.1,
        None => spec.trim_start_matches(|c: char| !c.is_ascii_digit() && !matches!(c, '+' | '-' | ',')),
    };
    let (sign, digits) = match rest.as_bytes().first()? {
        b'-' => (1, &rest[1..]),
        b'+' => (-1, &rest[1..]),
        _ => (-1, rest),
    };
    let mut parts = digits.split(':');
    let mut seconds = 0;
    for (unit, limit) in [(3600, 167), (60, 59), (1, 59)] {
        let Some(part) = parts.next() else { break };
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        seconds += part.parse::<i32>().ok().filter(|n| *n <= limit)? * unit;
    }
    parts.next().is_none().then_some(Zone::Fixed(sign * seconds))
}

/// The present, in microseconds since 1970 UTC.
pub fn wall_clock() -> i64 {
    let now: DateTime<chrono::Utc> = chrono::Utc::now();
    now.timestamp_micros()
}
