//! One record merged anew from all of its writes.
//!
//! Enters: a record of which writes that had not seen each other are held. Leaves: its row as the merge says, its conflicts opened and closed.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::{
    aside,
    definitions::{Definitions, Lost, writes_and_lost},
    fault::Fault,
    lost,
    place::{Loose, Placer},
    rows::RowTable,
    unseen::{self, Unseen},
};
use crate::{
    clock::{Clock, DeviceId},
    commit::enforce,
    conflicts::{RecordKey, any_open, record_found},
    log::{LoggedChange, Operation, RowImage, changes_of_record},
    merge::{Action, Found, Kind, Merged, Side, Write, WriteId, apart, conflict_id, merge},
    schema::{Layouts, Schema},
    store::StoreError,
};

/// A record's writes that are held, under the names that table and columns have now.
pub(crate) fn writes_of(connection: &Connection, key: RecordKey<'_>) -> Result<Vec<Write>, StoreError> {
    Ok(writes_and_lost(connection, key)?.0)
}

/// The writes that stand in the log under a table's name.
pub(super) fn written(connection: &Connection, key: RecordKey<'_>) -> Result<Vec<Write>, StoreError> {
    let unseen = unseen::of_record(connection, key)?;
    let changes = changes_of_record(connection, key.table_name, key.record_id)?;
    Ok(changes.into_iter().filter_map(|logged| write(logged, &unseen)).collect())
}

fn write(logged: LoggedChange, unseen: &Unseen) -> Option<Write> {
    let action = match logged.change.operation {
        Operation::Insert => Action::Insert,
        Operation::Update => Action::Update,
        Operation::Delete => Action::Delete,
        Operation::Ddl | Operation::Pruned => return None,
    };
    Some(Write {
        id: WriteId { device: logged.device_id, version: logged.change.version },
        clock: logged.clock,
        context: Arc::new(logged.context),
        action,
        data: logged.change.data.unwrap_or_default(),
        old: logged.change.old_data.unwrap_or_default(),
        resolves: logged.change.resolves,
        unseen: unseen.get(&(logged.device_id, logged.first_version)).cloned().unwrap_or_default(),
    })
}

/// What came of a record.
pub(super) struct Settled {
    /// How many conflicts are new.
    pub(super) found: u64,
    /// Whether its row found its key taken, and is out of the table.
    pub(super) homeless: bool,
}

/// Merges a record and puts it into its table. `changed` are the columns that must be known here.
pub(super) fn settle(
    connection: &Connection,
    me: DeviceId,
    table: &RowTable,
    record_id: &str,
    changed: Option<&RowImage>,
) -> Result<Settled, Fault> {
    let key = RecordKey { table_name: &table.layout.log_name, record_id };
    let (writes, lost) = writes_and_lost(connection, key)?;
    let mut merged = merge(record_id, &writes);
    let groundless = merged.row.is_some() && writes.iter().all(|write| write.action == Action::Update);
    if groundless && !table.exists(connection, record_id)? {
        // Its author had a row that was pruned everywhere else; it is inserted anew by a later change.
        return Err(Fault::Blocked("what it was made upon is gone".to_owned()));
    }
    let homeless = match put(connection, table, record_id, &merged, &writes, changed) {
        Ok(()) => false,
        Err(Fault::Unique(_)) => {
            table.delete(connection, record_id)?;
            true
        }
        Err(Fault::Check(reason)) => {
            merged = put_apart(connection, table, key, &writes, &reason)?;
            false
        }
        Err(other) => return Err(other),
    };
    merged.conflicts.extend(lost_of(connection, key, &lost)?);
    Ok(Settled { found: record_found(connection, me, key, &merged.conflicts)?, homeless })
}

/// What stands over a record: between its writes, and between them and what was dropped.
pub(super) fn conflicts_of(connection: &Connection, definitions: &Definitions, key: RecordKey<'_>) -> Result<Vec<Found>, StoreError> {
    if !definitions.is_there(key.table_name) {
        return lost::tables(connection, definitions, key);
    }
    let (writes, lost) = writes_and_lost(connection, key)?;
    let mut found = merge(key.record_id, &writes).conflicts;
    found.extend(lost_of(connection, key, &lost)?);
    Ok(found)
}

/// What stands between a record's writes and what was dropped.
fn lost_of(connection: &Connection, key: RecordKey<'_>, lost: &Lost) -> Result<Vec<Found>, StoreError> {
    let definitions = Definitions::held(connection)?;
    let mut found = lost::columns(&definitions, key.record_id, lost);
    if !definitions.world.gone.is_empty() {
        found.extend(lost::tables(connection, &definitions, key)?);
    }
    Ok(found)
}

/// Columns that are fine each but not together: the row is shown as the author of its greatest head saw it, if that fits, else as the next one did.
fn put_apart(connection: &Connection, table: &RowTable, key: RecordKey<'_>, writes: &[Write], reason: &str) -> Result<Merged, Fault> {
    let views = apart(key.record_id, writes);
    if views.len() < 2 {
        return Err(Fault::Blocked(reason.to_owned()));
    }
    let side = |view: &(WriteId, Clock, Merged)| Side { id: view.0, clock: view.1, data: view.2.row.clone() };
    for shown in &views {
        match put(connection, table, key.record_id, &shown.2, writes, None) {
            Ok(()) => {}
            Err(Fault::Store(error)) => return Err(Fault::Store(error)),
            Err(_) => continue,
        }
        let mut merged = shown.2.clone();
        merged.conflicts = views
            .iter()
            .filter(|kept| kept.0 != shown.0)
            .map(|kept| {
                let columns = differing(shown.2.row.as_ref(), kept.2.row.as_ref());
                let id = conflict_id(key.record_id, Kind::Check.as_str(), shown.0, kept.0);
                Found { id, kind: Kind::Check, columns, shown: side(shown), kept: side(kept), ancestor: None }
            })
            .collect();
        return Ok(merged);
    }
    Err(Fault::Blocked(reason.to_owned()))
}

fn differing(a: Option<&RowImage>, b: Option<&RowImage>) -> Vec<String> {
    let (Some(a), Some(b)) = (a, b) else { return Vec::new() };
    let mut names: Vec<String> =
        a.iter().filter(|(column, value)| b.get(*column) != Some(*value)).map(|(column, _)| column.clone()).collect();
    names.sort();
    names
}

fn put(
    connection: &Connection,
    table: &RowTable,
    record_id: &str,
    merged: &Merged,
    writes: &[Write],
    changed: Option<&RowImage>,
) -> Result<(), Fault> {
    let Some(row) = &merged.row else {
        table.delete(connection, record_id)?;
        return Ok(());
    };
    // Older writes may name columns that are gone; those of this change must be there.
    let known = |column: &String| table.has(column) || changed.is_some_and(|changed| changed.contains_key(column));
    let row: RowImage = row.iter().filter(|(column, _)| known(column)).map(|(column, value)| (column.clone(), value.clone())).collect();
    // A column that only writes of another row under the key tell of (it was added in between) has its default again: the two are never mixed.
    let mut told = writes.iter().flat_map(|write| write.data.keys());
    if told.any(|column| table.has(column) && !row.contains_key(column)) {
        table.delete(connection, record_id)?;
    }
    if table.update(connection, record_id, &row)? == 0 {
        table.insert(connection, record_id, &row)?;
    } else if merged.is_whole {
        table.forget(connection, record_id, &row)?;
    }
    Ok(())
}

/// Whether anything is open that a write of this device may settle.
pub(crate) fn awaits_writes(connection: &Connection) -> Result<bool, StoreError> {
    Ok(any_open(connection)? || aside::any(connection)?)
}

/// After this device wrote, where [that may settle something](awaits_writes) and its writes are filed: closes the conflicts that its writes
/// beyond `position` have settled or superseded, and finds places for what was set aside. The rows that it wrote are right already, since it had
/// seen all that is held.
pub(crate) fn settle_written(
    connection: &Connection,
    me: DeviceId,
    position: i64,
    schema: &Arc<Schema>,
    layouts: &Arc<Layouts>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT l.table_name, l.record_id FROM sync_log_filed AS l JOIN sync_conflicts AS c USING (table_name, record_id)
         WHERE l.position > ?1 AND c.status IN ('pending', 'ignored')",
    )?;
    let records: Vec<(String, String)> =
        statement.query_map(params![position], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    drop(statement);
    for (table_name, record_id) in &records {
        let key = RecordKey { table_name, record_id };
        let definitions = Definitions::held(connection)?;
        record_found(connection, me, key, &conflicts_of(connection, &definitions, key)?)?;
    }
    if aside::any(connection)? {
        enforce(connection, false)?;
        let placed = Placer::new(connection, me, Arc::clone(schema), Arc::clone(layouts)).place(&mut Loose::default(), true);
        enforce(connection, true)?;
        if let Err(fault) = placed {
            tracing::warn!(reason = fault.reason()?, "what is set aside stays so");
        }
    }
    Ok(())
}
