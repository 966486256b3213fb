//! How a value lies in the capture buffer: a tag, then eight bytes for a number, or a length of four bytes and the bytes.
//!
//! Enters: SQLite values. Leaves: the same values, borrowed from the buffer.

use rusqlite::types::ValueRef;

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

/// Appends a value.
pub(super) fn push(bytes: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => bytes.push(NULL),
        ValueRef::Integer(i) => {
            bytes.push(INTEGER);
            bytes.extend_from_slice(&i.to_le_bytes());
        }
        ValueRef::Real(r) => {
            bytes.push(REAL);
            bytes.extend_from_slice(&r.to_bits().to_le_bytes());
        }
        ValueRef::Text(text) => push_bytes(bytes, TEXT, text),
        ValueRef::Blob(blob) => push_bytes(bytes, BLOB, blob),
    }
}

fn push_bytes(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.push(tag);
    let length = u32::try_from(value.len()).expect("SQLite's values are shorter than 2^31 bytes");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(value);
}

/// Appends a column's position.
pub(super) fn push_column(bytes: &mut Vec<u8>, column: usize) {
    let column = u16::try_from(column).expect("SQLite's tables have at most 32,767 columns");
    bytes.extend_from_slice(&column.to_le_bytes());
}

/// Reads a buffer from front to back.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Whether all is read.
    pub(super) fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(length);
        self.0 = tail;
        head
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("take gives as many bytes as asked")
    }

    /// The next value.
    pub(super) fn value(&mut self) -> ValueRef<'a> {
        match self.take(1)[0] {
            INTEGER => ValueRef::Integer(i64::from_le_bytes(self.array())),
            REAL => ValueRef::Real(f64::from_bits(u64::from_le_bytes(self.array()))),
            tag @ (TEXT | BLOB) => {
                let length = u32::from_le_bytes(self.array()) as usize;
                let value = self.take(length);
                if tag == TEXT { ValueRef::Text(value) } else { ValueRef::Blob(value) }
            }
            _ => ValueRef::Null,
        }
    }

    /// Passes over values.
    pub(super) fn skip(&mut self, values: usize) {
        for _ in 0..values {
            self.value();
        }
    }

    /// The next value's bytes as they lie.
    pub(super) fn raw(&mut self) -> &'a [u8] {
        let before = self.0;
        self.value();
        &before[..before.len() - self.0.len()]
    }

    /// The next column's position.
    pub(super) fn column(&mut self) -> usize {
        usize::from(u16::from_le_bytes(self.array()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_went_in() {
        let values = [
            ValueRef::Null,
            ValueRef::Integer(i64::MIN),
            ValueRef::Real(-0.0),
            ValueRef::Text(b""),
            ValueRef::Text("é".as_bytes()),
            ValueRef::Blob(&[0, 255]),
        ];
        let mut bytes = Vec::new();
        values.iter().for_each(|value| push(&mut bytes, *value));
        push_column(&mut bytes, 1999);
        let mut reader = Reader(&bytes);
        values.iter().for_each(|value| assert_eq!(reader.value(), *value));
        assert_eq!(reader.column(), 1999);
        assert!(reader.is_done());
    }
}
