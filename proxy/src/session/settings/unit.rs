//! Numbers of settings with their units: `1.5GB` in, `1572864` (of kB) kept, `1536MB` shown. Rules: PostgreSQL's `guc.c`,
//! `convert_to_base_unit` and `convert_int_from_base_unit`.

use super::definition::Definition;
use crate::error::{Result, SqlError, SqlState};

/// Units of memory, in bytes, largest first.
const MEMORY: [(&str, f64); 5] = [("TB", 1_099_511_627_776.0), ("GB", 1_073_741_824.0), ("MB", 1_048_576.0), ("kB", 1024.0), ("B", 1.0)];
/// Units of time, in microseconds, largest first.
const TIME: [(&str, f64); 6] =
    [("d", 86_400_000_000.0), ("h", 3_600_000_000.0), ("min", 60_000_000.0), ("s", 1_000_000.0), ("ms", 1000.0), ("us", 1.0)];

/// The units that go with a base unit, and the base unit's size among them.
fn family(base: &str) -> Option<(&'static [(&'static str, f64)], f64)> {
    let digits = base.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let count: f64 = base[..digits].parse().unwrap_or(1.0);
    let unit = &base[digits..];
    [&MEMORY[..], &TIME[..]].into_iter().find_map(|units| units.iter().find(|(u, _)| *u == unit).map(|(_, size)| (units, size * count)))
}

/// The number in base units; the outer error is a hint.
fn parse(definition: &Definition, text: &str) -> std::result::Result<f64, Option<String>> {
    let text = text.trim();
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(digits) = hexadecimal {
        return i64::from_str_radix(digits, 16).map(|n| n as f64).map_err(|_| None);
    }
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))).unwrap_or(text.len());
    // An exponent belongs to the number, though no unit begins with e.
    let end = match text[end..].strip_prefix(['e', 'E']) {
        Some(rest) => {
            let more = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-'))).unwrap_or(rest.len());
            end + 1 + more
        }
        None => end,
    };
    let number: f64 = text[..end].parse().map_err(|_| None)?;
    let unit = text[end..].trim();
    if unit.is_empty() {
        return Ok(number);
    }
    let Some((units, base)) = family(&definition.unit) else { return Err(None) };
    let Some((_, size)) = units.iter().find(|(u, _)| *u == unit) else {
        let valid = if units.len() == MEMORY.len() {
            "\"B\", \"kB\", \"MB\", \"GB\", and \"TB\""
        } else {
            "\"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\""
        };
        return Err(Some(format!("Valid units for this parameter are {valid}.")));
    };
    Ok(number * size / base)
}

fn refuse<T>(definition: &Definition, text: &str, hint: Option<String>) -> Result<T> {
    let error = definition.invalid(text);
    Err(match hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

fn outside(definition: &Definition, value: &str, min: &str, max: &str) -> SqlError {
    let unit = if definition.unit.is_empty() { String::new() } else { format!(" {}", definition.unit) };
    SqlError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("{value}{unit} is outside the valid range for parameter \"{}\" ({min} .. {max})", definition.name),
    )
}

/// A whole number.
pub(super) fn integer(definition: &Definition, text: &str, min: i64, max: i64) -> Result<String> {
    let number = match parse(definition, text) {
        Ok(number) => number.round_ties_even(),
        Err(hint) => return refuse(definition, text, hint),
    };
    if number.is_nan() || number > f64::from(i32::MAX) || number < f64::from(i32::MIN) {
        return refuse(definition, text, Some("Value exceeds integer range.".to_owned()));
    }
    let number = number as i64;
    if number < min || number > max {
        return Err(outside(definition, &number.to_string(), &min.to_string(), &max.to_string()));
    }
    Ok(number.to_string())
}

/// A number.
pub(super) fn real(definition: &Definition, text: &str, min: f64, max: f64) -> Result<String> {
    let number = match parse(definition, text) {
        Ok(number) => number,
        Err(hint) => return refuse(definition, text, hint),
    };
    if !(min..=max).contains(&number) {
        return Err(outside(definition, &number.to_string(), &min.to_string(), &max.to_string()));
    }
    Ok(number.to_string())
}

/// With the largest unit that divides it.
pub(super) fn shown(base: &str, kept: &str) -> String {
    let (Some((units, base_size)), Ok(number)) = (family(base), kept.parse::<f64>()) else { return kept.to_owned() };
    if number <= 0.0 {
        return kept.to_owned();
    }
    let total = number * base_size;
    let fits = |size: f64| (total / size).fract() == 0.0 && total / size >= 1.0;
    match units.iter().find(|(_, size)| fits(*size)) {
        Some((unit, size)) => format!("{}{unit}", total / size),
        None => kept.to_owned(),
    }
}
