//! What the preupdate hook sees, kept until commit: a flat buffer of rows, cut back when a statement or savepoint is undone.
//!
//! Enters: rows of the main database, and schema changes between them. Leaves: [`net::changes`], the net effect per record.
//! The hook runs for every row that any statement, cascade, trigger or REPLACE changes, so it only copies: the values of an inserted or
//! deleted row, the key and the changed columns of an updated one. An update that changes nothing is not kept.

use std::sync::Arc;

use rusqlite::types::ValueRef;

use crate::{
    log::SchemaChange,
    schema::{Layout, Layouts},
    store::ffi::{Observer, Row, RowOperation},
};

mod arena;
mod net;

pub(crate) use net::{NetChange, RowChange};

/// See the file's head.
#[derive(Default)]
pub(crate) struct Capture {
    enabled: bool,
    layouts: Arc<Layouts>,
    /// Where the last row's table was found, since rows come in runs.
    last: Option<(Vec<u8>, Option<u32>)>,
    /// Each table met so far, as it was then; a schema change brings a new entry.
    tables: Vec<Arc<Layout>>,
    entries: Vec<Entry>,
    /// The rows' values ([`arena`]).
    bytes: Vec<u8>,
    schema_changes: Vec<SchemaChange>,
    /// SQLite could not say a value: the transaction must not commit.
    failed: bool,
    wal_frames: Option<u32>,
}

#[derive(Clone, Copy)]
struct Entry {
    kind: Kind,
    /// Index of the table, or of the schema change.
    index: u32,
    /// Where its values begin.
    start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All columns.
    Insert,
    /// The key's columns, then number, old and new value of each changed column.
    Update,
    /// All columns.
    Delete,
    /// None.
    Schema,
}

/// A length of the buffer, to cut it back to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CaptureMark {
    entries: usize,
    bytes: usize,
    schema_changes: usize,
}

impl Capture {
    /// Empties the buffer for a transaction that sees these tables.
    pub(crate) fn begin(&mut self, layouts: Arc<Layouts>) {
        self.cut(CaptureMark::default());
        // One huge transaction must not hold its memory for ever.
        self.bytes.shrink_to(1 << 20);
        self.entries.shrink_to(1 << 14);
        self.tables.clear();
        self.set_layouts(layouts);
        self.enabled = true;
        self.failed = false;
        self.wal_frames = None;
    }

    /// Turns capture on or off; answers how it was.
    pub(crate) fn enable(&mut self, on: bool) -> bool {
        std::mem::replace(&mut self.enabled, on)
    }

    /// From here on tables lie so.
    pub(crate) fn set_layouts(&mut self, layouts: Arc<Layouts>) {
        self.layouts = layouts;
        self.last = None;
    }

    /// A schema change, in its place between the rows.
    pub(crate) fn schema_change(&mut self, change: SchemaChange) {
        let index = u32::try_from(self.schema_changes.len()).expect("a transaction has fewer schema changes than statements");
        self.schema_changes.push(change);
        self.entries.push(Entry { kind: Kind::Schema, index, start: self.bytes.len() });
    }

    /// The buffer's length.
    pub(crate) fn mark(&self) -> CaptureMark {
        CaptureMark { entries: self.entries.len(), bytes: self.bytes.len(), schema_changes: self.schema_changes.len() }
    }

    /// Forgets all since the mark.
    pub(crate) fn cut(&mut self, mark: CaptureMark) {
        self.entries.truncate(mark.entries);
        self.bytes.truncate(mark.bytes);
        self.schema_changes.truncate(mark.schema_changes);
    }

    /// Whether nothing was captured.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether at most so many rows and schema changes were captured, and so many bytes.
    pub(crate) fn is_within(&self, entries: usize, bytes: usize) -> bool {
        self.entries.len() <= entries && self.bytes.len() <= bytes
    }

    /// Whether a value was lost, so that the transaction must not commit.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The WAL's length in frames after the commit; none where the commit wrote nothing.
    pub(crate) fn wal_frames(&self) -> Option<u32> {
        self.wal_frames
    }

    fn table(&mut self, name: &[u8]) -> Option<u32> {
        if let Some((last, index)) = &self.last
            && last == name
        {
            return *index;
        }
        let index = self.layouts.get(name).map(|layout| {
            let known = self.tables.iter().position(|table| Arc::ptr_eq(table, layout));
            let index = known.unwrap_or_else(|| {
                self.tables.push(Arc::clone(layout));
                self.tables.len() - 1
            });
            u32::try_from(index).expect("a database has fewer than 2^32 tables")
        });
        self.last = Some((name.to_vec(), index));
        index
    }

    /// Keeps a whole row.
    fn whole(&mut self, kind: Kind, index: u32, row: &Row<'_>) -> Option<()> {
        let start = self.bytes.len();
        for column in 0..self.tables[index as usize].columns.len() {
            let value = if kind == Kind::Insert { row.after(column)? } else { row.before(column)? };
            arena::push(&mut self.bytes, value);
        }
        self.entries.push(Entry { kind, index, start });
        Some(())
    }

    /// Keeps what an update changes; a changed key makes it a delete and an insert.
    fn update(&mut self, index: u32, row: &Row<'_>) -> Option<()> {
        let layout = Arc::clone(&self.tables[index as usize]);
        let start = self.bytes.len();
        for &column in &layout.key {
            let key = row.before(column)?;
            if key != row.after(column)? {
                self.bytes.truncate(start);
                self.whole(Kind::Delete, index, row)?;
                return self.whole(Kind::Insert, index, row);
            }
            arena::push(&mut self.bytes, key);
        }
        let mut changed = false;
        for column in 0..layout.columns.len() {
            let old = row.before(column)?;
            let new = row.after(column)?;
            if !same(old, new) {
                changed = true;
                arena::push_column(&mut self.bytes, column);
                arena::push(&mut self.bytes, old);
                arena::push(&mut self.bytes, new);
            }
        }
        if changed {
            self.entries.push(Entry { kind: Kind::Update, index, start });
        } else {
            self.bytes.truncate(start);
        }
        Some(())
    }
}

/// Equal to the bit: 0.0 and -0.0 are two values.
fn same(a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    match (a, b) {
        (ValueRef::Real(a), ValueRef::Real(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}

impl Observer for Capture {
    fn row(&mut self, row: &Row<'_>) {
        if !self.enabled {
            return;
        }
        let Some(index) = self.table(row.table) else { return };
        let kept = match row.operation {
            RowOperation::Insert => self.whole(Kind::Insert, index, row),
            RowOperation::Delete => self.whole(Kind::Delete, index, row),
            RowOperation::Update => self.update(index, row),
        };
        if kept.is_none() {
            self.failed = true;
        }
    }

    fn wal_written(&mut self, frames: u32) {
        self.wal_frames = Some(frames);
    }
}
