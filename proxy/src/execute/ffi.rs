//! The one question to SQLite that rusqlite has no method for: is a foreign key violated that waits for the end of the transaction?
//! Enters: a connection; leaves: yes or no (<https://sqlite.org/c3ref/c_dbstatus_options.html>, `SQLITE_DBSTATUS_DEFERRED_FKS`).
#![allow(unsafe_code, reason = "sqlite3_db_status has no safe wrapper in rusqlite")]

use rusqlite::{Connection, ffi};

/// Whether any foreign key is violated at this moment. All ours are deferred in SQLite's eyes, so that a statement never fails for one by itself.
pub(crate) fn has_foreign_key_violations(connection: &Connection) -> bool {
    let (mut current, mut highwater) = (0, 0);
    // SAFETY: the handle is that of a living connection, borrowed for the call; both pointers lead to locals; this option writes no more than them.
    let code = unsafe { ffi::sqlite3_db_status(connection.handle(), ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &mut current, &mut highwater, 0) };
    code == ffi::SQLITE_OK && current != 0
}
