//! What functions may ask of their session: settings, identity, sequences, notifications, advisory locks, other sessions.
//! Enters: a service's name and arguments in text form; leaves: a result in text form.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use peergres_sync::{
    commit::Transaction,
    manager::Order,
    schema::{Object, QualifiedName, Schema, Sequence},
    store::Database,
};
use rusqlite::Connection;
use sqlparser::ast::OnCommit;

use super::{
    advisory::{Hold, Key},
    context::{self, RoutineCall, Services},
    plans::Named,
    registry::{Handle, Interrupt, Notification},
    report::{CursorReport, LockReport, SessionReport, SettingReport, StatementReport},
    routine::Routines,
    settings::Settings,
    wire::Severity,
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::ConstraintTiming,
    parse::command::{Isolation, Modes},
    server::Server,
};

/// Session state that functions may reach while a statement runs.
pub(crate) struct Shared {
    /// The server.
    pub server: Arc<Server>,
    /// The session's database.
    pub database: Arc<Database>,
    /// What other sessions see of this one.
    pub handle: Arc<Handle>,
    /// Settings.
    pub settings: RefCell<Settings>,
    /// The open write transaction; borrowed while a statement runs on it.
    pub open: RefCell<Option<Transaction>>,
    /// Notifications that wait for COMMIT.
    pub notifications: RefCell<Vec<Notification>>,
    /// What functions of schema `peergres` asked for: carried out once their statement has run.
    pub orders: RefCell<Vec<Order>>,
    /// Whether a `SET LOCAL` has a transaction block to live in.
    pub in_block: Cell<bool>,
    /// The modes of the transaction.
    pub modes: Cell<Modes>,
    /// The number that the transaction was given, once it was asked for one.
    pub number: Cell<Option<u64>>,
    /// What functions have to say, on its way to the client.
    pub warnings: RefCell<Vec<(Severity, SqlError)>>,
    /// The session's own connection, on which statements read until the transaction writes.
    pub reader: Rc<Connection>,
    /// What SET CONSTRAINTS said, for the statements inside of functions.
    pub timing: RefCell<ConstraintTiming>,
    /// Functions made ready to run.
    pub routines: Routines,
    /// Temporary tables that functions made, and what COMMIT does to them.
    pub made: RefCell<Vec<(QualifiedName, OnCommit)>>,
    /// Prepared statements by name.
    pub statements: RefCell<HashMap<String, Named>>,
    /// Cursors that have a name, as they were when the statement began.
    pub cursors: RefCell<Vec<CursorReport>>,
    sequences: RefCell<Drawn>,
}

/// What `currval` and `lastval` answer.
#[derive(Default)]
struct Drawn {
    values: HashMap<u32, i64>,
    last: Option<u32>,
}

fn invalid(service: &str) -> SqlError {
    SqlError::internal(format!("wrong arguments for {service}"))
}

fn argument<'a>(service: &str, args: &'a [Option<String>], n: usize) -> Result<&'a str> {
    args.get(n).and_then(Option::as_deref).ok_or_else(|| invalid(service))
}

fn number<T: std::str::FromStr>(service: &str, args: &[Option<String>], n: usize) -> Result<T> {
    argument(service, args, n)?.parse().map_err(|_| invalid(service))
}

impl Shared {
    /// Of a new session.
    pub(crate) fn new(
        server: Arc<Server>,
        database: Arc<Database>,
        handle: Arc<Handle>,
        settings: Settings,
        reader: Rc<Connection>,
    ) -> Rc<Self> {
        Rc::new(Shared {
            server,
            database,
            handle,
            settings: RefCell::new(settings),
            open: RefCell::new(None),
            notifications: RefCell::default(),
            orders: RefCell::default(),
            in_block: Cell::new(false),
            modes: Cell::default(),
            number: Cell::default(),
            warnings: RefCell::default(),
            reader,
            timing: RefCell::default(),
            routines: Routines::default(),
            made: RefCell::default(),
            statements: RefCell::default(),
            cursors: RefCell::default(),
            sequences: RefCell::default(),
        })
    }

    /// The schema as the running statement sees it.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        match self.open.try_borrow() {
            Ok(open) => open.as_ref().map_or_else(|| self.database.schema(), Transaction::schema),
            // A definition is running: its context has what it has made so far.
            Err(_) => context::current().catalog.schema.clone(),
        }
    }

    /// Something that the client should hear of.
    pub(crate) fn remark(&self, severity: Severity, remark: SqlError) {
        self.warnings.borrow_mut().push((severity, remark));
    }

    /// A setting's value as SHOW says it; the transaction's modes are settings, too.
    pub(crate) fn shown(&self, name: &str) -> Option<String> {
        let switch = |on: Option<bool>| Some(if on == Some(true) { "on" } else { "off" }.to_owned());
        let modes = self.modes.get();
        match name.to_ascii_lowercase().as_str() {
            "transaction_isolation" => Some(modes.isolation.unwrap_or(Isolation::ReadCommitted).name().to_owned()),
            "transaction_read_only" => switch(modes.read_only),
            "transaction_deferrable" => switch(modes.deferrable),
            _ => self.settings.borrow().show(name),
        }
    }

    /// The transaction's number, given when it is first asked for.
    fn transaction_number(&self) -> u64 {
        let number = self.number.get().unwrap_or_else(|| self.server.next_transaction());
        self.number.set(Some(number));
        number
    }

    /// `DISCARD SEQUENCES`.
    pub(crate) fn forget_sequences(&self) {
        *self.sequences.borrow_mut() = Drawn::default();
    }

    /// A sequence by OID, and the error of anything else.
    fn sequence(&self, oid: u32) -> Result<Arc<Object>> {
        let undefined = || SqlError::internal(format!("could not open relation with OID {oid}"));
        let object = self.schema().objects.get(&oid).cloned().ok_or_else(undefined)?;
        match &*object {
            Object::Sequence(_) => Ok(object),
            other => Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a sequence", other.name().name))),
        }
    }

    fn sequence_service(&self, service: &str, args: &[Option<String>]) -> Result<i64> {
        if service == "lastval" {
            let drawn = self.sequences.borrow();
            let last = drawn.last.and_then(|oid| drawn.values.get(&oid)).copied();
            let message = "lastval is not yet defined in this session";
            return last.ok_or_else(|| SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
        }
        let oid = number(service, args, 0)?;
        let object = self.sequence(oid)?;
        let Object::Sequence(sequence) = &*object else { return Err(SqlError::internal("a sequence that is none")) };
        match service {
            "nextval" => self.next_value(oid, sequence),
            "setval" => self.set_value(oid, sequence, args),
            _ => self.sequences.borrow().values.get(&oid).copied().ok_or_else(|| {
                let message = format!("currval of sequence \"{}\" is not yet defined in this session", sequence.name.name);
                SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            }),
        }
    }

    fn next_value(&self, oid: u32, sequence: &Sequence) -> Result<i64> {
        let value = self.database.sequences().next_value(oid, sequence).map_err(|e| super::store_error::sequence(&e))?;
        let mut drawn = self.sequences.borrow_mut();
        drawn.values.insert(oid, value);
        drawn.last = Some(oid);
        Ok(value)
    }

    fn set_value(&self, oid: u32, sequence: &Sequence, args: &[Option<String>]) -> Result<i64> {
        let value: i64 = number("setval", args, 1)?;
        let is_called = args.get(2).and_then(Option::as_deref).is_none_or(|b| matches!(b, "t" | "true" | "1"));
        self.database.sequences().set_value(oid, sequence, value, is_called).map_err(|e| super::store_error::sequence(&e))?;
        if is_called {
            self.sequences.borrow_mut().values.insert(oid, value);
        }
        Ok(value)
    }

    /// The last value that was drawn from a sequence; none where none was yet.
    fn last_value(&self, oid: u32) -> Result<Option<String>> {
        let object = self.sequence(oid)?;
        let Object::Sequence(sequence) = &*object else { return Ok(None) };
        let state = self.database.sequences().state(oid, sequence);
        Ok(state.is_called.then(|| state.last_value.to_string()))
    }

    /// Bytes of the pages of a table or index of that name in SQLite, as last committed.
    fn relation_size(&self, physical: &str) -> Result<i64> {
        let failed = |error: rusqlite::Error| SqlError::internal(error.to_string());
        let reader = self.database.reader().map_err(|error| SqlError::internal(error.to_string()))?;
        let sql = "SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = ?1 AND aggregate = 1";
        reader.query_row(sql, [physical], |row| row.get(0)).map_err(failed)
    }

    /// Bytes of a database's file and its WAL; none where there is no such database.
    fn database_size(&self, name: &str) -> Option<String> {
        let path = self.database.path().with_file_name(format!("{name}.db"));
        let size = std::fs::metadata(&path).ok()?.len();
        let log = std::fs::metadata(path.with_extension("db-wal")).map_or(0, |found| found.len());
        Some((size + log).to_string())
    }

    /// NOTIFY: delivered at COMMIT, each pair of channel and payload once.
    pub(crate) fn notify(&self, channel: &str, payload: &str) -> Result<()> {
        let refuse = |message: &str| Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
        match (channel.len(), payload.len()) {
            (0, _) => return refuse("channel name cannot be empty"),
            (64.., _) => return refuse("channel name too long"),
            (_, 8000..) => return refuse("payload string too long"),
            _ => {}
        }
        let notification = Notification { pid: self.handle.pid, channel: channel.to_owned(), payload: payload.to_owned() };
        let mut waiting = self.notifications.borrow_mut();
        if !waiting.contains(&notification) {
            waiting.push(notification);
        }
        Ok(())
    }

    /// `pg_advisory_lock` and its kin; the name says everything: `pg_[try_]advisory_[xact_]lock[_shared]`, `pg_advisory_unlock[_shared|_all]`.
    fn advisory(&self, service: &str, args: &[Option<String>]) -> Result<Option<String>> {
        let locks = &self.server.registry.locks;
        let pid = self.handle.pid;
        if service == "pg_advisory_unlock_all" {
            locks.unlock_all(pid);
            return Ok(None);
        }
        let pair = args.len() == 2;
        let number = if pair {
            let (high, low): (i32, i32) = (number(service, args, 0)?, number(service, args, 1)?);
            (i64::from(high) << 32) | i64::from(low as u32)
        } else {
            number(service, args, 0)?
        };
        let key = Key { database: self.database.name().to_owned(), number, pair };
        let hold = Hold { shared: service.ends_with("_shared"), transaction: service.contains("_xact_") };
        if service.contains("unlock") {
            let held = locks.unlock(&key, pid, hold.shared);
            if !held {
                let kind = if hold.shared { "ShareLock" } else { "ExclusiveLock" };
                self.remark(Severity::Warning, SqlError::new(SqlState("01000"), format!("you don't own a lock of type {kind}")));
            }
            return Ok(Some(boolean(held)));
        }
        if service.starts_with("pg_try") {
            return Ok(Some(boolean(locks.try_lock(&key, pid, hold))));
        }
        let deadline = self.settings.borrow().derived().lock_timeout.map(|t| Instant::now() + t);
        locks.lock(&key, pid, hold, &self.handle.cancelled, deadline).map_err(|e| self.interrupted_or(e))?;
        Ok(None)
    }

    /// The reason of an interrupt in place of a general 57014.
    pub(crate) fn interrupted_or(&self, error: SqlError) -> SqlError {
        match self.handle.interrupted() {
            why if why != Interrupt::None && error.state() == SqlState::QUERY_CANCELED.0 => why.error(),
            _ => error,
        }
    }

    fn sleep(&self, seconds: f64) -> Result<Option<String>> {
        let end = Instant::now() + Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::from_secs(u32::MAX.into()));
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) {
            if self.handle.interrupted() != Interrupt::None {
                return Err(self.handle.interrupted().error());
            }
            std::thread::sleep(left.min(Duration::from_millis(20)));
        }
        Ok(None)
    }

    fn signal(&self, service: &str, args: &[Option<String>]) -> Result<Option<String>> {
        let handle = self.server.registry.get(number(service, args, 0)?);
        if let Some(handle) = &handle {
            if service == "pg_terminate_backend" { handle.terminate() } else { handle.interrupt(Interrupt::User) }
        }
        Ok(Some(boolean(handle.is_some())))
    }
}

fn boolean(value: bool) -> String {
    if value { "t" } else { "f" }.to_owned()
}

impl Services for Shared {
    fn user(&self) -> String {
        let settings = self.settings.borrow();
        match settings.raw("role") {
            Some(role) if role != "none" => role,
            _ => settings.raw("session_authorization").unwrap_or_else(|| self.handle.user.clone()),
        }
    }

    fn database(&self) -> String {
        self.database.name().to_owned()
    }

    fn backend_pid(&self) -> i32 {
        self.handle.pid
    }

    fn setting(&self, name: &str) -> Option<String> {
        self.shown(name)
    }

    fn set_setting(&self, name: &str, value: &str, local: bool) -> Result<String> {
        self.settings.borrow_mut().set_config(name, value, local)
    }

    fn settings(&self) -> Vec<SettingReport> {
        self.setting_reports()
    }

    fn sessions(&self) -> Vec<SessionReport> {
        self.session_reports()
    }

    fn locks(&self) -> Vec<LockReport> {
        self.server.registry.locks.reports()
    }

    fn statements(&self) -> Vec<StatementReport> {
        self.statement_reports()
    }

    fn cursors(&self) -> Vec<CursorReport> {
        self.cursors.borrow().clone()
    }

    fn databases(&self) -> Vec<String> {
        self.server.node.databases().into_iter().map(|(name, _)| name).collect()
    }

    fn routine(&self, call: &RoutineCall<'_>) -> Result<Vec<Vec<rusqlite::types::Value>>> {
        self.call_routine(call)
    }

    fn fire(&self, fire: &crate::execute::plan::Fire) -> Result<()> {
        self.fire_triggers(fire)
    }

    fn call(&self, service: &str, args: &[Option<String>]) -> Result<Option<String>> {
        match service {
            "nextval" | "setval" | "currval" | "lastval" => self.sequence_service(service, args).map(|n| Some(n.to_string())),
            "pg_notify" => {
                let payload = args.get(1).and_then(Option::as_deref).unwrap_or_default();
                self.notify(args.first().and_then(Option::as_deref).unwrap_or_default(), payload).map(|()| None)
            }
            "pg_listening_channels" => Ok(Some(self.handle.channels().join("\n"))),
            "pg_notification_queue_usage" => Ok(Some("0".to_owned())),
            "pg_cancel_backend" | "pg_terminate_backend" => self.signal(service, args),
            "pg_sleep" => self.sleep(number(service, args, 0)?),
            "session_user" => Ok(self.settings.borrow().raw("session_authorization")),
            "txid_current" => Ok(Some(self.transaction_number().to_string())),
            "txid_current_if_assigned" => {
                let is_open = self.open.try_borrow().map_or(true, |open| open.is_some());
                Ok((is_open || self.number.get().is_some()).then(|| self.transaction_number().to_string()))
            }
            "txid_next" => Ok(Some(self.server.transactions_so_far().to_string())),
            "relation_size" => self.relation_size(argument(service, args, 0)?).map(|size| Some(size.to_string())),
            "database_size" => Ok(self.database_size(argument(service, args, 0)?)),
            "sequence_state" => {
                let oid = number(service, args, 0)?;
                let object = self.sequence(oid)?;
                let Object::Sequence(sequence) = &*object else { return Ok(None) };
                let state = self.database.sequences().state(oid, sequence);
                Ok(Some(format!("{}|{}", state.last_value, boolean(state.is_called))))
            }
            "pg_sequence_last_value" => self.last_value(number(service, args, 0)?),
            "pg_postmaster_start_time" => Ok(Some(self.server.started.to_string())),
            "inet_client_addr" => Ok(self.handle.client.map(|a| a.ip().to_string())),
            "inet_client_port" => Ok(self.handle.client.map(|a| a.port().to_string())),
            "inet_server_addr" | "inet_server_port" => Ok(self.handle.local.map(|a| match service {
                "inet_server_addr" => a.ip().to_string(),
                _ => a.port().to_string(),
            })),
            _ if service.starts_with("peergres") => self.sync_service(service, args),
            _ if service.contains("_advisory_") => self.advisory(service, args),
            _ => Err(SqlError::unsupported(service)),
        }
    }
}
