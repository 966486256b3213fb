//! real and double precision: REAL in SQLite, NaN as a BLOB; shortest text that reads back the same, IEEE big-endian binary.

use num_bigint::BigUint;

use peergres_sync::value::NAN;

use super::{Codec, Type, Value, ValueRef, integer::bad_binary};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of a float type.
pub(super) enum Float {
    /// `float4`.
    Single,
    /// `float8`.
    Double,
}

/// The float behind a value in storage form.
pub(crate) fn float(value: ValueRef<'_>) -> Result<f64> {
    match value {
        ValueRef::Real(f) => Ok(f),
        ValueRef::Integer(i) => Ok(i as f64),
        ValueRef::Blob(b) if b == NAN => Ok(f64::NAN),
        other => Err(SqlError::internal(format!("a float was expected, {} found", other.data_type()))),
    }
}

/// The storage form of a float.
pub(crate) fn stored(value: f64) -> Value {
    if value.is_nan() { Value::Blob(NAN.to_vec()) } else { Value::Real(value) }
}

/// `float4out` and `float8out`, appended.
pub(crate) fn write(value: f64, single: bool, extra_digits: i32, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value < 0.0 { b"-Infinity" } else { b"Infinity" });
    }
    let digits = if single { 6 } else { 15 };
    let (text, threshold) = if extra_digits > 0 {
        (shortest(value, single), digits)
    } else {
        let precision = (digits + extra_digits).max(1);
        (format!("{value:.*e}", precision as usize - 1), precision)
    };
    let (mantissa, exponent) = text.split_once('e').expect("{:e} prints an exponent");
    let exponent: i32 = exponent.parse().expect("{:e} prints a number after the e");
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let mut number: String = mantissa.chars().filter(|c| *c != '.').collect();
    number.truncate(number.trim_end_matches('0').len().max(1));
    out.extend_from_slice(sign.as_bytes());
    if exponent < -4 || exponent >= threshold {
        out.extend_from_slice(&number.as_bytes()[..1]);
        if number.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&number.as_bytes()[1..]);
        }
        let mark = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{mark}{:02}", exponent.abs()).as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent - 1) as usize, b'0');
        out.extend_from_slice(number.as_bytes());
    } else {
        let whole = exponent as usize + 1;
        if number.len() <= whole {
            out.extend_from_slice(number.as_bytes());
            out.resize(out.len() + whole - number.len(), b'0');
        } else {
            out.extend_from_slice(&number.as_bytes()[..whole]);
            out.push(b'.');
            out.extend_from_slice(&number.as_bytes()[whole..]);
        }
    }
}

/// The shortest digits that read back as the same float, in the form of `{:e}`: of two as short and as near, the even one.
fn shortest(value: f64, single: bool) -> String {
    let mut buffer = ryu::Buffer::new();
    let text = if single { buffer.format_finite(value as f32) } else { buffer.format_finite(value) };
    let (text, exponent) = text.split_once('e').map_or((text, 0), |(m, e)| (m, e.parse::<i32>().expect("ryu prints a number after the e")));
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    if zeros == digits.len() {
        return format!("{sign}0e0");
    }
    let exponent = exponent + whole.len() as i32 - 1 - zeros as i32;
    let significant = digits[zeros..].trim_end_matches('0');
    if is_halfway(significant, exponent, value.abs(), single) {
        return beside_halfway(significant.len(), value, single);
    }
    let (first, rest) = digits[zeros..].split_at(1);
    format!("{sign}{first}.{rest}e{exponent}")
}

/// Whether digits (the first before the point) lie exactly between the float and a neighbour. PostgreSQL's `d2s.c` does not take such
/// digits (`acceptBounds`), so that 1e23 prints as 9.999999999999999e+22. Floats so close to each other that no digits end there are not asked.
fn is_halfway(digits: &str, exponent: i32, value: f64, single: bool) -> bool {
    let Ok(zeros) = u32::try_from(exponent + 1 - digits.len() as i32) else { return false };
    let precision = if single { 24 } else { 53 };
    let bits = value.to_bits();
    let power = (bits >> 52) as i32 - 1075;
    let ulp_power = power + 53 - precision;
    if ulp_power < 1 {
        return false;
    }
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    let exact = BigUint::from(mantissa) << (power.max(0) as u32) >> ((-power).max(0) as u32);
    let Ok(decimal) = digits.parse::<BigUint>() else { return false };
    let decimal = decimal * BigUint::from(10u32).pow(zeros);
    let distance = if decimal > exact { &decimal - &exact } else { &exact - &decimal };
    // Below a power of two the neighbour is half as far.
    let narrow = mantissa == 1 << 52 && decimal < exact;
    distance << (if narrow { 2u32 } else { 1 }) == BigUint::from(1u32) << (ulp_power as u32)
}

/// The shortest digits, more than `count`, that read back and don't lie halfway.
fn beside_halfway(count: usize, value: f64, single: bool) -> String {
    for more in count..17 {
        let text = format!("{value:.more$e}");
        let reads_back = if single { text.parse::<f32>().is_ok_and(|f| f == value as f32) } else { text.parse::<f64>() == Ok(value) };
        let (mantissa, exponent) = text.split_once('e').expect("{:e} prints an exponent");
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        let exponent = exponent.parse().expect("{:e} prints a number after the e");
        if reads_back && !is_halfway(&digits, exponent, value.abs(), single) {
            return text;
        }
    }
    format!("{value:e}")
}

/// `float4in` and `float8in`.
pub(crate) fn parse(text: &str, single: bool) -> Result<f64> {
    let name = if single { "real" } else { "double precision" };
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    let sign = if trimmed.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned.as_bytes().first() {
        Some(b'0'..=b'9' | b'.') => {}
        _ if unsigned.eq_ignore_ascii_case("nan") => return Ok(f64::NAN),
        _ if unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf") => return Ok(sign * f64::INFINITY),
        _ => return Err(SqlError::invalid_text(name, text)),
    }
    let value = if single { trimmed.parse::<f32>().map(f64::from) } else { trimmed.parse::<f64>() };
    let value = value.map_err(|_| SqlError::invalid_text(name, text))?;
    let mantissa = unsigned.split(['e', 'E']).next().unwrap_or_default();
    if value.is_infinite() || (value == 0.0 && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'))) {
        let message = format!("\"{trimmed}\" is out of range for type {name}");
        return Err(SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
    }
    Ok(value)
}

impl Codec for Float {
    fn input(&self, text: &str, _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        parse(text, matches!(self, Float::Single)).map(stored)
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        write(float(value)?, matches!(self, Float::Single), cx.extra_float_digits, out);
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        let value = match self {
            Float::Single => f64::from(f32::from_be_bytes(bytes.try_into().map_err(|_| bad_binary())?)),
            Float::Double => f64::from_be_bytes(bytes.try_into().map_err(|_| bad_binary())?),
        };
        Ok(stored(value))
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Float::Single => out.extend_from_slice(&(float(value)? as f32).to_be_bytes()),
            Float::Double => out.extend_from_slice(&float(value)?.to_be_bytes()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_postgresqls() {
        for (value, single, extra, expected) in [
            (0.1, false, 1, "0.1"),
            (1e15, false, 1, "1e+15"),
            (1e14, false, 1, "100000000000000"),
            (123456789012345680.0, false, 1, "1.2345678901234568e+17"),
            (0.0001, false, 1, "0.0001"),
            (0.00001, false, 1, "1e-05"),
            (-1.5e300, false, 1, "-1.5e+300"),
            (1e6, true, 1, "1e+06"),
            (f64::from(3.4f32), true, 1, "3.4"),
            (0.1 + 0.2, false, 0, "0.3"),
            (0.1 + 0.2, false, 1, "0.30000000000000004"),
            (-0.0, false, 1, "-0"),
        ] {
            let mut out = Vec::new();
            write(value, single, extra, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }
}
