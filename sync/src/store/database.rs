//! One database: its file, its shared writer, its committed schema and log state.
//!
//! Enters: requests for readers and for the write lock. Leaves: connections, transactions, and news of what has become durable.

use std::{
    fs::File,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use peergres_migrations::Scope;
use rusqlite::Connection;
use tokio::sync::watch;

use super::{
    Durable, LockWait, Setup, StoreError,
    checkpoint::Checkpointer,
    connection::{self, Role},
    ffi::Slot,
    filer::Filer,
    flush::Flusher,
    lock::WriteLock,
};
use crate::{
    capture::Capture,
    commit::{Purpose, Transaction, Writer},
    log::LogState,
    schema::{Layouts, QualifiedName, Schema, Sequences},
};

/// One database.
pub struct Database {
    name: String,
    path: PathBuf,
    replicated: bool,
    setup: Setup,
    pub(crate) lock: Arc<WriteLock>,
    pub(crate) flusher: Arc<Flusher>,
    /// Home of the shared writer while no transaction holds it.
    pub(crate) writer: Arc<Mutex<Option<Writer>>>,
    pub(crate) schema: ArcSwap<Schema>,
    pub(crate) log: ArcSwap<LogState>,
    sequences: Sequences,
    /// Generation of the schema with which what waits was last tried again.
    pub(crate) retried: AtomicU64,
    /// Tables that are not to be replicated when they are made.
    left_out: OnceLock<Vec<String>>,
    pub(crate) checkpointer: Mutex<Checkpointer>,
    /// Of the replicated database.
    pub(crate) filer: Option<Filer>,
    /// Connections for [`Database::glance`].
    idle: Mutex<Vec<Connection>>,
}

/// At most so many connections wait for the next [`Database::glance`].
const IDLE: usize = 4;

/// A borrowed connection; it reads as a [`Connection`] does.
pub(crate) struct Glance {
    connection: Option<Connection>,
    database: Arc<Database>,
}

impl std::ops::Deref for Glance {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is given back only when this is dropped")
    }
}

impl Drop for Glance {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take().filter(Connection::is_autocommit) else { return };
        let mut idle = self.database.idle.lock();
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }
}

impl Database {
    /// Opens the file, making it where missing, and brings it to the newest format.
    pub(crate) fn open(directory: &Path, file: &str, name: &str, replicated: bool, setup: Setup) -> Result<Arc<Database>, StoreError> {
        let path = directory.join(file);
        let at_path = |error| match error {
            StoreError::Sqlite(source) => StoreError::Open { path: path.clone(), source },
            other => other,
        };
        let mut connection = connection::open(&path, Role::Writer, &setup).map_err(at_path)?;
        let scope = if replicated { Scope::Replicated } else { Scope::Every };
        peergres_migrations::migrate(&mut connection, scope).map_err(|source| StoreError::Migration { path: path.clone(), source })?;
        Schema::sweep_temporary(&connection)?;
        let schema = Schema::load(&connection)?;
        let layouts = Arc::new(Layouts::load(&connection, &schema)?);
        let log = if replicated { LogState::load(&connection)? } else { LogState::default() };
        let sequences = Sequences::load(&connection)?;
        let wal = wal_path(&path);
        let io = |source| StoreError::Io { path: wal.clone(), source };
        let flusher = Arc::new(Flusher::open(&wal, log.position).map_err(io)?);
        // The names of new files must be durable before anything in them is promised to be.
        File::open(directory).and_then(|d| d.sync_all()).map_err(io)?;
        let lock = Arc::new(WriteLock::default());
        let checkpointer = Checkpointer::start(&path, &setup, Arc::clone(&lock), Arc::clone(&flusher))?;
        let waiting = if replicated { Some(crate::log::journal::waiting(&connection)?) } else { None };
        let writer = Arc::new(Mutex::new(Some(Writer { connection, capture: Slot::new(Capture::default()), layouts })));
        let start = |waiting| Filer::start(waiting, Arc::clone(&lock), Arc::clone(&writer));
        let filer = waiting.map(start).transpose().map_err(io)?;
        Ok(Arc::new(Database {
            name: name.to_owned(),
            path,
            replicated,
            setup,
            lock,
            flusher,
            writer,
            schema: ArcSwap::from_pointee(schema),
            log: ArcSwap::from_pointee(log),
            sequences,
            retried: AtomicU64::new(0),
            left_out: OnceLock::new(),
            checkpointer: Mutex::new(checkpointer),
            filer,
            idle: Mutex::default(),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its changes are logged and travel.
    pub fn is_replicated(&self) -> bool {
        self.replicated
    }

    /// The committed schema; its `generation` rises with every committed schema change.
    pub fn schema(&self) -> Arc<Schema> {
        self.schema.load_full()
    }

    /// Tables of these names are this device's own when they are made: neither logged nor replicated. A name stands for a table of schema `public`, or
    /// bears its schema; one that ends in `*` stands for all that begin so. Once.
    pub fn leave_out(&self, names: Vec<String>) {
        if self.left_out.set(names).is_err() {
            tracing::warn!(database = self.name, "which tables are left out of sync was said already");
        }
    }

    /// Whether a table that is made now is this device's own.
    pub fn leaves_out(&self, table: &QualifiedName) -> bool {
        let name = table.to_string();
        let fits = |pattern: &String| match pattern.strip_prefix("public.").unwrap_or(pattern) {
            pattern if pattern.ends_with('*') => name.starts_with(pattern.trim_end_matches('*')),
            pattern => pattern == name,
        };
        self.left_out.get().is_some_and(|names| names.iter().any(fits))
    }

    /// What is logged: versions held, clock, this device.
    pub fn log_state(&self) -> Arc<LogState> {
        self.log.load_full()
    }

    /// Where the sequences stand.
    pub fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// A new connection for one session's reading: WAL, `query_only`, functions registered, statement cache of its own. A session
    /// brings it to [`Database::begin`] to write where it has temporary tables.
    pub fn reader(self: &Arc<Self>) -> Result<Connection, StoreError> {
        connection::open(&self.path, Role::Reader, &self.setup)
    }

    /// A connection for a moment's reading of our own tables, kept for the next one: without the SQL pipeline's functions, whose registration
    /// costs more than most of these readings.
    pub(crate) fn glance(self: &Arc<Self>) -> Result<Glance, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::open(&self.path, Role::Reader, &super::no_setup())?,
        };
        Ok(Glance { connection: Some(connection), database: Arc::clone(self) })
    }

    /// Number of the last commit that a snapshot taken now would see. A REPEATABLE READ transaction asks for it *before* it takes its
    /// snapshot and compares it at its first write: another number is 40001.
    pub fn commit_sequence(&self) -> u64 {
        self.flusher.sequence()
    }

    /// What is on disk. Sync hands out nothing beyond its `position`.
    pub fn durable(&self) -> Durable {
        self.flusher.durable()
    }

    /// Returns when all that is committed by now is on disk.
    pub fn flush(&self) {
        self.flusher.wait(self.flusher.sequence());
    }

    /// Tells whenever something new is on disk: for sync, server-sent events, LISTEN. A receiver that was slow sees only the newest.
    pub fn subscribe(&self) -> watch::Receiver<Durable> {
        self.flusher.subscribe()
    }

    /// Waits in first-come order for the write lock and begins a transaction on the shared writer connection, or on `own`, a
    /// [`Database::reader`] that the session brings because it has temporary tables; it must not be inside a transaction.
    pub fn begin(self: &Arc<Self>, wait: &LockWait, own: Option<Rc<Connection>>) -> Result<Transaction, StoreError> {
        self.lock.acquire(wait)?;
        let writer = self.writer.lock().take().expect("whoever holds the lock finds the writer at home");
        Transaction::begin(Arc::clone(self), writer, own, Purpose::Write)
    }

    /// As [`Database::begin`], for applying what peers wrote.
    pub(crate) fn begin_applying(self: &Arc<Self>) -> Result<Transaction, StoreError> {
        self.lock.acquire(&LockWait::default())?;
        let writer = self.writer.lock().take().expect("whoever holds the lock finds the writer at home");
        Transaction::begin(Arc::clone(self), writer, None, Purpose::Apply)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(filer) = &mut self.filer {
            filer.stop();
        }
        self.checkpointer.get_mut().stop();
        self.idle.get_mut().clear();
        let Some(writer) = self.writer.lock().take() else { return };
        let connection = writer.connection;
        let tidied = connection
            .busy_timeout(std::time::Duration::ZERO)
            .and_then(|()| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        if let Err(error) = tidied {
            tracing::debug!(%error, database = self.name, "the write-ahead log stays as it is; the next start reads it");
        }
        if let Err((_, error)) = connection.close() {
            tracing::debug!(%error, database = self.name, "the writer did not close");
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("name", &self.name).field("replicated", &self.replicated).finish_non_exhaustive()
    }
}

fn wal_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}
