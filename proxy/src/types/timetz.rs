//! `timetz`. Storage: TEXT in PostgreSQL's text form, `04:05:06.789-08`, with the collation `timetz`.

use std::cmp::Ordering;

use super::{
    Codec, Type, Value, ValueRef,
    binary::{BinaryReader, stored_text},
    datetime::{
        Fault,
        calendar::{MICROS_PER_DAY, MICROS_PER_SECOND},
        decode, format, number, out_of_range,
    },
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of `timetz`.
pub struct TimetzCodec;

/// A time of day with the offset of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timetz {
    /// Microseconds since midnight.
    pub time: i64,
    /// Seconds east of Greenwich.
    pub offset: i32,
}

impl Timetz {
    /// Reads a time as a user writes it.
    pub fn parse(text: &str, typmod: i32, cx: &Context) -> Result<Timetz> {
        let (civil, offset) = decode::time_only(text, cx).map_err(|fault| fault.error(text, "time with time zone"))?;
        Ok(Timetz { time: format::round_to_precision(civil.time(), typmod), offset })
    }

    /// Reads the storage form.
    pub fn from_storage(text: &str) -> Result<Timetz> {
        let read = || -> Result<Timetz, Fault> {
            let (clock, offset) = text.split_at(text.find(['+', '-']).ok_or(Fault::Format)?);
            let clock = number::clock(clock, false)?;
            let time = ((clock.hour * 60 + clock.minute) * 60 + clock.second) * MICROS_PER_SECOND + clock.micros;
            Ok(Timetz { time, offset: number::displacement(offset)? })
        };
        read().map_err(|_| SqlError::internal(format!("no timetz in storage: \"{text}\"")))
    }

    /// The storage form, which is also the output.
    pub fn to_storage(self) -> String {
        format::timetz(self.time, self.offset)
    }

    /// The time in Greenwich, beyond a day where the zone makes it so.
    pub fn utc(self) -> i64 {
        self.time - i64::from(self.offset) * MICROS_PER_SECOND
    }
}

impl PartialOrd for Timetz {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By the time in Greenwich, then the more eastern zone first.
impl Ord for Timetz {
    fn cmp(&self, other: &Self) -> Ordering {
        self.utc().cmp(&other.utc()).then(other.offset.cmp(&self.offset))
    }
}

impl Codec for TimetzCodec {
    fn input(&self, text: &str, _: &Type, typmod: i32, cx: &Context) -> Result<Value> {
        Ok(Value::Text(Timetz::parse(text, typmod, cx)?.to_storage()))
    }

    fn output(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(stored_text(value)?.as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _: &Type, typmod: i32, _: &Context) -> Result<Value> {
        let mut reader = BinaryReader::new(bytes);
        let (time, west) = (reader.int8()?, reader.int4()?);
        reader.end()?;
        if !(0..=MICROS_PER_DAY).contains(&time) {
            return Err(out_of_range("time"));
        }
        if !(-16 * 3600 + 1..16 * 3600).contains(&west) {
            return Err(SqlError::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE, "time zone displacement out of range"));
        }
        Ok(Value::Text(Timetz { time: format::round_to_precision(time, typmod), offset: -west }.to_storage()))
    }

    fn send(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        let value = Timetz::from_storage(stored_text(value)?)?;
        out.extend_from_slice(&value.time.to_be_bytes());
        out.extend_from_slice(&(-value.offset).to_be_bytes());
        Ok(())
    }

    fn compare(&self, left: &str, right: &str, _: &Type, _: &Context) -> Ordering {
        match (Timetz::from_storage(left), Timetz::from_storage(right)) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            _ => left.cmp(right),
        }
    }
}
