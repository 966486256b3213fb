//! The hidden row id of a table without a primary key: a UUID of version 7, so that rows come in the order in which they were inserted.
//! Enters: a connection; leaves: the same, knowing the function that such a table's text names as its default.

use rusqlite::{Connection, functions::FunctionFlags};

/// The name in SQLite of the function that makes an id.
pub const FUNCTION: &str = "peergres_row_id";

/// Registers the function.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function(FUNCTION, 0, FunctionFlags::SQLITE_UTF8, |_| Ok(uuid::Uuid::now_v7().into_bytes().to_vec()))
}
