//! `json`: text kept as it was written, once it is known to be JSON. Storage: TEXT.

use super::{Codec, Type, Value, ValueRef, binary::stored_text};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

mod lexer;
pub mod parse;
pub(crate) mod view;

pub use parse::{Kind, Node, parse, validate};

/// The codec of `json`.
pub struct JsonCodec;

/// Appends a text as a JSON string (PostgreSQL's `escape_json`).
pub fn escape(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        plain = at + 1;
        if escaped.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escaped);
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// The text of bytes that a client sent.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map_err(|_| SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\""))
}

impl Codec for JsonCodec {
    fn input(&self, text: &str, _: &Type, _: i32, _: &Context) -> Result<Value> {
        validate(text)?;
        Ok(Value::Text(text.to_owned()))
    }

    fn output(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(stored_text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], ty: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        self.input(utf8(bytes)?, ty, typmod, cx)
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        self.output(value, ty, cx, out)
    }
}
