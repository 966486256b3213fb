//! The words of dates, times and intervals (PostgreSQL's `datetktbl` and `deltatktbl`). Enters: a word in lower case; leaves: what it means.

/// Units of time, as `extract`, `date_trunc`, intervals and labelled dates name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    DayOfWeek,
    DayOfYear,
    IsoDayOfWeek,
    IsoYear,
    Julian,
    Epoch,
    Zone,
    ZoneHour,
    ZoneMinute,
    /// The letter `t` before an ISO time.
    Time,
}

/// What a word in a date or time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `at`, `on`: nothing.
    Ignored,
    /// A month, from 1.
    Month(i64),
    /// A weekday, 0 for Sunday.
    Weekday(i64),
    /// `am`.
    Am,
    /// `pm`.
    Pm,
    /// `ad`.
    Ad,
    /// `bc`.
    Bc,
    /// `dst`.
    DaylightModifier,
    /// A label of the number that follows.
    Label(Unit),
    /// `t`.
    IsoTime,
    /// `now`.
    Now,
    /// `today` and its neighbours: days from now.
    Today(i64),
    /// `allballs`: midnight UTC.
    Zulu,
    /// `epoch`.
    Epoch,
    /// `infinity`.
    Infinity,
    /// `-infinity`.
    NegativeInfinity,
}

/// A word of a date or time, in lower case.
pub fn date_word(word: &str) -> Option<Word> {
    Some(match word {
        "-infinity" => Word::NegativeInfinity,
        "infinity" => Word::Infinity,
        "epoch" => Word::Epoch,
        "now" => Word::Now,
        "today" => Word::Today(0),
        "tomorrow" => Word::Today(1),
        "yesterday" => Word::Today(-1),
        "allballs" => Word::Zulu,
        "at" | "on" => Word::Ignored,
        "ad" => Word::Ad,
        "bc" => Word::Bc,
        "am" => Word::Am,
        "pm" => Word::Pm,
        "dst" => Word::DaylightModifier,
        "t" => Word::IsoTime,
        "d" => Word::Label(Unit::Day),
        "dow" => Word::Label(Unit::DayOfWeek),
        "doy" => Word::Label(Unit::DayOfYear),
        "h" => Word::Label(Unit::Hour),
        "isodow" => Word::Label(Unit::IsoDayOfWeek),
        "isoyear" => Word::Label(Unit::IsoYear),
        "j" | "jd" | "julian" => Word::Label(Unit::Julian),
        "m" => Word::Label(Unit::Month),
        "mm" => Word::Label(Unit::Minute),
        "s" => Word::Label(Unit::Second),
        "y" => Word::Label(Unit::Year),
        _ => return month(word).map(Word::Month).or_else(|| weekday(word).map(Word::Weekday)),
    })
}

/// A month's name or abbreviation.
fn month(word: &str) -> Option<i64> {
    Some(match word {
        "jan" | "january" => 1,
        "feb" | "february" => 2,
        "mar" | "march" => 3,
        "apr" | "april" => 4,
        "may" => 5,
        "jun" | "june" => 6,
        "jul" | "july" => 7,
        "aug" | "august" => 8,
        "sep" | "sept" | "september" => 9,
        "oct" | "october" => 10,
        "nov" | "november" => 11,
        "dec" | "december" => 12,
        _ => return None,
    })
}

/// A weekday's name or abbreviation.
fn weekday(word: &str) -> Option<i64> {
    Some(match word {
        "sun" | "sunday" => 0,
        "mon" | "monday" => 1,
        "tue" | "tues" | "tuesday" => 2,
        "wed" | "wednesday" | "weds" => 3,
        "thu" | "thur" | "thurs" | "thursday" => 4,
        "fri" | "friday" => 5,
        "sat" | "saturday" => 6,
        _ => return None,
    })
}

/// A word of an interval, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalWord {
    /// `@`.
    Ignored,
    /// `ago`.
    Ago,
    /// A unit.
    Unit(Unit),
}

/// A unit of an interval by any of its names; long ones are known by their first ten letters.
pub fn interval_word(word: &str) -> Option<IntervalWord> {
    let word = word.get(..10).unwrap_or(word);
    let unit = match word {
        "@" => return Some(IntervalWord::Ignored),
        "ago" => return Some(IntervalWord::Ago),
        "c" | "cent" | "centuries" | "century" => Unit::Century,
        "d" | "day" | "days" => Unit::Day,
        "dec" | "decade" | "decades" | "decs" => Unit::Decade,
        "h" | "hour" | "hours" | "hr" | "hrs" => Unit::Hour,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "microsecon" | "us" | "usec" | "usecond" | "useconds" | "usecs" => Unit::Microsecond,
        "mil" | "millennia" | "millennium" | "mils" => Unit::Millennium,
        "millisecon" | "ms" | "msec" | "msecond" | "mseconds" | "msecs" => Unit::Millisecond,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "qtr" | "quarter" => Unit::Quarter,
        "s" | "sec" | "second" | "seconds" | "secs" => Unit::Second,
        "timezone" => Unit::Zone,
        "timezone_h" => Unit::ZoneHour,
        "timezone_m" => Unit::ZoneMinute,
        "w" | "week" | "weeks" => Unit::Week,
        "y" | "year" | "years" | "yr" | "yrs" => Unit::Year,
        _ => return None,
    };
    Some(IntervalWord::Unit(unit))
}

/// A unit as `extract` and `date_trunc` take it, in any case.
pub fn unit(name: &str) -> Option<Unit> {
    let lower = name.to_ascii_lowercase();
    match interval_word(&lower) {
        Some(IntervalWord::Unit(unit)) => Some(unit),
        _ => match date_word(&lower)? {
            Word::Label(unit) => Some(unit),
            Word::Epoch => Some(Unit::Epoch),
            _ => None,
        },
    }
}

/// English names of months.
pub const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
/// English names of weekdays, from Sunday.
pub const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
