//! [`Transaction`]: the only way that a row is ever written. It holds the write lock and the writer connection, collects what the
//! preupdate hook saw, and at commit writes the log rows in the same SQLite transaction.
//!
//! Enters: statements, schema changes, peers' entries. Leaves: one SQLite commit with its log rows, sequence positions and schema; then a
//! shared sync of the WAL.

use std::{rc::Rc, sync::Arc};

use rusqlite::{Connection, config::DbConfig};

use crate::{
    capture::{Capture, CaptureMark},
    conflicts::DECISIONS,
    log::{Appended, Change, LogState, SchemaChange, Written},
    schema::{Layouts, Object, QualifiedName, Schema},
    store::{
        Database, StoreError,
        ffi::{Attached, Slot, attach, detach},
    },
};

mod define;

pub use crate::schema::ObjectClass;

/// When COMMIT returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After an fdatasync of the WAL that began after the commit (shared by all who wait).
    Wait,
    /// At once (`synchronous_commit = off`); the WAL is synced soon after.
    NoWait,
}

/// What the holder of the write lock writes with.
pub(crate) struct Writer {
    /// The shared connection.
    pub(crate) connection: Connection,
    /// What its hooks saw.
    pub(crate) capture: Arc<Slot<Capture>>,
    /// How the committed tables lie.
    pub(crate) layouts: Arc<Layouts>,
}

/// A place in the transaction that it can be cut back to: SQLite savepoint, capture buffer, schema, log.
#[derive(Debug)]
pub struct Mark {
    depth: u32,
    capture: CaptureMark,
    schema: Arc<Schema>,
    layouts: Arc<Layouts>,
    log: Arc<LogState>,
    resolves: Option<String>,
    recorded: usize,
}

/// A length of the capture buffer, for a statement that SQLite undoes by itself when it fails ([`Transaction::statement`]).
#[derive(Clone, Copy, Debug)]
pub struct StatementMark(CaptureMark);

/// An open write transaction. Dropping it rolls it back. It stays on the thread that began it.
pub struct Transaction {
    database: Arc<Database>,
    /// At home again when this is none.
    writer: Option<Writer>,
    own: Option<Rc<Connection>>,
    attached: Option<Attached<Capture>>,
    schema: Arc<Schema>,
    layouts: Arc<Layouts>,
    log: Arc<LogState>,
    resolves: Option<String>,
    /// Entries of the log that are no row of a replicated table.
    recorded: Vec<Change>,
    /// How many changes it left in the journal.
    journaled: u64,
    /// Number of open savepoints.
    depth: u32,
    /// Whether foreign keys and triggers sleep, because their effects came along as changes.
    applying: bool,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Writes of this device.
    Write,
    /// Peers' changes: nothing is captured, no cascade and no trigger fires.
    Apply,
}

impl Transaction {
    /// Begins, with the write lock held and the writer taken from its home.
    pub(crate) fn begin(
        database: Arc<Database>,
        writer: Writer,
        own: Option<Rc<Connection>>,
        purpose: Purpose,
    ) -> Result<Transaction, StoreError> {
        let (schema, log, layouts) = (database.schema(), database.log_state(), Arc::clone(&writer.layouts));
        writer.capture.lock().begin(Arc::clone(&layouts));
        let connection = own.as_deref().unwrap_or(&writer.connection);
        let attached = Some(attach(connection, &writer.capture));
        // Whatever fails from here on, dropping the transaction brings all home.
        let mut transaction = Transaction {
            database,
            writer: Some(writer),
            own,
            attached,
            schema,
            layouts,
            log,
            resolves: None,
            recorded: Vec::new(),
            journaled: 0,
            depth: 0,
            applying: purpose == Purpose::Apply,
        };
        if !transaction.database.is_replicated() || transaction.applying {
            transaction.set_capture(false);
        }
        if transaction.applying {
            enforce(transaction.connection(), false)?;
        }
        if transaction.own.is_some() {
            transaction.connection().execute_batch("PRAGMA query_only = OFF")?;
        }
        transaction.run("BEGIN IMMEDIATE")?;
        if transaction.applying && transaction.database.is_replicated() {
            crate::log::journal::file_all(transaction.connection())?;
        }
        Ok(transaction)
    }

    fn writer(&self) -> &Writer {
        self.writer.as_ref().expect("the writer is there until the transaction has ended")
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.connection().prepare_cached(sql)?.execute([]).map(|_| ())?)
    }

    /// The writer connection. Statements run here are captured, unless [`Transaction::set_capture`] turned that off.
    pub fn connection(&self) -> &Connection {
        self.own.as_deref().unwrap_or(&self.writer().connection)
    }

    /// The database.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// The schema as this transaction sees it.
    pub fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema)
    }

    /// How the replicated tables lie in SQLite, as this transaction sees them.
    pub fn layouts(&self) -> Arc<Layouts> {
        Arc::clone(&self.layouts)
    }

    /// The log as this transaction sees it, peers' entries appended so far included.
    pub fn log_state(&self) -> Arc<LogState> {
        Arc::clone(&self.log)
    }

    /// Turns capture on or off, for applying what is in the log already; answers how it was. A local database captures nothing.
    pub fn set_capture(&mut self, on: bool) -> bool {
        self.writer().capture.lock().enable(on && self.database.is_replicated())
    }

    /// Runs `work` uncaptured.
    pub fn without_capture<T>(&mut self, work: impl FnOnce(&mut Transaction) -> T) -> T {
        let before = self.set_capture(false);
        let result = work(self);
        self.set_capture(before);
        result
    }

    /// The changes of this transaction resolve that conflict.
    pub fn resolves(&mut self, conflict: &str) {
        self.resolves = Some(conflict.to_owned());
    }

    /// Puts an entry into the log that is no row of a replicated table, such as a decision about a device. Its version is given at commit.
    pub(crate) fn record(&mut self, change: Change) {
        self.recorded.push(change);
    }

    /// Opens a SQLite savepoint and remembers the capture buffer's length and the schema. Cheap: also taken around each statement that could fail half-way.
    pub fn mark(&mut self) -> Result<Mark, StoreError> {
        self.run(&format!("SAVEPOINT m{}", self.depth))?;
        let mark = Mark {
            depth: self.depth,
            capture: self.writer().capture.lock().mark(),
            schema: self.schema(),
            layouts: self.layouts(),
            log: self.log_state(),
            resolves: self.resolves.clone(),
            recorded: self.recorded.len(),
        };
        self.depth += 1;
        Ok(mark)
    }

    /// Undoes all since the mark and keeps the mark open (`ROLLBACK TO`).
    pub fn rewind(&mut self, mark: &Mark) -> Result<(), StoreError> {
        self.run(&format!("ROLLBACK TO m{}", mark.depth))?;
        self.depth = mark.depth + 1;
        self.schema = Arc::clone(&mark.schema);
        self.layouts = Arc::clone(&mark.layouts);
        self.log = Arc::clone(&mark.log);
        self.resolves.clone_from(&mark.resolves);
        self.recorded.truncate(mark.recorded);
        let mut capture = self.writer().capture.lock();
        capture.cut(mark.capture);
        capture.set_layouts(Arc::clone(&mark.layouts));
        Ok(())
    }

    /// Closes the mark and all later ones, keeping what was done (`RELEASE`).
    pub fn release(&mut self, mark: Mark) -> Result<(), StoreError> {
        self.run(&format!("RELEASE m{}", mark.depth))?;
        self.depth = mark.depth;
        Ok(())
    }

    /// Remembers the capture buffer alone: enough around one SQLite statement, whose own effects SQLite undoes when it fails.
    pub fn statement(&self) -> StatementMark {
        StatementMark(self.writer().capture.lock().mark())
    }

    /// Forgets what a failed statement had changed before SQLite undid it.
    pub fn statement_failed(&self, mark: StatementMark) {
        self.writer().capture.lock().cut(mark.0);
    }

    /// One schema change: runs the ready SQLite statements uncaptured, then removes and puts objects, and logs it all as one DDL change
    /// (`statement` is PostgreSQL text for people) if any object is replicated. Answers the put objects' OIDs in order. An object that
    /// replaces one of its class and name keeps its OID, and so does the only one of its kind that is removed and put under another name.
    pub fn define(
        &mut self,
        statement: &str,
        sqlite: &[String],
        put: Vec<Object>,
        remove: Vec<(ObjectClass, QualifiedName)>,
    ) -> Result<Vec<u32>, StoreError> {
        let change = SchemaChange { statement: statement.to_owned(), objects: put, removed: remove, sqlite: sqlite.to_vec() };
        let replicated = self.is_replicated(&change);
        let oids = self.change_schema(&change)?;
        if replicated {
            self.writer().capture.lock().schema_change(change);
        }
        Ok(oids)
    }

    /// Applies a schema change that is in the log already.
    pub(crate) fn define_logged(&mut self, change: &SchemaChange) -> Result<Vec<u32>, StoreError> {
        self.change_schema(change)
    }

    /// Appends a peer's transaction, whose signature has been checked, to the log; the tables are the caller's business.
    pub(crate) fn append_remote(&mut self, entry: &crate::log::Transaction) -> Result<Appended, StoreError> {
        if !self.database.is_replicated() {
            return Err(StoreError::NotReplicated(self.database.name().to_owned()));
        }
        let mut log = Arc::clone(&self.log);
        let appended = crate::log::append_remote(self.connection(), &mut log, entry)?;
        self.log = log;
        Ok(appended)
    }

    /// Commits; the log rows, the sequence positions and the schema go with it. Answers the commit's number. On error everything is rolled back.
    pub fn commit(mut self, durability: Durability) -> Result<u64, StoreError> {
        let chooses = self
            .recorded
            .iter()
            .any(|change| change.table_name == DECISIONS && change.data.as_ref().is_some_and(|d| d.contains_key("chosen")));
        self.append_captured()?;
        if chooses {
            crate::apply::follow_decision(&mut self)?;
        }
        let stored = self.database.sequences().store(self.connection())?;
        if let Err(error) = self.run("COMMIT") {
            self.database.sequences().unstored(stored);
            return Err(error);
        }
        let frames = self.writer().capture.lock().wal_frames();
        let database = Arc::clone(&self.database);
        let journaled = self.journaled;
        // A commit that wrote nothing needs no number and no sync of its own; what it read must be on disk all the same.
        let number = match frames {
            Some(_) => {
                self.publish();
                database.flusher.committed(self.log.position)
            }
            None => database.commit_sequence(),
        };
        self.end();
        drop(self);
        if let Some(frames) = frames {
            if let Some(filer) = &database.filer {
                filer.committed(journaled);
            }
            database.checkpointer.lock().committed(frames, durability == Durability::NoWait);
        }
        if durability == Durability::Wait {
            database.flusher.wait(number);
        }
        if chooses {
            // What waited for the choice goes in.
            crate::apply::retry(&database)?;
        }
        Ok(number)
    }

    /// Rolls back; a connection that the session brought is its own again.
    pub fn rollback(self) {
        drop(self);
    }

    fn append_captured(&mut self) -> Result<(), StoreError> {
        let slot = Arc::clone(&self.writer().capture);
        slot.lock().enable(false);
        // The log's own rows are seen by the hook too: the buffer is taken out while they are written.
        let capture = std::mem::take(&mut *slot.lock());
        let mut log = Arc::clone(&self.log);
        let mut recorded = std::mem::take(&mut self.recorded);
        let appended = match () {
            () if capture.has_failed() => Err(StoreError::Corrupt("SQLite could not tell a value of a changed row".to_owned())),
            () if capture.is_empty() && recorded.is_empty() => Ok(()),
            () => {
                let noted = crate::apply::unseen::note(self.connection(), &capture, &mut recorded);
                let written = Written { capture: &capture, recorded: &recorded, resolves: self.resolves.as_deref() };
                noted.and_then(|()| self.append(&mut log, &written)).map(|journaled| self.journaled = journaled)
            }
        };
        *slot.lock() = capture;
        self.log = log;
        appended
    }

    /// Appends what was written. What it may have to say about open conflicts is looked up in the log, so there it is filed at once.
    fn append(&self, log: &mut Arc<LogState>, written: &Written<'_>) -> Result<u64, StoreError> {
        let connection = self.connection();
        let position = log.position;
        let settles = crate::apply::awaits_writes(connection)?;
        let journaled = crate::log::append_local(connection, log, written, settles)?;
        if settles {
            crate::apply::settle_written(connection, log.device, position, &self.schema, &self.layouts)?;
        }
        Ok(journaled)
    }

    /// What is committed becomes what everyone sees.
    fn publish(&mut self) {
        if self.schema.generation != self.database.schema.load().generation {
            self.database.schema.store(Arc::clone(&self.schema));
        }
        self.database.log.store(Arc::clone(&self.log));
        let layouts = Arc::clone(&self.layouts);
        if let Some(writer) = &mut self.writer {
            writer.layouts = layouts;
        }
    }

    /// Takes the hooks off, brings the writer home, gives the lock back.
    fn end(&mut self) {
        if let Some(attached) = self.attached.take() {
            detach(self.connection(), attached);
        }
        if self.applying
            && let Err(error) = enforce(self.connection(), true)
        {
            // A writer without foreign keys would let local statements break them.
            tracing::error!(%error, "foreign keys could not be turned on again");
            std::process::abort();
        }
        if let Some(own) = self.own.take()
            && let Err(error) = own.execute_batch("PRAGMA query_only = ON")
        {
            tracing::error!(%error, "a session's connection could not be made read-only again");
        }
        if let Some(writer) = self.writer.take() {
            *self.database.writer.lock() = Some(writer);
            self.database.lock.release();
        }
    }
}

/// Turns foreign keys and triggers on or off, for the statements that begin from here on.
pub(crate) fn enforce(connection: &Connection, on: bool) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, on)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, on)?;
    Ok(())
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if self.writer.is_none() {
            return;
        }
        if !self.connection().is_autocommit()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!(%error, database = self.database.name(), "a transaction could not be rolled back");
        }
        self.end();
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("database", &self.database).field("depth", &self.depth).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
