//! Dates, times and intervals by a template (`DCH_to_char`).

use super::{
    date_template::{Case, Field, Key, Node, nodes},
    ordinal,
};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::{
        Value,
        datetime::{
            calendar::{
                Civil, MICROS_PER_HOUR, MICROS_PER_MINUTE, MICROS_PER_SECOND, day_of_year, iso_week, iso_week_julian, julian_day, weekday,
            },
            is_finite,
            tokens::{MONTHS, WEEKDAYS},
        },
    },
};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("to_char(timestamp without time zone,text)", Scalar(timestamp)),
    row("to_char(timestamp with time zone,text)", Scalar(zoned)),
    row("to_char(interval,text)", Scalar(interval)),
];

/// Roman months, from December.
pub(super) const ROMAN: [&str; 12] = ["XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I"];

/// What a template can ask for.
struct Moment {
    at: Civil,
    weekday: i64,
    day_of_year: i64,
    is_interval: bool,
    offset: i32,
    zone: String,
}

fn timestamp(call: &Call<'_>) -> Result<Value> {
    let micros = call.int(0)?;
    if !is_finite(micros) {
        return Ok(Value::Null);
    }
    written(&moment(Civil::from_micros(micros), 0, String::new()), call.text(1)?)
}

fn zoned(call: &Call<'_>) -> Result<Value> {
    let micros = call.int(0)?;
    if !is_finite(micros) {
        return Ok(Value::Null);
    }
    let zone = call.cx.time_zone;
    let (civil, offset) = zone.to_local(micros);
    written(&moment(civil, offset, zone.abbreviation_at(micros).unwrap_or_default()), call.text(1)?)
}

fn moment(at: Civil, offset: i32, zone: String) -> Moment {
    let day_of_year = day_of_year(at.year, at.month, at.day);
    Moment { weekday: weekday(at.days()), day_of_year, at, is_interval: false, offset, zone }
}

fn interval(call: &Call<'_>) -> Result<Value> {
    let interval = call.interval(0)?;
    let micros = interval.microseconds;
    let (year, month, day) = (i64::from(interval.months / 12), i64::from(interval.months % 12), i64::from(interval.days));
    let at = Civil {
        year,
        month,
        day,
        hour: micros / MICROS_PER_HOUR,
        minute: micros / MICROS_PER_MINUTE % 60,
        second: micros / MICROS_PER_SECOND % 60,
        micros: micros % MICROS_PER_SECOND,
    };
    let day_of_year = (year * 12 + month) * 30 + day;
    written(&Moment { at, weekday: 0, day_of_year, is_interval: true, offset: 0, zone: String::new() }, call.text(1)?)
}

fn written(moment: &Moment, template: &str) -> Result<Value> {
    if template.is_empty() {
        return Ok(Value::Null);
    }
    let mut out = String::with_capacity(template.len() + 16);
    for node in nodes(template) {
        match node {
            Node::Literal(c) | Node::Space(c) | Node::Separator(c) => out.push(c),
            Node::Field(field) => moment.field(field, &mut out)?,
        }
    }
    Ok(Value::Text(out))
}

/// A word in upper, title or lower case.
fn cased(word: &str, case: Case) -> String {
    match case {
        Case::Upper => word.to_ascii_uppercase(),
        Case::Title => word.to_owned(),
        Case::Lower => word.to_ascii_lowercase(),
    }
}

/// A number with leading zeros, its sign counted in the width; without them in fill mode.
fn padded(number: i64, width: usize, fill: bool) -> String {
    let width = if fill {
        0
    } else if number < 0 {
        width + 1
    } else {
        width
    };
    format!("{number:0width$}")
}

/// A number with leading zeros, within so many characters with its sign.
fn zeroed(number: i64, width: usize, fill: bool) -> String {
    let width = if fill { 0 } else { width };
    format!("{number:0width$}")
}

impl Moment {
    /// The year as people count: 1 BC for year 0.
    fn shown_year(&self, year: i64) -> i64 {
        if self.is_interval || year > 0 { year } else { 1 - year }
    }

    fn iso(&self) -> (i64, i64) {
        iso_week(self.at.year, self.at.month, self.at.day)
    }

    fn refuse_interval(&self) -> Result<()> {
        if !self.is_interval {
            return Ok(());
        }
        Err(SqlError::new(SqlState::INVALID_DATETIME_FORMAT, "invalid format specification for an interval value")
            .hint("Intervals are not tied to specific calendar dates."))
    }

    fn field(&self, field: Field, out: &mut String) -> Result<()> {
        if let Some(word) = self.word(field)? {
            out.push_str(&word);
            return Ok(());
        }
        let Some(number) = self.number(field)? else { return Ok(()) };
        out.push_str(&number);
        match field.ordinal {
            Some(Case::Upper) => out.push_str(&ordinal(&number)?.to_ascii_uppercase()),
            Some(_) => out.push_str(ordinal(&number)?),
            None => {}
        }
        Ok(())
    }

    /// A field that no ordinal ending follows.
    fn word(&self, field: Field) -> Result<Option<String>> {
        let at = &self.at;
        let wide = |word: String, width: usize| if field.fill { word } else { format!("{word:<width$}") };
        let month = (at.month - 1).rem_euclid(12) as usize;
        Ok(Some(match field.key {
            Key::HalfDay(case, dots) => {
                let is_late = at.hour % 24 >= 12;
                let word = match (is_late, dots) {
                    (true, true) => "P.M.",
                    (true, false) => "PM",
                    (false, true) => "A.M.",
                    (false, false) => "AM",
                };
                cased(word, case)
            }
            Key::Exact => String::new(),
            Key::Era(case, dots) => {
                self.refuse_interval()?;
                let word = match (at.year <= 0, dots) {
                    (true, true) => "B.C.",
                    (true, false) => "BC",
                    (false, true) => "A.D.",
                    (false, false) => "AD",
                };
                cased(word, case)
            }
            Key::MonthName(case) => {
                self.refuse_interval()?;
                wide(cased(MONTHS[month], case), 9)
            }
            Key::MonthAbbreviation(case) => {
                self.refuse_interval()?;
                cased(&MONTHS[month][..3], case)
            }
            Key::DayName(case) => {
                self.refuse_interval()?;
                wide(cased(WEEKDAYS[self.weekday as usize], case), 9)
            }
            Key::DayAbbreviation(case) => {
                self.refuse_interval()?;
                cased(&WEEKDAYS[self.weekday as usize][..3], case)
            }
            Key::Zone(case) => {
                self.refuse_interval()?;
                cased(&self.zone, case)
            }
            Key::Offset | Key::OffsetHours | Key::OffsetMinutes => {
                self.refuse_interval()?;
                self.offset_word(field)
            }
            Key::Roman(case) => {
                if at.month == 0 && at.year == 0 {
                    return Ok(Some(String::new()));
                }
                let place = match at.month {
                    0 if at.year >= 0 => 0,
                    0 => 11,
                    month if month < 0 => -(month + 1),
                    month => 12 - month,
                };
                wide(cased(ROMAN[place as usize], case), 4)
            }
            _ => return Ok(None),
        }))
    }

    /// The zone's offset from UTC, whole or one part of it.
    fn offset_word(&self, field: Field) -> String {
        let (sign, seconds) = (if self.offset < 0 { '-' } else { '+' }, self.offset.abs());
        let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
        match field.key {
            Key::OffsetHours => format!("{sign}{hours:02}"),
            Key::OffsetMinutes => format!("{minutes:02}"),
            _ => {
                let hours = if field.fill { hours.to_string() } else { format!("{hours:02}") };
                if seconds % 3600 == 0 { format!("{sign}{hours}") } else { format!("{sign}{hours}:{minutes:02}") }
            }
        }
    }

    fn number(&self, field: Field) -> Result<Option<String>> {
        let (at, fill) = (&self.at, field.fill);
        let fraction = |digits: u32| format!("{:0width$}", at.micros / 10i64.pow(6 - digits), width = digits as usize);
        Ok(Some(match field.key {
            Key::Hour12 => {
                let hour = if at.hour % 12 == 0 { 12 } else { at.hour % 12 };
                let width = match (fill, at.hour < 0) {
                    (true, _) => 0,
                    (false, true) => 3,
                    (false, false) => 2,
                };
                format!("{hour:0width$}")
            }
            Key::Hour24 => padded(at.hour, 2, fill),
            Key::Minute => padded(at.minute, 2, fill),
            Key::Second => padded(at.second, 2, fill),
            Key::Fraction(digits) => fraction(digits),
            Key::Milliseconds => fraction(3),
            Key::Microseconds => fraction(6),
            Key::SecondOfDay => (at.hour * 3600 + at.minute * 60 + at.second).to_string(),
            Key::Month => padded(at.month, 2, fill),
            Key::Day => zeroed(at.day, 2, fill),
            Key::DayOfYear => zeroed(self.day_of_year, 3, fill),
            Key::IsoDayOfYear => {
                let (year, _) = self.iso();
                zeroed(julian_day(at.year, at.month, at.day) - iso_week_julian(year, 1) + 1, 3, fill)
            }
            Key::Weekday => {
                self.refuse_interval()?;
                (self.weekday + 1).to_string()
            }
            Key::IsoWeekday => {
                self.refuse_interval()?;
                (if self.weekday == 0 { 7 } else { self.weekday }).to_string()
            }
            Key::Week => zeroed((self.day_of_year - 1) / 7 + 1, 2, fill),
            Key::IsoWeek => zeroed(self.iso().1, 2, fill),
            Key::Quarter if at.month == 0 => return Ok(None),
            Key::Quarter => ((at.month - 1) / 3 + 1).to_string(),
            Key::Century => {
                let century = match at.year {
                    year if self.is_interval => year / 100,
                    year if year > 0 => (year - 1) / 100 + 1,
                    year => year / 100 - 1,
                };
                if century.abs() <= 99 { padded(century, 2, fill) } else { century.to_string() }
            }
            Key::YearWithComma => {
                let year = self.shown_year(at.year);
                format!("{},{:03}", year / 1000, year % 1000)
            }
            Key::Year(digits) => self.digits(self.shown_year(at.year), digits, fill),
            Key::IsoYear(digits) => self.digits(self.shown_year(self.iso().0), digits, fill),
            Key::WeekOfMonth => ((at.day - 1) / 7 + 1).to_string(),
            Key::Julian => julian_day(at.year, at.month, at.day).to_string(),
            _ => return Ok(None),
        }))
    }

    fn digits(&self, year: i64, digits: u32, fill: bool) -> String {
        match digits {
            4 => padded(year, 4, fill),
            1 => (year % 10).to_string(),
            _ => {
                // The width follows the whole year's sign.
                let width = if fill { 0 } else { digits as usize + usize::from(year < 0) };
                format!("{:0width$}", year % 10i64.pow(digits))
            }
        }
    }
}
