//! text, varchar, char(n), name, "char" and the types that are only ever read as text: TEXT in SQLite, UTF-8 on the wire.

use std::cmp::Ordering;

use super::{Codec, Type, Value, ValueRef, integer::bad_binary};
use crate::{
    catalog::type_name::format_row,
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// How long a string may be, and what happens to a longer one.
pub(super) enum Text {
    /// As it is: text, unknown, cstring, xml's like.
    Plain,
    /// `varchar(n)`: longer ones are refused unless only blanks go.
    Varying,
    /// `char(n)`: the same, then padded with blanks, which comparisons ignore.
    Padded,
    /// `name`: cut at 63 bytes.
    Name,
    /// `"char"`: one byte.
    Char,
}

/// The text behind a value in storage form.
pub(crate) fn text<'a>(value: ValueRef<'a>) -> Result<&'a str> {
    value.as_str().map_err(|_| SqlError::internal(format!("a text was expected, {} found", value.data_type())))
}

/// 22021, for bytes that are not UTF-8, worded as PostgreSQL words it.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str> {
    let error = |at: usize| {
        let wrong: Vec<String> = bytes[at..bytes.len().min(at + 1)].iter().map(|b| format!("0x{b:02x}")).collect();
        SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, format!("invalid byte sequence for encoding \"UTF8\": {}", wrong.join(" ")))
    };
    let text = std::str::from_utf8(bytes).map_err(|e| error(e.valid_up_to()))?;
    match bytes.iter().position(|b| *b == 0) {
        Some(at) => Err(error(at)),
        None => Ok(text),
    }
}

/// The first `n` characters, and what is left.
pub(crate) fn split_characters(text: &str, n: usize) -> (&str, &str) {
    let at = if text.len() <= n { text.len() } else { text.char_indices().nth(n).map_or(text.len(), |(at, _)| at) };
    text.split_at(at)
}

/// A string fitted to a `varchar(n)` or `char(n)` modifier: too long is 22001, unless only blanks are cut or the cast is explicit.
pub(crate) fn fit(text: &str, ty: &Type, typmod: i32, explicit: bool, pad: bool) -> Result<String> {
    let Some(limit) = usize::try_from(typmod - 4).ok().filter(|n| *n > 0) else { return Ok(text.to_owned()) };
    let (kept, rest) = split_characters(text, limit);
    if !explicit && rest.bytes().any(|b| b != b' ') {
        let message = format!("value too long for type {}", format_row(ty, Some(typmod)));
        return Err(SqlError::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, message));
    }
    let mut kept = kept.to_owned();
    if pad {
        kept.extend(std::iter::repeat_n(' ', limit - kept.chars().count()));
    }
    Ok(kept)
}

/// `name` keeps 63 bytes, whole characters.
pub(crate) fn truncate_name(text: &str) -> &str {
    &text[..text.floor_char_boundary(63)]
}

/// The one byte of a "char": its letter, or `\\ooo` where it is not ASCII, as it is written too (`charin`, `charout`).
fn letter(text: &str) -> String {
    let byte = match text.as_bytes() {
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'] => (a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'),
        bytes => bytes.first().copied().unwrap_or_default(),
    };
    match byte {
        0 => String::new(),
        1..128 => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    }
}

impl Codec for Text {
    fn input(&self, text: &str, ty: &Type, typmod: i32, _cx: &Context) -> Result<Value> {
        let fitted = match self {
            Text::Plain => text.to_owned(),
            Text::Varying => fit(text, ty, typmod, false, false)?,
            Text::Padded => fit(text, ty, typmod, false, true)?,
            Text::Name => truncate_name(text).to_owned(),
            Text::Char => letter(text),
        };
        Ok(Value::Text(fitted))
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], ty: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        if let (Text::Char, [byte]) = (self, bytes) {
            return Ok(Value::Text(letter(&format!("\\{byte:03o}"))));
        }
        self.input(utf8(bytes)?, ty, typmod, cx)
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        if matches!(self, Text::Char) {
            out.push(match text(value)?.as_bytes() {
                [] => 0,
                [byte] => *byte,
                written => u8::from_str_radix(&text(value)?[1..], 8).unwrap_or(written[0]),
            });
            return Ok(());
        }
        self.output(value, ty, cx, out)
    }

    fn compare(&self, left: &str, right: &str, _ty: &Type, _cx: &Context) -> Ordering {
        match self {
            Text::Padded => left.trim_end_matches(' ').cmp(right.trim_end_matches(' ')),
            _ => left.cmp(right),
        }
    }
}

/// The codec of void: empty text, no bytes.
pub(super) struct Void;

impl Codec for Void {
    fn input(&self, _text: &str, _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        Ok(Value::Text(String::new()))
    }

    fn output(&self, _value: ValueRef<'_>, _ty: &Type, _cx: &Context, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn receive(&self, _bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        Ok(Value::Text(String::new()))
    }

    fn send(&self, _value: ValueRef<'_>, _ty: &Type, _cx: &Context, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// The codec of types that have no binary form: aclitem.
pub(super) struct TextOnly;

fn no_binary(what: &str, ty: &Type) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("no binary {what} function available for type {}", format_row(ty, None)))
}

impl Codec for TextOnly {
    fn input(&self, text: &str, _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        Ok(Value::Text(text.to_owned()))
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, _bytes: &[u8], ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        Err(no_binary("input", ty))
    }

    fn send(&self, _value: ValueRef<'_>, ty: &Type, _cx: &Context, _out: &mut Vec<u8>) -> Result<()> {
        Err(no_binary("output", ty))
    }
}

/// The codec of tid, `(block,offset)`, and pg_lsn, `hex/hex`: pairs of numbers kept as text.
pub(super) enum Pair {
    /// `tid`.
    Tid,
    /// `pg_lsn`.
    Lsn,
}

impl Pair {
    fn parse(&self, text: &str) -> Option<(u32, u32)> {
        match self {
            Pair::Tid => {
                let (block, offset) = text.trim().strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
                Some((block.trim().parse().ok()?, offset.trim().parse::<u16>().ok()?.into()))
            }
            Pair::Lsn => {
                let (high, low) = text.split_once('/')?;
                let hex = |t: &str| u32::from_str_radix(t, 16).ok().filter(|_| !t.starts_with('+') && t.len() <= 8);
                Some((hex(high)?, hex(low)?))
            }
        }
    }

    fn write(&self, (first, second): (u32, u32)) -> String {
        match self {
            Pair::Tid => format!("({first},{second})"),
            Pair::Lsn => format!("{first:X}/{second:X}"),
        }
    }
}

impl Codec for Pair {
    fn input(&self, text: &str, ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        self.parse(text).map(|pair| Value::Text(self.write(pair))).ok_or_else(|| SqlError::invalid_text(&ty.name, text))
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).ok_or_else(bad_binary);
        match (self, bytes) {
            (Pair::Tid, &[.., high, low]) if bytes.len() == 6 => {
                Ok(Value::Text(self.write((word(0)?, u16::from_be_bytes([high, low]).into()))))
            }
            (Pair::Lsn, _) if bytes.len() == 8 => Ok(Value::Text(self.write((word(0)?, word(4)?)))),
            _ => Err(bad_binary()),
        }
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let (first, second) = self.parse(text(value)?).ok_or_else(|| SqlError::internal(format!("stored {} is malformed", ty.name)))?;
        out.extend_from_slice(&first.to_be_bytes());
        match self {
            Pair::Tid => out.extend_from_slice(&(second as u16).to_be_bytes()),
            Pair::Lsn => out.extend_from_slice(&second.to_be_bytes()),
        }
        Ok(())
    }

    fn compare(&self, left: &str, right: &str, _ty: &Type, _cx: &Context) -> Ordering {
        self.parse(left).cmp(&self.parse(right))
    }
}
