//! numeric: TEXT in PostgreSQL's own form (`-1.10`, `NaN`, `Infinity`), exact at any precision, under the collation `numeric`.

use std::cmp::Ordering;

use super::{
    Codec, Type, Value, ValueRef,
    decimal::{MAX_SCALE, Numeric},
    integer::bad_binary,
    text::text,
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// Order of two numerics in text form, without allocating: `-Infinity` < finite < `Infinity` < `NaN`.
pub(crate) fn compare_text(left: &str, right: &str) -> Ordering {
    // Sorting for groups meets equal texts more than any others.
    if left == right {
        return Ordering::Equal;
    }
    let (l, r) = (Parts::of(left), Parts::of(right));
    match (l.rank, r.rank) {
        (0, 0) => magnitude(&l, &r),
        (-1, -1) => magnitude(&r, &l),
        (a, b) => a.cmp(&b),
    }
}

/// A text form cut up: rank -2 is -Infinity, -1 a negative number, 0 zero or a positive one, 1 Infinity, 2 NaN.
struct Parts<'a> {
    rank: i8,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl Parts<'_> {
    fn of(text: &str) -> Parts<'_> {
        let bytes = text.as_bytes();
        let special = |rank| Parts { rank, whole: &[], fraction: &[] };
        let (negative, digits) = match bytes {
            [b'-', b'I', ..] => return special(-2),
            [b'I', ..] => return special(1),
            [b'N', ..] => return special(2),
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let dot = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
        let (mut whole, mut fraction) = (&digits[..dot], digits.get(dot + 1..).unwrap_or(&[]));
        while let [b'0', rest @ ..] = whole {
            whole = rest;
        }
        while let [rest @ .., b'0'] = fraction {
            fraction = rest;
        }
        let is_zero = whole.is_empty() && fraction.is_empty();
        Parts { rank: if negative && !is_zero { -1 } else { 0 }, whole, fraction }
    }
}

fn magnitude(l: &Parts<'_>, r: &Parts<'_>) -> Ordering {
    l.whole.len().cmp(&r.whole.len()).then_with(|| l.whole.cmp(r.whole)).then_with(|| l.fraction.cmp(r.fraction))
}

/// The codec of `numeric`.
pub(super) struct NumericCodec;

impl Codec for NumericCodec {
    fn input(&self, text: &str, _ty: &Type, typmod: i32, _cx: &Context) -> Result<Value> {
        if typmod < 4 && is_canonical(text) {
            return Ok(Value::Text(text.to_owned()));
        }
        Ok(Value::Text(Numeric::parse(text)?.with_typmod(typmod)?.to_string()))
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    /// `numeric_recv`: digit count, weight, sign and scale, then digits in base 10000.
    fn receive(&self, bytes: &[u8], _ty: &Type, typmod: i32, _cx: &Context) -> Result<Value> {
        let word = |i: usize| bytes.get(2 * i..2 * i + 2).map(|b| u16::from_be_bytes([b[0], b[1]])).ok_or_else(bad_binary);
        let (count, weight, sign, scale) = (word(0)? as usize, word(1)? as i16, word(2)?, word(3)?);
        if bytes.len() != 8 + 2 * count || u32::from(scale) > MAX_SCALE {
            return Err(bad_binary());
        }
        let numeric = match sign {
            0xC000 => Numeric::NaN,
            0xD000 => Numeric::Infinite(false),
            0xF000 => Numeric::Infinite(true),
            0x0000 | 0x4000 => {
                let mut digits = String::with_capacity(count * 4 + 1);
                for i in 0..count {
                    let digit = word(4 + i)?;
                    if digit > 9999 {
                        return Err(SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, "invalid digit in external \"numeric\" value"));
                    }
                    digits.push_str(&format!("{digit:04}"));
                }
                let exponent = (i64::from(weight) + 1 - count as i64) * 4;
                let sign = if sign == 0x4000 { "-" } else { "" };
                match Numeric::parse(&format!("{sign}0{digits}e{exponent}"))? {
                    Numeric::Finite(d) => Numeric::Finite(d.truncate(i64::from(scale))),
                    other => other,
                }
            }
            _ => return Err(SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, "invalid sign in external \"numeric\" value")),
        };
        Ok(Value::Text(numeric.with_typmod(typmod)?.to_string()))
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let text = text(value)?;
        let parts = Parts::of(text);
        let mut put = |words: [u16; 4]| words.iter().for_each(|w| out.extend_from_slice(&w.to_be_bytes()));
        match parts.rank {
            2 => put([0, 0, 0xC000, 0]),
            1 => put([0, 0, 0xD000, 0x20]),
            -2 => put([0, 0, 0xF000, 0x20]),
            rank => {
                let scale = text.split_once('.').map_or(0, |(_, f)| f.len());
                let (groups, weight) = groups(&parts);
                put([groups.len() as u16, weight as u16, if rank < 0 { 0x4000 } else { 0 }, scale as u16]);
                groups.iter().for_each(|g| out.extend_from_slice(&g.to_be_bytes()));
            }
        }
        Ok(())
    }

    fn compare(&self, left: &str, right: &str, _ty: &Type, _cx: &Context) -> Ordering {
        compare_text(left, right)
    }
}

/// Whether a text is what `numeric_out` would print for it.
fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let dot = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
    let (whole, fraction) = (&digits[..dot], digits.get(dot + 1..));
    let is_digits = |d: &[u8]| !d.is_empty() && d.iter().all(u8::is_ascii_digit);
    digits.len() < 100
        && is_digits(whole)
        && (whole.len() == 1 || whole[0] != b'0')
        && fraction.is_none_or(is_digits)
        && (text.len() == digits.len() || digits.iter().any(|b| matches!(b, b'1'..=b'9')))
}

/// Digits in base 10000 without leading and trailing zeros, and the weight of the first.
fn groups(parts: &Parts<'_>) -> (Vec<u16>, i16) {
    let mut digits = vec![b'0'; (4 - parts.whole.len() % 4) % 4];
    digits.extend_from_slice(parts.whole);
    let mut weight = digits.len() as i16 / 4 - 1;
    digits.extend_from_slice(parts.fraction);
    digits.resize(digits.len().next_multiple_of(4), b'0');
    let mut groups: Vec<u16> = digits.chunks(4).map(|c| c.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'))).collect();
    let zeros = groups.iter().take_while(|g| **g == 0).count();
    groups.drain(..zeros);
    weight -= zeros as i16;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() { (groups, 0) } else { (groups, weight) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn order_is_by_value() {
        let sorted = ["-Infinity", "-10", "-9.99", "-0.1", "0.00", "0.001", "0.1", "1.1", "9", "10", "1e", "Infinity", "NaN"];
        let sorted: Vec<_> = sorted.into_iter().filter(|s| *s != "1e").collect();
        for (i, l) in sorted.iter().enumerate() {
            for (j, r) in sorted.iter().enumerate() {
                assert_eq!(compare_text(l, r), i.cmp(&j), "{l} {r}");
            }
        }
        assert_eq!(compare_text("1.1", "1.10"), Ordering::Equal);
        assert_eq!(compare_text("-0", "0.00"), Ordering::Equal);
    }

    #[test]
    fn text_and_binary_come_back() {
        let (catalog, cx) = (Catalog::built_in(), Context::default());
        let ty = catalog.type_by_name(None, "numeric").expect("built in");
        for (text, canonical) in [
            ("1.10", "1.10"),
            ("0001", "1"),
            ("-0.00", "0.00"),
            (".5", "0.5"),
            ("1e5", "100000"),
            ("1.5e-3", "0.0015"),
            ("123456789012345678901234567890.1234567890", "123456789012345678901234567890.1234567890"),
            ("10000", "10000"),
            ("0.00001", "0.00001"),
            ("NaN", "NaN"),
            ("-inf", "-Infinity"),
        ] {
            let value = NumericCodec.input(text, ty, -1, &cx).expect(text);
            assert_eq!(value, Value::Text(canonical.to_owned()));
            let mut bytes = Vec::new();
            NumericCodec.send((&value).into(), ty, &cx, &mut bytes).expect(text);
            assert_eq!(NumericCodec.receive(&bytes, ty, -1, &cx).expect(text), value);
        }
    }
}
