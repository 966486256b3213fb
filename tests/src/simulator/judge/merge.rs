//! What a record must be, by the definition alone: every write compared with every other, nothing remembered, nothing ordered.
//!
//! Enters: the writes of one record, out of the entries that a device holds. Leaves: [`Expected`]. It says again, in other words, what ARCHITECTURE.md
//! says under *How writes merge*, and shares no line with `sync::merge`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use peergres_sync::merge::{WriteId, conflict_id};
use serde_json::Value as Json;
use uuid::Uuid;

use super::super::truth::{Change, Entry, Image};

/// One write of a record.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    entry: Arc<Entry>,
    index: usize,
}

/// Author and version.
pub(crate) type Id = (Uuid, u64);

impl Write {
    /// The change of an entry.
    pub(crate) fn new(entry: &Arc<Entry>, index: usize) -> Write {
        Write { entry: Arc::clone(entry), index }
    }

    /// The change.
    pub(crate) fn change(&self) -> &Change {
        &self.entry.changes[self.index]
    }

    /// Its name.
    pub(crate) fn id(&self) -> Id {
        (self.entry.device, self.change().version)
    }

    /// Who is greater shows, among those that had not seen each other.
    pub(crate) fn rank(&self) -> (u64, Uuid, u64) {
        (self.entry.clock, self.entry.device, self.change().version)
    }

    /// Whether its author had seen the other one: it held it, and it was in its table.
    pub(crate) fn saw(&self, other: &Write) -> bool {
        let (device, version) = other.id();
        if device == self.entry.device {
            return version < self.change().version;
        }
        self.entry.context.get(&device).is_some_and(|seen| *seen >= version) && !self.had_waiting(&format!("{device}:{version}"))
    }

    /// Whether its transaction says that this change of the record waited when it was written.
    fn had_waiting(&self, name: &str) -> bool {
        let record = serde_json::json!([self.change().table, self.change().record]).to_string();
        let about = self.entry.changes.iter().filter(|change| change.table == "peergres.sync_unseen" && change.record == record);
        about.filter_map(|change| change.data["unseen"].as_array()).flatten().any(|listed| listed == name)
    }

    /// In words.
    fn told(&self, all: &[&Write]) -> String {
        let short = |id: Id| format!("{}:{}", &id.0.to_string()[..4], id.1);
        let seen: Vec<String> = all.iter().filter(|other| self.saw(other)).map(|other| short(other.id())).collect();
        let Change { operation, data, resolves, .. } = self.change();
        let data = serde_json::to_string(data).unwrap_or_default();
        let resolves = resolves.as_ref().map(|conflict| format!(" resolves {conflict}")).unwrap_or_default();
        format!("      {} {operation} {data}{resolves}, clock {}, saw {}", short(self.id()), self.entry.clock, seen.join(" "))
    }

    fn deletes(&self) -> bool {
        self.change().operation == "DELETE"
    }

    fn inserts(&self) -> bool {
        self.change().operation == "INSERT"
    }
}

/// What a record must be.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// Its row, by its own writes alone.
    pub(crate) row: Option<Image>,
    /// The pairs of writes that must stand in an open conflict, the lesser first, and whether it is over the whole row.
    pub(crate) conflicts: BTreeSet<(Id, Id, bool)>,
    /// Values that no other write has replaced: who wrote them, which column (none: that the row is gone), what.
    pub(crate) owed: Vec<(Id, Option<String>, Json)>,
    /// The greatest write of each column that shows.
    pub(crate) ranks: BTreeMap<String, (u64, Uuid, u64)>,
    /// The record's writes, a line each, for whoever reads of a failure.
    pub(crate) writes: Vec<String>,
}

/// A cell: some of its writes, the part of the record that its conflicts name, and what each says.
struct Cell<'a> {
    writes: Vec<&'a Write>,
    part: &'static str,
    says: &'a dyn Fn(&Write) -> String,
}

impl Cell<'_> {
    /// Those that no other of them replaced, greatest first; of several that settle one conflict only the greatest.
    fn heads(&self) -> Vec<Write> {
        let stands = |write: &&&Write| !self.writes.iter().any(|other| self.replaces(other, write));
        let mut heads: Vec<&Write> = self.writes.iter().filter(stands).copied().collect();
        heads.sort_by_key(|write| std::cmp::Reverse(write.rank()));
        let mut settled: BTreeSet<String> = BTreeSet::new();
        heads.retain(|write| write.change().resolves.as_ref().is_none_or(|conflict| settled.insert(conflict.clone())));
        heads.into_iter().cloned().collect()
    }

    /// A write takes the place of those that it had seen; a resolution only of what showed and of the side that it decided about.
    fn replaces(&self, later: &Write, earlier: &Write) -> bool {
        if !later.saw(earlier) {
            return false;
        }
        let Some(conflict) = &later.change().resolves else { return true };
        let seen = Cell { writes: self.writes.iter().filter(|write| later.saw(write)).copied().collect(), ..*self };
        let view = seen.heads();
        let Some(place) = view.iter().position(|write| write.id() == earlier.id()) else { return true };
        place == 0 || (self.says)(earlier) == (self.says)(&view[0]) || self.conflict(&view[0], earlier) == *conflict
    }

    fn conflict(&self, a: &Write, b: &Write) -> String {
        let id = |write: &Write| WriteId { device: write.id().0, version: write.id().1 };
        conflict_id(&a.change().record, self.part, id(a), id(b))
    }
}

/// The heads of the record's existence among some writes.
fn existence(all: &[&Write], of: Vec<&Write>) -> Vec<Write> {
    let says = |write: &Write| if write.deletes() { "gone".to_owned() } else { format!("{:?}", incarnation(all, write)) };
    Cell { writes: of, part: "row", says: &says }.heads()
}

/// The row that a write's author had before it, as what its insert wrote: rows begun apart are different, unless equal.
fn incarnation(all: &[&Write], of: &Write) -> Option<String> {
    if of.inserts() {
        return Some(serde_json::to_string(&sorted(&of.change().data)).expect("an image is JSON"));
    }
    let seen: Vec<&Write> = all.iter().filter(|write| of.saw(write)).copied().collect();
    let heads = existence(all, seen);
    let before = heads.iter().find(|write| !write.deletes()).or(heads.first())?;
    incarnation(all, before)
}

fn sorted(image: &Image) -> BTreeMap<&String, &Json> {
    image.iter().collect()
}

fn pair(a: Id, b: Id) -> (Id, Id) {
    (a.min(b), a.max(b))
}

/// What the record must be.
pub(crate) fn expected(writes: &[Write]) -> Expected {
    let all: Vec<&Write> = writes.iter().collect();
    let mut expected = Expected { writes: writes.iter().map(|write| write.told(&all)).collect(), ..Expected::default() };
    let existence = existence(&all, all.clone());
    let Some(shown) = existence.first() else { return expected };
    let state = |write: &Write| (!write.deletes()).then(|| incarnation(&all, write));
    for other in existence[1..].iter().filter(|other| state(other) != state(shown)) {
        let (a, b) = pair(shown.id(), other.id());
        expected.conflicts.insert((a, b, true));
    }
    if existence.iter().any(|head| !head.deletes()) {
        existence.iter().filter(|head| head.deletes()).for_each(|head| expected.owed.push((head.id(), None, Json::Null)));
    }
    let lives: BTreeSet<Option<String>> = existence.iter().filter(|head| !head.deletes()).map(|head| incarnation(&all, head)).collect();
    let deletes: Vec<&Write> = all.iter().filter(|write| write.deletes()).copied().collect();
    for life in &lives {
        let mine: Vec<&Write> = all.iter().filter(|write| !write.deletes() && incarnation(&all, write) == *life).copied().collect();
        let is_shown = !shown.deletes() && incarnation(&all, shown) == *life;
        columns(&mine, &deletes, is_shown, &mut expected);
    }
    expected
}

fn columns(mine: &[&Write], deletes: &[&Write], is_shown: bool, expected: &mut Expected) {
    let names: BTreeSet<&String> = mine.iter().flat_map(|write| write.change().data.keys()).collect();
    let mut row = Image::new();
    for name in names {
        let cell: Vec<&Write> = mine.iter().filter(|write| write.change().data.contains_key(name)).copied().collect();
        let value = |write: &Write| write.change().data[name].clone();
        let heads = Cell { writes: cell, part: "columns", says: &|write| value(write).to_string() }.heads();
        row.insert(name.clone(), value(&heads[0]));
        // Whoever deleted the row with a value in it has replaced the value, too.
        let stands = |head: &&Write| !deletes.iter().any(|delete| delete.saw(head));
        expected.owed.extend(heads.iter().filter(stands).map(|head| (head.id(), Some(name.clone()), value(head))));
        if is_shown {
            expected.ranks.insert(name.clone(), heads[0].rank());
            for other in heads[1..].iter().filter(|other| value(other) != value(&heads[0])) {
                let (a, b) = pair(heads[0].id(), other.id());
                expected.conflicts.insert((a, b, false));
            }
        }
    }
    if is_shown {
        expected.row = Some(row);
    }
}
