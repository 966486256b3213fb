//! Peers' transactions onto the tables and into the log: whole, in causal order, each once.
//!
//! Enters: transactions whose chain and signature `identity::verify` has checked. Leaves: tables and log changed in one SQLite
//! transaction, and a report of what was applied, what is missing, what forked and what is blocked.
//!
//! A change whose record has no writer that its author had not seen goes straight into its table ([`rows`]). Any other makes the record's
//! writes be merged anew ([`record`]). A transaction that can't be put into the tables stays in the log and waits ([`blocked`]).

use std::sync::{Arc, atomic::Ordering};

use serde::Serialize;

use crate::{
    clock::{DeviceId, VersionVector},
    commit::Durability,
    conflicts::{self, Strategies},
    log::Transaction,
    store::{Database, StoreError},
};

mod again;
mod applier;
mod aside;
mod blocked;
pub(crate) mod definitions;
mod fault;
mod keys;
mod lost;
mod order;
mod place;
mod reconcile;
mod record;
mod references;
mod review;
mod rows;
mod schema;
mod sight;
mod unique;
pub(crate) mod unseen;

pub(crate) use again::settle_again;
pub(crate) use record::{awaits_writes, settle_written, writes_of};
pub(crate) use rows::{current_row, quote};
pub(crate) use schema::{follow_decision, gives_way};

/// What came of a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Applied {
    /// Transactions that are new in the log.
    pub transactions: u64,
    /// Changes that are new in the log.
    pub changes: u64,
    /// Conflicts that are new.
    pub conflicts: u64,
    /// Versions that must come first: transactions of the batch wait for them and were not taken.
    pub missing: VersionVector,
    /// Devices of which two different transactions bear one version: nothing of them is taken any more.
    pub forked: Vec<DeviceId>,
    /// Changes that are in the log, but not in the tables yet.
    pub blocked: u64,
}

/// One change that is in the log but can't be put into the tables yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blocked {
    /// Author.
    pub device_id: DeviceId,
    /// Version.
    pub version: u64,
    /// Table.
    pub table_name: String,
    /// Row.
    pub record_id: String,
    /// Why, in words.
    pub reason: String,
}

/// Applies a batch in one commit and waits until it is durable. Duplicates are ignored; the order within the batch does not matter. Even without
/// a batch, what waits is tried again when the schema has changed since.
pub fn apply(database: &Arc<Database>, batch: Vec<Transaction>, strategies: &Strategies) -> Result<Applied, StoreError> {
    let mut applied = Applied::default();
    let generation = database.schema().generation;
    let is_new = database.retried.swap(generation, Ordering::Relaxed) != generation;
    if batch.is_empty() && !is_new {
        return Ok(applied);
    }
    if batch.is_empty() {
        let glance = database.glance()?;
        if !blocked::any(&glance)? {
            return Ok(applied);
        }
    }
    let mut applier = applier::Applier::begin(database, is_new)?;
    applier.take(batch, &mut applied)?;
    applier.retry(&mut applied)?;
    applier.place_all(&mut applied)?;
    applied.blocked = applier.commit(Durability::Wait)?;
    conflicts::decide(database, strategies)?;
    Ok(applied)
}

/// Tries again what waits, since something was chosen.
pub(crate) fn retry(database: &Arc<Database>) -> Result<(), StoreError> {
    let mut applied = Applied::default();
    let mut applier = applier::Applier::begin(database, true)?;
    applier.retry(&mut applied)?;
    applier.place_all(&mut applied)?;
    applier.commit(Durability::Wait)?;
    Ok(())
}

/// What is in the log but can't be put into the tables yet.
pub fn blocked(database: &Arc<Database>) -> Result<Vec<Blocked>, StoreError> {
    blocked::list(&database.reader()?)
}

#[cfg(test)]
mod tests;
