//! bit(n) and bit varying(n): TEXT of zeros and ones, whose byte order is PostgreSQL's order.

use super::{Codec, Type, Value, ValueRef, integer::bad_binary, text::text};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of a bit string type.
pub(super) struct Bits {
    /// `bit varying`.
    pub(super) varying: bool,
}

/// Fits a bit string to a modifier; an explicit cast cuts or pads on the right.
pub(crate) fn fit(bits: String, typmod: i32, varying: bool, explicit: bool) -> Result<String> {
    let Some(limit) = usize::try_from(typmod).ok().filter(|n| *n > 0) else { return Ok(bits) };
    if bits.len() == limit || (varying && bits.len() < limit) {
        return Ok(bits);
    }
    if explicit {
        let mut bits = bits;
        bits.truncate(limit);
        bits.extend(std::iter::repeat_n('0', if varying { 0 } else { limit - bits.len() }));
        return Ok(bits);
    }
    if varying {
        let message = format!("bit string too long for type bit varying({limit})");
        return Err(SqlError::new(SqlState::STRING_DATA_RIGHT_TRUNCATION, message));
    }
    let message = format!("bit string length {} does not match type bit({limit})", bits.len());
    Err(SqlError::new(SqlState("22026"), message))
}

impl Codec for Bits {
    fn input(&self, source: &str, _ty: &Type, typmod: i32, _cx: &Context) -> Result<Value> {
        let invalid =
            |c: char, kind: &str| SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("\"{c}\" is not a valid {kind} digit"));
        let bits = match source.strip_prefix(['x', 'X']) {
            Some(hex) => {
                let digits = hex.chars().map(|c| c.to_digit(16).map(|d| format!("{d:04b}")).ok_or_else(|| invalid(c, "hexadecimal")));
                digits.collect::<Result<String>>()?
            }
            None => {
                let binary = source.strip_prefix(['b', 'B']).unwrap_or(source);
                match binary.chars().find(|c| !matches!(c, '0' | '1')) {
                    Some(c) => return Err(invalid(c, "binary")),
                    None => binary.to_owned(),
                }
            }
        };
        fit(bits, typmod, self.varying, false).map(Value::Text)
    }

    fn output(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _ty: &Type, typmod: i32, _cx: &Context) -> Result<Value> {
        let (head, data) = bytes.split_first_chunk::<4>().ok_or_else(bad_binary)?;
        let length = u32::from_be_bytes(*head) as usize;
        if data.len() != length.div_ceil(8) {
            return Err(bad_binary());
        }
        let mut bits: String = data.iter().map(|b| format!("{b:08b}")).collect();
        bits.truncate(length);
        fit(bits, typmod, self.varying, false).map(Value::Text)
    }

    fn send(&self, value: ValueRef<'_>, _ty: &Type, _cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let bits = text(value)?.as_bytes();
        out.extend_from_slice(&(bits.len() as u32).to_be_bytes());
        out.extend(bits.chunks(8).map(|c| c.iter().enumerate().fold(0, |byte, (i, b)| byte | (b & 1) << (7 - i))));
        Ok(())
    }
}
