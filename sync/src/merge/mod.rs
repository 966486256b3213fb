//! The merge rules: pure functions from the set of a record's writes to the row that shows and the conflicts that stand.
//!
//! Enters: the writes of one record, in any order, with what each author had seen. Leaves: [`Merged`]. No I/O, no time, no SQLite: what
//! comes out depends on the set alone, so that devices which hold the same entries show the same rows and the same conflicts.
//!
//! A record has cells: one for each column, and one for its existence, which every write touches. The **heads** of a cell are the writes of it
//! that no other write of it had seen. One head: that is the value. Several heads with different values: a conflict; the greatest head by
//! clock, then device, shows, and a conflict stands between it and each of the others.
//!
//! The value of the existence cell is either *gone* or the **incarnation** that lives: rows inserted under one key by devices that had not
//! seen each other are different things, unless they are equal value for value. Each write belongs to the incarnation that its author saw.
//! Only columns of the incarnation that shows are merged; the others are kept whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::{
    clock::{Clock, DeviceId, Version, VersionVector},
    log::RowImage,
};

mod cells;
mod heads;
mod incarnations;
pub mod schema;

use heads::existence;

/// What kind of thing conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Two updates of one column.
    UpdateUpdate,
    /// A delete and an update of one row.
    DeleteUpdate,
    /// Two rows inserted under one primary key.
    InsertInsert,
    /// Two rows with one unique key; the later claim is set aside whole.
    Unique,
    /// A row whose parent was deleted: the parent came back, or the row is set aside because there is none.
    ForeignKey,
    /// Columns that are fine each but not together.
    Check,
    /// Schema changes that contradict.
    Schema,
    /// A row or a value, and a DROP of its table or column that had not seen it.
    Dropped,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 8] = [
        Kind::UpdateUpdate,
        Kind::DeleteUpdate,
        Kind::InsertInsert,
        Kind::Unique,
        Kind::ForeignKey,
        Kind::Check,
        Kind::Schema,
        Kind::Dropped,
    ];

    /// As it stands in `sync_conflicts`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::UpdateUpdate => "update_update",
            Kind::DeleteUpdate => "delete_update",
            Kind::InsertInsert => "insert_insert",
            Kind::Unique => "unique",
            Kind::ForeignKey => "foreign_key",
            Kind::Check => "check",
            Kind::Schema => "schema",
            Kind::Dropped => "dropped",
        }
    }
}

/// Names a write for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WriteId {
    /// Author.
    pub device: DeviceId,
    /// Its version.
    pub version: Version,
}

/// What a write does to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The record begins: all columns.
    Insert,
    /// Some columns get values; perhaps none, where only the record's existence is confirmed.
    Update,
    /// The record ends.
    Delete,
}

/// One write of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Its name.
    pub id: WriteId,
    /// The author's clock.
    pub clock: Clock,
    /// What the author had seen of others; of its own it had seen all that came before.
    pub context: Arc<VersionVector>,
    /// What it does.
    pub action: Action,
    /// The values written.
    pub data: RowImage,
    /// The values that they replaced, as the author saw them; of a delete the whole row.
    pub old: RowImage,
    /// The conflict that it settles.
    pub resolves: Option<String>,
    /// What its author held but could not put into the table yet, and so had not seen.
    pub unseen: BTreeSet<WriteId>,
}

/// Order among writes that had not seen each other.
pub type Rank = (Clock, DeviceId, Version);

impl Write {
    /// Whether its author had seen the other one. Contexts are closed (who saw a write saw all that its author saw), so this is transitive.
    pub fn saw(&self, other: &Write) -> bool {
        self.saw_id(other.id)
    }

    /// As [`Write::saw`], of a write that need not be held.
    pub fn saw_id(&self, other: WriteId) -> bool {
        if self.id.device == other.device {
            return other.version < self.id.version;
        }
        self.context.contains(other.device, other.version) && !self.unseen.contains(&other)
    }

    /// Its place in the order that decides what shows.
    pub fn rank(&self) -> Rank {
        (self.clock, self.id.device, self.id.version)
    }
}

/// One side of a conflict.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// The write.
    pub id: WriteId,
    /// Its clock.
    pub clock: Clock,
    /// Its values: the columns in question, or the whole row; none where it deleted the row.
    pub data: Option<RowImage>,
}

/// A conflict that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Derived from record and sides.
    pub id: String,
    /// What kind.
    pub kind: Kind,
    /// The columns that differ.
    pub columns: Vec<String>,
    /// The side that shows.
    pub shown: Side,
    /// The other one.
    pub kept: Side,
    /// What both had seen last, as far as the writes tell it.
    pub ancestor: Option<RowImage>,
}

/// A record as it is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The values of all columns that the writes tell; none where the record is gone.
    pub row: Option<RowImage>,
    /// The conflicts, by id.
    pub conflicts: Vec<Found>,
    /// The greatest of the writes that gave a value that shows, for each column; the existence under the empty name.
    pub ranks: BTreeMap<String, Rank>,
    /// The row as it would be if it had not gone.
    pub last: RowImage,
    /// Whether the insert that began it is held: then what the row does not tell, nobody wrote.
    pub is_whole: bool,
}

/// Merges a record's writes. Without writes there is nothing.
pub fn merge(record_id: &str, writes: &[Write]) -> Merged {
    let incarnations = incarnations::assign(record_id, writes);
    let decided = existence(record_id, writes, &incarnations).heads(0..writes.len());
    let Some((shown, others)) = decided.split_first() else { return Merged::default() };
    let mut merged = Merged::default();
    merged.ranks.insert(String::new(), writes[*shown].rank());
    let cells = cells::Cells { record_id, writes, incarnations: &incarnations };
    let value = |index: usize| (writes[index].action != Action::Delete).then(|| incarnations[index]);
    for other in others.iter().filter(|other| value(**other) != value(*shown)) {
        merged.conflicts.push(cells.whole_rows(*shown, *other));
    }
    let columns = cells.columns(incarnations[*shown]);
    if value(*shown).is_some() {
        merged.conflicts.extend(columns.conflicts);
        merged.row = Some(columns.row.clone());
        merged.ranks.extend(columns.ranks);
    }
    merged.last = columns.row;
    let begun = |(index, write): (usize, &Write)| write.action == Action::Insert && incarnations[index] == incarnations[*shown];
    merged.is_whole = writes.iter().enumerate().any(begun);
    merged.conflicts.sort_by(|a, b| a.id.cmp(&b.id));
    merged
}

/// The record as the author of each of its heads saw it, the greatest first: for rows that are fine each but not together.
pub fn apart(record_id: &str, writes: &[Write]) -> Vec<(WriteId, Clock, Merged)> {
    let incarnations = incarnations::assign(record_id, writes);
    let view = |head: usize| {
        let seen = writes.iter().filter(|write| write.id == writes[head].id || writes[head].saw(write));
        let seen: Vec<Write> = seen.cloned().collect();
        (writes[head].id, writes[head].clock, merge(record_id, &seen))
    };
    existence(record_id, writes, &incarnations).heads(0..writes.len()).into_iter().map(view).collect()
}

/// Of writes that decide the same matter, the one that has the last word: the greatest of those that no other one had seen.
pub fn newest(writes: &[Write]) -> Option<usize> {
    let unseen = |index: &usize| !writes.iter().any(|later| later.saw(&writes[*index]));
    (0..writes.len()).filter(unseen).max_by_key(|index| writes[*index].rank())
}

/// A conflict's id: SHA-256 over what conflicts, 128 bits of it in hex. The order of the two sides does not matter. The sides tell the table,
/// whose name may change.
pub fn conflict_id(record_id: &str, part: &str, a: WriteId, b: WriteId) -> String {
    let mut sha = Sha256::new();
    sha.update(b"peergres conflict 1\n");
    for text in [record_id, part] {
        sha.update((text.len() as u64).to_be_bytes());
        sha.update(text.as_bytes());
    }
    for side in [a.min(b), a.max(b)] {
        sha.update(side.device.as_bytes());
        sha.update(side.version.to_be_bytes());
    }
    sha.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two values are one: JSON in the log's forms.
fn same(a: Option<&Json>, b: Option<&Json>) -> bool {
    a == b
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
