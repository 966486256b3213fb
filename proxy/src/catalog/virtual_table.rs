//! Catalog relations as SQLite tables: one generic virtual table, eponymous under the relation's name in SQLite.
//!
//! Enters: scans, and lookups by equality on columns of names, OIDs and numbers, which a hash index answers so that joins of catalogs need
//! no scans. Leaves: the built-in rows and those of the catalog of the statement that runs ([`context::current`]).

use std::{ffi::c_int, sync::Arc};

use rusqlite::{
    Connection,
    types::ValueRef,
    vtab::{Context as ColumnContext, Filters, IndexConstraintOp, IndexInfo},
};

use super::{
    relations::{self, Rows, Served},
    segment::{Cell, Segment},
};
use crate::{
    error::SqlError,
    ffi::{self, Cursor, Table},
    session::context,
    types::{Storage, oid},
};

/// Registers every catalog relation.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    for served in relations::served() {
        ffi::register(connection, served.relation.physical.as_str(), CatalogTable { served })?;
    }
    Ok(())
}

/// What a lookup costs beyond its rows, in rows of a scan.
const LOOKUP_COST: f64 = 0.5;
/// Rows that a relation is taken to have whose rows are made at the moment of asking.
const LIVE_ROWS: i64 = 100;

/// A relation.
#[derive(Clone, Copy)]
struct CatalogTable {
    served: &'static Served,
}

/// The word that gives a column of SQLite its affinity.
fn affinity(storage: Storage) -> &'static str {
    match storage {
        Storage::Text => "TEXT",
        Storage::Real => "REAL",
        Storage::Bytes | Storage::Uuid => "BLOB",
        _ => "INTEGER",
    }
}

impl Table for CatalogTable {
    type Cursor = CatalogCursor;

    fn declaration(&self) -> String {
        let columns: Vec<String> = self
            .served
            .relation
            .columns
            .iter()
            .map(|column| format!("\"{}\" {}", column.physical.replace('"', "\"\""), affinity(self.served.type_of(column).storage)))
            .collect();
        format!("CREATE TABLE x({})", columns.join(", "))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        let parts = match &self.served.rows {
            Rows::Stored(_) => self.served.parts(&context::current().catalog),
            Rows::Live(_) => Parts::default(),
        };
        let rows = match &self.served.rows {
            Rows::Stored(_) => parts.len() as i64,
            Rows::Live(_) => LIVE_ROWS,
        };
        let mut best: Option<(usize, c_int, i64)> = None;
        for (at, constraint) in info.constraints().enumerate() {
            let column = constraint.column();
            if !constraint.is_usable()
                || constraint.operator() != IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ
                || matches!(self.served.rows, Rows::Live(_))
                || !self.is_looked_up(column)
                || info.collation(at)? != "BINARY"
            {
                continue;
            }
            let found = parts.expected(column as usize);
            if best.is_none_or(|(_, _, least)| found < least) {
                best = Some((at, column, found));
            }
        }
        match best {
            Some((at, column, found)) => {
                info.constraint_usage(at).set_argv_index(1);
                info.set_idx_num(column + 1);
                info.set_estimated_rows(found);
                info.set_estimated_cost(found as f64 + LOOKUP_COST);
            }
            None => {
                info.set_estimated_rows(rows.max(1));
                info.set_estimated_cost(rows as f64 + LOOKUP_COST);
            }
        }
        Ok(true)
    }

    fn open(&self) -> CatalogCursor {
        CatalogCursor { served: self.served, parts: Parts::default(), hits: Hits::Scan, at: 0 }
    }
}

impl CatalogTable {
    /// Whether equality on that column is answered by a hash index. Flags and the like have too few values to be worth one.
    fn is_looked_up(&self, column: c_int) -> bool {
        let Some(column) = usize::try_from(column).ok().and_then(|column| self.served.relation.columns.get(column)) else { return false };
        let ty = self.served.type_of(column);
        ty.collation.is_none() && (ty.storage == Storage::Integer || matches!(ty.oid, oid::NAME | oid::TEXT))
    }
}

/// The two halves of a relation's rows: those that every database has, and those of this one.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) built_in: Option<&'static Segment>,
    pub(super) own: Option<Arc<Segment>>,
}

impl Parts {
    fn split(&self) -> usize {
        self.built_in.map_or(0, Segment::len)
    }

    pub(super) fn len(&self) -> usize {
        self.split() + self.own.as_ref().map_or(0, |own| own.len())
    }

    /// All rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Cell]> {
        let parts = [self.built_in, self.own.as_deref()];
        parts.into_iter().flatten().flat_map(|part| (0..part.len()).map(|row| part.row(row)))
    }

    /// The part of a row, and the row's number in it.
    fn place(&self, row: usize) -> Option<(&Segment, usize)> {
        match row.checked_sub(self.split()) {
            None => self.built_in.map(|built_in| (built_in, row)),
            Some(row) => self.own.as_deref().map(|own| (own, row)),
        }
    }

    /// The only row whose `column` equals `value`.
    pub(super) fn one(&self, column: usize, value: ValueRef<'_>) -> Option<&[Cell]> {
        let parts = [self.built_in, self.own.as_deref()];
        parts.into_iter().flatten().find_map(|part| part.one(column, value))
    }

    fn find(&self, column: usize, value: ValueRef<'_>, hits: &mut Vec<u32>) {
        if let Some(built_in) = self.built_in {
            hits.extend(built_in.find(column, value));
        }
        if let Some(own) = &self.own {
            let split = self.split() as u32;
            hits.extend(own.find(column, value).iter().map(|row| row + split));
        }
    }

    /// How many rows a lookup by that column finds on average.
    fn expected(&self, column: usize) -> i64 {
        let parts = [self.built_in, self.own.as_deref()];
        let distinct: usize = parts.iter().flatten().map(|part| part.distinct(column)).sum();
        (self.len() / distinct.max(1)).max(1) as i64
    }
}

/// The rows that a cursor visits.
enum Hits {
    Scan,
    Found(Vec<u32>),
}

/// A scan or a lookup under way.
struct CatalogCursor {
    served: &'static Served,
    parts: Parts,
    hits: Hits,
    at: usize,
}

impl CatalogCursor {
    fn row(&self) -> usize {
        match &self.hits {
            Hits::Scan => self.at,
            Hits::Found(rows) => rows[self.at] as usize,
        }
    }
}

impl Cursor for CatalogCursor {
    fn filter(&mut self, column: c_int, args: &Filters<'_>) -> rusqlite::Result<()> {
        let cx = context::current();
        self.parts = match &self.served.rows {
            Rows::Stored(_) => self.served.parts(&cx.catalog),
            Rows::Live(rows) => {
                let mut own = Segment::new(self.served.relation.columns.len());
                rows(&cx, &mut own).map_err(|error: SqlError| {
                    context::raise(error);
                    rusqlite::Error::ModuleError("raised".to_owned())
                })?;
                Parts { built_in: self.served.built_in(), own: Some(Arc::new(own)) }
            }
        };
        self.at = 0;
        self.hits = match (usize::try_from(column - 1), args.iter().next()) {
            (Ok(column), Some(value)) => {
                let mut hits = Vec::new();
                self.parts.find(column, value, &mut hits);
                Hits::Found(hits)
            }
            _ => Hits::Scan,
        };
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.at += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        match &self.hits {
            Hits::Scan => self.at >= self.parts.len(),
            Hits::Found(rows) => self.at >= rows.len(),
        }
    }

    fn column(&self, cx: &mut ColumnContext, column: c_int) -> rusqlite::Result<()> {
        match (self.parts.place(self.row()), usize::try_from(column)) {
            (Some((part, row)), Ok(column)) => cx.set_result(part.cell(row, column).to_sql()),
            _ => cx.set_result(rusqlite::types::Null),
        }
    }

    fn rowid(&self) -> i64 {
        self.row() as i64
    }
}
