//! Room for a unique key over rows that others wrote while its author did not know.
//!
//! Enters: unique indexes that are to be made. Leaves: tables in which no two rows have one key: all that share one are taken out, and placed
//! anew by the order of their claims once the index is there.

use rusqlite::Connection;

use super::{fault::Fault, keys::Keys, place::Loose, rows::RowTable, sight::Sight};
use crate::{
    commit::Transaction as WriteTransaction,
    schema::{Index, Object, Table},
};

/// Makes room for the unique indexes among the objects that are not there yet.
pub(super) fn make_room(transaction: &WriteTransaction, objects: &[Object], sight: &Sight, loose: &mut Loose) -> Result<(), Fault> {
    if sight.is_whole() { Ok(()) } else { clear(transaction, objects, loose) }
}

/// As [`make_room`], whoever had seen what.
pub(super) fn clear(transaction: &WriteTransaction, objects: &[Object], loose: &mut Loose) -> Result<(), Fault> {
    let schema = transaction.schema();
    for object in objects {
        let Object::Index(index) = object else { continue };
        let is_new = schema.get(object.class(), &object.name()).is_none_or(|known| **known != *object);
        let Some(described) = schema.table(&index.table).filter(|_| index.unique && is_new) else { continue };
        // What the index is over may not be there yet; then there is nothing to share.
        let known = |name: &String| described.columns.iter().any(|column| column.name == *name);
        if !index.keys.iter().all(|key| key.column.as_ref().is_none_or(known)) {
            continue;
        }
        let Some(table) = RowTable::find(&schema, &transaction.layouts(), &index.table.to_string()) else { continue };
        take_out(transaction.connection(), described, index, &table, loose)?;
    }
    Ok(())
}

fn take_out(connection: &Connection, described: &Table, index: &Index, table: &RowTable, loose: &mut Loose) -> Result<(), Fault> {
    for record in Keys::only(described, &table.layout, index).shared(connection, index)? {
        table.delete(connection, &record)?;
        loose.homeless.insert((table.layout.log_name.clone(), record));
    }
    Ok(())
}
