//! `sync_aside`: records whose row in the table is not what their own writes alone say.
//!
//! Enters: records and why. Leaves: the list, to be looked at again whenever something changes.

use rusqlite::Connection;

use crate::store::StoreError;

/// Why a record stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Another row has its key: it does not show.
    Unique,
    /// Its parent is not there: it does not show.
    Orphan,
    /// Other rows refer to it: it shows although it was deleted.
    Revived,
}

impl Why {
    const ALL: [Why; 3] = [Why::Unique, Why::Orphan, Why::Revived];

    fn as_str(self) -> &'static str {
        match self {
            Why::Unique => "unique",
            Why::Orphan => "orphan",
            Why::Revived => "revived",
        }
    }
}

/// Whether there is any.
pub(super) fn any(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM sync_aside)")?.query_row([], |row| row.get(0))?)
}

/// All of them: table, record, why.
pub(super) fn list(connection: &Connection) -> Result<Vec<(String, String, Why)>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT table_name, record_id, kind FROM sync_aside")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))?;
    let known = |(table, record, kind): (String, String, String)| {
        let why = Why::ALL.into_iter().find(|why| why.as_str() == kind);
        why.map(|why| (table, record, why)).ok_or_else(|| StoreError::Corrupt(format!("sync_aside holds \"{kind}\"")))
    };
    rows.map(|row| known(row?)).collect()
}

/// Puts a record there.
pub(super) fn put(connection: &Connection, table_name: &str, record_id: &str, why: Why) -> Result<(), StoreError> {
    connection.prepare_cached("INSERT OR REPLACE INTO sync_aside (table_name, record_id, kind) VALUES (?1, ?2, ?3)")?.execute([
        table_name,
        record_id,
        why.as_str(),
    ])?;
    Ok(())
}

/// Takes a record away.
pub(super) fn remove(connection: &Connection, table_name: &str, record_id: &str) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM sync_aside WHERE table_name = ?1 AND record_id = ?2")?.execute([table_name, record_id])?;
    Ok(())
}
