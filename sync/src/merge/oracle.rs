//! The merge said again, as its definition reads: no clever sets, no order, everything compared with everything.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::{Action, Write, WriteId};

/// What must show, and which pairs of writes must stand in conflict over which columns (none: over the row).
#[derive(Debug, PartialEq)]
pub(super) struct Expected {
    pub(super) row: Option<BTreeMap<String, Json>>,
    pub(super) conflicts: BTreeSet<(WriteId, WriteId, Option<BTreeSet<String>>)>,
}

fn saw(a: &Write, b: &Write) -> bool {
    (a.id.device == b.id.device && b.id.version < a.id.version)
        || (a.id.device != b.id.device
            && a.context.0.get(&b.id.device).is_some_and(|version| *version >= b.id.version)
            && !a.unseen.contains(&b.id))
}

/// What a write says of a cell, spelled out.
type Says<'f> = &'f dyn Fn(&Write) -> String;

/// Whether a write took the place of another one it had seen: a resolution does not, where its author saw the other one kept apart, and
/// was deciding about something else.
fn replaces(cell: &[&Write], part: &str, says: Says<'_>, a: &Write, b: &Write) -> bool {
    if !saw(a, b) {
        return false;
    }
    let Some(conflict) = &a.resolves else { return true };
    let seen: Vec<&Write> = cell.iter().filter(|w| saw(a, w)).copied().collect();
    let view = heads(&seen, part, says);
    let place = view.iter().position(|w| w.id == b.id);
    place.is_none_or(|place| place == 0 || says(b) == says(view[0]) || super::conflict_id("1", part, view[0].id, b.id) == *conflict)
}

/// The heads of a cell's writes that count, greatest first.
fn heads<'a>(cell: &[&'a Write], part: &str, says: Says<'_>) -> Vec<&'a Write> {
    let mut heads: Vec<&Write> = cell.iter().filter(|w| !cell.iter().any(|other| replaces(cell, part, says, other, w))).copied().collect();
    heads.sort_by_key(|w| (w.clock, w.id.device, w.id.version));
    heads.dedup_by_key(|w| w.id);
    heads.reverse();
    let all = heads.clone();
    heads.retain(|w| {
        let later_word = |other: &&&Write| (other.clock, other.id) > (w.clock, w.id) && other.resolves == w.resolves;
        w.resolves.is_none() || all.iter().filter(later_word).count() == 0
    });
    heads
}

/// What a write says of its record's existence.
fn lives(writes: &[&Write], w: &Write) -> String {
    if w.action == Action::Delete { "gone".to_owned() } else { format!("{:?}", incarnation(writes, w)) }
}

/// The insert that a write's incarnation began with, by its values; none where none is held.
fn incarnation(writes: &[&Write], of: &Write) -> Option<BTreeMap<String, Json>> {
    if of.action == Action::Insert {
        return Some(of.data.clone().into_iter().collect());
    }
    let seen: Vec<&Write> = writes.iter().filter(|w| saw(of, w)).copied().collect();
    let heads = heads(&seen, "row", &|w| lives(writes, w));
    let lived = heads.iter().find(|w| w.action != Action::Delete).or(heads.first())?;
    incarnation(writes, lived)
}

pub(super) fn expected(writes: &[Write]) -> Expected {
    let writes: Vec<&Write> = writes.iter().collect();
    let mut conflicts = BTreeSet::new();
    let existence = heads(&writes, "row", &|w| lives(&writes, w));
    let Some(shown) = existence.first() else { return Expected { row: None, conflicts } };
    let state = |w: &Write| (w.action != Action::Delete).then(|| incarnation(&writes, w));
    for other in existence.iter().filter(|other| state(other) != state(shown)) {
        conflicts.insert((shown.id, other.id, None));
    }
    if shown.action == Action::Delete {
        return Expected { row: None, conflicts };
    }
    let mine: Vec<&Write> =
        writes.iter().filter(|w| w.action != Action::Delete && incarnation(&writes, w) == incarnation(&writes, shown)).copied().collect();
    let columns: BTreeSet<&String> = mine.iter().flat_map(|w| w.data.keys()).collect();
    let mut row = BTreeMap::new();
    let mut pairs: BTreeMap<(WriteId, WriteId), BTreeSet<String>> = BTreeMap::new();
    for column in columns {
        let cell: Vec<&Write> = mine.iter().filter(|w| w.data.contains_key(column)).copied().collect();
        let heads = heads(&cell, "columns", &|w| w.data[column].to_string());
        row.insert(column.clone(), heads[0].data[column].clone());
        for other in heads.iter().filter(|other| other.data[column] != heads[0].data[column]) {
            pairs.entry((heads[0].id, other.id)).or_default().insert(column.clone());
        }
    }
    conflicts.extend(pairs.into_iter().map(|((a, b), columns)| (a, b, Some(columns))));
    Expected { row: Some(row), conflicts }
}
