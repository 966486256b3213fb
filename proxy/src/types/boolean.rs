//! boolean: INTEGER 0 or 1. Text in, as `boolin` reads it (any unambiguous prefix); `t` and `f` out.

use super::{Codec, Type, Value, ValueRef, integer::integer};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of `bool`.
pub(super) struct Boolean;

/// What `parse_bool_with_len` takes a text for, blanks trimmed.
pub(crate) fn parse(text: &str) -> Option<bool> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace()).to_ascii_lowercase();
    let is_prefix = |word: &str, least: usize| text.len() >= least && word.starts_with(&*text);
    if is_prefix("true", 1) || is_prefix("yes", 1) || text == "1" || is_prefix("on", 2) {
        Some(true)
    } else if is_prefix("false", 1) || is_prefix("no", 1) || text == "0" || is_prefix("off", 2) {
        Some(false)
    } else {
        None
    }
}

impl Codec for Boolean {
    fn input(&self, text: &str, _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        parse(text).map(|b| Value::Integer(i64::from(b))).ok_or_else(|| SqlError::invalid_text("boolean", text))
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.push(if integer(value)? != 0 { b't' } else { b'f' });
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _ty: &Type, _typmod: i32, _cx: &Context) -> Result<Value> {
        match bytes {
            [b] => Ok(Value::Integer(i64::from(*b != 0))),
            _ => Err(SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, "incorrect binary data format")),
        }
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.push(u8::from(integer(value)? != 0));
        Ok(())
    }
}
