//! Bit strings: TEXT of zeros and ones. Lengths, parts, logic, shifts, numbers, as in `varbit.c`.

use super::{
    Body::Scalar,
    Call, Row, Value,
    arguments::{fitting, int_value, text_value},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::bit::fit,
};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("length(bit)", Scalar(|c| int_value(c.text(0)?.len() as i64))),
    row("bit_length(bit)", Scalar(|c| int_value(c.text(0)?.len() as i64))),
    row("octet_length(bit)", Scalar(|c| int_value(c.text(0)?.len().div_ceil(8) as i64))),
    row("bit_count(bit)", Scalar(|c| int_value(c.text(0)?.matches('1').count() as i64))),
    row("substring(bit,integer)", Scalar(|c| substring(c.text(0)?, c.int(1)?, None))),
    row("substring(bit,integer,integer)", Scalar(|c| substring(c.text(0)?, c.int(1)?, Some(c.int(2)?)))),
    row("position(bit,bit)", Scalar(position)),
    row("overlay(bit,bit,integer)", Scalar(overlay)),
    row("overlay(bit,bit,integer,integer)", Scalar(overlay)),
    row("get_bit(bit,integer)", Scalar(get)),
    row("set_bit(bit,integer,integer)", Scalar(set)),
    row("bit(integer,integer)", Scalar(|c| from_integer(c.int(0)?, 32, c.int(1)?))),
    row("bit(bigint,integer)", Scalar(|c| from_integer(c.int(0)?, 64, c.int(1)?))),
    row("int4(bit)", Scalar(|c| to_integer::<4>(c.text(0)?, 32))),
    row("int8(bit)", Scalar(|c| to_integer::<8>(c.text(0)?, 64))),
    row("bit(bit,integer,boolean)", Scalar(|c| text_value(fit(c.text(0)?.to_owned(), c.int(1)? as i32, false, c.boolean(2)?)?))),
    row("varbit(bit varying,integer,boolean)", Scalar(|c| text_value(fit(c.text(0)?.to_owned(), c.int(1)? as i32, true, c.boolean(2)?)?))),
    row("bitand(bit,bit)", Scalar(|c| logic(c, "AND", |a, b| a & b))),
    row("bitor(bit,bit)", Scalar(|c| logic(c, "OR", |a, b| a | b))),
    row("bitxor(bit,bit)", Scalar(|c| logic(c, "XOR", |a, b| a ^ b))),
    row("bitnot(bit)", Scalar(|c| text_value(c.text(0)?.chars().map(|b| if b == '0' { '1' } else { '0' }).collect::<String>()))),
    row("bitshiftleft(bit,integer)", Scalar(|c| shift(c.text(0)?, c.int(1)?))),
    row("bitshiftright(bit,integer)", Scalar(|c| shift(c.text(0)?, -c.int(1)?))),
    row("bitcat(bit varying,bit varying)", Scalar(|c| text_value(format!("{}{}", c.text(0)?, c.text(1)?)))),
];

fn substring(bits: &str, from: i64, length: Option<i64>) -> Result<Value> {
    let end = match length {
        Some(length) if length < 0 => {
            return Err(SqlError::new(SqlState("22011"), "negative substring length not allowed"));
        }
        Some(length) => from.saturating_add(length).min(bits.len() as i64 + 1),
        None => bits.len() as i64 + 1,
    };
    let start = from.max(1);
    text_value(if start >= end { "" } else { &bits[start as usize - 1..end as usize - 1] })
}

fn position(call: &Call<'_>) -> Result<Value> {
    let bits = call.text(0)?;
    int_value(bits.find(call.text(1)?).filter(|_| !bits.is_empty()).map_or(0, |at| at as i64 + 1))
}

fn overlay(call: &Call<'_>) -> Result<Value> {
    let (bits, new, from) = (call.text(0)?, call.text(1)?, call.int(2)?);
    let length = if call.args.len() > 3 { call.int(3)? } else { new.len() as i64 };
    if from <= 0 {
        return Err(SqlError::new(SqlState("22011"), "negative substring length not allowed"));
    }
    let at = |place: i64| (place - 1).clamp(0, bits.len() as i64) as usize;
    let rest = from.checked_add(length).ok_or_else(|| SqlError::out_of_range("integer"))?;
    text_value(format!("{}{new}{}", &bits[..at(from)], &bits[at(rest.max(1))..]))
}

fn place(bits: &str, at: i64) -> Result<usize> {
    usize::try_from(at).ok().filter(|at| *at < bits.len()).ok_or_else(|| {
        let message = format!("bit index {at} out of valid range (0..{})", bits.len() as i64 - 1);
        SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
    })
}

fn get(call: &Call<'_>) -> Result<Value> {
    let bits = call.text(0)?;
    int_value(i64::from(bits.as_bytes()[place(bits, call.int(1)?)?] - b'0'))
}

fn set(call: &Call<'_>) -> Result<Value> {
    let (bits, new) = (call.text(0)?, call.int(2)?);
    let at = place(bits, call.int(1)?)?;
    if !matches!(new, 0 | 1) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "new bit must be 0 or 1"));
    }
    let mut out = bits.to_owned();
    out.replace_range(at..=at, if new == 1 { "1" } else { "0" });
    text_value(out)
}

/// A number's lowest bits, its sign repeated on the left.
fn from_integer(value: i64, width: usize, length: i64) -> Result<Value> {
    let length = usize::try_from(length).ok().filter(|n| *n > 0).unwrap_or(1);
    let bits = format!("{value:064b}");
    let bits = &bits[64 - width..];
    let sign = if value < 0 { "1" } else { "0" };
    text_value(if length <= width { bits[width - length..].to_owned() } else { sign.repeat(length - width) + bits })
}

fn to_integer<const WIDTH: usize>(bits: &str, width: usize) -> Result<Value> {
    if bits.len() > width {
        return Err(SqlError::out_of_range(if width == 32 { "integer" } else { "bigint" }));
    }
    let value = bits.bytes().fold(0u64, |n, b| n << 1 | u64::from(b & 1));
    fitting::<WIDTH>(Some(if width == 32 { i64::from(value as u32 as i32) } else { value as i64 }))
}

fn logic(call: &Call<'_>, name: &str, of: fn(u8, u8) -> u8) -> Result<Value> {
    let (left, right) = (call.text(0)?, call.text(1)?);
    if left.len() != right.len() {
        return Err(SqlError::new(SqlState("22026"), format!("cannot {name} bit strings of different sizes")));
    }
    text_value(left.bytes().zip(right.bytes()).map(|(a, b)| char::from(of(a & 1, b & 1) + b'0')).collect::<String>())
}

/// To the left by so many places, to the right where negative.
fn shift(bits: &str, by: i64) -> Result<Value> {
    let count = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX).min(bits.len());
    let zeros = "0".repeat(count);
    text_value(if by >= 0 { format!("{}{zeros}", &bits[count..]) } else { format!("{zeros}{}", &bits[..bits.len() - count]) })
}
