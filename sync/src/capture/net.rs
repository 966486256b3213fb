//! The net effect of a transaction on each record it touched, in the order of first touch.
//!
//! insert + update = insert; insert + delete = nothing; update + update = one update from first to last value, nothing where they are
//! equal; delete + insert of one key = update, or nothing. Rows before and after a schema change are not folded together: their columns
//! are not the same.
//! Enters: the capture buffer. Leaves: [`NetChange`]s, one at a time, borrowing the buffer.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use rusqlite::types::ValueRef;

use super::{Capture, Entry, Kind, arena::Reader, same};
use crate::{
    log::{Operation, SchemaChange},
    schema::Layout,
};

/// A row's values by position; none where not known, which is: not changed.
pub(crate) type Cells<'a> = Vec<Option<ValueRef<'a>>>;

/// One change of the log to be.
pub(crate) enum NetChange<'a> {
    /// A record came, changed or went.
    Row(RowChange<'a>),
    /// A schema change.
    Schema(&'a SchemaChange),
}

/// The net effect on one record.
pub(crate) struct RowChange<'a> {
    /// Its table.
    pub(crate) layout: &'a Layout,
    /// What happened.
    pub(crate) operation: Operation,
    /// The key's values.
    pub(crate) key: Vec<ValueRef<'a>>,
    /// Before: empty on insert, the changed columns on update, all on delete.
    pub(crate) before: Cells<'a>,
    /// After: all on insert, the changed columns on update, empty on delete.
    pub(crate) after: Cells<'a>,
}

/// What is known of a record at one moment; none where it is not there.
struct Effect<'a> {
    before: Option<Cells<'a>>,
    after: Option<Cells<'a>>,
}

/// The entries that touch one record.
struct Touched {
    first: u32,
    later: Vec<u32>,
}

impl Capture {
    /// Gives the net changes one after the other.
    pub(crate) fn for_each_change<E>(&self, mut give: impl FnMut(NetChange<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut start = 0;
        for end in 0..=self.entries.len() {
            let boundary = self.entries.get(end);
            if boundary.is_some_and(|entry| entry.kind != Kind::Schema) {
                continue;
            }
            for touched in self.records(start..end) {
                if let Some(change) = self.net(&touched) {
                    give(NetChange::Row(change))?;
                }
            }
            if let Some(entry) = boundary {
                give(NetChange::Schema(&self.schema_changes[entry.index as usize]))?;
            }
            start = end + 1;
        }
        Ok(())
    }

    /// Which entries touch which record, in the order of first touch.
    fn records(&self, range: Range<usize>) -> Vec<Touched> {
        let number = |entry: usize| u32::try_from(entry).expect("a transaction has fewer than 2^32 changes");
        if range.len() <= 1 {
            return range.map(|entry| Touched { first: number(entry), later: Vec::new() }).collect();
        }
        let mut records: Vec<Touched> = Vec::with_capacity(range.len());
        let mut found: Vec<HashMap<Cow<'_, [u8]>, u32>> = Vec::new();
        found.resize_with(self.tables.len(), HashMap::new);
        for entry in range {
            let table = self.entries[entry].index as usize;
            let next = number(records.len());
            let record = *found[table].entry(self.raw_key(&self.entries[entry])).or_insert(next);
            if record == next {
                records.push(Touched { first: number(entry), later: Vec::new() });
            } else {
                records[record as usize].later.push(number(entry));
            }
        }
        records
    }

    /// The key's bytes as they lie in the buffer.
    fn raw_key(&self, entry: &Entry) -> Cow<'_, [u8]> {
        let layout = &self.tables[entry.index as usize];
        let mut reader = Reader(&self.bytes[entry.start..]);
        if entry.kind == Kind::Update {
            // The key stands first, in its order.
            let before = reader;
            reader.skip(layout.key.len());
            return Cow::Borrowed(&before.0[..before.0.len() - reader.0.len()]);
        }
        if let [column] = layout.key[..] {
            reader.skip(column);
            return Cow::Borrowed(reader.raw());
        }
        let last = layout.key.iter().copied().max().unwrap_or(0);
        let columns: Vec<&[u8]> = (0..=last).map(|_| reader.raw()).collect();
        Cow::Owned(layout.key.iter().flat_map(|column| columns[*column]).copied().collect())
    }

    fn net(&self, touched: &Touched) -> Option<RowChange<'_>> {
        let first = &self.entries[touched.first as usize];
        let layout = self.tables[first.index as usize].as_ref();
        let (key, mut effect) = self.effect(touched.first, layout);
        for &entry in &touched.later {
            let (_, next) = self.effect(entry, layout);
            effect = effect.then(next);
        }
        let (operation, before, after) = match (effect.before, effect.after) {
            (None, Some(after)) => (Operation::Insert, Vec::new(), after),
            (Some(before), None) => (Operation::Delete, before, Vec::new()),
            (Some(before), Some(after)) => {
                let (before, after) = differing(before, after)?;
                (Operation::Update, before, after)
            }
            (None, None) => return None,
        };
        Some(RowChange { layout, operation, key, before, after })
    }

    /// One entry's key and effect.
    fn effect<'a>(&'a self, entry: u32, layout: &Layout) -> (Vec<ValueRef<'a>>, Effect<'a>) {
        let entry = entry as usize;
        let end = self.entries.get(entry + 1).map_or(self.bytes.len(), |next| next.start);
        let kind = self.entries[entry].kind;
        let mut reader = Reader(&self.bytes[self.entries[entry].start..end]);
        if kind == Kind::Update {
            let key = layout.key.iter().map(|_| reader.value()).collect();
            let mut before: Cells<'a> = vec![None; layout.columns.len()];
            let mut after = before.clone();
            while !reader.is_done() {
                let column = reader.column();
                before[column] = Some(reader.value());
                after[column] = Some(reader.value());
            }
            return (key, Effect { before: Some(before), after: Some(after) });
        }
        let row: Cells<'a> = layout.columns.iter().map(|_| Some(reader.value())).collect();
        let key = layout.key.iter().map(|column| row[*column].unwrap_or(ValueRef::Null)).collect();
        let effect = match kind {
            Kind::Insert => Effect { before: None, after: Some(row) },
            _ => Effect { before: Some(row), after: None },
        };
        (key, effect)
    }
}

impl<'a> Effect<'a> {
    /// The effect of this and then of the next.
    fn then(self, next: Effect<'a>) -> Effect<'a> {
        let before = self.before.map(|before| match &next.before {
            // What this one did not touch was before it as it was after it.
            Some(seen) => fill(before, seen),
            None => before,
        });
        let after = next.after.map(|after| match &self.after {
            Some(seen) => fill(after, seen),
            None => after,
        });
        Effect { before, after }
    }
}

fn fill<'a>(cells: Cells<'a>, from: &Cells<'a>) -> Cells<'a> {
    cells.into_iter().zip(from).map(|(cell, seen)| cell.or(*seen)).collect()
}

/// The columns whose value changed, none where none did.
fn differing<'a>(mut before: Cells<'a>, mut after: Cells<'a>) -> Option<(Cells<'a>, Cells<'a>)> {
    let mut any = false;
    for (old, new) in before.iter_mut().zip(&mut after) {
        let changed = matches!((&old, &new), (Some(old), Some(new)) if !same(*old, *new));
        if changed {
            any = true;
        } else {
            (*old, *new) = (None, None);
        }
    }
    any.then_some((before, after))
}
