//! Rows of a catalog relation in storage form, with a hash index per column that is asked for.
//! Enters: rows, cell by cell in the order of the columns, or a file of `data/catalog`. Leaves: cells by row and column, and the rows
//! whose cell equals a value.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use rusqlite::types::{ToSqlOutput, ValueRef};

use super::relation::RelationColumn;
use crate::types::{Storage, Type};

/// A value in storage form, small and cheap to copy.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// NULL.
    Null,
    /// An integer, a boolean (0 or 1), an OID, microseconds.
    Integer(i64),
    /// A float.
    Real(f64),
    /// Text, and all that lies as text.
    Text(Arc<str>),
    /// Bytes.
    Blob(Arc<[u8]>),
}

impl Cell {
    /// As SQLite takes it.
    pub(super) fn to_sql(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(match self {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(*number),
            Cell::Real(number) => ValueRef::Real(*number),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
        })
    }

    /// The number of an integer, 0 for anything else: an OID that is not there.
    pub(super) fn integer(&self) -> i64 {
        match self {
            Cell::Integer(number) => *number,
            _ => 0,
        }
    }

    /// The text, empty for anything else.
    pub(super) fn text(&self) -> &str {
        match self {
            Cell::Text(text) => text,
            _ => "",
        }
    }

    /// PostgreSQL's text form of a value of a catalog column.
    fn parse(text: &str, storage: Storage) -> Cell {
        match storage {
            Storage::Boolean => Cell::Integer(i64::from(text == "t")),
            Storage::Integer => Cell::Integer(text.parse().expect("the files of data/catalog hold numbers where numbers are due")),
            Storage::Real => Cell::Real(text.parse().expect("the files of data/catalog hold numbers where numbers are due")),
            _ => Cell::from(text),
        }
    }
}

macro_rules! cell_of_integers {
    ($($ty:ty),*) => { $(impl From<$ty> for Cell { fn from(value: $ty) -> Cell { Cell::Integer(i64::from(value)) } })* };
}

cell_of_integers!(bool, i16, u16, i32, u32, i64);

impl From<usize> for Cell {
    fn from(value: usize) -> Cell {
        Cell::Integer(value as i64)
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Cell {
        Cell::Real(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Cell {
        Cell::Text(Arc::from(value))
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Cell {
        Cell::Text(Arc::from(value))
    }
}

impl From<&String> for Cell {
    fn from(value: &String) -> Cell {
        Cell::from(value.as_str())
    }
}

/// A value of type "char"; the zero byte is its empty string.
impl From<char> for Cell {
    fn from(value: char) -> Cell {
        if value == '\0' { Cell::from("") } else { Cell::from(value.encode_utf8(&mut [0; 4]) as &str) }
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Cell {
        value.map_or(Cell::Null, Into::into)
    }
}

/// One row, its cells in the order of the relation's columns.
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($crate::catalog::segment::Cell::from($cell)),*] };
}
pub(super) use row;

/// Rows by value of one column.
#[derive(Default)]
struct Index {
    integers: HashMap<i64, Vec<u32>>,
    texts: HashMap<Arc<str>, Vec<u32>>,
}

/// Rows of one relation.
pub(super) struct Segment {
    width: usize,
    cells: Vec<Cell>,
    indexes: Vec<OnceLock<Index>>,
}

impl Segment {
    /// No rows yet, of so many columns.
    pub(super) fn new(width: usize) -> Segment {
        Segment { width, cells: Vec::new(), indexes: (0..width).map(|_| OnceLock::new()).collect() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the row has not as many cells as the relation has columns; a test asks that of every relation.
    pub(super) fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(row.len(), self.width, "a row fits its relation");
        self.cells.extend(row);
    }

    /// The rows of a file of `data/catalog`: CSV with a heading, written by PostgreSQL's COPY with NULL as `\N`, registered types as OIDs.
    pub(super) fn read(text: &str, columns: &[RelationColumn], type_of: impl Fn(&RelationColumn) -> Arc<Type>) -> Segment {
        let storages: Vec<Storage> = columns.iter().map(|column| type_of(column).storage).collect();
        let mut segment = Segment::new(columns.len());
        for record in csv::Reader::from_reader(text.as_bytes()).into_records() {
            let record = record.expect("the files of data/catalog are well-formed CSV");
            let cell = |(text, storage): (&str, &Storage)| if text == "\\N" { Cell::Null } else { Cell::parse(text, *storage) };
            segment.push(record.iter().zip(&storages).map(cell).collect());
        }
        segment
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// A cell.
    pub(super) fn cell(&self, row: usize, column: usize) -> &Cell {
        &self.cells[row * self.width + column]
    }

    /// A row.
    pub(super) fn row(&self, row: usize) -> &[Cell] {
        &self.cells[row * self.width..][..self.width]
    }

    /// The rows whose `column` equals `value`, which is never NULL.
    pub(super) fn find(&self, column: usize, value: ValueRef<'_>) -> &[u32] {
        let index = self.index(column);
        let found = match value {
            ValueRef::Integer(number) => index.integers.get(&number),
            ValueRef::Real(number) if number.fract() == 0.0 => index.integers.get(&(number as i64)),
            ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| index.texts.get(text)),
            _ => None,
        };
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// The only row whose `column` equals `value`.
    pub(super) fn one(&self, column: usize, value: ValueRef<'_>) -> Option<&[Cell]> {
        self.find(column, value).first().map(|row| self.row(*row as usize))
    }

    /// How many different values there are in `column`.
    pub(super) fn distinct(&self, column: usize) -> usize {
        let index = self.index(column);
        index.integers.len() + index.texts.len()
    }

    fn index(&self, column: usize) -> &Index {
        self.indexes[column].get_or_init(|| {
            let mut index = Index::default();
            for row in 0..self.len() {
                match self.cell(row, column) {
                    Cell::Integer(number) => index.integers.entry(*number).or_default().push(row as u32),
                    Cell::Text(text) => index.texts.entry(text.clone()).or_default().push(row as u32),
                    Cell::Null | Cell::Real(_) | Cell::Blob(_) => {}
                }
            }
            index
        })
    }
}
