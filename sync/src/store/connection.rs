//! How a connection to a database file is opened: one list of settings for writers and readers, each with its reason.
//!
//! Enters: a path and a role. Leaves: a connection with the SQL pipeline's functions registered.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{Setup, StoreError, ffi};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The shared writer: makes the file if need be, keeps a warm cache.
    Writer,
    /// A session's reading.
    Reader,
    /// Checkpoints only.
    Checkpointer,
}

/// Opens a connection.
pub(crate) fn open(path: &Path, role: Role, setup: &Setup) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if role == Role::Writer {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(path, flags)?;
    // Nobody but a checkpoint or a recovery is ever waited for: writers queue for the lock of this process.
    connection.busy_timeout(std::time::Duration::from_secs(if role == Role::Checkpointer { 0 } else { 10 }))?;
    if role == Role::Writer {
        // Before the first table is made, so that the file is born with it.
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(StoreError::NoWal(path.to_owned()));
        }
    }
    // NORMAL: frames are written, not synced, at commit (store::flush syncs them); SQLite syncs around checkpoints and restarts of the WAL.
    // mmap_size 0: with a filled WAL, mapping makes each page fetch search the WAL. wal_autocheckpoint 0: checkpoints have a thread.
    // trusted_schema ON: CHECKs, defaults and indexes call our functions.
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON;
         PRAGMA recursive_triggers = ON; PRAGMA trusted_schema = ON; PRAGMA journal_size_limit = 67108864;",
    )?;
    // A name in double quotes that no column bears is an error, not a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    if !ffi::persist_wal(&connection) {
        return Err(StoreError::NoWal(path.to_owned()));
    }
    match role {
        Role::Writer => connection.execute_batch("PRAGMA cache_size = -65536")?,
        Role::Reader => connection.execute_batch("PRAGMA cache_size = -16384; PRAGMA query_only = ON")?,
        Role::Checkpointer => return Ok(connection),
    }
    connection.set_prepared_statement_cache_capacity(512);
    ffi::watch_nothing(&connection);
    setup(&connection)?;
    Ok(connection)
}
