//! Reading the numbers of dates and times: integers with what follows them, fractions, and times with colons.
//! Enters: a field's text; leaves: the value, or the [`Fault`].

use super::{Fault, calendar::MICROS_PER_SECOND};

/// The integer at the start of `text` (with a sign) and the rest; out of 32 bits is a fault (C's `strtoint`).
pub(crate) fn integer(text: &str) -> Result<(i64, &str), Fault> {
    let (value, rest) = long(text)?;
    if i32::try_from(value).is_err() {
        return Err(Fault::Field);
    }
    Ok((value, rest))
}

/// The integer at the start of `text` in 64 bits, and the rest.
pub(crate) fn long(text: &str) -> Result<(i64, &str), Fault> {
    let signed = usize::from(text.starts_with(['-', '+']));
    let end = signed + text[signed..].bytes().take_while(u8::is_ascii_digit).count();
    if end == signed {
        return Ok((0, text));
    }
    let digits = text[..end].strip_prefix('+').unwrap_or(&text[..end]);
    Ok((digits.parse().map_err(|_| Fault::Field)?, &text[end..]))
}

/// A fraction `.123`, which must be all there is.
pub(crate) fn fraction(text: &str) -> Result<f64, Fault> {
    if text == "." {
        return Ok(0.0);
    }
    if !text.starts_with('.') || !text[1..].bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    format!("0{text}").parse().map_err(|_| Fault::Format)
}

/// A fraction of a second, in microseconds.
pub(crate) fn fraction_micros(text: &str) -> Result<i64, Fault> {
    Ok((fraction(text)? * MICROS_PER_SECOND as f64).round_ties_even() as i64)
}

/// A time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Hours.
    pub(crate) hour: i64,
    /// Minutes.
    pub(crate) minute: i64,
    /// Seconds.
    pub(crate) second: i64,
    /// Microseconds of the second.
    pub(crate) micros: i64,
}

/// A time with colons (PostgreSQL's `DecodeTime`); two fields are minutes and seconds where `minute_to_second` says so.
pub(crate) fn clock(text: &str, minute_to_second: bool) -> Result<Clock, Fault> {
    let mut time = Clock::default();
    let (hour, rest) = long(text)?;
    time.hour = hour;
    let (minute, rest) = integer(rest.strip_prefix(':').ok_or(Fault::Format)?)?;
    time.minute = minute;
    if rest.is_empty() {
        if minute_to_second {
            time = Clock { hour: 0, minute: time.hour, second: time.minute, micros: 0 };
        }
    } else if rest.starts_with('.') {
        time = Clock { hour: 0, minute: time.hour, second: time.minute, micros: fraction_micros(rest)? };
    } else {
        let (second, rest) = integer(rest.strip_prefix(':').ok_or(Fault::Format)?)?;
        time.second = second;
        if !rest.is_empty() {
            time.micros = fraction_micros(rest)?;
        }
    }
    let fits = time.hour >= 0 && (0..60).contains(&time.minute) && (0..=60).contains(&time.second) && time.micros >= 0;
    if fits && time.micros <= MICROS_PER_SECOND { Ok(time) } else { Err(Fault::Field) }
}

/// A zone displacement `+hh[:mm[:ss]]` or `+hhmm`, in seconds east (PostgreSQL's `DecodeTimezone`).
pub(crate) fn displacement(text: &str) -> Result<i32, Fault> {
    let negative = text.starts_with('-');
    if !negative && !text.starts_with('+') {
        return Err(Fault::Format);
    }
    let part = |text| integer(text).map_err(|_| Fault::Displacement);
    let (mut hour, mut rest) = part(&text[1..])?;
    let (mut minute, mut second) = (0, 0);
    if let Some(tail) = rest.strip_prefix(':') {
        (minute, rest) = part(tail)?;
        if let Some(tail) = rest.strip_prefix(':') {
            (second, rest) = part(tail)?;
        }
    } else if rest.is_empty() && text.len() > 3 {
        (hour, minute) = (hour / 100, hour % 100);
    }
    if !(0..=15).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
        return Err(Fault::Displacement);
    }
    if !rest.is_empty() {
        return Err(Fault::Format);
    }
    let seconds = ((hour * 60 + minute) * 60 + second) as i32;
    Ok(if negative { -seconds } else { seconds })
}
