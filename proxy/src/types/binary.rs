//! Reading the fixed-size fields of binary values. Enters: bytes from a client; leaves: numbers, or 08P01/22P03.

use rusqlite::types::ValueRef;

use crate::error::{Result, SqlError, SqlState};

/// A cursor over a binary value.
pub struct BinaryReader<'a>(&'a [u8]);

impl<'a> BinaryReader<'a> {
    /// Begins at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        BinaryReader(bytes)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, tail) = self
            .0
            .split_first_chunk::<N>()
            .ok_or_else(|| SqlError::new(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message"))?;
        self.0 = tail;
        Ok(*head)
    }

    /// A 64-bit integer.
    pub fn int8(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// A 32-bit integer.
    pub fn int4(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(SqlError::new(SqlState::INVALID_BINARY_REPRESENTATION, "incorrect binary data format"))
    }
}

/// The integer that a value in storage form is.
pub fn stored_integer(value: ValueRef<'_>) -> Result<i64> {
    match value {
        ValueRef::Integer(integer) => Ok(integer),
        other => Err(SqlError::internal(format!("an integer was expected in storage, not {}", other.data_type()))),
    }
}

/// The text that a value in storage form is.
pub fn stored_text(value: ValueRef<'_>) -> Result<&str> {
    match value {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map_err(|_| SqlError::new(SqlState::CHARACTER_NOT_IN_REPERTOIRE, "invalid byte sequence for encoding \"UTF8\"")),
        other => Err(SqlError::internal(format!("a text was expected in storage, not {}", other.data_type()))),
    }
}
