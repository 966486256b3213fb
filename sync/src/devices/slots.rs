//! Slots: the numbers by which devices keep the keys that they make apart (`serial`, `identity`, `nextval`).
//!
//! Enters: the inviter's slot and the slots in use. Leaves: the joiner's slot, such that two devices that invite while apart never
//! give out the same one. The slots form a binomial tree: the children of slot `s` are `s + 2^j` for every bit `j` above `s`'s highest, so that a
//! slot tells its inviter, and no two inviters have a child in common.

/// The number of slots: as many as a sequence tells apart.
pub const SLOTS: u32 = crate::schema::SLOTS as u32;

/// The first free child of `inviter`; when its own are used up, the greatest free number, which only one who knows all slots may give out safely.
pub fn next_slot(inviter: u32, used: &[u32]) -> Option<u32> {
    let first_bit = if inviter == 0 { 0 } else { inviter.ilog2() + 1 };
    let children = (first_bit..SLOTS.ilog2()).map(|bit| inviter + (1 << bit));
    children.chain((1..SLOTS).rev()).find(|slot| !used.contains(slot))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn devices_that_invite_while_apart_give_out_different_slots() {
        let mut slots = BTreeSet::from([0]);
        // Each round every device invites one more, knowing only its own children.
        let mut children: Vec<(u32, Vec<u32>)> = vec![(0, vec![])];
        for _ in 0..6 {
            for i in 0..children.len() {
                let (inviter, own) = children[i].clone();
                let slot = next_slot(inviter, &own).unwrap();
                assert!(slots.insert(slot), "slot {slot} was given out twice");
                children[i].1.push(slot);
                children.push((slot, vec![]));
            }
        }
        assert_eq!(slots.len(), 64);
        assert_eq!(slots.last(), Some(&63), "slots stay small");
    }

    #[test]
    fn a_device_may_invite_more_than_it_has_children() {
        let mut used = vec![0];
        for _ in 0..100 {
            let slot = next_slot(0, &used).unwrap();
            assert!(!used.contains(&slot) && slot < SLOTS);
            used.push(slot);
        }
    }
}
