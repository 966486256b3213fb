//! The data directory, its databases (one SQLite file each), their connections and their one write lock.
//!
//! Enters: a directory. Leaves: readers (a connection each) and [`crate::commit::Transaction`]s, the only way that a row is ever written.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use rusqlite::Connection;

mod checkpoint;
mod connection;
mod database;
pub(crate) mod ffi;
mod filer;
#[cfg(test)]
pub(crate) mod fixture;
mod flush;
mod lock;
mod node;

pub use database::Database;
pub use flush::Durable;
pub use node::Node;
pub(crate) use node::SCRATCH;

/// What every connection gets before use: the functions, collations and virtual tables of the SQL pipeline, which schema expressions call.
pub type Setup = Arc<dyn Fn(&Connection) -> rusqlite::Result<()> + Send + Sync>;

/// A setup that registers nothing: for tests and for programs that need no functions of ours.
pub fn no_setup() -> Setup {
    Arc::new(|_| Ok(()))
}

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite said no.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A database can't be opened.
    #[error("{}: {source}", .path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The write lock did not come in time.
    #[error("canceling statement due to lock timeout")]
    LockTimeout,
    /// The write lock is held, and the caller would not wait.
    #[error("could not obtain lock")]
    LockNotAvailable,
    /// The wait was cancelled.
    #[error("canceling statement due to user request")]
    Cancelled,
    /// There is such a database already.
    #[error("database \"{0}\" already exists")]
    DatabaseExists(String),
    /// There is no such database.
    #[error("database \"{0}\" does not exist")]
    NoDatabase(String),
    /// The replicated database can't be dropped.
    #[error("cannot drop the replicated database \"{0}\"")]
    ReplicatedDatabase(String),
    /// The replicated database can't be copied: its log is one database's alone.
    #[error("the replicated database \"{0}\" as template is not supported")]
    ReplicatedTemplate(String),
    /// The directory's replicated database has another name.
    #[error("the replicated database of this data directory is \"{found}\", not \"{asked}\": start with --database {found}")]
    OtherReplicated {
        /// Its name.
        found: String,
        /// The name asked for.
        asked: String,
    },
    /// Another process has the directory.
    #[error("the data directory {} is in use by another peergres process", .0.display())]
    InUse(PathBuf),
    /// The operating system said no.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The file system does not carry a write-ahead log (shared memory), such as some network file systems.
    #[error("{}: this file system does not support SQLite's write-ahead log; use a local disk", .0.display())]
    NoWal(PathBuf),
    /// The file's format is newer, or it is not ours.
    #[error("{}: {source}", .path.display())]
    Migration {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: peergres_migrations::MigrationError,
    },
    /// What is stored contradicts itself; a bug, or a file that was changed behind our back.
    #[error("the stored data is not as it should be: {0}")]
    Corrupt(String),
    /// An object of that class and name is there already.
    #[error("{} \"{}\" already exists", .0.noun(), .1.name)]
    ObjectExists(crate::schema::ObjectClass, crate::schema::QualifiedName),
    /// No object of that class and name is there.
    #[error("{} \"{}\" does not exist", .0.noun(), .1.name)]
    NoObject(crate::schema::ObjectClass, crate::schema::QualifiedName),
    /// The change log belongs to the replicated database.
    #[error("database \"{0}\" is local: it has no change log")]
    NotReplicated(String),
    /// An entry does not fit the log.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
}

/// How long to wait for the write lock, and what ends the wait.
#[derive(Clone, Default)]
pub struct LockWait {
    /// `lock_timeout` and `statement_timeout`, whichever is nearer.
    pub deadline: Option<Instant>,
    /// Set by a cancel request.
    pub cancelled: Option<Arc<AtomicBool>>,
    /// `NOWAIT`.
    pub no_wait: bool,
    /// Asked now and then: whether the wait has become hopeless. It ends as with the deadline.
    pub hopeless: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}
