//! `time`. Storage: INTEGER microseconds since midnight, up to 24:00.

use super::{
    Codec, Type, Value, ValueRef,
    binary::{BinaryReader, stored_integer},
    datetime::{calendar::MICROS_PER_DAY, decode, format, out_of_range},
};
use crate::{error::Result, session::context::Context};

/// The codec of `time`.
pub struct TimeCodec;

/// Reads a time: microseconds since midnight.
pub fn parse(text: &str, typmod: i32, cx: &Context) -> Result<i64> {
    let (civil, _) = decode::time_only(text, cx).map_err(|fault| fault.error(text, "time"))?;
    Ok(format::round_to_precision(civil.time(), typmod))
}

impl Codec for TimeCodec {
    fn input(&self, text: &str, _: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        parse(text, typmod, cx).map(Value::Integer)
    }

    fn output(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(format::time(stored_integer(value)?).as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _: &Type, typmod: i32, _: &Context) -> Result<Value> {
        let mut reader = BinaryReader::new(bytes);
        let micros = reader.int8()?;
        reader.end()?;
        if !(0..=MICROS_PER_DAY).contains(&micros) {
            return Err(out_of_range("time"));
        }
        Ok(Value::Integer(format::round_to_precision(micros, typmod)))
    }

    fn send(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&stored_integer(value)?.to_be_bytes());
        Ok(())
    }
}
