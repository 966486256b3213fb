//! One client's session, and the only room that calls the stages: messages enter, messages leave. A session is an OS thread with a blocking
//! loop; it owns its reading connection and shares the writer.

pub mod advisory;
mod block;
mod command;
pub mod context;
mod copy_in;
mod copy_out;
mod copy_text;
mod cursor;
mod database;
mod explain;
mod extended;
mod maintenance;
mod plans;
pub mod registry;
pub mod report;
mod routine;
mod run;
pub mod scram;
mod services;
pub mod settings;
mod simple;
mod spool;
mod stages;
mod startup;
mod store_error;
mod sync;
mod temporary;
pub mod variables;
mod watchdog;
pub mod wire;

use std::{
    collections::HashMap,
    os::unix::net::UnixStream,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use peergres_sync::store::Database;
use pgwire::messages::{
    response::NotificationResponse,
    startup::{BackendKeyData, ParameterStatus, SecretKey},
};
use rusqlite::Connection;

use self::{
    block::{Block, Status},
    cursor::Portal,
    plans::Cache,
    registry::{Handle, Newcomer},
    services::Shared,
    settings::REPORTED,
    wire::{Ended, Frontend, Severity, Socket, Stream, Woken},
};
use crate::{
    catalog::Catalog,
    error::{Result, SqlError, SqlState},
    server::Server,
};

pub(crate) use block::now;
pub use stages::catalog_of;
pub use watchdog::Watchdog;

/// A client's session.
pub struct Session {
    server: Arc<Server>,
    shared: Rc<Shared>,
    stream: Stream,
    reader: Rc<Connection>,
    temporary: temporary::Temporary,
    block: Block,
    cache: Cache,
    portals: HashMap<String, Portal>,
    catalog: Option<(u64, Arc<Catalog>)>,
    /// `statement_timestamp()`.
    statement_time: context::Microseconds,
    /// What the client was last told of the reported settings, and at which version of all settings.
    reported: Vec<Option<String>>,
    reported_version: u64,
    /// After an error in the extended protocol: skip to Sync.
    skipping: bool,
    /// Whether the statement is one of several in a simple query, which together stand in a block of their own.
    among_several: bool,
}

/// What a message leads to.
enum Next {
    /// The next message.
    Go,
    /// The end.
    End,
}

/// Serves one connection from its first byte to its last.
pub fn serve(server: &Arc<Server>, socket: Socket) {
    let Ok((wake, waker)) = UnixStream::pair() else { return };
    let Ok(mut stream) = Stream::new(socket, wake) else { return };
    if stream.set_deadline(Some(Instant::now() + startup::TIMEOUT)).is_err() {
        return;
    }
    let Some(start) = startup::start(&mut stream, server) else { return };
    if stream.set_deadline(None).is_err() {
        return;
    }
    let refused = match admit(server, stream, start, waker) {
        Ok(mut session) => {
            let pid = session.shared.handle.pid;
            let database = session.shared.database.name().to_owned();
            tracing::debug!(pid, database, "session begins");
            session.converse();
            session.rollback_block();
            session.drop_temporary();
            server.registry.leave(pid);
            return;
        }
        Err(refused) => refused,
    };
    let (mut stream, error) = *refused;
    stream.output.error(Severity::Fatal, &error);
    _ = stream.flush();
}

/// Registers the session and opens its reader; a refusal gives the stream back.
fn admit(server: &Arc<Server>, stream: Stream, start: startup::Start, waker: UnixStream) -> Result<Session, Box<(Stream, SqlError)>> {
    let admitted = (|| {
        let socket = stream.socket().try_clone().map_err(|e| SqlError::internal(e.to_string()))?;
        let secret_length = if start.minor >= 2 { 32 } else { 4 };
        let database = server.node.database(&start.database).map_err(store_error::store)?;
        let newcomer = Newcomer {
            database: start.database.clone(),
            user: start.user.clone(),
            secret_length,
            encryption: stream.encryption(),
            socket,
            wake: waker,
        };
        let handle = server.registry.register(newcomer)?;
        match database.reader() {
            Ok(reader) => Ok((database, handle, reader)),
            Err(error) => {
                server.registry.leave(handle.pid);
                Err(store_error::store(error))
            }
        }
    })();
    match admitted {
        Ok((database, handle, reader)) => Ok(Session::new(server, stream, start, database, handle, reader)),
        Err(error) => Err(Box::new((stream, error))),
    }
}

impl Session {
    fn new(
        server: &Arc<Server>,
        stream: Stream,
        start: startup::Start,
        database: Arc<Database>,
        handle: Arc<Handle>,
        reader: Connection,
    ) -> Session {
        reader.set_prepared_statement_cache_capacity(500);
        handle.runs_on(Some(reader.get_interrupt_handle()));
        let reader = Rc::new(reader);
        Session {
            server: server.clone(),
            shared: Shared::new(server.clone(), database, handle, start.settings, reader.clone()),
            stream,
            reader,
            temporary: temporary::Temporary::default(),
            block: Block::default(),
            cache: Cache::default(),
            portals: HashMap::new(),
            catalog: None,
            statement_time: 0,
            reported: vec![None; REPORTED.len()],
            reported_version: 0,
            skipping: false,
            among_several: false,
        }
    }

    fn converse(&mut self) {
        let handle = self.shared.handle.clone();
        self.report_settings();
        let secret = match <[u8; 4]>::try_from(handle.secret.as_slice()) {
            Ok(bytes) => SecretKey::I32(i32::from_be_bytes(bytes)),
            Err(_) => SecretKey::Bytes(handle.secret.clone().into()),
        };
        self.stream.output.message(&BackendKeyData::new(handle.pid, secret));
        self.ready();
        let end = loop {
            match self.turn() {
                Ok(Next::Go) => {}
                Ok(Next::End) => break None,
                Err(Ended::Closed) if handle.is_ending() => break Some(registry::Interrupt::Terminate.error()),
                Err(Ended::Closed) => break None,
                Err(Ended::Violation(error)) => break Some(error),
            }
        };
        if let Some(error) = end {
            self.stream.output.error(Severity::Fatal, &error);
            _ = self.stream.flush();
        }
    }

    /// One message.
    fn turn(&mut self) -> Result<Next, Ended> {
        if !self.stream.has_input() {
            self.idle()?;
        }
        let frame = self.stream.frame()?;
        if self.shared.handle.is_ending() {
            return Err(Ended::Closed);
        }
        let message = match Frontend::decode(frame.kind, &frame.body) {
            Ok(message) => message,
            Err(error) if error.state() == SqlState::PROTOCOL_VIOLATION.0 => return Err(Ended::Violation(error)),
            Err(error) => {
                let extended = frame.kind != b'Q';
                if !(extended && self.skipping) {
                    self.fail(&error);
                    self.skipping = extended;
                }
                if !extended {
                    self.ready();
                }
                return Ok(Next::Go);
            }
        };
        self.answer(message)?;
        if self.shared.handle.is_ending() {
            return Err(Ended::Closed);
        }
        if frame.kind == b'X' { Ok(Next::End) } else { Ok(Next::Go) }
    }

    fn answer(&mut self, message: Frontend<'_>) -> Result<(), Ended> {
        match message {
            Frontend::Query(sql) => {
                self.skipping = false;
                self.simple_query(sql);
                self.ready();
            }
            Frontend::Sync => {
                self.skipping = false;
                if let Err(error) = self.finish_implicit() {
                    self.fail(&error);
                }
                self.ready();
            }
            Frontend::Flush => self.stream.flush()?,
            Frontend::FunctionCall => {
                self.fail(&SqlError::unsupported("the function call message"));
                self.ready();
            }
            // What is left of a COPY that failed.
            Frontend::CopyData(_) | Frontend::CopyDone | Frontend::CopyFail(_) | Frontend::Terminate => {}
            Frontend::Password(_) => {
                return Err(Ended::Violation(SqlError::new(SqlState::PROTOCOL_VIOLATION, "unexpected password message")));
            }
            extended if !self.skipping => {
                if let Err(error) = self.extended(extended) {
                    self.fail(&error);
                    self.skipping = true;
                }
            }
            _ => {}
        }
        self.stream.flush_if_full()?;
        Ok(())
    }

    /// Between two messages: delivers notifications, and waits where something but the client may end the wait.
    fn idle(&mut self) -> Result<(), Ended> {
        let timeout = {
            let settings = self.shared.settings.borrow();
            match self.block.status {
                Status::Idle => settings.derived().idle_timeout,
                _ => settings.derived().idle_in_transaction_timeout,
            }
        };
        if timeout.is_none() && !self.shared.handle.is_listening() {
            return Ok(());
        }
        let deadline = timeout.map(|t| Instant::now() + t);
        loop {
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            match self.stream.wait(left)? {
                Woken::Input => return Ok(()),
                Woken::Timeout if left.is_none_or(|l| l > Duration::ZERO && deadline.is_some_and(|d| Instant::now() < d)) => {}
                Woken::Timeout => return Err(Ended::Violation(self.idle_too_long())),
                Woken::Signal => {
                    if self.block.status == Status::Idle {
                        self.deliver_notifications();
                    }
                }
            }
        }
    }

    fn idle_too_long(&self) -> SqlError {
        match self.block.status {
            Status::Idle => SqlError::new(SqlState("57P05"), "terminating connection due to idle-session timeout"),
            _ => SqlError::new(SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT, "terminating connection due to idle-in-transaction timeout"),
        }
    }

    fn deliver_notifications(&mut self) {
        for n in self.shared.handle.take_notifications() {
            self.stream.output.message(&NotificationResponse::new(n.pid, n.channel, n.payload));
        }
    }

    /// ReadyForQuery, with what precedes it: changed settings, notifications.
    fn ready(&mut self) {
        // A session that was told to end is ready for nothing more: its last word is why.
        if self.shared.handle.is_ending() {
            return;
        }
        self.report_settings();
        if self.block.status == Status::Idle && self.shared.handle.is_listening() {
            self.deliver_notifications();
        }
        self.stream.output.ready(self.status_byte());
        let mut activity = self.shared.handle.activity.lock();
        activity.state = match self.block.status {
            Status::Open => "idle in transaction",
            Status::Failed => "idle in transaction (aborted)",
            _ => "idle",
        };
        activity.state_change = SystemTime::now();
        if self.block.status == Status::Idle {
            activity.transaction_start = None;
        }
    }

    /// ParameterStatus for each reported setting whose value is another than last told.
    fn report_settings(&mut self) {
        let settings = self.shared.settings.borrow();
        if settings.version() == self.reported_version {
            return;
        }
        self.reported_version = settings.version();
        for (name, told) in REPORTED.iter().zip(&mut self.reported) {
            let value = settings.show(name).unwrap_or_default();
            if told.as_ref() != Some(&value) {
                self.stream.output.message(&ParameterStatus::new((*name).to_owned(), value.clone()));
                *told = Some(value);
            }
        }
        self.shared.handle.activity.lock().application_name = settings.show("application_name").unwrap_or_default();
    }

    /// ErrorResponse, and what an error does to the transaction.
    fn fail(&mut self, error: &SqlError) {
        self.abort();
        if self.shared.handle.is_ending() {
            return;
        }
        self.stream.output.error(Severity::Error, error);
    }

    /// A warning to the client, if it wants to hear it.
    fn warn(&mut self, state: SqlState, message: &str) {
        self.notice(Severity::Warning, &SqlError::new(state, message));
    }

    /// A notice to the client, if it wants to hear it.
    fn notice(&mut self, severity: Severity, notice: &SqlError) {
        if severity.rank() >= self.shared.settings.borrow().derived().least_notice {
            self.stream.output.notice(severity, notice);
        }
    }
}
