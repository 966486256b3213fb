//! One record merged anew from all of its writes.
//!
//! Enters: a record of which writes that had not seen each other are held. Leaves: its row as the merge says, its conflicts opened and closed.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::{fault::Fault, rows::RowTable};
use crate::{
    clock::DeviceId,
    conflicts::{RecordKey, record_found},
    log::{LoggedChange, Operation, RowImage, changes_of_record},
    merge::{Action, Merged, Write, WriteId, merge},
    store::StoreError,
};

/// A record's writes that are held.
pub(crate) fn writes_of(connection: &Connection, key: RecordKey<'_>) -> Result<Vec<Write>, StoreError> {
    Ok(changes_of_record(connection, key.table_name, key.record_id)?.into_iter().filter_map(write).collect())
}

fn write(logged: LoggedChange) -> Option<Write> {
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
    })
}

/// Merges a record and puts it into its table; answers how many conflicts are new. `changed` are the columns that must be known here.
pub(super) fn settle(
    connection: &Connection,
    me: DeviceId,
    table: &RowTable,
    record_id: &str,
    changed: Option<&RowImage>,
) -> Result<u64, Fault> {
    let key = RecordKey { table_name: &table.layout.log_name, record_id };
    let writes = writes_of(connection, key)?;
    let merged = merge(key.table_name, record_id, &writes);
    put(connection, table, record_id, &merged, changed)?;
    Ok(record_found(connection, me, key, &merged, &writes)?)
}

fn put(connection: &Connection, table: &RowTable, record_id: &str, merged: &Merged, changed: Option<&RowImage>) -> Result<(), Fault> {
    let Some(row) = &merged.row else {
        table.delete(connection, record_id)?;
        return Ok(());
    };
    // Older writes may name columns that are gone; those of this change must be there.
    let known = |column: &String| table.has(column) || changed.is_some_and(|changed| changed.contains_key(column));
    let row: RowImage = row.iter().filter(|(column, _)| known(column)).map(|(column, value)| (column.clone(), value.clone())).collect();
    if table.update(connection, record_id, &row)? == 0 {
        table.insert(connection, record_id, &row)?;
    }
    Ok(())
}

/// After this device wrote: closes the conflicts that its writes beyond `position` have settled or superseded. Its tables are right already, since
/// it had seen all that is held.
pub(crate) fn settle_written(connection: &Connection, me: DeviceId, position: i64) -> Result<(), StoreError> {
    let open: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sync_conflicts WHERE status IN ('pending', 'ignored'))")?
        .query_row([], |row| row.get(0))?;
    if !open {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT l.table_name, l.record_id FROM sync_log AS l JOIN sync_conflicts AS c USING (table_name, record_id)
         WHERE l.position > ?1 AND c.status IN ('pending', 'ignored')",
    )?;
    let records: Vec<(String, String)> =
        statement.query_map(params![position], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (table_name, record_id) in &records {
        let key = RecordKey { table_name, record_id };
        let writes = writes_of(connection, key)?;
        record_found(connection, me, key, &merge(table_name, record_id, &writes), &writes)?;
    }
    Ok(())
}
