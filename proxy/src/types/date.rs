//! `date`. Storage: INTEGER days since 1970-01-01; infinities as in [`super::datetime`].

use super::{
    Codec, Type, Value, ValueRef,
    binary::{BinaryReader, stored_integer},
    datetime::{
        INFINITY, NEGATIVE_INFINITY,
        calendar::{POSTGRES_EPOCH_DAYS, is_valid_date, is_valid_julian},
        decode::{self, Decoded},
        format,
    },
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of `date`.
pub struct DateCodec;

/// Reads a date: days since 1970-01-01 (PostgreSQL's `date_in`).
pub fn parse(text: &str, cx: &Context) -> Result<i64> {
    match decode::date_time(text, cx).map_err(|fault| fault.error(text, "date"))? {
        Decoded::Civil(civil, _) => {
            let in_range = is_valid_julian(civil.year, civil.month) && is_valid_date(civil.days());
            in_range.then(|| civil.days()).ok_or_else(|| date_out_of_range(text))
        }
        Decoded::Epoch => Ok(0),
        Decoded::Infinity => Ok(INFINITY),
        Decoded::NegativeInfinity => Ok(NEGATIVE_INFINITY),
    }
}

fn date_out_of_range(text: &str) -> SqlError {
    SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date out of range: \"{text}\""))
}

impl Codec for DateCodec {
    fn input(&self, text: &str, _: &Type, _: i32, cx: &Context) -> Result<Value> {
        parse(text, cx).map(Value::Integer)
    }

    fn output(&self, value: ValueRef<'_>, _: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(format::date(stored_integer(value)?, cx.date_style).as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], _: &Type, _: i32, _: &Context) -> Result<Value> {
        let mut reader = BinaryReader::new(bytes);
        let days = reader.int4()?;
        reader.end()?;
        let days = match days {
            i32::MAX => INFINITY,
            i32::MIN => NEGATIVE_INFINITY,
            days => i64::from(days) + POSTGRES_EPOCH_DAYS,
        };
        if !super::datetime::is_finite(days) || is_valid_date(days) {
            return Ok(Value::Integer(days));
        }
        Err(SqlError::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range"))
    }

    fn send(&self, value: ValueRef<'_>, _: &Type, _: &Context, out: &mut Vec<u8>) -> Result<()> {
        let days = match stored_integer(value)? {
            INFINITY => i32::MAX,
            NEGATIVE_INFINITY => i32::MIN,
            days => i32::try_from(days - POSTGRES_EPOCH_DAYS).map_err(|_| SqlError::out_of_range("date"))?,
        };
        out.extend_from_slice(&days.to_be_bytes());
        Ok(())
    }
}
