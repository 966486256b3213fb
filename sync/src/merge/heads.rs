//! The heads of one cell.
//!
//! Enters: a cell's writes in any order, and what each says of the cell. Leaves: those that no other of them replaced, the one that shows
//! first.
//!
//! A write replaces all that its author had seen, with one exception: a resolution stands in the place of what showed to its author and of
//! the other side of the conflict that it settles. Whatever else was kept beside them had not been decided about and stays a head.

use std::collections::BTreeMap;

use super::{Write, conflict_id};

/// A cell of a record: how to tell its values apart, and the part of the record that its conflicts name.
pub(super) struct Cell<'a, V> {
    pub(super) record_id: &'a str,
    pub(super) part: &'static str,
    pub(super) writes: &'a [Write],
    /// What a write says of the cell.
    pub(super) value: V,
}

impl<T: PartialEq, V: Fn(usize) -> T> Cell<'_, V> {
    /// The heads among some of the cell's writes, greatest first. Of several that settle one conflict only the greatest counts: it has the
    /// last word without a third one.
    pub(super) fn heads(&self, of: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut of: Vec<usize> = of.into_iter().collect();
        of.sort_by_key(|index| self.writes[*index].id);
        of.dedup_by_key(|index| self.writes[*index].id);
        let partial = of.iter().any(|index| self.writes[*index].resolves.is_some() || !self.writes[*index].unseen.is_empty());
        let heads = if partial { self.by_definition(&of) } else { self.by_sight(&of) };
        self.decide(heads)
    }

    /// To have seen is transitive where nobody says otherwise, so that only heads need be compared with.
    fn by_sight(&self, of: &[usize]) -> Vec<usize> {
        let mut heads: Vec<usize> = Vec::new();
        for &index in of {
            let write = &self.writes[index];
            if heads.iter().any(|head| self.writes[*head].saw(write)) {
                continue;
            }
            heads.retain(|head| !write.saw(&self.writes[*head]));
            heads.push(index);
        }
        heads
    }

    fn by_definition(&self, of: &[usize]) -> Vec<usize> {
        let seen = |index: usize| of.iter().filter(move |other| self.writes[index].saw(&self.writes[**other])).copied();
        let mut settling: Vec<usize> = of.iter().filter(|index| self.writes[**index].resolves.is_some()).copied().collect();
        // Who saw a write saw more than it did: so by number of writes seen is a causal order.
        settling.sort_by_key(|index| (seen(*index).count(), self.writes[*index].rank()));
        let mut beside: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in settling {
            let view = self.decide(self.unreplaced(&seen(index).collect::<Vec<_>>(), &beside));
            beside.insert(index, self.left_beside(index, &view));
        }
        self.unreplaced(of, &beside)
    }

    /// Of the heads that its author saw, those that a resolution leaves where they were.
    fn left_beside(&self, resolution: usize, view: &[usize]) -> Vec<usize> {
        let Some((shown, others)) = view.split_first() else { return Vec::new() };
        let settled = self.writes[resolution].resolves.as_deref();
        let is_side = |other: usize| {
            let id = conflict_id(self.record_id, self.part, self.writes[*shown].id, self.writes[other].id);
            settled == Some(id.as_str())
        };
        let equal = |other: usize| (self.value)(other) == (self.value)(*shown);
        others.iter().filter(|other| !equal(**other) && !is_side(**other)).copied().collect()
    }

    fn unreplaced(&self, of: &[usize], beside: &BTreeMap<usize, Vec<usize>>) -> Vec<usize> {
        let replaces = |later: usize, index: usize| {
            self.writes[later].saw(&self.writes[index]) && !beside.get(&later).is_some_and(|beside| beside.contains(&index))
        };
        of.iter().filter(|index| !of.iter().any(|later| replaces(*later, **index))).copied().collect()
    }

    fn decide(&self, mut heads: Vec<usize>) -> Vec<usize> {
        heads.sort_by_key(|head| std::cmp::Reverse(self.writes[*head].rank()));
        let mut settled: Vec<&str> = Vec::new();
        heads.retain(|head| match self.writes[*head].resolves.as_deref() {
            Some(conflict) if settled.contains(&conflict) => false,
            Some(conflict) => {
                settled.push(conflict);
                true
            }
            None => true,
        });
        heads
    }
}

/// What a write says of its record's existence: the incarnation that lives, or none.
pub(super) fn existence<'a>(
    record_id: &'a str,
    writes: &'a [Write],
    incarnations: &'a [usize],
) -> Cell<'a, impl Fn(usize) -> Option<usize> + 'a> {
    let value = |index: usize| (writes[index].action != super::Action::Delete).then(|| incarnations[index]);
    Cell { record_id, part: "row", writes, value }
}
