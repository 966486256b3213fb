//! Pruning: what every authorized device has and nobody needs to see any more leaves the log, except for what a later merge may need.
//!
//! Enters: the horizon and an age, or rows marked by `DELETE FROM sync_log`. Leaves: rows that are no longer shown; and those of them that
//! are superseded cell by cell, emptied down to their hash, so that the chain can still be verified and handed on.
//!
//! A row is emptied only when no write that had not seen what superseded it can still arrive: when every authorized device has said that it
//! holds all of the record's changes, and all that it had written itself by then is held here. Then for each cell the last write is enough,
//! and of a record that is gone nothing is.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{LoggedChange, Operation, changes_of_record, journal};
use crate::{
    clock::{DeviceId, Version, VersionVector},
    store::StoreError,
};

/// What pruning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct Pruned {
    /// Rows that are no longer shown.
    pub pruned: u64,
    /// Rows of which only the hash is left.
    pub emptied: u64,
}

/// Marks what is below the horizon and older than `before` (microseconds since 1970), and empties what can be.
pub fn prune(connection: &Connection, horizon: &VersionVector, before: i64) -> Result<Pruned, StoreError> {
    journal::file_all(connection)?;
    let mut mark = connection
        .prepare_cached("UPDATE sync_log_filed SET pruned = 1 WHERE pruned = 0 AND device_id = ?1 AND version <= ?2 AND timestamp < ?3")?;
    let mut pruned = 0;
    for (device, version) in &horizon.0 {
        pruned += mark.execute(params![device.as_bytes(), version, before])? as u64;
    }
    Ok(Pruned { pruned, emptied: empty_pruned(connection)? })
}

/// Empties the rows that are marked and that no merge can need; answers how many.
pub fn empty_pruned(connection: &Connection) -> Result<u64, StoreError> {
    let Some(stable) = stable(connection)? else { return Ok(0) };
    // Schema changes and what is told of devices and conflicts stay: all that is derived from them is derived anew from time to time.
    let mut statement = connection.prepare(
        "SELECT DISTINCT table_name, record_id FROM sync_log_filed INDEXED BY sync_log_pruned
         WHERE pruned = 1 AND operation NOT IN ('PRUNED', 'DDL') AND table_name NOT LIKE 'peergres.%'",
    )?;
    let records: Vec<(String, String)> = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut empty = connection.prepare(
        "UPDATE sync_log_filed SET operation = 'PRUNED', table_name = '', record_id = '', data = NULL, old_data = NULL
         WHERE position = ?1 AND pruned = 1",
    )?;
    let mut emptied = 0;
    for (table, record) in records {
        let changes = changes_of_record(connection, &table, &record)?;
        if changes.iter().all(|change| stable.contains(change.device_id, change.change.version)) {
            for position in needless(&changes) {
                emptied += empty.execute([position])? as u64;
            }
        }
    }
    Ok(emptied)
}

/// Empties changes because another device has; answers their records. Schema changes, what is told of devices and conflicts, and what is empty
/// already stay as they are.
pub(crate) fn empty_like(connection: &Connection, changes: &[(DeviceId, Version)]) -> Result<BTreeSet<(String, String)>, StoreError> {
    journal::file_all(connection)?;
    let mut find = connection.prepare_cached(
        "SELECT table_name, record_id FROM sync_log_filed
         WHERE device_id = ?1 AND version = ?2 AND operation NOT IN ('PRUNED', 'DDL') AND table_name NOT LIKE 'peergres.%'",
    )?;
    let mut empty = connection.prepare_cached(
        "UPDATE sync_log_filed SET operation = 'PRUNED', table_name = '', record_id = '', data = NULL, old_data = NULL, pruned = 1
         WHERE device_id = ?1 AND version = ?2",
    )?;
    let mut records = BTreeSet::new();
    for (device, version) in changes {
        let found = find.query_row(params![device.as_bytes(), version], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some(record) = found {
            empty.execute(params![device.as_bytes(), version])?;
            records.insert(record);
        }
    }
    Ok(records)
}

/// The positions of a record's changes that nothing needs: superseded in every cell; all of them where the last of all deleted the record.
fn needless(changes: &[LoggedChange]) -> Vec<i64> {
    let heads: Vec<&LoggedChange> = changes.iter().filter(|one| !changes.iter().any(|other| saw(other, one))).collect();
    let gone = matches!(heads[..], [last] if last.change.operation == Operation::Delete);
    let superseded = |one: &LoggedChange| {
        let mut open: BTreeSet<&str> = columns(one);
        let mut later = false;
        for other in changes.iter().filter(|other| saw(other, one)) {
            later = true;
            match other.change.operation {
                // Everything before it is of another life of the record, which a concurrent edit could bring back.
                Operation::Delete | Operation::Insert if heads.len() == 1 => open.clear(),
                _ => open.retain(|column| !other.change.data.as_ref().is_some_and(|data| data.contains_key(*column))),
            }
        }
        later && open.is_empty()
    };
    changes.iter().filter(|one| one.change.resolves.is_none() && (gone || superseded(one))).map(|one| one.position).collect()
}

fn columns(change: &LoggedChange) -> BTreeSet<&str> {
    change.change.data.iter().flat_map(|data| data.keys()).map(String::as_str).collect()
}

/// Whether the author of `later` had seen `earlier` when it wrote.
fn saw(later: &LoggedChange, earlier: &LoggedChange) -> bool {
    if later.device_id == earlier.device_id {
        // Within one transaction a record has a second change only after a schema change.
        return later.change.version > earlier.change.version;
    }
    later.context.contains(earlier.device_id, earlier.change.version)
}

/// What can get no concurrent company any more; none while a device's own word speaks of writes that are not held here.
fn stable(connection: &Connection) -> rusqlite::Result<Option<VersionVector>> {
    let held = super::held(connection)?;
    let mut words = connection.prepare_cached("SELECT author_id, version FROM sync_acknowledgements WHERE device_id = ?1")?;
    let mut statement = connection.prepare_cached(
        "SELECT device_id FROM sync_devices WHERE is_authorized = 1
         AND device_id IS NOT (SELECT value FROM peergres_meta WHERE key = 'device_id')",
    )?;
    let others: Vec<DeviceId> = statement.query_map([], |row| row.get(0).map(uuid::Uuid::from_bytes))?.collect::<rusqlite::Result<_>>()?;
    let mut stable = held.clone();
    for device in others {
        let rows = words.query_map([device.as_bytes()], |row| Ok((uuid::Uuid::from_bytes(row.get(0)?), row.get(1)?)))?;
        let word = VersionVector(rows.collect::<rusqlite::Result<_>>()?);
        if word.get(device) > held.get(device) {
            return Ok(None);
        }
        for (author, version) in &mut stable.0 {
            *version = (*version).min(word.get(*author));
        }
    }
    Ok(Some(stable))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::{clock::Clock, log::Change};

    fn change(position: i64, device: u128, version: u64, operation: Operation, data: serde_json::Value, seen: u64) -> LoggedChange {
        let other = Uuid::from_u128(3 - device);
        LoggedChange {
            position,
            device_id: Uuid::from_u128(device),
            clock: Clock(0),
            first_version: version,
            context: VersionVector([(other, seen)].into()),
            won: None,
            is_synced: true,
            change: Change {
                version,
                table_name: "t".to_owned(),
                record_id: "1".to_owned(),
                operation,
                data: data.as_object().cloned(),
                old_data: None,
                resolves: None,
            },
        }
    }

    #[test]
    fn of_a_living_record_the_last_write_of_each_cell_stays() {
        let log = [
            change(1, 1, 1, Operation::Insert, json!({ "id": 1, "a": 0, "b": 0 }), 0),
            change(2, 1, 2, Operation::Update, json!({ "a": 1 }), 0),
            change(3, 2, 1, Operation::Update, json!({ "b": 1 }), 2),
            change(4, 1, 3, Operation::Update, json!({ "a": 2 }), 0),
        ];
        assert_eq!(needless(&log), [2], "the second write of a had seen the first; the insert still tells of the key");
    }

    #[test]
    fn concurrent_writes_stay_both() {
        let log = [
            change(1, 1, 1, Operation::Insert, json!({ "id": 1, "a": 0 }), 0),
            change(2, 1, 2, Operation::Update, json!({ "a": 1 }), 0),
            change(3, 2, 1, Operation::Update, json!({ "a": 2 }), 1),
        ];
        assert_eq!(needless(&log), [0_i64; 0]);
    }

    #[test]
    fn of_a_record_that_is_gone_nothing_stays_but_a_concurrent_edit_keeps_all() {
        let insert = change(1, 1, 1, Operation::Insert, json!({ "id": 1, "a": 0 }), 0);
        let delete = change(3, 1, 2, Operation::Delete, json!(null), 1);
        let edit = |position, seen| change(position, 2, 1, Operation::Update, json!({ "a": 2 }), seen);
        assert_eq!(needless(&[insert.clone(), edit(2, 1), delete.clone()]), [1, 2, 3]);
        let unseen = change(3, 1, 2, Operation::Delete, json!(null), 0);
        assert_eq!(needless(&[insert, edit(2, 1), unseen]), [0_i64; 0], "the edit may bring the rest of the record back");
    }
}
