//! A batch in causal order.
//!
//! Enters: transactions in any order, some of them twice. Leaves: one after the other whatever can follow what is held, and at the end what
//! is missing for the rest.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    clock::{DeviceId, VersionVector},
    log::{LogState, Transaction},
};

/// The transactions that wait for their turn, a queue per author.
pub(super) struct Waiting(BTreeMap<DeviceId, VecDeque<Transaction>>);

impl Waiting {
    pub(super) fn new(batch: Vec<Transaction>) -> Waiting {
        let mut queues: BTreeMap<DeviceId, Vec<Transaction>> = BTreeMap::new();
        for transaction in batch {
            queues.entry(transaction.device_id).or_default().push(transaction);
        }
        let sorted = |mut queue: Vec<Transaction>| {
            queue.sort_by_key(|transaction| transaction.first_version);
            VecDeque::from(queue)
        };
        Waiting(queues.into_iter().map(|(device, queue)| (device, sorted(queue))).collect())
    }

    /// The authors of what waits.
    pub(super) fn devices(&self) -> Vec<DeviceId> {
        self.0.keys().copied().collect()
    }

    /// The author's next transaction, if all that it had seen is held.
    pub(super) fn next(&mut self, device: DeviceId, held: &LogState) -> Option<Transaction> {
        let queue = self.0.get_mut(&device)?;
        let front = queue.front()?;
        let own = held.head(device).map_or(0, |head| head.version);
        let seen = |(of, version): (&DeviceId, &u64)| *of == device || held.head(*of).is_some_and(|head| head.version >= *version);
        let follows = front.first_version <= own || (front.first_version == own + 1 && front.context.0.iter().all(seen));
        if follows { queue.pop_front() } else { None }
    }

    /// Nothing more is taken of that author.
    pub(super) fn forget(&mut self, device: DeviceId) {
        self.0.remove(&device);
    }

    /// What must come first, given what is held.
    pub(super) fn missing(&self, held: &VersionVector) -> VersionVector {
        let mut missing = VersionVector::default();
        for (device, queue) in &self.0 {
            let mut reach = held.get(*device);
            for transaction in queue {
                if transaction.first_version > reach + 1 {
                    missing.raise(*device, transaction.first_version - 1);
                }
                reach = reach.max(transaction.last_version);
                let here = |of: &DeviceId, version: u64| {
                    held.contains(*of, version) || self.0.get(of).and_then(VecDeque::back).is_some_and(|last| last.last_version >= version)
                };
                transaction.context.0.iter().filter(|(of, version)| *of != device && !here(of, **version)).for_each(|(of, version)| {
                    missing.raise(*of, *version);
                });
            }
        }
        missing
    }
}
