//! smallint, integer, bigint, oid and their kin: INTEGER in SQLite; decimal text, big-endian binary of the type's width.

use super::{Codec, Type, Value, ValueRef};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// An integer type: its SQL name, width in bytes and range.
pub(super) struct Integer {
    name: &'static str,
    width: usize,
    min: i64,
    max: i64,
}

/// `int2`.
pub(super) static INT2: Integer = Integer { name: "smallint", width: 2, min: i16::MIN as i64, max: i16::MAX as i64 };
/// `int4`.
pub(super) static INT4: Integer = Integer { name: "integer", width: 4, min: i32::MIN as i64, max: i32::MAX as i64 };
/// `int8`, `xid8`.
pub(super) static INT8: Integer = Integer { name: "bigint", width: 8, min: i64::MIN, max: i64::MAX };
/// `oid`, `xid`, `cid`: unsigned; negative text wraps, as `oidin` lets it.
pub(super) static OID: Integer = Integer { name: "oid", width: 4, min: 0, max: u32::MAX as i64 };

/// The integer behind a value in storage form.
pub(crate) fn integer(value: ValueRef<'_>) -> Result<i64> {
    match value {
        ValueRef::Integer(i) => Ok(i),
        other => Err(SqlError::internal(format!("an integer was expected, {} found", other.data_type()))),
    }
}

/// Decimal text of an integer, appended.
pub(crate) fn write(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let (mut digits, mut at, mut rest) = ([0u8; 20], 20, value.unsigned_abs());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// 22P03, for binary input of a wrong length or shape.
pub(crate) fn bad_binary() -> SqlError {
    SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, "incorrect binary data format")
}

impl Integer {
    fn parse(&self, text: &str) -> Result<i64> {
        let out_of_range = || {
            let message = format!("value \"{text}\" is out of range for type {}", self.name);
            SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
        };
        let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b');
        let (negative, digits) = match trimmed.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(SqlError::invalid_text(self.name, text));
        }
        let mut value: i64 = 0;
        for d in digits {
            let d = i64::from(d - b'0');
            let next = value.checked_mul(10).and_then(|v| if negative { v.checked_sub(d) } else { v.checked_add(d) });
            value = next.ok_or_else(out_of_range)?;
        }
        if self.min == 0 && (i64::from(i32::MIN)..0).contains(&value) {
            value &= self.max;
        }
        if value < self.min || value > self.max { Err(out_of_range()) } else { Ok(value) }
    }
}

impl Codec for Integer {
    fn input(&self, text: &str, _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        self.parse(text).map(Value::Integer)
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        write(integer(value)?, out);
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        let value = match (self.width, bytes) {
            (2, &[a, b]) => i64::from(i16::from_be_bytes([a, b])),
            (4, &[a, b, c, d]) if self.min == 0 => i64::from(u32::from_be_bytes([a, b, c, d])),
            (4, &[a, b, c, d]) => i64::from(i32::from_be_bytes([a, b, c, d])),
            (8, bytes) => i64::from_be_bytes(bytes.try_into().map_err(|_| bad_binary())?),
            _ => return Err(bad_binary()),
        };
        Ok(Value::Integer(value))
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let bytes = integer(value)?.to_be_bytes();
        out.extend_from_slice(&bytes[8 - self.width..]);
        Ok(())
    }
}
