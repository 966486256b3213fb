//! The heads of one cell.
//!
//! Enters: a cell's writes in any order. Leaves: those that no other of them had seen, the one that shows first.

use super::Write;

/// The heads found so far, as indices into the record's writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(Vec<usize>);

impl Heads {
    /// Takes one more write of the cell. To have seen is transitive, so only heads need be compared with.
    pub(super) fn add(&mut self, writes: &[Write], index: usize) {
        let write = &writes[index];
        if self.0.iter().any(|head| writes[*head].saw(write) || writes[*head].id == write.id) {
            return;
        }
        self.0.retain(|head| !write.saw(&writes[*head]));
        self.0.push(index);
    }

    /// The heads, greatest first. Of several that settle one conflict only the greatest counts: it has the last word without a third one.
    pub(super) fn decide(&self, writes: &[Write]) -> Vec<usize> {
        let mut heads = self.0.clone();
        heads.sort_by_key(|head| std::cmp::Reverse(writes[*head].rank()));
        let mut settled: Vec<&str> = Vec::new();
        heads.retain(|head| match writes[*head].resolves.as_deref() {
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
