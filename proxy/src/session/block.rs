//! The state of a session's transaction. READ COMMITTED reads on the session's own connection, a fresh snapshot per statement, until its
//! first write takes the write lock; from there everything runs on the writer. REPEATABLE READ and SERIALIZABLE keep one snapshot from
//! their first statement; a first write on a snapshot that is no longer the newest is 40001.
//!
//! A statement outside BEGIN runs in an implicit block, which ends with the message (a simple query) or at Sync.

use std::{
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use peergres_sync::{
    commit::{Durability, Mark, Transaction},
    schema::Schema,
    store::LockWait,
};
use rusqlite::Connection;

use super::{Session, context::Microseconds, registry::Interrupt, store_error};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::{ConstraintTiming, Execution, failure},
    parse::command::{Isolation, Modes},
};

/// What kind of block is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// None.
    #[default]
    Idle,
    /// One that ends with the message.
    Implicit,
    /// One that BEGIN opened.
    Open,
    /// One that BEGIN opened and an error aborted.
    Failed,
}

/// A savepoint.
pub(crate) struct Savepoint {
    name: String,
    /// Its place in the write transaction; none as long as nothing was written.
    mark: Option<Mark>,
    settings: usize,
    notifications: usize,
}

/// The transaction block.
pub(crate) struct Block {
    /// What kind.
    pub status: Status,
    /// Isolation level.
    pub isolation: Isolation,
    /// READ ONLY.
    pub read_only: bool,
    /// DEFERRABLE, which has no effect: a snapshot here never has to wait to be safe.
    pub deferrable: bool,
    /// `now()`.
    pub started: Microseconds,
    /// Whether a statement has run, after which the isolation level is fixed.
    pub has_run: bool,
    /// The kept snapshot: number of the last commit in it, and its schema.
    snapshot: Option<(u64, Arc<Schema>)>,
    /// Savepoints, oldest first.
    pub savepoints: Vec<Savepoint>,
    /// LISTEN (true) and UNLISTEN, which count from COMMIT; no channel is all of them.
    pub listens: Vec<(Option<String>, bool)>,
    /// What SET CONSTRAINTS said.
    pub timing: ConstraintTiming,
}

impl Default for Block {
    fn default() -> Self {
        Block {
            status: Status::Idle,
            isolation: Isolation::ReadCommitted,
            read_only: false,
            deferrable: false,
            started: 0,
            has_run: false,
            snapshot: None,
            savepoints: Vec::new(),
            listens: Vec::new(),
            timing: ConstraintTiming::default(),
        }
    }
}

/// Microseconds since 1970.
pub(crate) fn now() -> Microseconds {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl Session {
    /// The status byte of ReadyForQuery.
    pub(super) fn status_byte(&self) -> u8 {
        match self.block.status {
            Status::Idle | Status::Implicit => b'I',
            Status::Open => b'T',
            Status::Failed => b'E',
        }
    }

    /// Opens an implicit block if none is open.
    pub(super) fn enter_block(&mut self) {
        if self.block.status == Status::Idle {
            self.new_block(Status::Implicit);
        }
    }

    fn new_block(&mut self, status: Status) {
        let derived = self.shared.settings.borrow().derived().clone();
        self.block = Block {
            status,
            isolation: derived.default_isolation,
            read_only: derived.default_read_only,
            deferrable: derived.default_deferrable,
            started: now(),
            ..Block::default()
        };
        *self.shared.timing.borrow_mut() = ConstraintTiming::default();
        self.shared.in_block.set(status == Status::Open);
        self.tell_modes();
    }

    /// Lets functions know of the block's modes.
    fn tell_modes(&self) {
        let block = &self.block;
        let modes = Modes { isolation: Some(block.isolation), read_only: Some(block.read_only), deferrable: Some(block.deferrable) };
        self.shared.modes.set(modes);
    }

    /// 25P02 in a block that an error aborted.
    pub(super) fn refuse_if_failed(&self) -> Result<()> {
        if self.block.status == Status::Failed {
            let message = "current transaction is aborted, commands ignored until end of transaction block";
            return Err(SqlError::new(SqlState::IN_FAILED_SQL_TRANSACTION, message));
        }
        Ok(())
    }

    /// BEGIN. Inside an implicit block it makes that block explicit.
    pub(super) fn begin_block(&mut self, modes: Modes) -> Result<()> {
        match self.block.status {
            Status::Open | Status::Failed => {
                self.warn(SqlState::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
            }
            Status::Implicit => {
                self.block.status = Status::Open;
                self.shared.in_block.set(true);
            }
            Status::Idle => self.new_block(Status::Open),
        }
        self.set_modes(modes)
    }

    /// SET TRANSACTION, and the modes of BEGIN.
    pub(super) fn set_modes(&mut self, modes: Modes) -> Result<()> {
        let refuse = |message: &str| Err(SqlError::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
        if let Some(isolation) = modes.isolation {
            if isolation != self.block.isolation && self.block.has_run {
                return refuse("SET TRANSACTION ISOLATION LEVEL must be called before any query");
            }
            if isolation != self.block.isolation && !self.block.savepoints.is_empty() {
                return refuse("SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction");
            }
            self.block.isolation = isolation;
        }
        if let Some(read_only) = modes.read_only {
            if !read_only && self.block.read_only && self.block.has_run {
                return refuse("transaction read-write mode must be set before any query");
            }
            self.block.read_only = read_only;
        }
        if let Some(deferrable) = modes.deferrable {
            if self.block.has_run && deferrable != self.block.deferrable {
                return refuse("SET TRANSACTION [NOT] DEFERRABLE must be called before any query");
            }
            self.block.deferrable = deferrable;
        }
        self.tell_modes();
        Ok(())
    }

    /// The connection for reading: the writer after the first write, else the session's own, with the kept snapshot where there is one.
    /// Answers none for the writer.
    pub(super) fn place_to_read(&mut self) -> Result<Option<Rc<Connection>>> {
        self.block.has_run = true;
        if self.shared.open.borrow().is_some() {
            return Ok(None);
        }
        if self.block.isolation.keeps_snapshot() && self.block.snapshot.is_none() {
            self.take_snapshot()?;
        }
        Ok(Some(self.reader.clone()))
    }

    fn take_snapshot(&mut self) -> Result<()> {
        for _ in 0..100 {
            // Read before the snapshot is taken: a commit in between makes a later write fail needlessly, never wrongly succeed.
            let sequence = self.shared.database.commit_sequence();
            let schema = self.shared.database.schema();
            self.reader.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1").map_err(failure::plain)?;
            if self.shared.database.schema().generation == schema.generation {
                self.block.snapshot = Some((sequence, schema));
                return Ok(());
            }
            self.end_read();
        }
        Err(SqlError::new(SqlState::SERIALIZATION_FAILURE, "the schema changes too fast to take a snapshot"))
    }

    fn end_read(&mut self) {
        if !self.reader.is_autocommit() {
            _ = self.reader.execute_batch("ROLLBACK");
        }
    }

    /// The schema as the next statement sees it.
    pub(super) fn schema(&self) -> Arc<Schema> {
        match (&*self.shared.open.borrow(), &self.block.snapshot) {
            (Some(transaction), _) => transaction.schema(),
            (None, Some((_, schema))) => schema.clone(),
            (None, None) => self.shared.database.schema(),
        }
    }

    /// Takes the write lock, if the block does not have it; `what` is the statement's name for 25006.
    pub(super) fn place_to_write(&mut self, what: &str) -> Result<()> {
        self.refuse_if_read_only(what)?;
        self.take_write_lock(false)
    }

    /// 25006 in a READ ONLY transaction.
    pub(super) fn refuse_if_read_only(&self, what: &str) -> Result<()> {
        if self.block.read_only {
            let message = format!("cannot execute {what} in a read-only transaction");
            return Err(SqlError::new(SqlState::READ_ONLY_SQL_TRANSACTION, message));
        }
        Ok(())
    }

    /// Takes the write lock, waiting unless told not to.
    pub(super) fn take_write_lock(&mut self, no_wait: bool) -> Result<()> {
        self.block.has_run = true;
        if self.shared.open.borrow().is_some() {
            return Ok(());
        }
        let timeout = self.shared.settings.borrow().derived().lock_timeout;
        let wait = LockWait {
            deadline: timeout.map(|t| Instant::now() + t),
            cancelled: Some(self.shared.handle.cancelled.clone()),
            no_wait,
            hopeless: timeout.is_none().then(|| self.server.clone().waits_in_vain(self.shared.database.name())),
        };
        let begun = self.shared.database.begin(&wait, None);
        let mut transaction = begun.map_err(|e| self.shared.interrupted_or(store_error::lock(e, timeout.is_none() && !no_wait)))?;
        self.shared.handle.writes.store(true, Ordering::Relaxed);
        if let Some((sequence, _)) = self.block.snapshot.take() {
            self.end_read();
            if self.shared.database.commit_sequence() != sequence {
                transaction.rollback();
                let message = "could not serialize access due to concurrent update";
                return Err(SqlError::new(SqlState::SERIALIZATION_FAILURE, message));
            }
        }
        for savepoint in &mut self.block.savepoints {
            savepoint.mark = Some(transaction.mark().map_err(store_error::store)?);
        }
        self.shared.handle.runs_on(Some(transaction.connection().get_interrupt_handle()));
        *self.shared.open.borrow_mut() = Some(transaction);
        Ok(())
    }

    /// Ends an implicit block: what its statements did is committed.
    pub(super) fn finish_implicit(&mut self) -> Result<()> {
        if self.block.status == Status::Implicit { self.commit_block() } else { Ok(()) }
    }

    /// Commits. On failure all is rolled back.
    pub(super) fn commit_block(&mut self) -> Result<()> {
        if let Err(error) = self.commit_writes() {
            self.rollback_block();
            return Err(error);
        }
        self.end_read();
        self.hold_cursors();
        self.shared.settings.borrow_mut().commit();
        for (channel, listen) in std::mem::take(&mut self.block.listens) {
            match channel {
                Some(channel) if listen => self.shared.handle.listen(&channel),
                channel => self.shared.handle.unlisten(channel.as_deref()),
            }
        }
        let notifications = std::mem::take(&mut *self.shared.notifications.borrow_mut());
        if !notifications.is_empty() {
            self.server.registry.notify(self.shared.database.name(), &notifications);
        }
        self.leave_block();
        Ok(())
    }

    fn commit_writes(&mut self) -> Result<()> {
        self.clear_temporary()?;
        let Some(transaction) = self.shared.open.borrow_mut().take() else { return Ok(()) };
        let schema = transaction.schema();
        let execution = Execution { connection: transaction.connection(), schema: &schema, timing: &self.block.timing };
        let checked = execution.check_deferred(true);
        self.release_writer();
        checked?;
        let durable = self.shared.settings.borrow().derived().durable;
        let durability = if durable { Durability::Wait } else { Durability::NoWait };
        transaction.commit(durability).map(drop).map_err(store_error::store)
    }

    fn release_writer(&self) {
        self.shared.handle.writes.store(false, Ordering::Relaxed);
        self.shared.handle.runs_on(Some(self.reader.get_interrupt_handle()));
    }

    fn leave_block(&mut self) {
        self.server.registry.locks.release_transaction(self.shared.handle.pid);
        self.drop_portals();
        self.block = Block::default();
        self.shared.number.set(None);
        self.shared.in_block.set(false);
    }

    /// Rolls everything back and ends the block.
    pub(super) fn rollback_block(&mut self) {
        self.drop_writes();
        self.shared.settings.borrow_mut().rewind(0);
        self.shared.settings.borrow_mut().commit();
        self.shared.notifications.borrow_mut().clear();
        self.leave_block();
    }

    fn drop_writes(&mut self) {
        self.release_writer();
        if let Some(transaction) = self.shared.open.borrow_mut().take() {
            transaction.rollback();
        }
        self.end_read();
        self.block.snapshot = None;
    }

    /// After an error: an implicit block is rolled back, an explicit one is aborted and waits for its end. The write lock is let go
    /// at once unless a savepoint could still bring part of the work back.
    pub(super) fn abort(&mut self) {
        match self.block.status {
            Status::Idle | Status::Implicit => self.rollback_block(),
            Status::Open => {
                self.block.status = Status::Failed;
                if self.block.savepoints.is_empty() {
                    self.drop_writes();
                    self.drop_portals();
                }
            }
            Status::Failed => {}
        }
    }

    /// COMMIT: its tag, which is ROLLBACK for a block that an error aborted.
    pub(super) fn commit(&mut self, chain: bool) -> Result<&'static str> {
        let again = self.chain_modes(chain)?;
        let tag = match self.block.status {
            Status::Failed => {
                self.rollback_block();
                "ROLLBACK"
            }
            Status::Open => {
                self.commit_block()?;
                "COMMIT"
            }
            Status::Idle | Status::Implicit => {
                self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
                self.finish_implicit()?;
                "COMMIT"
            }
        };
        self.begin_again(again)?;
        Ok(tag)
    }

    /// ROLLBACK.
    pub(super) fn rollback(&mut self, chain: bool) -> Result<()> {
        let again = self.chain_modes(chain)?;
        if !matches!(self.block.status, Status::Open | Status::Failed) {
            self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
        }
        self.rollback_block();
        self.begin_again(again)
    }

    fn chain_modes(&self, chain: bool) -> Result<Option<Modes>> {
        if !chain {
            return Ok(None);
        }
        if !matches!(self.block.status, Status::Open | Status::Failed) {
            let message = "COMMIT AND CHAIN can only be used in transaction blocks";
            return Err(SqlError::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message));
        }
        let Block { isolation, read_only, deferrable, .. } = self.block;
        Ok(Some(Modes { isolation: Some(isolation), read_only: Some(read_only), deferrable: Some(deferrable) }))
    }

    fn begin_again(&mut self, modes: Option<Modes>) -> Result<()> {
        match modes {
            Some(modes) => self.begin_block(modes),
            None => Ok(()),
        }
    }

    fn require_block(&self, what: &str) -> Result<()> {
        if matches!(self.block.status, Status::Open | Status::Failed) {
            return Ok(());
        }
        let message = format!("{what} can only be used in transaction blocks");
        Err(SqlError::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message))
    }

    /// SAVEPOINT.
    pub(super) fn savepoint(&mut self, name: String) -> Result<()> {
        self.require_block("SAVEPOINT")?;
        let mark = match &mut *self.shared.open.borrow_mut() {
            Some(transaction) => Some(transaction.mark().map_err(store_error::store)?),
            None => None,
        };
        let settings = self.shared.settings.borrow().mark();
        let notifications = self.shared.notifications.borrow().len();
        self.block.savepoints.push(Savepoint { name, mark, settings, notifications });
        Ok(())
    }

    fn find_savepoint(&self, name: &str) -> Result<usize> {
        self.block
            .savepoints
            .iter()
            .rposition(|s| s.name == name)
            .ok_or_else(|| SqlError::new(SqlState::INVALID_SAVEPOINT_SPECIFICATION, format!("savepoint \"{name}\" does not exist")))
    }

    /// RELEASE.
    pub(super) fn release_savepoint(&mut self, name: &str) -> Result<()> {
        self.require_block("RELEASE SAVEPOINT")?;
        let at = self.find_savepoint(name)?;
        let released = self.block.savepoints.drain(at..).next();
        if let (Some(transaction), Some(mark)) = (&mut *self.shared.open.borrow_mut(), released.and_then(|s| s.mark)) {
            transaction.release(mark).map_err(store_error::store)?;
        }
        Ok(())
    }

    /// ROLLBACK TO: the block lives on, also one that an error aborted.
    pub(super) fn rollback_to(&mut self, name: &str) -> Result<()> {
        self.require_block("ROLLBACK TO SAVEPOINT")?;
        let at = self.find_savepoint(name)?;
        self.block.savepoints.truncate(at + 1);
        let savepoint = &self.block.savepoints[at];
        let (settings, notifications) = (savepoint.settings, savepoint.notifications);
        if let (Some(transaction), Some(mark)) = (&mut *self.shared.open.borrow_mut(), &savepoint.mark) {
            transaction.rewind(mark).map_err(store_error::store)?;
        }
        self.shared.settings.borrow_mut().rewind(settings);
        self.shared.notifications.borrow_mut().truncate(notifications);
        self.drop_portals_since(at);
        self.block.status = Status::Open;
        Ok(())
    }

    /// Whether BEGIN opened a block, or several statements of one query share one.
    pub(super) fn in_some_block(&self) -> bool {
        self.block.status == Status::Open || self.among_several
    }

    /// 25001 for what cannot run inside a block.
    pub(super) fn refuse_in_block(&self, what: &str) -> Result<()> {
        if self.in_some_block() || self.shared.open.borrow().is_some() {
            let message = format!("{what} cannot run inside a transaction block");
            return Err(SqlError::new(SqlState::ACTIVE_SQL_TRANSACTION, message));
        }
        Ok(())
    }

    /// Whether the running statement was interrupted, as an error.
    pub(super) fn refuse_if_interrupted(&self) -> Result<()> {
        match self.shared.handle.interrupted() {
            Interrupt::None => Ok(()),
            why => Err(why.error()),
        }
    }
}

/// The write transaction, where one is open.
pub(super) fn writer(open: &Option<Transaction>) -> Result<&Transaction> {
    open.as_ref().ok_or_else(|| SqlError::internal("no write transaction is open"))
}
