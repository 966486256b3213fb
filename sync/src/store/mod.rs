//! The data directory, its databases (one SQLite file each), their connections and their one write lock.
//!
//! Enters: a directory. Leaves: readers (a connection each) and [`crate::commit::Transaction`]s, the only way that a row is ever written.

use std::{path::Path, sync::Arc, time::Instant};

use rusqlite::Connection;

use crate::{commit::Transaction, schema::Schema};

/// What every connection gets before use: the functions, collations and virtual tables of the SQL pipeline, which schema expressions call.
pub type Setup = Arc<dyn Fn(&Connection) -> rusqlite::Result<()> + Send + Sync>;

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite said no.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The write lock did not come in time.
    #[error("canceling statement due to lock timeout")]
    LockTimeout,
    /// The wait was cancelled.
    #[error("canceling statement due to user request")]
    Cancelled,
    /// There is such a database already.
    #[error("database \"{0}\" already exists")]
    DatabaseExists(String),
    /// There is no such database.
    #[error("database \"{0}\" does not exist")]
    NoDatabase(String),
}

/// How long to wait for the write lock, and what ends the wait.
#[derive(Clone, Default)]
pub struct LockWait {
    /// `lock_timeout` and `statement_timeout`, whichever is nearer.
    pub deadline: Option<Instant>,
    /// Set by a cancel request.
    pub cancelled: Option<Arc<std::sync::atomic::AtomicBool>>,
    /// `NOWAIT`.
    pub no_wait: bool,
}

/// A data directory, held by this process alone (a lock file).
pub struct Node {}

impl Node {
    /// Opens the directory, making it, the device's identity and the databases `app` (replicated, renamed by `replicated`) and `postgres` where missing.
    pub fn open(directory: &Path, replicated: &str, setup: Setup) -> Result<Arc<Node>, StoreError> {
        let _ = (directory, replicated, setup);
        unimplemented!("store")
    }

    /// A database by name.
    pub fn database(&self, name: &str) -> Result<Arc<Database>, StoreError> {
        let _ = name;
        unimplemented!("store")
    }

    /// All databases' names and whether each is replicated, in order of name.
    pub fn databases(&self) -> Vec<(String, bool)> {
        unimplemented!("store")
    }

    /// `CREATE DATABASE`: local, never replicated.
    pub fn create_database(&self, name: &str) -> Result<(), StoreError> {
        let _ = name;
        unimplemented!("store")
    }

    /// `DROP DATABASE`; the caller has made sure that no session uses it.
    pub fn drop_database(&self, name: &str) -> Result<(), StoreError> {
        let _ = name;
        unimplemented!("store")
    }
}

/// One database.
pub struct Database {}

impl Database {
    /// Its name.
    pub fn name(&self) -> &str {
        unimplemented!("store")
    }

    /// The committed schema; its `generation` rises with every committed schema change.
    pub fn schema(&self) -> Arc<Schema> {
        unimplemented!("store")
    }

    /// A new connection for one session's reading: WAL, `query_only` but for its temp database, functions registered, statement cache of its own.
    pub fn reader(self: &Arc<Self>) -> Result<Connection, StoreError> {
        unimplemented!("store")
    }

    /// Number of the last commit that a snapshot taken now would see. A REPEATABLE READ transaction compares it at its first write: another number is 40001.
    pub fn commit_sequence(&self) -> u64 {
        unimplemented!("store")
    }

    /// Waits in first-come order for the write lock and begins a transaction on the shared writer connection, or on `own`, a connection
    /// that the session brings because it has temporary tables.
    pub fn begin(self: &Arc<Self>, wait: &LockWait, own: Option<Connection>) -> Result<Transaction, StoreError> {
        let _ = (wait, own);
        unimplemented!("store")
    }
}
