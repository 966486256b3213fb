//! The only unsafe code of this crate: what rusqlite has no safe wrapper for.
//!
//! Enters: a connection, and tables as the safe traits [`Table`] and [`Cursor`]. Leaves: eponymous virtual tables of SQLite, and the answer
//! to one question: is a foreign key violated that waits for the end of the transaction?
#![allow(unsafe_code, reason = "sqlite3_db_status has no safe wrapper, and SQLite's virtual tables are unsafe traits")]

use std::{
    borrow::Cow,
    ffi::{CStr, CString, c_int},
    marker::PhantomData,
};

use rusqlite::{
    Connection, ffi,
    vtab::{Context, Filters, IndexInfo, Module, VTab, VTabConnection, VTabCursor},
};

/// Whether any foreign key is violated at this moment. All ours are deferred in SQLite's eyes, so that a statement never fails for one by
/// itself (<https://sqlite.org/c3ref/c_dbstatus_options.html>, `SQLITE_DBSTATUS_DEFERRED_FKS`).
pub(crate) fn has_foreign_key_violations(connection: &Connection) -> bool {
    let (mut current, mut highwater) = (0, 0);
    // SAFETY: the handle is that of a living connection, borrowed for the call; both pointers lead to locals; this option writes no more than them.
    let code = unsafe { ffi::sqlite3_db_status(connection.handle(), ffi::SQLITE_DBSTATUS_DEFERRED_FKS, &mut current, &mut highwater, 0) };
    code == ffi::SQLITE_OK && current != 0
}

/// A table whose rows are computed (<https://sqlite.org/vtab.html>). It is its own definition, and is copied into each connection.
pub(crate) trait Table: Copy + Send + Sync + 'static {
    /// A scan of it.
    type Cursor: Cursor;

    /// Its columns as SQLite is told them: the text of a CREATE TABLE.
    fn declaration(&self) -> String;

    /// Chooses how to find rows; false where no way leads there.
    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool>;

    /// A cursor that has not been placed yet.
    fn open(&self) -> Self::Cursor;
}

/// A scan: placed by `filter`, then moved by `next` until `eof`.
pub(crate) trait Cursor {
    /// Begins; `plan` is the number that [`Table::best_index`] set.
    fn filter(&mut self, plan: c_int, args: &Filters<'_>) -> rusqlite::Result<()>;
    /// Goes on to the next row.
    fn next(&mut self) -> rusqlite::Result<()>;
    /// Whether the rows are at an end.
    fn eof(&self) -> bool;
    /// Hands out one value of the row, columns counted from 0.
    fn column(&self, cx: &mut Context, column: c_int) -> rusqlite::Result<()>;
    /// A number of the row that no other row of this scan has.
    fn rowid(&self) -> i64;
}

/// Makes `table` readable on this connection under `name`, without a CREATE.
pub(crate) fn register<T: Table>(connection: &Connection, name: &str, table: T) -> rusqlite::Result<()> {
    connection.create_module(name, Instance::<T>::MODULE, Some(table))
}

/// A table in the eyes of one connection. SQLite casts pointers to it to pointers to `base`.
#[repr(C)]
struct Instance<T> {
    base: ffi::sqlite3_vtab,
    table: T,
}

impl<T: Table> Instance<T> {
    const MODULE: &'static Module<'static, Instance<T>> = &Module::eponymous_only_module();
}

/// A cursor on it. SQLite casts pointers to it to pointers to `base`.
#[repr(C)]
struct InstanceCursor<'vtab, T: Table> {
    base: ffi::sqlite3_vtab_cursor,
    cursor: T::Cursor,
    phantom: PhantomData<&'vtab Instance<T>>,
}

// SAFETY: the struct has C's layout and begins with sqlite3_vtab, which is all that the trait asks for.
unsafe impl<'vtab, T: Table> VTab<'vtab> for Instance<T> {
    type Aux = T;
    type Cursor = InstanceCursor<'vtab, T>;

    fn connect(
        _db: &mut VTabConnection,
        aux: Option<&T>,
        _module_name: &[u8],
        _database_name: &[u8],
        _table_name: &[u8],
        _args: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        let table = *aux.ok_or_else(|| rusqlite::Error::ModuleError("a table without its definition".to_owned()))?;
        let sql = CString::new(table.declaration()).map_err(|error| rusqlite::Error::ModuleError(error.to_string()))?;
        Ok((Cow::Owned(sql), Instance { base: ffi::sqlite3_vtab::default(), table }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        caught(|| self.table.best_index(info))
    }

    fn open(&'vtab mut self) -> rusqlite::Result<InstanceCursor<'vtab, T>> {
        Ok(InstanceCursor { base: ffi::sqlite3_vtab_cursor::default(), cursor: self.table.open(), phantom: PhantomData })
    }
}

// SAFETY: the struct has C's layout and begins with sqlite3_vtab_cursor, which is all that the trait asks for.
unsafe impl<T: Table> VTabCursor for InstanceCursor<'_, T> {
    fn filter(&mut self, plan: c_int, _plan_text: Option<&str>, args: &Filters<'_>) -> rusqlite::Result<()> {
        let cursor = &mut self.cursor;
        caught(|| cursor.filter(plan, args))
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        let cursor = &mut self.cursor;
        caught(|| cursor.next())
    }

    fn eof(&self) -> bool {
        self.cursor.eof()
    }

    fn column(&self, cx: &mut Context, column: c_int) -> rusqlite::Result<()> {
        caught(|| self.cursor.column(cx, column))
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(self.cursor.rowid())
    }
}

/// What `work` answers; an error where it panics, which must not unwind through SQLite. rusqlite does the same for functions, not for tables.
fn caught<T>(work: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| Err(rusqlite::Error::UnwindingPanic))
}
