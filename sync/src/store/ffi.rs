//! The calls into SQLite that rusqlite does not offer: the preupdate hook, the hook on WAL commits, and the persistent WAL.
//!
//! Enters: a connection and the observer that is to see its rows. Leaves: calls of [`Observer::row`] with safe views of the row.
#![allow(unsafe_code)]
// Reason: SQLite's C interface. The views given out live as long as the callback; the observer is kept alive by `Attached`.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    marker::PhantomData,
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::{Connection, ffi, types::ValueRef};

/// Sees rows before they change.
pub(crate) trait Observer: Send {
    /// A row of the main database is about to be inserted, updated or deleted.
    fn row(&mut self, row: &Row<'_>);
    /// A commit wrote to the WAL, which now has so many frames.
    fn wal_written(&mut self, frames: u32);
}

/// What is about to happen to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowOperation {
    Insert,
    Update,
    Delete,
}

/// The row of the running callback.
pub(crate) struct Row<'a> {
    db: *mut ffi::sqlite3,
    /// What happens.
    pub(crate) operation: RowOperation,
    /// The table's name in SQLite.
    pub(crate) table: &'a [u8],
}

impl Row<'_> {
    /// A column's value before; none where SQLite can't say (out of memory, no such column).
    pub(crate) fn before(&self, column: usize) -> Option<ValueRef<'_>> {
        self.value(column, ffi_preupdate::sqlite3_preupdate_old)
    }

    /// A column's value after.
    pub(crate) fn after(&self, column: usize) -> Option<ValueRef<'_>> {
        self.value(column, ffi_preupdate::sqlite3_preupdate_new)
    }

    fn value(&self, column: usize, get: ffi_preupdate::Get) -> Option<ValueRef<'_>> {
        let mut value: *mut ffi::sqlite3_value = std::ptr::null_mut();
        // SAFETY: called inside the preupdate callback of `db`, the only place where a `Row` exists; SQLite checks the column's number.
        let code = unsafe { get(self.db, c_int::try_from(column).ok()?, &raw mut value) };
        if code != ffi::SQLITE_OK || value.is_null() {
            return None;
        }
        // SAFETY: SQLite keeps the value unchanged until the callback returns, and `self` does not outlive that.
        Some(unsafe { view(value) })
    }
}

/// SAFETY: `value` must be valid for `'a`.
unsafe fn view<'a>(value: *mut ffi::sqlite3_value) -> ValueRef<'a> {
    // SAFETY: `value` is valid; text and blob pointers are valid for as many bytes as sqlite3_value_bytes then says.
    unsafe {
        match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => {
                let start = ffi::sqlite3_value_text(value);
                ValueRef::Text(bytes(start, ffi::sqlite3_value_bytes(value)))
            }
            ffi::SQLITE_BLOB => {
                let start = ffi::sqlite3_value_blob(value).cast::<u8>();
                ValueRef::Blob(bytes(start, ffi::sqlite3_value_bytes(value)))
            }
            _ => ValueRef::Null,
        }
    }
}

/// SAFETY: `start` must be valid for `length` bytes for `'a`, or null.
unsafe fn bytes<'a>(start: *const u8, length: c_int) -> &'a [u8] {
    match usize::try_from(length) {
        // SAFETY: as the caller promises.
        Ok(length) if length > 0 && !start.is_null() => unsafe { std::slice::from_raw_parts(start, length) },
        _ => &[],
    }
}

/// SQLite's preupdate functions; bound here since rusqlite's feature for them demands libclang.
mod ffi_preupdate {
    use super::{c_char, c_int, c_void, ffi};

    pub(super) type Get = unsafe extern "C" fn(*mut ffi::sqlite3, c_int, *mut *mut ffi::sqlite3_value) -> c_int;
    pub(super) type Hook = unsafe extern "C" fn(*mut c_void, *mut ffi::sqlite3, c_int, *const c_char, *const c_char, i64, i64);

    unsafe extern "C" {
        pub(super) fn sqlite3_preupdate_hook(db: *mut ffi::sqlite3, hook: Option<Hook>, context: *mut c_void) -> *mut c_void;
        pub(super) fn sqlite3_preupdate_old(db: *mut ffi::sqlite3, column: c_int, value: *mut *mut ffi::sqlite3_value) -> c_int;
        pub(super) fn sqlite3_preupdate_new(db: *mut ffi::sqlite3, column: c_int, value: *mut *mut ffi::sqlite3_value) -> c_int;
    }
}

/// Where the hooks find their observer.
pub(crate) struct Slot<O>(Mutex<O>);

impl<O> Slot<O> {
    /// Puts an observer where hooks can find it.
    pub(crate) fn new(observer: O) -> Arc<Self> {
        Arc::new(Slot(Mutex::new(observer)))
    }

    /// The observer; never to be held while a statement runs.
    pub(crate) fn lock(&self) -> parking_lot::MutexGuard<'_, O> {
        self.0.lock()
    }
}

/// Installs a hook that sees nothing. A connection needs it from its first statement on: SQLite empties a table unseen on
/// `DELETE` without `WHERE` where a statement was compiled without a hook.
pub(crate) fn watch_nothing(connection: &Connection) {
    // SAFETY: the handle is valid while the connection is borrowed; the hook ignores a null context.
    unsafe {
        ffi_preupdate::sqlite3_preupdate_hook(connection.handle(), Some(preupdate::<NoObserver>), std::ptr::null_mut());
    }
}

/// Lets `slot`'s observer see this connection's rows and WAL commits, until [`detach`].
pub(crate) fn attach<O: Observer>(connection: &Connection, slot: &Arc<Slot<O>>) -> Attached<O> {
    let context = Arc::as_ptr(slot).cast_mut().cast::<c_void>();
    // SAFETY: the context stays valid as long as `Attached` holds its count, and `detach` takes the hooks away before that ends.
    unsafe {
        ffi_preupdate::sqlite3_preupdate_hook(connection.handle(), Some(preupdate::<O>), context);
        ffi::sqlite3_wal_hook(connection.handle(), Some(wal::<O>), context);
    }
    Attached { _slot: Arc::clone(slot), _observer: PhantomData }
}

/// Takes the observer off the connection.
pub(crate) fn detach<O: Observer>(connection: &Connection, attached: Attached<O>) {
    watch_nothing(connection);
    // SAFETY: as above; no hook means no automatic checkpoint either.
    unsafe {
        ffi::sqlite3_wal_hook(connection.handle(), None, std::ptr::null_mut());
    }
    drop(attached);
}

/// Keeps an observer alive while a connection's hooks point at it.
pub(crate) struct Attached<O: Observer> {
    _slot: Arc<Slot<O>>,
    _observer: PhantomData<O>,
}

struct NoObserver;

impl Observer for NoObserver {
    fn row(&mut self, _: &Row<'_>) {}
    fn wal_written(&mut self, _: u32) {}
}

unsafe extern "C" fn preupdate<O: Observer>(
    context: *mut c_void,
    db: *mut ffi::sqlite3,
    operation: c_int,
    database: *const c_char,
    table: *const c_char,
    _old_rowid: i64,
    _new_rowid: i64,
) {
    if context.is_null() {
        return;
    }
    // SAFETY: SQLite passes valid strings; `context` is the slot that `attach` was given, alive until `detach`.
    let (slot, database, table) = unsafe { (&*context.cast::<Slot<O>>(), CStr::from_ptr(database), CStr::from_ptr(table)) };
    if database != c"main" {
        return;
    }
    let operation = match operation {
        ffi::SQLITE_INSERT => RowOperation::Insert,
        ffi::SQLITE_UPDATE => RowOperation::Update,
        _ => RowOperation::Delete,
    };
    slot.lock().row(&Row { db, operation, table: table.to_bytes() });
}

unsafe extern "C" fn wal<O: Observer>(context: *mut c_void, _db: *mut ffi::sqlite3, _name: *const c_char, frames: c_int) -> c_int {
    // SAFETY: `context` is the slot that `attach` was given, alive until `detach`.
    let slot = unsafe { &*context.cast::<Slot<O>>() };
    slot.lock().wal_written(u32::try_from(frames).unwrap_or(0));
    ffi::SQLITE_OK
}

/// Keeps the `-wal` file when the last connection closes, so that the one descriptor that is synced stays the right one.
pub(crate) fn persist_wal(connection: &Connection) -> bool {
    let mut on: c_int = 1;
    // SAFETY: the handle is valid; the operation reads and writes one int.
    let code = unsafe {
        ffi::sqlite3_file_control(connection.handle(), c"main".as_ptr(), ffi::SQLITE_FCNTL_PERSIST_WAL, (&raw mut on).cast::<c_void>())
    };
    code == ffi::SQLITE_OK
}
