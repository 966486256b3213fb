//! A record's history: who changed it when, what it was before and after.
//!
//! Enters: table and record id. Leaves: entries from oldest to newest, each with the whole record as far as the log tells it.

use rusqlite::Connection;
use serde::Serialize;

use super::{Operation, RowImage, changes_of_record};
use crate::{
    clock::{DeviceId, Version},
    store::StoreError,
};

/// One change of a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// Who.
    pub device_id: DeviceId,
    /// The author's name, where it is known.
    pub device_name: Option<String>,
    /// Which of its changes.
    pub version: Version,
    /// When, in microseconds since 1970.
    pub timestamp: i64,
    /// What happened.
    pub operation: Operation,
    /// The changed columns before; on delete the whole record.
    pub before: Option<RowImage>,
    /// The changed columns after; on insert the whole record.
    pub after: Option<RowImage>,
    /// Whether it won when it was merged; none where that was no question.
    pub won: Option<bool>,
    /// Whether every authorized device has it.
    pub is_synced: bool,
    /// The conflict that it resolves.
    pub resolves: Option<String>,
}

/// A record's history, in the order in which this device came to know it.
pub fn history(connection: &Connection, table_name: &str, record_id: &str) -> Result<Vec<HistoryEntry>, StoreError> {
    let mut name = connection.prepare_cached("SELECT max(device_name) FROM sync_devices WHERE device_id = ?1")?;
    let mut entry = |logged: super::LoggedChange| -> Result<HistoryEntry, StoreError> {
        Ok(HistoryEntry {
            device_name: name.query_row([logged.device_id.as_bytes()], |row| row.get(0))?,
            device_id: logged.device_id,
            version: logged.change.version,
            timestamp: logged.clock.micros(),
            operation: logged.change.operation,
            before: logged.change.old_data,
            after: logged.change.data,
            won: logged.won,
            is_synced: logged.is_synced,
            resolves: logged.change.resolves,
        })
    };
    changes_of_record(connection, table_name, record_id)?.into_iter().map(&mut entry).collect()
}
