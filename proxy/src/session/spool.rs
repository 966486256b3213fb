//! Rows set aside: the result of a cursor, or what a row limit left of a portal's. In memory up to a bound, beyond it in a temporary file.
//! Enters: rows in storage form; leaves: the n-th row.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
};

use rusqlite::{
    Row,
    types::{Value, ValueRef},
};

use crate::error::{Result, SqlError, SqlState};

/// Rows beyond so many bytes go to a file.
const MEMORY_BYTES: usize = 4 * 1024 * 1024;

/// Rows set aside.
#[derive(Default)]
pub(crate) struct Spool {
    /// Where each row begins, in bytes since the start.
    starts: Vec<u64>,
    memory: Vec<u8>,
    file: Option<File>,
    filed: u64,
}

fn failed(error: std::io::Error) -> SqlError {
    SqlError::new(SqlState::IO_ERROR, format!("could not use a temporary file: {error}"))
}

impl Spool {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &Row<'_>, columns: usize) -> Result<()> {
        self.starts.push(self.filed + self.memory.len() as u64);
        for n in 0..columns {
            write_value(row.get_ref(n).map_err(|e| SqlError::internal(e.to_string()))?, &mut self.memory);
        }
        if self.memory.len() > MEMORY_BYTES {
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(tempfile::tempfile().map_err(failed)?),
            };
            file.write_all(&self.memory).map_err(failed)?;
            self.filed += self.memory.len() as u64;
            self.memory.clear();
        }
        Ok(())
    }

    /// The n-th row, from 0.
    pub(crate) fn row(&mut self, n: usize) -> Result<Vec<Value>> {
        let Some(&start) = self.starts.get(n) else { return Ok(Vec::new()) };
        let end = self.starts.get(n + 1).copied().unwrap_or(self.filed + self.memory.len() as u64);
        if start >= self.filed {
            return read_values(&self.memory[(start - self.filed) as usize..(end - self.filed) as usize]);
        }
        let file = self.file.as_mut().expect("rows before `filed` lie in the file");
        let mut bytes = vec![0; (end - start) as usize];
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes)).map_err(failed)?;
        let row = read_values(&bytes);
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        row
    }
}

/// A value as a tag and, where it has one, a length: `n`, `i` + 8 bytes, `r` + 8 bytes, `t` or `b` + 8 bytes of length + bytes.
fn write_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    let mut bytes = |tag: u8, bytes: &[u8]| {
        out.push(tag);
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Text(text) => bytes(b't', text),
        ValueRef::Blob(blob) => bytes(b'b', blob),
        ValueRef::Null => out.push(b'n'),
        ValueRef::Integer(n) => {
            out.push(b'i');
            out.extend_from_slice(&n.to_le_bytes());
        }
        ValueRef::Real(n) => {
            out.push(b'r');
            out.extend_from_slice(&n.to_le_bytes());
        }
    }
}

fn read_values(mut rest: &[u8]) -> Result<Vec<Value>> {
    let broken = || SqlError::new(SqlState::IO_ERROR, "a temporary file was damaged");
    let mut values = Vec::new();
    while let Some((tag, tail)) = rest.split_first() {
        if *tag == b'n' {
            values.push(Value::Null);
            rest = tail;
            continue;
        }
        let (word, tail) = tail.split_first_chunk::<8>().ok_or_else(broken)?;
        rest = tail;
        values.push(match tag {
            b'i' => Value::Integer(i64::from_le_bytes(*word)),
            b'r' => Value::Real(f64::from_le_bytes(*word)),
            _ => {
                let (bytes, tail) = rest.split_at_checked(u64::from_le_bytes(*word) as usize).ok_or_else(broken)?;
                rest = tail;
                match tag {
                    b't' => Value::Text(String::from_utf8(bytes.to_vec()).map_err(|_| broken())?),
                    _ => Value::Blob(bytes.to_vec()),
                }
            }
        });
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_memory_and_file() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let sql = "WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < 30000)
                   SELECT n, 'text ' || n || hex(zeroblob(100)), NULL, n / 2.0, CAST(n AS BLOB) FROM c";
        let mut statement = connection.prepare(sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut spool = Spool::default();
        while let Some(row) = rows.next().unwrap() {
            spool.push(row, 5).unwrap();
        }
        assert!(spool.file.is_some() && spool.len() == 30000 && !spool.is_empty());
        for n in [29999, 0, 15000, 1, 29998] {
            let row = spool.row(n).unwrap();
            let expected = (n + 1) as i64;
            assert_eq!(row[0], Value::Integer(expected));
            assert_eq!(row[2..], [Value::Null, Value::Real(expected as f64 / 2.0), Value::Blob(expected.to_string().into_bytes())]);
        }
    }
}
