//! Rows and values that one device wrote while another dropped their table or column without having seen them.
//!
//! Enters: a record of a table that is gone, or the values of columns that are. Leaves: a conflict of kind `dropped`, one per record: on one
//! side the DROP, on the other the greatest write that it had not seen, with the row as it was. Choosing the write brings table or column
//! back with all that the log tells of it; choosing the DROP confirms the loss.

use rusqlite::Connection;

use super::definitions::{Definitions, Lost};
use crate::{
    clock::DeviceId,
    conflicts::{self, RecordKey},
    log::RowImage,
    merge::{
        Found, Kind, Side, Write, WriteId, conflict_id, merge,
        schema::{Definition, Origin},
    },
    store::StoreError,
};

/// Opens or closes the conflict over a record whose table is gone; answers how many are new.
pub(super) fn table_row(
    connection: &Connection,
    me: DeviceId,
    definitions: &Definitions,
    origin: Origin,
    record_id: &str,
) -> Result<u64, StoreError> {
    let Some(gone) = definitions.world.gone.get(&origin) else { return Ok(0) };
    let Some(by) = definitions.definition(gone.by) else { return Ok(0) };
    let (writes, _) = definitions.writes_of(connection, origin, record_id)?;
    let merged = merge(record_id, &writes);
    let table_name = gone.last.object.name().to_string();
    let found = merged.row.and_then(|row| found(record_id, by, &writes, Vec::new(), row));
    let key = RecordKey { table_name: &table_name, record_id };
    match found {
        Some(found) => conflicts::open_unless_confirmed(connection, me, key, &found),
        None => Ok(0),
    }
}

/// The conflicts over what a record's writes say of columns that are gone.
pub(super) fn columns(definitions: &Definitions, record_id: &str, lost: &Lost) -> Vec<Found> {
    let mut all = Vec::new();
    for (column, writes) in lost {
        let Some(by) = definitions.world.gone_columns.get(column).and_then(|gone| definitions.definition(gone.by)) else { continue };
        let merged = merge(record_id, writes);
        let (Some(row), Some(rank)) = (merged.row, merged.ranks.get(&column.1)) else { continue };
        let shown: Vec<Write> = writes.iter().filter(|write| write.rank() == *rank).cloned().collect();
        all.extend(found(record_id, by, &shown, vec![column.1.clone()], row));
    }
    all
}

fn found(record_id: &str, by: &Definition, writes: &[Write], columns: Vec<String>, row: RowImage) -> Option<Found> {
    let kept = writes.iter().filter(|write| !by.saw(write.id)).max_by_key(|write| write.rank())?;
    let part = format!("{}:{}", Kind::Dropped.as_str(), columns.join(","));
    let dropped: WriteId = by.id;
    Some(Found {
        id: conflict_id(record_id, &part, dropped, kept.id),
        kind: Kind::Dropped,
        columns,
        shown: Side { id: dropped, clock: by.clock, data: None },
        kept: Side { id: kept.id, clock: kept.clock, data: Some(row) },
        ancestor: None,
    })
}
