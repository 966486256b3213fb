//! Writing `sync_conflicts`: what a merge found is opened, what stands no more is closed.
//!
//! Enters: a record's merge. Leaves: the table's rows of that record: the conflicts that stand, and those that an entry of the log settled.
//! Both are a function of the entries held.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Kind, Status, Winner,
    settled::{self, Described, Settlement, status_of},
    store::image_text,
};
use crate::{
    clock::{DeviceId, now_micros},
    log::Change,
    merge::{Found, Side, WriteId, newest},
    store::StoreError,
};

/// What the names of our own tables in the log begin with; schema `peergres` holds no user's table.
pub(crate) const OWN_TABLES: &str = "peergres.";
/// The name under which decisions about a conflict (ignored, pending) stand in the log.
pub(crate) const DECISIONS: &str = "peergres.sync_conflicts";

/// Names a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordKey<'a> {
    /// Table, as in the log.
    pub(crate) table_name: &'a str,
    /// Key in text form.
    pub(crate) record_id: &'a str,
}

/// Whether any conflict is open.
pub(crate) fn any_open(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sync_conflicts WHERE status IN ('pending', 'ignored'))")?
        .query_row([], |row| row.get(0))
}

/// Whether the record has an open conflict.
pub(crate) fn is_open(connection: &Connection, table_name: &str, record_id: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sync_conflicts WHERE table_name = ?1 AND record_id = ?2 AND status IN ('pending', 'ignored'))";
    connection.prepare_cached(sql)?.query_row([table_name, record_id], |row| row.get(0))
}

/// Opens what was found, closes the record's other conflicts; answers how many are new.
pub(crate) fn record_found(connection: &Connection, me: DeviceId, key: RecordKey<'_>, stands: &[Found]) -> Result<u64, StoreError> {
    let mut new = 0;
    for found in stands {
        if found.kind == Kind::Dropped {
            new += open_unless_confirmed(connection, me, key, found)?;
            continue;
        }
        new += open(connection, me, key, found)?;
        mark_won(connection, found.shown.id, true)?;
        mark_won(connection, found.kept.id, false)?;
    }
    let mut statement = connection.prepare_cached(
        "SELECT id FROM sync_conflicts WHERE table_name = ?1 AND record_id = ?2
         AND kind IN ('update_update', 'delete_update', 'insert_insert', 'check', 'dropped')",
    )?;
    let known: Vec<String> = statement.query_map([key.table_name, key.record_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in known.iter().filter(|id| !stands.iter().any(|found| found.id == **id)) {
        close(connection, id)?;
    }
    Ok(new)
}

/// Closes the conflicts over the place of a record's row, except for the one that stands.
pub(crate) fn close_placed(connection: &Connection, key: RecordKey<'_>, stands: Option<&str>) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM sync_conflicts WHERE table_name = ?1 AND record_id = ?2 AND kind IN ('unique', 'foreign_key') AND status <> 'resolved'",
    )?;
    let known: Vec<String> = statement.query_map([key.table_name, key.record_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for id in known.iter().filter(|id| stands != Some(id.as_str())) {
        close(connection, id)?;
    }
    Ok(())
}

/// Opens a conflict or brings it up to date; answers 1 if it was not open.
pub(crate) fn open(connection: &Connection, me: DeviceId, key: RecordKey<'_>, found: &Found) -> Result<u64, StoreError> {
    let status = decision(connection, &found.id)?;
    let sides = Sides::of(me, &found.shown, &found.kept);
    let was_open: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sync_conflicts WHERE id = ?1 AND status <> 'resolved')")?
        .query_row([&found.id], |row| row.get(0))?;
    insert(connection, &found.id, key, found.kind, &found.columns, &sides, image_text(found.ancestor.as_ref()), status)?;
    Ok(u64::from(!was_open))
}

/// The sides as this device calls them.
struct Sides<'a> {
    local: &'a Side,
    remote: &'a Side,
    shown: Winner,
}

impl<'a> Sides<'a> {
    fn of(me: DeviceId, shown: &'a Side, kept: &'a Side) -> Sides<'a> {
        if kept.id.device == me {
            Sides { local: kept, remote: shown, shown: Winner::Remote }
        } else {
            Sides { local: shown, remote: kept, shown: Winner::Local }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a row of the table, column by column")]
fn insert(
    connection: &Connection,
    id: &str,
    key: RecordKey<'_>,
    kind: Kind,
    columns: &[String],
    sides: &Sides<'_>,
    ancestor: Option<String>,
    status: Status,
) -> Result<(), StoreError> {
    let columns = serde_json::to_string(columns).expect("strings are JSON");
    let mut statement = connection.prepare_cached(
        "INSERT INTO sync_conflicts (id, table_name, record_id, kind, column_names, local_data, remote_data, ancestor_data, local_device,
             local_version, local_clock, remote_device, remote_version, remote_clock, shown, status, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT (id) DO UPDATE SET column_names = excluded.column_names, local_data = excluded.local_data,
             remote_data = excluded.remote_data, ancestor_data = excluded.ancestor_data, local_device = excluded.local_device,
             local_version = excluded.local_version, local_clock = excluded.local_clock, remote_device = excluded.remote_device,
             remote_version = excluded.remote_version, remote_clock = excluded.remote_clock, shown = excluded.shown,
             status = excluded.status, resolution = NULL, resolved_at = NULL",
    )?;
    statement.execute(params![
        id,
        key.table_name,
        key.record_id,
        kind.as_str(),
        columns,
        image_text(sides.local.data.as_ref()),
        image_text(sides.remote.data.as_ref()),
        ancestor,
        sides.local.id.device.as_bytes(),
        sides.local.id.version,
        sides.local.clock.0,
        sides.remote.id.device.as_bytes(),
        sides.remote.id.version,
        sides.remote.clock.0,
        sides.shown.as_str(),
        status.as_str(),
        now_micros(),
    ])?;
    Ok(())
}

/// A conflict that stands no more: it stays listed where an entry of the log settled it. What was superseded by a write that had seen it,
/// or gave its place to another conflict, is told by the log alone, since a device to which all came at once has never seen it stand.
fn close(connection: &Connection, id: &str) -> Result<(), StoreError> {
    let Some(settlement) = Settlement::last(connection, id)? else {
        connection.prepare_cached("DELETE FROM sync_conflicts WHERE id = ?1")?.execute([id])?;
        return Ok(());
    };
    connection
        .prepare_cached(
            "UPDATE sync_conflicts SET status = 'resolved', resolution = ?2, resolved_at = coalesce(resolved_at, ?3)
             WHERE id = ?1 AND (status <> 'resolved' OR resolution <> ?2)",
        )?
        .execute(params![id, settlement.words, settlement.clock.micros()])?;
    Ok(())
}

fn mark_won(connection: &Connection, id: WriteId, won: bool) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE sync_log_filed SET won = ?3 WHERE device_id = ?1 AND version = ?2 AND won IS NOT ?3")?
        .execute(params![id.device.as_bytes(), id.version, won])?;
    Ok(())
}

/// What was decided last about a conflict that stands.
fn decision(connection: &Connection, id: &str) -> Result<Status, StoreError> {
    let decisions = crate::apply::writes_of(connection, RecordKey { table_name: DECISIONS, record_id: id })?;
    let ignored = newest(&decisions).is_some_and(|index| status_of(&decisions[index].data) == Some(Status::Ignored.as_str()));
    Ok(if ignored { Status::Ignored } else { Status::Pending })
}

/// A decision about a conflict came in: ignored, pending again, or resolved. One that was resolved is listed also where it never stood.
pub(crate) fn note_decision(connection: &Connection, me: DeviceId, change: &Change) -> Result<(), StoreError> {
    if change.table_name != DECISIONS {
        return Ok(());
    }
    let id = &change.record_id;
    if change.data.as_ref().and_then(status_of) == Some(Status::Resolved.as_str()) {
        let known: Option<(String, String)> = connection
            .prepare_cached("SELECT status, kind FROM sync_conflicts WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        // What is said of schema changes ends the matter; what is said of rows, once they are as it says.
        let ends = |kind: &str| kind == Kind::Schema.as_str() || kind == Kind::Dropped.as_str();
        let known = known.as_ref().map(|(status, kind)| (status.as_str(), ends(kind)));
        match (known, change.data.as_ref().and_then(settled::read)) {
            (None, Some(described)) => {
                let Described { table_name, record_id, found } = &described;
                open(connection, me, RecordKey { table_name, record_id }, &Found { id: id.clone(), ..found.clone() })?;
                close(connection, id)?;
            }
            (Some(("resolved", _) | (_, true)), _) => close(connection, id)?,
            _ => {}
        }
        return Ok(());
    }
    let status = decision(connection, id)?;
    connection
        .prepare_cached("UPDATE sync_conflicts SET status = ?2 WHERE id = ?1 AND status <> 'resolved'")?
        .execute([id, status.as_str()])?;
    Ok(())
}

/// As [`open`], of something that a person may have confirmed as it is.
fn open_unless_confirmed(connection: &Connection, me: DeviceId, key: RecordKey<'_>, found: &Found) -> Result<u64, StoreError> {
    if Settlement::last(connection, &found.id)?.is_some() {
        return Ok(0);
    }
    open(connection, me, key, found)
}

/// Closes the conflicts of a kind that do not stand.
pub(crate) fn close_others(connection: &Connection, kind: Kind, standing: &BTreeSet<&str>) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("SELECT id FROM sync_conflicts WHERE kind = ?1 AND status <> 'resolved'")?;
    let known: Vec<String> = statement.query_map([kind.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    known.iter().filter(|id| !standing.contains(id.as_str())).try_for_each(|id| close(connection, id))
}

/// The records that open conflicts between writes are about.
pub(crate) fn records_in_question(connection: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT table_name, record_id FROM sync_conflicts WHERE table_name <> '' AND status <> 'resolved'")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A table has another name: what is told of its records follows.
pub(crate) fn renamed(connection: &Connection, from: &str, to: &str) -> Result<(), StoreError> {
    for table in ["sync_conflicts", "sync_aside"] {
        connection.execute(&format!("UPDATE {table} SET table_name = ?2 WHERE table_name = ?1"), [from, to])?;
    }
    Ok(())
}

/// Whether both sides of a conflict are settlements of other conflicts.
pub(super) fn both_settled(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sync_conflicts AS c WHERE id = ?1
             AND (SELECT resolves FROM sync_log WHERE device_id = c.local_device AND version = c.local_version) IS NOT NULL
             AND (SELECT resolves FROM sync_log WHERE device_id = c.remote_device AND version = c.remote_version) IS NOT NULL)";
    Ok(connection.prepare_cached(sql)?.query_row([id], |row| row.get(0))?)
}
