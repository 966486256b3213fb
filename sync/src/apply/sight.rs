//! What the author of a transaction had not seen of what is held here.
//!
//! Enters: the log's state before the transaction is appended, and its context. Leaves: whether a record has writes outside of its sight.
//! Positions are a causal order, so everything unseen lies at or after the first unseen version of some device; the index by record ends in the
//! position, so that the question costs one seek, however long the log or the record's history.

use std::{cell::OnceCell, collections::BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::unseen;
use crate::{
    clock::{DeviceId, Version},
    log::{LogState, LoggedChange, Transaction, row_changes_between, schema_changes},
    store::StoreError,
};

/// See the file's head.
pub(super) struct Sight {
    /// For each other device of which more is held than the author had seen, the last version that it had.
    unseen: Vec<(DeviceId, Version)>,
    /// All that is unseen lies here or later.
    from: i64,
    /// And before the transaction itself.
    until: i64,
    /// Whether its author had seen all schema changes, once somebody asked.
    sees_schema: OnceCell<bool>,
    /// Its entries about records of which changes waited at the author's.
    waited: BTreeSet<String>,
}

impl Sight {
    pub(super) fn of(connection: &Connection, held: &LogState, entry: &Transaction) -> Result<Sight, StoreError> {
        let mut sight = Sight {
            unseen: Vec::new(),
            from: i64::MAX,
            until: held.position,
            sees_schema: OnceCell::new(),
            waited: unseen::entries_of(entry),
        };
        for (device, head) in &held.heads {
            let seen = entry.context.get(*device);
            if *device == entry.device_id || head.version <= seen {
                continue;
            }
            let first: Option<i64> = connection
                .prepare_cached("SELECT position, version FROM sync_log WHERE device_id = ?1 AND version > ?2 ORDER BY version LIMIT 1")?
                .query_row(params![device.as_bytes(), seen], |row| row.get(0))
                .optional()?;
            // What is pruned was seen by all.
            if let Some(first) = first {
                sight.unseen.push((*device, seen));
                sight.from = sight.from.min(first);
            }
        }
        Ok(sight)
    }

    /// Whether the author had seen all that is held.
    pub(super) fn is_whole(&self) -> bool {
        self.unseen.is_empty() && self.waited.is_empty()
    }

    /// Whether a write lies outside.
    fn is_unseen(&self, device: DeviceId, version: Version) -> bool {
        self.unseen.iter().any(|(of, seen)| *of == device && version > *seen)
    }

    /// Whether the record has a write outside.
    pub(super) fn is_contested(&self, connection: &Connection, table_name: &str, record_id: &str) -> rusqlite::Result<bool> {
        if unseen::is_among(&self.waited, table_name, record_id) {
            return Ok(true);
        }
        if self.unseen.is_empty() {
            return Ok(false);
        }
        let mut statement = connection.prepare_cached(
            "SELECT device_id, version FROM sync_log WHERE table_name = ?1 AND record_id = ?2 AND position BETWEEN ?3 AND ?4",
        )?;
        let mut rows = statement.query(params![table_name, record_id, self.from, self.until])?;
        while let Some(row) = rows.next()? {
            if self.is_unseen(Uuid::from_bytes(row.get(0)?), row.get(1)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether its author had seen all schema changes that were held before it.
    pub(super) fn sees_schema(&self, connection: &Connection) -> Result<bool, StoreError> {
        if self.unseen.is_empty() {
            return Ok(true);
        }
        if let Some(known) = self.sees_schema.get() {
            return Ok(*known);
        }
        let outside = |logged: &LoggedChange| logged.position <= self.until && self.is_unseen(logged.device_id, logged.change.version);
        let sees = !schema_changes(connection)?.iter().any(outside);
        Ok(*self.sees_schema.get_or_init(|| sees))
    }

    /// The changes of rows outside.
    pub(super) fn unseen_rows(&self, connection: &Connection) -> Result<Vec<LoggedChange>, StoreError> {
        if self.unseen.is_empty() {
            return Ok(Vec::new());
        }
        let rows = row_changes_between(connection, self.from, self.until)?;
        Ok(rows.into_iter().filter(|logged| self.is_unseen(logged.device_id, logged.change.version)).collect())
    }
}
