//! What a device holds of a record but could not put into its table yet, when it writes the record itself.
//!
//! Enters: what a transaction of this device wrote. Leaves: entries of the log that say which changes of the same records were waiting. A
//! version vector says what an author held; these say what of that it had not seen, so that its write and those that waited are
//! concurrent, on every device alike, and none replaces the other.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use uuid::Uuid;

use super::blocked;
use crate::{
    capture::{Capture, NetChange},
    clock::{DeviceId, Version},
    conflicts::{OWN_TABLES, RecordKey},
    log::{Change, LoggedChange, Operation, RowImage, Transaction, changes_of_record, record_id},
    merge::WriteId,
    store::StoreError,
};

/// The name under which these entries stand in the log.
const UNSEEN: &str = "peergres.sync_unseen";
/// Their one column.
const COLUMN: &str = "unseen";

/// By author and first version of its transaction: what it had not seen of a record.
pub(super) type Unseen = BTreeMap<(DeviceId, Version), BTreeSet<WriteId>>;

/// The id of the entries about a record.
fn entry_id(key: RecordKey<'_>) -> String {
    serde_json::to_string(&[key.table_name, key.record_id]).expect("strings are JSON")
}

/// Adds the entries for what a transaction wrote to those that it records.
pub(crate) fn note(connection: &Connection, capture: &Capture, recorded: &mut Vec<Change>) -> Result<(), StoreError> {
    if !blocked::any(connection)? {
        return Ok(());
    }
    let own = recorded.iter().filter(|change| !change.table_name.starts_with(OWN_TABLES));
    let mut records: BTreeSet<(String, String)> = own.map(|change| (change.table_name.clone(), change.record_id.clone())).collect();
    capture.for_each_change(|change| -> Result<(), StoreError> {
        if let NetChange::Row(row) = change {
            let id = record_id(row.layout, &row.key).map_err(|e| StoreError::Corrupt(format!("table {}: {e}", row.layout.log_name)))?;
            records.insert((row.layout.log_name.clone(), id));
        }
        Ok(())
    })?;
    for (table_name, record_id) in &records {
        let waiting = blocked::of_record(connection, table_name, record_id)?;
        if !waiting.is_empty() {
            recorded.push(entry(entry_id(RecordKey { table_name, record_id }), &waiting));
        }
    }
    Ok(())
}

fn entry(record_id: String, waiting: &[WriteId]) -> Change {
    let names: Vec<String> = waiting.iter().map(|id| format!("{}:{}", id.device, id.version)).collect();
    Change {
        version: 0,
        table_name: UNSEEN.to_owned(),
        record_id,
        operation: Operation::Insert,
        data: Some(RowImage::from_iter([(COLUMN.to_owned(), names.into())])),
        old_data: None,
        resolves: None,
    }
}

/// What the authors of a record's writes had not seen of it.
pub(super) fn of_record(connection: &Connection, key: RecordKey<'_>) -> Result<Unseen, StoreError> {
    let mut unseen = Unseen::new();
    for logged in changes_of_record(connection, UNSEEN, &entry_id(key))? {
        unseen.entry((logged.device_id, logged.first_version)).or_default().extend(ids(&logged));
    }
    Ok(unseen)
}

fn ids(logged: &LoggedChange) -> BTreeSet<WriteId> {
    let listed = logged.change.data.as_ref().and_then(|data| data.get(COLUMN)).and_then(|list| list.as_array());
    let read = |name: &serde_json::Value| {
        let (device, version) = name.as_str()?.split_once(':')?;
        Some(WriteId { device: Uuid::parse_str(device).ok()?, version: version.parse().ok()? })
    };
    listed.into_iter().flatten().filter_map(read).collect()
}

/// The ids of a transaction's entries.
pub(super) fn entries_of(entry: &Transaction) -> BTreeSet<String> {
    entry.changes.iter().filter(|change| change.table_name == UNSEEN).map(|change| change.record_id.clone()).collect()
}

/// Whether a transaction's entries are about the record.
pub(super) fn is_among(entries: &BTreeSet<String>, table_name: &str, record_id: &str) -> bool {
    !entries.is_empty() && entries.contains(&entry_id(RecordKey { table_name, record_id }))
}
