//! The entry of the log that says how a conflict was settled, with the conflict as it stood: every device lists the same settled ones, also
//! one that got the conflict and its end in one go.
//!
//! Enters: a conflict that is being resolved; later the entry. Leaves: the entry; and from it the conflict and how it ended, in words.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{Kind, Status, Winner, record::DECISIONS};
use crate::{
    clock::{Clock, DeviceId, Version},
    log::{Change, Operation, RowImage},
    merge::{Found, Side, Write, WriteId, newest},
    store::StoreError,
};

/// What ended a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    /// One side was chosen, perhaps with values of one's own.
    Chosen,
    /// The row was deleted.
    Deleted,
}

/// The entry's `data`.
#[derive(Serialize, Deserialize)]
struct Entry {
    status: String,
    way: Way,
    table_name: String,
    record_id: String,
    kind: Kind,
    columns: Vec<String>,
    shown: EntrySide,
    kept: EntrySide,
    ancestor: Option<RowImage>,
    /// Where a side is a schema change: what was chosen against what, and whether the latter's transaction gives way whole.
    #[serde(flatten)]
    choice: Option<Choice>,
}

/// A choice between schema changes, or between one and a row's change.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Choice {
    chosen: (DeviceId, Version),
    against: (DeviceId, Version),
    void: bool,
}

impl Choice {
    /// Of one write against the other.
    pub(super) fn new(chosen: WriteId, against: WriteId, void: bool) -> Choice {
        Choice { chosen: (chosen.device, chosen.version), against: (against.device, against.version), void }
    }
}

#[derive(Serialize, Deserialize)]
struct EntrySide {
    device: DeviceId,
    version: Version,
    clock: u64,
    data: Option<RowImage>,
}

/// A conflict as an entry describes it.
pub(super) struct Described {
    pub(super) table_name: String,
    pub(super) record_id: String,
    pub(super) found: Found,
}

/// How a conflict ended.
pub(super) struct Settlement {
    /// In words.
    pub(super) words: String,
    /// The clock of who ended it.
    pub(super) clock: Clock,
}

impl Settlement {
    /// The last word about a conflict, where someone resolved it.
    pub(super) fn last(connection: &Connection, id: &str) -> Result<Option<Settlement>, StoreError> {
        let key = super::RecordKey { table_name: DECISIONS, record_id: id };
        let resolved = |write: &Write| status_of(&write.data) == Some(Status::Resolved.as_str());
        let decisions: Vec<Write> = crate::apply::writes_of(connection, key)?.into_iter().filter(resolved).collect();
        Ok(newest(&decisions).map(|index| {
            let write = &decisions[index];
            let deleted = write.data.get("way").is_some_and(|way| way == "deleted");
            let way = if deleted { "resolved by deleting the row" } else { "resolved" };
            let words = format!("{way}: version {} of device {}", write.id.version, write.id.device);
            Settlement { words, clock: write.clock }
        }))
    }
}

/// The status that a decision gives.
pub(super) fn status_of(data: &RowImage) -> Option<&str> {
    data.get("status").and_then(Json::as_str)
}

/// The conflict that an entry describes; its id is the entry's.
pub(super) fn read(data: &RowImage) -> Option<Described> {
    let entry: Entry = serde_json::from_value(Json::Object(data.clone())).ok()?;
    let side =
        |side: EntrySide| Side { id: WriteId { device: side.device, version: side.version }, clock: Clock(side.clock), data: side.data };
    let found = Found {
        id: String::new(),
        kind: entry.kind,
        columns: entry.columns,
        shown: side(entry.shown),
        kept: side(entry.kept),
        ancestor: entry.ancestor,
    };
    Some(Described { table_name: entry.table_name, record_id: entry.record_id, found })
}

/// The entry that says that a conflict is resolved. `choice` says more where a side is a schema change.
pub(super) fn entry(connection: &Connection, id: &str, way: Way, choice: Option<Choice>) -> Result<Change, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT table_name, record_id, kind, column_names, ancestor_data, shown, local_device, local_version, local_clock, local_data,
                 remote_device, remote_version, remote_clock, remote_data FROM sync_conflicts WHERE id = ?1",
        )?
        .query_row(params![id], |row| {
            let (local, remote) = (side(row, 6)?, side(row, 10)?);
            let local_shows = row.get::<_, String>(5)? == Winner::Local.as_str();
            let (shown, kept) = if local_shows { (local, remote) } else { (remote, local) };
            Ok(Entry {
                status: Status::Resolved.as_str().to_owned(),
                way,
                table_name: row.get(0)?,
                record_id: row.get(1)?,
                kind: json(row, 2, |text| serde_json::from_value(Json::String(text.to_owned())).ok())?,
                columns: json(row, 3, |text| serde_json::from_str(text).ok())?,
                ancestor: image(row, 4)?,
                shown,
                kept,
                choice,
            })
        })?;
    let Ok(Json::Object(data)) = serde_json::to_value(&found) else { unreachable!("a struct of plain data is a JSON object") };
    Ok(Change {
        version: 0,
        table_name: DECISIONS.to_owned(),
        record_id: id.to_owned(),
        operation: Operation::Update,
        data: Some(data),
        old_data: Some(RowImage::from_iter([("status".to_owned(), Status::Pending.as_str().into())])),
        resolves: None,
    })
}

fn side(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<EntrySide> {
    let device = Uuid::from_bytes(row.get(at)?);
    Ok(EntrySide { device, version: row.get(at + 1)?, clock: row.get(at + 2)?, data: image(row, at + 3)? })
}

fn image(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<RowImage>> {
    let Some(text) = row.get::<_, Option<String>>(at)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|e| corrupt(at, e.into()))
}

fn json<T>(row: &rusqlite::Row<'_>, at: usize, read: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    read(&text).ok_or_else(|| corrupt(at, format!("sync_conflicts holds {text}").into()))
}

fn corrupt(at: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error)
}

/// The two sides' writes, as the store calls them: local and remote.
pub(super) fn sides(connection: &Connection, id: &str) -> Result<(WriteId, WriteId), StoreError> {
    let side = |row: &rusqlite::Row<'_>, at: usize| -> rusqlite::Result<WriteId> {
        Ok(WriteId { device: Uuid::from_bytes(row.get(at)?), version: row.get(at + 1)? })
    };
    let sql = "SELECT local_device, local_version, remote_device, remote_version FROM sync_conflicts WHERE id = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([id], |row| Ok((side(row, 0)?, side(row, 2)?)))?)
}
