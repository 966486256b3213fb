//! Which incarnation of its record each write belongs to.
//!
//! Enters: a record's writes in any order. Leaves: a number for each: an insert begins an incarnation of its own, or that of an insert of the
//! same values; any other write belongs to the one that showed where its author stood.

use std::collections::BTreeMap;

use super::{Action, Write, heads::existence};
use crate::log::canonical_json;

/// The incarnation of which no insert is held.
const UNKNOWN: usize = 0;

/// The incarnation of each write.
pub(super) fn assign(record_id: &str, writes: &[Write]) -> Vec<usize> {
    let mut begun: BTreeMap<String, usize> = BTreeMap::new();
    let mut incarnations = vec![UNKNOWN; writes.len()];
    for (index, write) in writes.iter().enumerate().filter(|(_, write)| write.action == Action::Insert) {
        let next = begun.len() + 1;
        incarnations[index] = *begun.entry(canonical_json(&write.data)).or_insert(next);
    }
    match begun.len() {
        0 => {}
        // Nothing to tell apart, unless some write is about a row that was there before.
        1 if all_saw_an_insert(writes) => incarnations.fill(1),
        _ => by_sight(record_id, writes, &mut incarnations),
    }
    incarnations
}

fn all_saw_an_insert(writes: &[Write]) -> bool {
    let inserts: Vec<&Write> = writes.iter().filter(|write| write.action == Action::Insert).collect();
    writes.iter().all(|write| write.action == Action::Insert || inserts.iter().any(|insert| write.saw(insert)))
}

/// Works out, for each write that is no insert, what showed at its author's place: what it had seen comes before it.
fn by_sight(record_id: &str, writes: &[Write], incarnations: &mut [usize]) {
    let seen: Vec<Vec<usize>> = writes.iter().map(|write| (0..writes.len()).filter(|other| write.saw(&writes[*other])).collect()).collect();
    let mut order: Vec<usize> = (0..writes.len()).collect();
    // Who saw a write saw all that it saw, and it besides: so by number of writes seen is a causal order.
    order.sort_by_key(|index| (seen[*index].len(), writes[*index].rank()));
    for index in order {
        if writes[index].action == Action::Insert {
            continue;
        }
        let shown = existence(record_id, writes, incarnations).heads(seen[index].iter().copied());
        let living = shown.iter().find(|head| writes[**head].action != Action::Delete).or(shown.first());
        incarnations[index] = living.map_or(UNKNOWN, |head| incarnations[*head]);
    }
}
