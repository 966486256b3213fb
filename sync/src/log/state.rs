//! What the log holds, in memory: the head of every device's chain, this device's clock and identity, the last position.
//!
//! Enters: the log's tables when the database is opened; appended transactions after. Leaves: what a new entry must follow.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::{
    clock::{Clock, DeviceId, Version, VersionVector, now_millis},
    store::StoreError,
};

/// The end of a device's chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Its last version.
    pub version: Version,
    /// The last transaction's hash.
    pub hash: [u8; 32],
    /// The last transaction's clock.
    pub clock: Clock,
    /// The last transaction's context.
    pub context: Arc<VersionVector>,
}

/// See the file's head. A transaction changes a copy, which replaces the old one when it has committed.
#[derive(Clone, Debug, Default)]
pub struct LogState {
    /// This device.
    pub device: DeviceId,
    /// The chains held.
    pub heads: BTreeMap<DeviceId, Head>,
    /// This device's clock: ahead of all that was seen.
    pub clock: Clock,
    /// The last position given out.
    pub position: i64,
    /// What is held of the others: the context of this device's next transaction.
    pub(crate) others: Arc<VersionVector>,
}

impl LogState {
    /// Reads the state; a database that has no device identifier gets one.
    pub(crate) fn load(connection: &Connection) -> Result<LogState, StoreError> {
        let device = match meta_blob(connection, "device_id")? {
            Some(bytes) => Uuid::from_slice(&bytes).map_err(|_| StoreError::Corrupt("the device's identifier is not a UUID".to_owned()))?,
            None => {
                let device = Uuid::new_v4();
                set_device(connection, device)?;
                device
            }
        };
        let mut state = LogState { device, position: last_position(connection)?, ..LogState::default() };
        for author in authors(connection)? {
            let head = read_head(connection, author)?;
            state.see(head.clock, now_millis());
            state.heads.insert(author, head);
        }
        state.clock = state.clock.max(state.heads.get(&device).map_or(Clock::default(), |head| head.clock));
        state.note_others();
        Ok(state)
    }

    /// The version vector of all that is held.
    pub fn held(&self) -> VersionVector {
        VersionVector(self.heads.iter().map(|(device, head)| (*device, head.version)).collect())
    }

    /// The head of a device's chain.
    pub fn head(&self, device: DeviceId) -> Option<&Head> {
        self.heads.get(&device)
    }

    /// Moves this device's clock ahead of another's; answers by how many milliseconds the other was too far ahead.
    pub(crate) fn see(&mut self, clock: Clock, now_ms: u64) -> Option<u64> {
        let (moved, excess) = self.clock.observe(clock, now_ms);
        self.clock = moved;
        excess
    }

    /// Works out the context of this device's next transaction.
    pub(crate) fn note_others(&mut self) {
        let mut others = self.held();
        others.0.remove(&self.device);
        self.others = Arc::new(others);
    }
}

/// Stores which device this is.
pub(crate) fn set_device(connection: &Connection, device: DeviceId) -> Result<(), StoreError> {
    connection.execute("INSERT OR REPLACE INTO peergres_meta (key, value) VALUES ('device_id', ?1)", params![device.as_bytes()])?;
    Ok(())
}

fn meta_blob(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(connection.query_row("SELECT value FROM peergres_meta WHERE key = ?1", [key], |row| row.get(0)).optional()?)
}

/// The last position, which pruning leaves in `peergres_meta` so that it is never given out again.
fn last_position(connection: &Connection) -> Result<i64, StoreError> {
    let sql = "SELECT max(coalesce((SELECT max(position) FROM sync_log_filed), 0), coalesce((SELECT max(position) FROM sync_journal), 0),
                          coalesce((SELECT max(value) FROM peergres_meta WHERE key = 'log_position'), 0))";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// The devices that have written, found by jumping through the index, not by reading it.
pub(crate) fn authors(connection: &Connection) -> rusqlite::Result<Vec<DeviceId>> {
    let mut statement = connection.prepare_cached(
        "WITH RECURSIVE authors (id) AS (
             SELECT min(device_id) FROM sync_transactions_filed
             UNION ALL SELECT (SELECT min(device_id) FROM sync_transactions_filed WHERE device_id > id) FROM authors WHERE id IS NOT NULL)
         SELECT id FROM authors WHERE id IS NOT NULL UNION SELECT device_id FROM sync_journal",
    )?;
    let rows = statement.query_map([], |row| row.get(0).map(Uuid::from_bytes))?;
    rows.collect()
}

/// Gives the last version of a device.
pub(crate) const LAST_VERSION: &str =
    "SELECT last_version, first_version FROM sync_transactions WHERE device_id = ?1 ORDER BY first_version DESC LIMIT 1";

/// The version vector of all that is held, as this connection sees it; found by jumping through the index, not by reading it.
pub(crate) fn held(connection: &Connection) -> rusqlite::Result<VersionVector> {
    let mut last = connection.prepare_cached(LAST_VERSION)?;
    let mut held = VersionVector::default();
    for author in authors(connection)? {
        held.0.insert(author, last.query_row(params![author.as_bytes()], |row| row.get(0))?);
    }
    Ok(held)
}

fn read_head(connection: &Connection, device: DeviceId) -> Result<Head, StoreError> {
    let (first, version, hash, clock): (Version, Version, [u8; 32], u64) = connection.query_row(
        "SELECT first_version, last_version, hash, clock FROM sync_transactions WHERE device_id = ?1 ORDER BY first_version DESC LIMIT 1",
        params![device.as_bytes()],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    let context = Arc::new(super::context_of(connection, device, first)?);
    Ok(Head { version, hash, clock: Clock(clock), context })
}
