//! The columns of one incarnation, and conflicts as people see them.
//!
//! Enters: a record's writes and their incarnations. Leaves: the merged row, and [`Found`] conflicts with both sides and their ancestor.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Found, Kind, Rank, Side, Write, WriteId, conflict_id, heads::Cell, same};
use crate::log::RowImage;

/// A record's writes and how to tell them apart.
pub(super) struct Cells<'a> {
    pub(super) record_id: &'a str,
    pub(super) writes: &'a [Write],
    pub(super) incarnations: &'a [usize],
}

/// The merged columns of one incarnation.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) row: RowImage,
    pub(super) conflicts: Vec<Found>,
    pub(super) ranks: BTreeMap<String, Rank>,
}

impl Cells<'_> {
    /// Merges an incarnation column by column.
    pub(super) fn columns(&self, incarnation: usize) -> Columns {
        self.columns_among(incarnation, |_| true)
    }

    /// The row as a write's author had it when it was written, so that its own values are in it whatever others wrote beside it.
    fn row_of(&self, index: usize) -> RowImage {
        let seen = |other: usize| other == index || self.writes[index].saw(&self.writes[other]);
        self.columns_among(self.incarnations[index], seen).row
    }

    fn columns_among(&self, incarnation: usize, counts: impl Fn(usize) -> bool) -> Columns {
        let mut columns = Columns::default();
        let mut pairs: BTreeMap<(WriteId, WriteId), (usize, usize, Vec<&str>)> = BTreeMap::new();
        for (column, mut of) in self.written(incarnation) {
            of.retain(|index| counts(*index));
            let decided = self.cell(column).heads(of);
            let Some((shown, others)) = decided.split_first() else { continue };
            let value = |index: usize| self.writes[index].data.get(column);
            for other in others.iter().filter(|other| !same(value(**other), value(*shown))) {
                let key = (self.writes[*shown].id, self.writes[*other].id);
                pairs.entry(key).or_insert((*shown, *other, Vec::new())).2.push(column);
            }
            if let Some(value) = value(*shown) {
                columns.row.insert(column.to_owned(), value.clone());
            }
            columns.ranks.insert(column.to_owned(), self.writes[*shown].rank());
        }
        self.fill_from_deletes(incarnation, &mut columns.row);
        columns.conflicts = pairs.into_values().map(|(shown, other, names)| self.of_columns(shown, other, &names)).collect();
        columns
    }

    /// The writes of each column.
    fn written(&self, incarnation: usize) -> BTreeMap<&str, Vec<usize>> {
        let mut written: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, write) in self.writes.iter().enumerate() {
            if write.action != Action::Delete && self.incarnations[index] == incarnation {
                write.data.keys().for_each(|column| written.entry(column).or_default().push(index));
            }
        }
        written
    }

    fn cell<'c>(&'c self, column: &'c str) -> Cell<'c, impl Fn(usize) -> Option<&'c serde_json::Value> + 'c> {
        let value = move |index: usize| self.writes[index].data.get(column);
        Cell { record_id: self.record_id, part: "columns", writes: self.writes, value }
    }

    /// Columns of which no write is held any more are as the greatest delete found them.
    fn fill_from_deletes(&self, incarnation: usize, row: &mut RowImage) {
        let deletes = self.writes.iter().zip(self.incarnations).filter(|(w, i)| w.action == Action::Delete && **i == incarnation);
        let mut deletes: Vec<&Write> = deletes.map(|(write, _)| write).collect();
        deletes.sort_by_key(|write| std::cmp::Reverse(write.rank()));
        for (column, value) in deletes.iter().flat_map(|write| &write.old) {
            if !row.contains_key(column) {
                row.insert(column.clone(), value.clone());
            }
        }
    }

    /// The conflict of two writes over some columns.
    fn of_columns(&self, shown: usize, kept: usize, columns: &[&str]) -> Found {
        let (a, b) = (&self.writes[shown], &self.writes[kept]);
        let only = |image: &RowImage| -> RowImage {
            columns.iter().filter_map(|column| image.get(*column).map(|value| ((*column).to_owned(), value.clone()))).collect()
        };
        let ancestor: RowImage =
            columns.iter().filter_map(|column| self.ancestor(shown, kept, column).map(|value| ((*column).to_owned(), value))).collect();
        Found {
            id: conflict_id(self.record_id, "columns", a.id, b.id),
            kind: Kind::UpdateUpdate,
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            shown: Side { id: a.id, clock: a.clock, data: Some(only(&a.data)) },
            kept: Side { id: b.id, clock: b.clock, data: Some(only(&b.data)) },
            ancestor: (!ancestor.is_empty()).then_some(ancestor),
        }
    }

    /// What both sides had seen last of a column: the greatest head among the writes that both had seen, or else what the first write
    /// on one side replaced.
    fn ancestor(&self, shown: usize, kept: usize, column: &str) -> Option<serde_json::Value> {
        let (a, b) = (&self.writes[shown], &self.writes[kept]);
        let of_column = |index: &usize| {
            let write = &self.writes[*index];
            write.action != Action::Delete && self.incarnations[*index] == self.incarnations[shown] && write.data.contains_key(column)
        };
        let both = |index: &usize| a.saw(&self.writes[*index]) && b.saw(&self.writes[*index]);
        let common: Vec<usize> = (0..self.writes.len()).filter(of_column).filter(both).collect();
        if let Some(index) = self.cell(column).heads(common).first() {
            return self.writes[*index].data.get(column).cloned();
        }
        let own = (0..self.writes.len()).filter(of_column).map(|index| &self.writes[index]);
        let first = own.filter(|write| (write.id == a.id || a.saw(write)) && !b.saw(write)).min_by_key(|write| write.rank())?;
        first.old.get(column).cloned()
    }

    /// The conflict of two writes over the row as a whole.
    pub(super) fn whole_rows(&self, shown: usize, kept: usize) -> Found {
        let (a, b) = (&self.writes[shown], &self.writes[kept]);
        let deleted = [a, b].into_iter().find(|write| write.action == Action::Delete);
        let alive = |index: usize| self.writes[index].action != Action::Delete;
        let shown_data = alive(shown).then(|| self.columns(self.incarnations[shown]).row);
        let kept_data = alive(kept).then(|| self.row_of(kept));
        let (kind, columns) = match deleted {
            Some(delete) => {
                let updates = [a, b].into_iter().filter(|write| write.id != delete.id);
                (Kind::DeleteUpdate, updates.flat_map(|write| write.data.keys().cloned()).collect::<BTreeSet<String>>())
            }
            None => (Kind::InsertInsert, differing(shown_data.as_ref(), kept_data.as_ref())),
        };
        Found {
            id: conflict_id(self.record_id, "row", a.id, b.id),
            kind,
            columns: columns.into_iter().collect(),
            shown: Side { id: a.id, clock: a.clock, data: shown_data },
            kept: Side { id: b.id, clock: b.clock, data: kept_data },
            ancestor: deleted.map(|delete| delete.old.clone()).filter(|old| !old.is_empty()),
        }
    }
}

fn differing(a: Option<&RowImage>, b: Option<&RowImage>) -> BTreeSet<String> {
    let value = |image: Option<&RowImage>, column: &str| image.and_then(|image| image.get(column)).cloned();
    let names = [a, b].into_iter().flatten().flat_map(|image| image.keys());
    names.filter(|column| value(a, column) != value(b, column)).cloned().collect()
}
