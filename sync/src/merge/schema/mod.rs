//! The schema as a function of the set of schema changes: what two devices changed apart comes together, and what contradicts is told.
//!
//! Enters: schema changes with what each author had seen, and what people decided. Leaves: [`World`]: the objects that show, which
//! transactions wait because their changes can't be made beside the others, and every contradiction. No I/O, no SQLite.
//!
//! Changes are made in one order, the same everywhere: causes before effects, else by clock and device ([`fold`]). Each is taken as what it
//! did to the objects that its author saw, and done to the objects as they are: objects have identities (the change that made them), so a
//! change follows a renaming, and a DROP never hits another object of the same name. The same object made on two devices is one. Of two
//! that can't both be, the earlier is made and the later waits; a property set twice is as the later left it; a DROP wins over a change.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{WriteId, conflict_id};
use crate::{
    clock::{Clock, DeviceId, Version, VersionVector},
    log::SchemaChange,
    schema::{Column, Object, ObjectClass, QualifiedName, Table},
};

mod alter;
mod dangling;
mod fold;
mod names;
mod step;
mod table;

pub use fold::Folder;

/// A schema change of the log.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub id: WriteId,
    /// First version of its transaction: what a transaction changes is made whole, or not at all.
    pub first_version: Version,
    /// The author's clock.
    pub clock: Clock,
    /// What the author had seen of others.
    pub context: Arc<VersionVector>,
    /// What it did.
    pub change: Arc<SchemaChange>,
}

impl Definition {
    /// Whether its author had seen a write.
    pub fn saw(&self, other: WriteId) -> bool {
        if self.id.device == other.device { other.version < self.id.version } else { self.context.contains(other.device, other.version) }
    }
}

/// What a person decided about a contradiction.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The entry that says so.
    pub id: WriteId,
    /// Its clock.
    pub clock: Clock,
    /// What its author had seen.
    pub context: Arc<VersionVector>,
    /// The contradiction.
    pub conflict: String,
    /// The change that is to be made, or the row's change that is to have its table.
    pub chosen: WriteId,
    /// The other one.
    pub against: WriteId,
    /// Whether the other one's whole transaction gives way, since both can't be.
    pub void: bool,
}

/// An object's identity: the change that made it, and which of that change's objects it was.
pub type Origin = (WriteId, usize);
/// A column's identity: the change that made it, and its name then.
pub type ColumnOrigin = (WriteId, String);
/// Under which an object is found.
pub type Key = (ObjectClass, QualifiedName);

/// An object that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// As it is.
    pub object: Object,
    /// Its identity.
    pub origin: Origin,
    /// The columns of a table by identity: their numbers.
    pub columns: BTreeMap<ColumnOrigin, i16>,
    /// As it was made.
    created: Object,
    /// Its columns as each was made.
    columns_made: BTreeMap<ColumnOrigin, Column>,
    /// Who set which of its properties last.
    changed: BTreeMap<String, WriteId>,
    /// Every change of a property: who, and from what to what.
    done: BTreeMap<String, Vec<(WriteId, String)>>,
}

impl Held {
    /// As a table.
    pub fn table(&self) -> Option<&Table> {
        match &self.object {
            Object::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The present name of a column.
    pub fn column_name(&self, origin: &ColumnOrigin) -> Option<&str> {
        let number = self.columns.get(origin)?;
        self.table()?.columns.iter().find(|column| column.number == *number).map(|column| column.name.as_str())
    }
}

/// Something that was dropped, as it was last.
#[derive(Clone, Debug, PartialEq)]
pub struct Gone<T> {
    /// As it was.
    pub last: T,
    /// The change that dropped it.
    pub by: WriteId,
    /// Further ones that dropped it too.
    pub also: Vec<WriteId>,
}

/// A column that was dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct GoneColumn {
    /// Its table.
    pub table: Origin,
    /// Its name.
    pub name: String,
    /// As it was made.
    made: Column,
}

/// Two schema changes that can't both be as their authors wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contradiction {
    /// Derived from the two.
    pub id: String,
    /// The object.
    pub subject: String,
    /// The change that is made.
    pub shown: WriteId,
    /// The one that is not, or not whole.
    pub kept: WriteId,
}

/// All that the schema changes say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// The objects that show.
    pub objects: BTreeMap<Key, Arc<Held>>,
    /// Objects that were dropped.
    pub gone: BTreeMap<Origin, Gone<Arc<Held>>>,
    /// Columns that were dropped from tables that are there.
    pub gone_columns: BTreeMap<ColumnOrigin, Gone<GoneColumn>>,
    /// Transactions that wait, by author and first version, and why.
    pub waiting: BTreeMap<(DeviceId, Version), String>,
    /// What contradicts.
    pub contradictions: BTreeSet<Contradiction>,
    /// Every name that a table ever had.
    pub names: BTreeMap<Origin, BTreeSet<QualifiedName>>,
    at: BTreeMap<Origin, Key>,
    same: BTreeMap<Origin, Origin>,
    same_columns: BTreeMap<ColumnOrigin, ColumnOrigin>,
    /// Transactions whose schema changes are left out, as somebody decided.
    pub left_out: BTreeSet<(DeviceId, Version)>,
    /// Further ones that decisions ask to be left out.
    unwanted: BTreeSet<(DeviceId, Version)>,
    /// First version of the transaction of each change.
    first_versions: BTreeMap<WriteId, Version>,
    /// Whether anything came together that was made apart.
    apart: bool,
}

impl World {
    /// An object by class and name.
    pub fn get(&self, class: ObjectClass, name: &QualifiedName) -> Option<&Arc<Held>> {
        self.objects.get(&(class, name.clone()))
    }

    /// The identity that an object has here which had that one in its author's sight.
    pub fn origin(&self, origin: Origin) -> Origin {
        self.same.get(&origin).copied().unwrap_or(origin)
    }

    /// As [`World::origin`], of a column.
    pub fn column_origin<'a>(&'a self, origin: &'a ColumnOrigin) -> &'a ColumnOrigin {
        self.same_columns.get(origin).unwrap_or(origin)
    }

    /// Whether several authors added the column, each without knowing of the other.
    pub fn was_added_apart(&self, origin: &ColumnOrigin) -> bool {
        self.same_columns.values().any(|here| here == origin)
    }

    /// An object by identity.
    pub fn by_origin(&self, origin: Origin) -> Option<&Arc<Held>> {
        self.at.get(&self.origin(origin)).and_then(|key| self.objects.get(key))
    }

    /// Whether names alone tell what a change of the log is about: nothing was renamed, dropped or made apart, and nothing waits.
    pub fn is_plain(&self) -> bool {
        !self.apart
            && self.left_out.is_empty()
            && self.is_whole()
            && self.gone.is_empty()
            && self.gone_columns.is_empty()
            && self.names.values().all(|names| names.len() == 1)
    }

    /// Whether all is made, and made as its authors wanted.
    fn is_whole(&self) -> bool {
        self.waiting.is_empty() && self.contradictions.is_empty()
    }

    fn contradict(&mut self, subject: &QualifiedName, shown: WriteId, kept: WriteId) -> String {
        let id = contradiction_id(shown, kept);
        self.contradictions.retain(|known| known.id != id);
        self.contradictions.insert(Contradiction { id: id.clone(), subject: subject.to_string(), shown, kept });
        id
    }
}

/// The id of the contradiction of two schema changes.
pub fn contradiction_id(a: WriteId, b: WriteId) -> String {
    conflict_id("", super::Kind::Schema.as_str(), a, b)
}

/// Why a change can't be made.
#[derive(Clone, Debug)]
struct Clash {
    /// The change in the way, where there is one.
    with: Option<WriteId>,
    subject: QualifiedName,
    reason: String,
}
