//! `timestamp` and `timestamptz`. Storage: INTEGER microseconds since 1970-01-01 (UTC for `timestamptz`); infinities as in
//! [`super::datetime`]. The last finite value is 294247-01-10 04:00:54.775806: 64 bits counted from 1970 end there.

use super::{
    Codec, Type, Value, ValueRef,
    binary::{BinaryReader, stored_integer},
    datetime::{
        INFINITY, NEGATIVE_INFINITY,
        calendar::{POSTGRES_EPOCH_MICROS, is_valid_timestamp},
        decode::{self, Decoded},
        format::{self, round_to_precision},
        is_finite, out_of_range, zone,
    },
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of `timestamp`.
pub struct TimestampCodec;

/// The codec of `timestamptz`.
pub struct TimestamptzCodec;

/// Reads a timestamp; a zone in the text is ignored (PostgreSQL's `timestamp_in`).
pub fn parse(text: &str, typmod: i32, cx: &Context) -> Result<i64> {
    read(text, typmod, cx, "timestamp", |civil, _| civil.micros())
}

/// Reads a timestamptz: in UTC.
pub fn parse_tz(text: &str, typmod: i32, cx: &Context) -> Result<i64> {
    read(text, typmod, cx, "timestamp with time zone", |civil, offset| zone::at_offset(&civil, offset))
}

fn read(
    text: &str,
    typmod: i32,
    cx: &Context,
    type_name: &str,
    count: impl Fn(super::datetime::calendar::Civil, i32) -> Option<i64>,
) -> Result<i64> {
    match decode::date_time(text, cx).map_err(|fault| fault.error(text, type_name))? {
        Decoded::Civil(civil, offset) => {
            let micros = count(civil, offset)
                .ok_or_else(|| SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("timestamp out of range: \"{text}\"")))?;
            Ok(apply_typmod(micros, typmod))
        }
        Decoded::Epoch => Ok(0),
        Decoded::Infinity => Ok(INFINITY),
        Decoded::NegativeInfinity => Ok(NEGATIVE_INFINITY),
    }
}

/// Rounds a finite timestamp to the precision of its type.
pub fn apply_typmod(micros: i64, typmod: i32) -> i64 {
    if is_finite(micros) { shifted_round(micros, typmod) } else { micros }
}

/// Rounds as PostgreSQL does, whose halves lie away from 2000-01-01.
fn shifted_round(micros: i64, typmod: i32) -> i64 {
    match micros.checked_sub(POSTGRES_EPOCH_MICROS) {
        Some(shifted) => round_to_precision(shifted, typmod).saturating_add(POSTGRES_EPOCH_MICROS),
        None => micros,
    }
}

fn receive(bytes: &[u8], typmod: i32) -> Result<Value> {
    let mut reader = BinaryReader::new(bytes);
    let sent = reader.int8()?;
    reader.end()?;
    let micros = match sent {
        INFINITY | NEGATIVE_INFINITY => sent,
        _ => sent.checked_add(POSTGRES_EPOCH_MICROS).filter(|m| is_valid_timestamp(*m)).ok_or_else(|| out_of_range("timestamp"))?,
    };
    Ok(Value::Integer(apply_typmod(micros, typmod)))
}

fn send(value: ValueRef<'_>, out: &mut Vec<u8>) -> Result<()> {
    let micros = match stored_integer(value)? {
        infinite @ (INFINITY | NEGATIVE_INFINITY) => infinite,
        micros => micros.checked_sub(POSTGRES_EPOCH_MICROS).ok_or_else(|| out_of_range("timestamp"))?,
    };
    out.extend_from_slice(&micros.to_be_bytes());
    Ok(())
}

impl Codec for TimestampCodec {
    fn input(&self, text: &str, _: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        parse(text, typmod, cx).map(Value::Integer)
    }

    fn output(&self, value: ValueRef<'_>, _: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(format::timestamp(stored_integer(value)?, cx.date_style).as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _: &Type, typmod: i32, _: &Context) -> Result<Value> {
        receive(bytes, typmod)
    }

    fn send(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        send(value, out)
    }
}

impl Codec for TimestamptzCodec {
    fn input(&self, text: &str, _: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        parse_tz(text, typmod, cx).map(Value::Integer)
    }

    fn output(&self, value: ValueRef<'_>, _: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(format::timestamptz(stored_integer(value)?, cx).as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _: &Type, typmod: i32, _: &Context) -> Result<Value> {
        receive(bytes, typmod)
    }

    fn send(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        send(value, out)
    }
}
