//! Rows packed into one value and unpacked again. A LATERAL subquery is a scalar subquery that packs its rows, as the argument of a
//! table-valued function that unpacks them: SQLite lets arguments of table-valued functions look at earlier items of FROM.
//!
//! The form: the count of rows, then each row's values, a tag before each; counts and lengths are 32 bits, little end first.

use super::{Aggregate, Body, Body::Set, Call, Row, Rows, Value, ValueRef, row};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The rows.
pub(super) const ROWS: &[Row] =
    &[row("peergres.pack(\"any\")", Body::Aggregate(|_| Box::new(Packed::default()))), row("peergres.unpack(bytea)", Set(unpack))];

/// As many columns as a table-valued function of ours has.
const WIDTH_LIMIT: usize = 64;

#[derive(Default)]
struct Packed {
    rows: u32,
    width: u32,
    bytes: Vec<u8>,
}

fn put(bytes: &mut Vec<u8>, tag: u8, data: &[u8]) {
    bytes.push(tag);
    bytes.extend_from_slice(&(data.len() as u32).to_le_bytes());
    bytes.extend_from_slice(data);
}

impl Aggregate for Packed {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        if call.args.len() > WIDTH_LIMIT {
            return Err(SqlError::unsupported(format!("a LATERAL subquery of more than {WIDTH_LIMIT} columns")));
        }
        if self.bytes.len() > 1 << 30 {
            return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "the rows of a LATERAL subquery take more than 1 GB"));
        }
        (self.rows, self.width) = (self.rows + 1, call.args.len() as u32);
        for value in call.args {
            match value {
                ValueRef::Null => self.bytes.push(0),
                ValueRef::Integer(number) => {
                    self.bytes.push(1);
                    self.bytes.extend_from_slice(&number.to_le_bytes());
                }
                ValueRef::Real(number) => {
                    self.bytes.push(2);
                    self.bytes.extend_from_slice(&number.to_le_bytes());
                }
                ValueRef::Text(text) => put(&mut self.bytes, 3, text),
                ValueRef::Blob(blob) => put(&mut self.bytes, 4, blob),
            }
        }
        Ok(())
    }

    fn inverse(&mut self, _: &Call<'_>) -> Result<()> {
        Err(SqlError::internal("rows are packed once"))
    }

    fn value(&self, _: &Context) -> Result<Value> {
        let mut out = self.rows.to_le_bytes().to_vec();
        out.extend_from_slice(&self.width.to_le_bytes());
        out.extend_from_slice(&self.bytes);
        Ok(Value::Blob(out))
    }
}

/// Reads packed rows.
struct Reader {
    bytes: Vec<u8>,
    at: usize,
    rows: u32,
    width: u32,
}

impl Reader {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let found = self.bytes.get(self.at..self.at + N).and_then(|part| part.try_into().ok());
        self.at += N;
        found.ok_or_else(|| SqlError::internal("packed rows end early"))
    }

    fn data(&mut self) -> Result<Vec<u8>> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let data = self.bytes.get(self.at..self.at + length).map(<[u8]>::to_vec);
        self.at += length;
        data.ok_or_else(|| SqlError::internal("packed rows end early"))
    }

    fn value(&mut self) -> Result<Value> {
        let [tag] = self.take()?;
        Ok(match tag {
            0 => Value::Null,
            1 => Value::Integer(i64::from_le_bytes(self.take()?)),
            2 => Value::Real(f64::from_le_bytes(self.take()?)),
            3 => Value::Text(String::from_utf8(self.data()?).map_err(|_| SqlError::internal("a text is not UTF-8"))?),
            _ => Value::Blob(self.data()?),
        })
    }
}

fn unpack(call: &Call<'_>) -> Result<Rows> {
    let mut reader = Reader { bytes: call.bytes(0)?.to_vec(), at: 0, rows: 0, width: 0 };
    reader.rows = u32::from_le_bytes(reader.take()?);
    reader.width = u32::from_le_bytes(reader.take()?);
    Ok(Box::new(std::iter::from_fn(move || {
        reader.rows = reader.rows.checked_sub(1)?;
        Some((0..reader.width).map(|_| reader.value()).collect())
    })))
}
