//! What a device does that holds whole what its peers have pruned: one that was restored from a backup, or was let in again after a while.
//!
//! Enters: a peer's snapshot. Leaves: a log pruned as the peer's is, and the tables that such a log gives. Pruning empties the writes of a
//! record that is gone, the deletion among them: who still holds the record whole would keep it for ever. A write made here meanwhile is not lost:
//! where what it was made upon is gone, the record is written anew as it stands, and so comes back on every device.
//!
//! A peer can't make this device forget what it likes: only what every authorized device has said, by its own signature, that it holds.

use std::sync::Arc;

use super::fetch::Reader;
use crate::{
    apply,
    clock::{DeviceId, Version, VersionVector},
    commit::Durability,
    devices::acknowledgements,
    log::{self, Operation},
    manager::{Replica, ReplicaError},
    store::{Database, LockWait},
};

/// Key in `peergres_meta`: set while this is to be done.
const DUE: &str = "recover";

/// Whether it is to be done.
pub(crate) fn is_due(database: &Arc<Database>) -> Result<bool, ReplicaError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM peergres_meta WHERE key = ?1)";
    Ok(database.glance()?.query_row(sql, [DUE], |row| row.get(0))?)
}

/// Notes that it is to be done: pruned changes came to a device that had a past. Snapshots that were begun before do not tell of them.
pub(crate) fn note(replica: &Replica) -> Result<(), ReplicaError> {
    let database = replica.database();
    if is_due(database)? {
        return Ok(());
    }
    super::fetch::forget_partial(replica.node().directory())?;
    let transaction = database.begin(&LockWait::default(), None)?;
    transaction.connection().execute("INSERT OR IGNORE INTO peergres_meta (key, value) VALUES (?1, 1)", [DUE])?;
    transaction.commit(Durability::Wait)?;
    Ok(())
}

/// Does it.
pub(super) fn adopt(replica: &Arc<Replica>, mut snapshot: Reader) -> Result<(), String> {
    let mut pruned: Vec<(DeviceId, Version)> = Vec::new();
    while let Some(part) = snapshot.next()? {
        let emptied = part.changes.iter().filter(|change| change.operation == Operation::Pruned);
        pruned.extend(emptied.map(|change| (change.device_id, change.version)));
    }
    adopt_all(replica, &pruned).map_err(|error| error.to_string())
}

fn adopt_all(replica: &Arc<Replica>, pruned: &[(DeviceId, Version)]) -> Result<(), ReplicaError> {
    let me = replica.identity().device_id;
    let mut transaction = replica.database().begin(&LockWait::default(), None)?;
    let words = words(&transaction, me)?;
    let said = |(author, version): &&(DeviceId, Version)| {
        *author != me && words.iter().all(|(device, word)| device == author || word.contains(*author, *version))
    };
    let known: Vec<(DeviceId, Version)> = pruned.iter().filter(said).copied().collect();
    let all = known.len() == pruned.iter().filter(|(author, _)| *author != me).count();
    let records = log::empty_like(transaction.connection(), &known)?;
    let revived = apply::settle_again(&mut transaction, &records)?;
    if all {
        transaction.connection().execute("DELETE FROM peergres_meta WHERE key = ?1", [DUE])?;
    }
    transaction.commit(Durability::Wait)?;
    tracing::info!(records = records.len(), revived, "what the other devices have pruned is pruned here too");
    Ok(())
}

/// The words of the other authorized devices that have spoken at all.
fn words(transaction: &crate::commit::Transaction, me: DeviceId) -> Result<Vec<(DeviceId, VersionVector)>, ReplicaError> {
    let connection = transaction.connection();
    let held = acknowledgements::held(connection)?;
    let members = crate::devices::list(connection, me)?.into_iter().filter(|device| device.is_authorized && !device.is_self);
    Ok(members.filter_map(|device| Some((device.device_id, held.get(&device.device_id)?.clone()))).collect())
}
