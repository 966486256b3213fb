//! bytea and uuid: BLOBs in SQLite. bytea in hex or escape form, uuid as 8-4-4-4-12 hex digits.

use super::{Codec, Type, Value, ValueRef, integer::bad_binary};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of `bytea`.
pub(super) struct Bytea;

/// The codec of `uuid`.
pub(super) struct UuidCodec;

/// The bytes behind a value in storage form.
pub(crate) fn bytes<'a>(value: ValueRef<'a>) -> Result<&'a [u8]> {
    value.as_blob().map_err(|_| SqlError::internal(format!("bytes were expected, {} found", value.data_type())))
}

/// Hex digits, appended.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for b in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
    }
}

/// Hex digits read, blanks between pairs skipped.
pub(crate) fn parse_hex(text: &str) -> Result<Vec<u8>> {
    let invalid = |message: String| SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut chars = text.chars().filter(|c| !matches!(c, ' ' | '\n' | '\t' | '\r'));
    let digit = |c: char| c.to_digit(16).map(|d| d as u8).ok_or_else(|| invalid(format!("invalid hexadecimal digit: \"{c}\"")));
    while let Some(high) = chars.next() {
        let high = digit(high)?;
        let low = chars.next().ok_or_else(|| invalid("invalid hexadecimal data: odd number of digits".to_owned()))?;
        out.push(high << 4 | digit(low)?);
    }
    Ok(out)
}

/// The escape form read: `\\` and `\nnn` in octal.
pub(crate) fn parse_escape(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Some(out),
            [b'\\', b'\\', rest @ ..] => {
                out.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => return None,
            [b, rest @ ..] => {
                out.push(*b);
                rest
            }
        };
    }
}

/// The escape form, appended.
pub(crate) fn write_escape(bytes: &[u8], out: &mut Vec<u8>) {
    for b in bytes {
        match b {
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x20..=0x7e => out.push(*b),
            b => out.extend_from_slice(format!("\\{b:03o}").as_bytes()),
        }
    }
}

impl Codec for Bytea {
    fn input(&self, text: &str, _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        match text.strip_prefix("\\x") {
            Some(hex) => parse_hex(hex).map(Value::Blob),
            None => parse_escape(text)
                .map(Value::Blob)
                .ok_or_else(|| SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type bytea")),
        }
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let bytes = bytes(value)?;
        if cx.bytea_escape {
            write_escape(bytes, out);
        } else {
            out.extend_from_slice(b"\\x");
            write_hex(bytes, out);
        }
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        Ok(Value::Blob(bytes.to_vec()))
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(bytes(value)?);
        Ok(())
    }
}

/// `uuid_in`: hex digits, hyphens allowed after any group of four, braces around.
pub(crate) fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let (mut out, mut digits) = ([0u8; 16], 0);
    let mut previous_hyphen = true;
    for c in inner.bytes() {
        if c == b'-' {
            if previous_hyphen || digits % 4 != 0 || digits == 32 {
                return None;
            }
            previous_hyphen = true;
            continue;
        }
        previous_hyphen = false;
        let digit = (c as char).to_digit(16)? as u8;
        *out.get_mut(digits / 2)? |= if digits % 2 == 0 { digit << 4 } else { digit };
        digits += 1;
    }
    (digits == 32).then_some(out)
}

impl Codec for UuidCodec {
    fn input(&self, text: &str, _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        parse_uuid(text).map(|u| Value::Blob(u.to_vec())).ok_or_else(|| SqlError::invalid_text("uuid", text))
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let bytes = bytes(value)?;
        for (i, byte) in bytes.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            write_hex(&[*byte], out);
        }
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        if bytes.len() == 16 { Ok(Value::Blob(bytes.to_vec())) } else { Err(bad_binary()) }
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(bytes(value)?);
        Ok(())
    }
}
