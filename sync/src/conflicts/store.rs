//! Reading `sync_conflicts`.
//!
//! Enters: a connection, this device's id, a filter. Leaves: [`Conflict`]s, their sides named as this device sees them.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use uuid::Uuid;

use super::{Conflict, ConflictError, Filter, Kind, Status, Winner};
use crate::{
    clock::{Clock, DeviceId},
    log::RowImage,
    store::{Database, StoreError},
};

const COLUMNS: &str = "id, table_name, record_id, kind, column_names, local_data, remote_data, ancestor_data, local_device, local_clock,
     remote_device, remote_clock, shown, status, resolution, created_at";
/// How many conflicts are listed where nobody says.
const LISTED: usize = 1000;

/// The conflicts that the filter names, oldest first. `me` is this device.
pub fn list_on(connection: &Connection, me: DeviceId, filter: &Filter) -> Result<Vec<Conflict>, ConflictError> {
    let mut conditions = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let status = filter.status.or((!filter.all).then_some(Status::Pending)).map(|status| status.as_str().to_owned());
    for (column, wanted) in [("status", status), ("table_name", filter.table_name.clone()), ("record_id", filter.record_id.clone())] {
        if let Some(wanted) = wanted {
            values.push(Value::Text(wanted));
            conditions.push(format!("{column} = ?{}", values.len()));
        }
    }
    let condition = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
    values.push(Value::Integer(i64::try_from(filter.limit.unwrap_or(LISTED)).unwrap_or(i64::MAX)));
    let sql = format!("SELECT {COLUMNS} FROM sync_conflicts WHERE {condition} ORDER BY created_at, id LIMIT ?{}", values.len());
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut conflicts = Vec::new();
    while let Some(row) = rows.next()? {
        conflicts.push(conflict(row, me)?);
    }
    Ok(conflicts)
}

/// As [`list_on`], on a reader of its own.
pub fn list(database: &Arc<Database>, filter: &Filter) -> Result<Vec<Conflict>, ConflictError> {
    list_on(&database.reader()?, database.log_state().device, filter)
}

/// One conflict.
pub fn show(database: &Arc<Database>, id: &str) -> Result<Conflict, ConflictError> {
    find(&database.reader()?, database.log_state().device, id)
}

pub(super) fn find(connection: &Connection, me: DeviceId, id: &str) -> Result<Conflict, ConflictError> {
    let found = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM sync_conflicts WHERE id = ?1"))?
        .query_row([id], |row| Ok(conflict(row, me)))
        .optional()?;
    found.unwrap_or_else(|| Err(ConflictError::NotFound(id.to_owned())))
}

fn conflict(row: &Row<'_>, me: DeviceId) -> Result<Conflict, ConflictError> {
    let (local_clock, remote_clock) = (Clock(row.get(9)?), Clock(row.get(11)?));
    let mut conflict = Conflict {
        id: row.get(0)?,
        table_name: row.get(1)?,
        record_id: row.get(2)?,
        kind: named(&Kind::ALL, Kind::as_str, &row.get::<_, String>(3)?)?,
        columns: json(row, 4)?.unwrap_or_default(),
        local_data: json(row, 5)?,
        remote_data: json(row, 6)?,
        ancestor: json(row, 7)?,
        local_device: device(row, 8)?,
        remote_device: device(row, 10)?,
        local_clock,
        remote_clock,
        local_timestamp: local_clock.micros(),
        remote_timestamp: remote_clock.micros(),
        shown: named(&[Winner::Local, Winner::Remote], Winner::as_str, &row.get::<_, String>(12)?)?,
        status: named(&Status::ALL, Status::as_str, &row.get::<_, String>(13)?)?,
        resolution: row.get(14)?,
        created_at: row.get(15)?,
    };
    // A device that came by its identity later than by the conflict (a restored one) sees the sides of its own.
    let mine_is_remote = conflict.remote_device == me;
    let of_others = conflict.local_device != me && !mine_is_remote;
    if mine_is_remote || (of_others && conflict.shown == Winner::Remote) {
        turn(&mut conflict);
    }
    Ok(conflict)
}

fn turn(conflict: &mut Conflict) {
    std::mem::swap(&mut conflict.local_data, &mut conflict.remote_data);
    std::mem::swap(&mut conflict.local_device, &mut conflict.remote_device);
    std::mem::swap(&mut conflict.local_clock, &mut conflict.remote_clock);
    std::mem::swap(&mut conflict.local_timestamp, &mut conflict.remote_timestamp);
    conflict.shown = conflict.shown.other();
}

fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, wanted: &str) -> Result<T, StoreError> {
    let found = all.iter().copied().find(|value| name(*value) == wanted);
    found.ok_or_else(|| StoreError::Corrupt(format!("sync_conflicts holds \"{wanted}\"")))
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>, ConflictError> {
    let Some(text) = row.get::<_, Option<String>>(column)? else { return Ok(None) };
    let read = serde_json::from_str(&text).map_err(|e| StoreError::Corrupt(format!("a conflict's data: {e}")))?;
    Ok(Some(read))
}

fn device(row: &Row<'_>, column: usize) -> Result<DeviceId, ConflictError> {
    Ok(Uuid::from_bytes(row.get(column)?))
}

/// An image as it is stored.
pub(super) fn image_text(image: Option<&RowImage>) -> Option<String> {
    image.map(crate::log::canonical_json)
}
