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

/// The conflicts over a record of tables of that name that are gone.
pub(super) fn tables(connection: &Connection, definitions: &Definitions, key: RecordKey<'_>) -> Result<Vec<Found>, StoreError> {
    let mut all = Vec::new();
    for (origin, gone) in &definitions.world.gone {
        if gone.last.table().is_none_or(|table| table.name.to_string() != key.table_name) {
            continue;
        }
        let droppers = droppers(definitions, gone.by, &gone.also);
        let (writes, _) = definitions.writes_of(connection, *origin, key.record_id)?;
        let row = merge(key.record_id, &writes).row;
        all.extend(row.and_then(|row| found(key.record_id, &droppers, &writes, Vec::new(), row)));
    }
    Ok(all)
}

/// Opens or closes the conflicts over a record whose table is gone; answers how many are new.
pub(super) fn table_row(
    connection: &Connection,
    me: DeviceId,
    definitions: &Definitions,
    origin: Origin,
    record_id: &str,
) -> Result<u64, StoreError> {
    let Some(gone) = definitions.world.gone.get(&origin) else { return Ok(0) };
    let table_name = gone.last.object.name().to_string();
    let key = RecordKey { table_name: &table_name, record_id };
    conflicts::record_found(connection, me, key, &super::record::conflicts_of(connection, definitions, key)?)
}

/// The conflicts over what a record's writes say of columns that are gone.
pub(super) fn columns(definitions: &Definitions, record_id: &str, lost: &Lost) -> Vec<Found> {
    let mut all = Vec::new();
    for (column, writes) in lost {
        let Some(gone) = definitions.world.gone_columns.get(column) else { continue };
        let droppers = droppers(definitions, gone.by, &gone.also);
        let merged = merge(record_id, writes);
        let (Some(row), Some(rank)) = (merged.row, merged.ranks.get(&column.1)) else { continue };
        let shown: Vec<Write> = writes.iter().filter(|write| write.rank() == *rank).cloned().collect();
        all.extend(found(record_id, &droppers, &shown, vec![column.1.clone()], row));
    }
    all
}

fn droppers(definitions: &Definitions, by: WriteId, also: &[WriteId]) -> Vec<Definition> {
    std::iter::once(by).chain(also.iter().copied()).filter_map(|id| definitions.definition(id).cloned()).collect()
}

/// A write is lost that nobody had seen who dropped what it was about.
fn found(record_id: &str, droppers: &[Definition], writes: &[Write], columns: Vec<String>, row: RowImage) -> Option<Found> {
    let by = droppers.first()?;
    let unseen = |write: &&Write| !droppers.iter().any(|dropper| dropper.saw(write.id));
    let kept = writes.iter().filter(unseen).max_by_key(|write| write.rank())?;
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
