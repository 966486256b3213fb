//! Dates and times in PostgreSQL's ISO text form, over the whole range of the storage forms, years before Christ and infinities included.
//!
//! Enters: days or microseconds since 1970-01-01. Leaves: text, and back. The calendar is the proleptic Gregorian one; the arithmetic is
//! that of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

const DAY: i64 = 86_400_000_000;

/// `2024-02-29`, `0044-03-15 BC`, `infinity`.
pub(super) fn date(days: i64) -> String {
    match days {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => {
            let (text, era) = year_month_day(days);
            text + era
        }
    }
}

/// `13:04:05.678`.
pub(super) fn time(microseconds: i64) -> String {
    let (seconds, fraction) = (microseconds.div_euclid(1_000_000), microseconds.rem_euclid(1_000_000));
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text
}

/// `2024-02-29 13:04:05.678`, with `+00` where it has a zone.
pub(super) fn timestamp(microseconds: i64, zone: bool) -> String {
    match microseconds {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => {
            let (date, era) = year_month_day(microseconds.div_euclid(DAY));
            let zone = if zone { "+00" } else { "" };
            format!("{date} {}{zone}{era}", time(microseconds.rem_euclid(DAY)))
        }
    }
}

fn year_month_day(days: i64) -> (String, &'static str) {
    let shifted = i128::from(days) + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    // There is no year 0: the year before 1 is 1 BC.
    if year > 0 { (format!("{year:04}-{month:02}-{day:02}"), "") } else { (format!("{:04}-{month:02}-{day:02}", 1 - year), " BC") }
}

/// The reverse of [`date`].
pub(super) fn parse_date(text: &str) -> Option<i64> {
    match text {
        "infinity" => Some(i64::MAX),
        "-infinity" => Some(i64::MIN),
        _ => {
            let (text, before_christ) = without_era(text);
            parse_days(text, before_christ)
        }
    }
}

/// The reverse of [`time`].
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut fields = clock.split(':').map(number);
    let (hours, minutes, seconds) = (fields.next()??, fields.next()??, fields.next()??);
    if fields.next().is_some() || hours > 24 || minutes > 59 || seconds > 60 || fraction.len() > 6 {
        return None;
    }
    let fraction = if fraction.is_empty() { 0 } else { number(fraction)? * 10_i64.pow(6 - u32::try_from(fraction.len()).ok()?) };
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + fraction)
}

/// The reverse of [`timestamp`].
pub(super) fn parse_timestamp(text: &str, zone: bool) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let (text, before_christ) = without_era(text);
    let text = if zone { text.strip_suffix("+00")? } else { text };
    let (date, clock) = text.split_once(' ')?;
    let microseconds = i128::from(parse_days(date, before_christ)?) * i128::from(DAY) + i128::from(parse_time(clock)?);
    i64::try_from(microseconds).ok()
}

fn without_era(text: &str) -> (&str, bool) {
    text.strip_suffix(" BC").map_or((text, false), |text| (text, true))
}

fn parse_days(text: &str, before_christ: bool) -> Option<i64> {
    let mut fields = text.split('-').map(number);
    let (year, month, day) = (fields.next()??, fields.next()??, fields.next()??);
    if fields.next().is_some() || year == 0 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if before_christ { 1 - year } else { year };
    let year = year.checked_sub(i64::from(month <= 2))?;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i64::try_from(i128::from(era) * 146_097 + i128::from(day_of_era) - 719_468).ok()
}

/// Digits only: no sign, no space.
fn number(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}
