//! What is in the log but not in the tables yet: `sync_blocked`.
//!
//! Enters: transactions that could not be put into the tables, and why. Leaves: the list, and what to try again.

use std::collections::HashSet;

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::Blocked;
use crate::{log::Transaction, merge::WriteId, store::StoreError};

/// Notes a whole transaction; `position` is that of its first change.
pub(super) fn note(connection: &Connection, position: i64, entry: &Transaction, reason: &str) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT OR REPLACE INTO sync_blocked (position, device_id, version, table_name, record_id, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (position, change) in (position..).zip(&entry.changes) {
        insert.execute(params![position, entry.device_id.as_bytes(), change.version, change.table_name, change.record_id, reason])?;
    }
    Ok(())
}

/// Its changes are in the tables now.
pub(super) fn clear(connection: &Connection, position: i64, entry: &Transaction) -> Result<(), StoreError> {
    let end = position + i64::try_from(entry.changes.len()).expect("a transaction has fewer than 2^63 changes");
    connection.prepare_cached("DELETE FROM sync_blocked WHERE position >= ?1 AND position < ?2")?.execute([position, end])?;
    Ok(())
}

/// All versions that wait.
pub(super) fn versions(connection: &Connection) -> Result<HashSet<WriteId>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT device_id, version FROM sync_blocked")?;
    let rows = statement.query_map([], |row| Ok(WriteId { device: Uuid::from_bytes(row.get(0)?), version: row.get(1)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a change is noted.
pub(super) fn is_noted(connection: &Connection, device: Uuid, version: u64) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sync_blocked WHERE device_id = ?1 AND version = ?2)";
    Ok(connection.prepare_cached(sql)?.query_row(params![device.as_bytes(), version], |row| row.get(0))?)
}

/// Whether any change waits.
pub(super) fn any(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM sync_blocked)")?.query_row([], |row| row.get(0))?)
}

/// Number of changes that wait.
pub(super) fn count(connection: &Connection) -> Result<u64, StoreError> {
    Ok(connection.prepare_cached("SELECT count(*) FROM sync_blocked")?.query_row([], |row| row.get(0))?)
}

/// Whether an earlier change of the record waits.
pub(super) fn holds(connection: &Connection, table_name: &str, record_id: &str, before: i64) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sync_blocked WHERE table_name = ?1 AND record_id = ?2 AND position < ?3)";
    Ok(connection.prepare_cached(sql)?.query_row(params![table_name, record_id, before], |row| row.get(0))?)
}

/// The changes of the record that wait.
pub(super) fn of_record(connection: &Connection, table_name: &str, record_id: &str) -> Result<Vec<WriteId>, StoreError> {
    let sql = "SELECT device_id, version FROM sync_blocked WHERE table_name = ?1 AND record_id = ?2 ORDER BY device_id, version";
    let mut statement = connection.prepare_cached(sql)?;
    let rows =
        statement.query_map([table_name, record_id], |row| Ok(WriteId { device: Uuid::from_bytes(row.get(0)?), version: row.get(1)? }))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The transactions that wait: author and first version, in the order in which they came. They are peers', so they are filed.
pub(super) fn waiting(connection: &Connection, limit: usize) -> Result<Vec<(Uuid, u64)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT l.device_id, l.transaction_first FROM sync_blocked AS b JOIN sync_log_filed AS l ON l.position = b.position
         GROUP BY l.device_id, l.transaction_first ORDER BY min(b.position) LIMIT ?1",
    )?;
    let rows = statement.query_map([limit], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// All of it, oldest first.
pub(super) fn list(connection: &Connection) -> Result<Vec<Blocked>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT device_id, version, table_name, record_id, reason FROM sync_blocked ORDER BY position LIMIT 10000")?;
    let rows = statement.query_map([], |row| {
        Ok(Blocked {
            device_id: Uuid::from_bytes(row.get(0)?),
            version: row.get(1)?,
            table_name: row.get(2)?,
            record_id: row.get(3)?,
            reason: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
