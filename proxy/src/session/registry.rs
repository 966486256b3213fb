//! The sessions of the server: who is connected, how to interrupt, wake or end them, what they listen to, and the advisory locks they hold.
//! Enters: a new connection; leaves: its [`Handle`], through which other sessions and the server reach it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::Write,
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering},
    },
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use rusqlite::InterruptHandle;
use subtle::ConstantTimeEq;

use super::{advisory::Locks, wire::Socket};
use crate::{
    error::{SqlError, SqlState},
    tls::Encryption,
};

/// Why a statement was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Interrupt {
    /// It was not.
    None = 0,
    /// By a cancel request or `pg_cancel_backend`.
    User = 1,
    /// By `statement_timeout`.
    Timeout = 2,
    /// The session is to end.
    Terminate = 3,
}

impl Interrupt {
    /// What the client is told.
    pub fn error(self) -> SqlError {
        match self {
            Interrupt::Timeout => SqlError::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout"),
            Interrupt::Terminate => SqlError::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command"),
            _ => SqlError::new(SqlState::QUERY_CANCELED, "canceling statement due to user request"),
        }
    }
}

/// A notification on its way to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The sender.
    pub pid: i32,
    /// Channel.
    pub channel: String,
    /// Payload.
    pub payload: String,
}

/// What `pg_stat_activity` tells of a session.
#[derive(Clone, Debug)]
pub struct Activity {
    /// `active`, `idle`, `idle in transaction`, `idle in transaction (aborted)`.
    pub state: &'static str,
    /// The last statement.
    pub query: Arc<str>,
    /// `application_name`.
    pub application_name: String,
    /// When the statement began.
    pub query_start: Option<SystemTime>,
    /// When the state was entered.
    pub state_change: SystemTime,
    /// When the transaction began.
    pub transaction_start: Option<SystemTime>,
}

/// What others may know of a session, and do to it.
pub struct Handle {
    /// `pg_backend_pid()`.
    pub pid: i32,
    /// The cancel key.
    pub secret: Vec<u8>,
    /// Its database.
    pub database: String,
    /// Its user.
    pub user: String,
    /// The client's address, none over a path.
    pub client: Option<std::net::SocketAddr>,
    /// The address that it connected to, none over a path.
    pub local: Option<std::net::SocketAddr>,
    /// How its connection is encrypted, if it is.
    pub encryption: Option<Encryption>,
    /// When it connected.
    pub started: SystemTime,
    /// What it is at.
    pub activity: Mutex<Activity>,
    /// Set while its transaction holds the write lock.
    pub writes: AtomicBool,
    /// Set while the running statement is to stop; the store's lock wait reads it.
    pub cancelled: Arc<AtomicBool>,
    reason: AtomicU8,
    ending: AtomicBool,
    running: Mutex<Option<InterruptHandle>>,
    socket: Socket,
    wake: Mutex<UnixStream>,
    mailbox: Mutex<VecDeque<Notification>>,
    channels: Mutex<BTreeSet<String>>,
}

/// A session keeps at most so many undelivered notifications.
const MAILBOX_LIMIT: usize = 100_000;

impl Handle {
    /// Names the SQLite connection that a statement now runs on, for others to interrupt; none when it no longer does.
    pub fn runs_on(&self, connection: Option<InterruptHandle>) {
        *self.running.lock() = connection;
    }

    /// Interrupts the running statement.
    pub fn interrupt(&self, why: Interrupt) {
        self.reason.store(why as u8, Ordering::SeqCst);
        self.cancelled.store(true, Ordering::SeqCst);
        // The lock is held while SQLite is told, so that the connection cannot pass to another session in between.
        if let Some(connection) = &*self.running.lock() {
            connection.interrupt();
        }
    }

    /// Ends the session: its statement is interrupted, or its wait for the client.
    pub fn terminate(&self) {
        self.ending.store(true, Ordering::SeqCst);
        self.interrupt(Interrupt::Terminate);
        self.socket.stop_reading();
    }

    /// Whether the session is to end.
    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// Forgets an interrupt that came too late for the last statement.
    pub fn begin_statement(&self) {
        if !self.is_ending() {
            self.cancelled.store(false, Ordering::SeqCst);
            self.reason.store(0, Ordering::SeqCst);
        }
    }

    /// Why the running statement is to stop, if it is.
    pub fn interrupted(&self) -> Interrupt {
        if !self.cancelled.load(Ordering::Relaxed) {
            return Interrupt::None;
        }
        match self.reason.load(Ordering::SeqCst) {
            2 => Interrupt::Timeout,
            3 => Interrupt::Terminate,
            _ => Interrupt::User,
        }
    }

    fn wake(&self) {
        _ = self.wake.lock().write(&[1]);
    }

    /// Takes the notifications that came in.
    pub fn take_notifications(&self) -> VecDeque<Notification> {
        std::mem::take(&mut *self.mailbox.lock())
    }

    /// Whether it listens to anything.
    pub fn is_listening(&self) -> bool {
        !self.channels.lock().is_empty()
    }

    /// LISTEN.
    pub fn listen(&self, channel: &str) {
        self.channels.lock().insert(channel.to_owned());
    }

    /// UNLISTEN, none for all.
    pub fn unlisten(&self, channel: Option<&str>) {
        match channel {
            Some(channel) => _ = self.channels.lock().remove(channel),
            None => self.channels.lock().clear(),
        }
    }

    /// The channels it listens to.
    pub fn channels(&self) -> Vec<String> {
        self.channels.lock().iter().cloned().collect()
    }
}

/// All sessions.
pub struct Registry {
    sessions: Mutex<BTreeMap<i32, Arc<Handle>>>,
    next_pid: AtomicI32,
    limit: usize,
    /// Advisory locks.
    pub locks: Locks,
}

/// What a new session is told to register with.
pub struct Newcomer {
    /// Its database.
    pub database: String,
    /// Its user.
    pub user: String,
    /// Length of its cancel key: 4 bytes in protocol 3.0, more in 3.2.
    pub secret_length: usize,
    /// How its connection is encrypted, if it is.
    pub encryption: Option<Encryption>,
    /// A second handle on its connection.
    pub socket: Socket,
    /// The writing end of its wake-up pipe.
    pub wake: UnixStream,
}

impl Registry {
    /// With at most so many sessions.
    pub fn new(limit: usize) -> Self {
        Registry { sessions: Mutex::default(), next_pid: AtomicI32::new(1), limit, locks: Locks::default() }
    }

    /// Takes in a session; 53300 when there are too many.
    pub fn register(&self, new: Newcomer) -> Result<Arc<Handle>, SqlError> {
        let mut secret = vec![0; new.secret_length];
        getrandom::fill(&mut secret).map_err(|e| SqlError::internal(format!("no random numbers: {e}")))?;
        let mut sessions = self.sessions.lock();
        if sessions.len() >= self.limit {
            return Err(SqlError::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already"));
        }
        let pid = loop {
            let pid = self.next_pid.fetch_add(1, Ordering::Relaxed) & i32::MAX;
            if pid > 0 && !sessions.contains_key(&pid) {
                break pid;
            }
        };
        _ = new.wake.set_nonblocking(true);
        let now = SystemTime::now();
        let handle = Arc::new(Handle {
            pid,
            secret,
            database: new.database,
            user: new.user,
            client: new.socket.peer(),
            local: new.socket.local(),
            encryption: new.encryption,
            started: now,
            activity: Mutex::new(Activity {
                state: "idle",
                query: "".into(),
                application_name: String::new(),
                query_start: None,
                state_change: now,
                transaction_start: None,
            }),
            writes: AtomicBool::new(false),
            cancelled: Arc::default(),
            reason: AtomicU8::new(0),
            ending: AtomicBool::new(false),
            running: Mutex::new(None),
            socket: new.socket,
            wake: Mutex::new(new.wake),
            mailbox: Mutex::default(),
            channels: Mutex::default(),
        });
        sessions.insert(pid, handle.clone());
        Ok(handle)
    }

    /// Lets a session go, and its advisory locks.
    pub fn leave(&self, pid: i32) {
        self.locks.release_session(pid);
        self.sessions.lock().remove(&pid);
    }

    /// A session by pid.
    pub fn get(&self, pid: i32) -> Option<Arc<Handle>> {
        self.sessions.lock().get(&pid).cloned()
    }

    /// Whether the session that holds a database's write lock has left its transaction alone for so long.
    pub fn writer_is_idle(&self, database: &str, since: Duration) -> bool {
        let idle = |handle: &Arc<Handle>| {
            let activity = handle.activity.lock();
            activity.state.starts_with("idle") && activity.state_change.elapsed().is_ok_and(|elapsed| elapsed >= since)
        };
        self.sessions.lock().values().any(|h| h.database == database && h.writes.load(Ordering::Relaxed) && idle(h))
    }

    /// All sessions, by pid.
    pub fn list(&self) -> Vec<Arc<Handle>> {
        self.sessions.lock().values().cloned().collect()
    }

    /// A cancel request: obeyed if the key is right, silently dropped otherwise.
    pub fn cancel(&self, pid: i32, secret: &[u8]) {
        if let Some(handle) = self.get(pid)
            && bool::from(handle.secret.ct_eq(secret))
        {
            handle.interrupt(Interrupt::User);
        }
    }

    /// Delivers a transaction's notifications to the sessions of the same database that listen.
    pub fn notify(&self, database: &str, notifications: &[Notification]) {
        for handle in self.list().iter().filter(|h| h.database == database) {
            let channels = handle.channels.lock();
            let heard: Vec<_> = notifications.iter().filter(|n| channels.contains(&n.channel)).cloned().collect();
            drop(channels);
            if heard.is_empty() {
                continue;
            }
            let mut mailbox = handle.mailbox.lock();
            mailbox.extend(heard);
            let excess = mailbox.len().saturating_sub(MAILBOX_LIMIT);
            mailbox.drain(..excess);
            drop(mailbox);
            handle.wake();
        }
    }
}
