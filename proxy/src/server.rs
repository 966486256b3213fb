//! The PostgreSQL side of the server: listens on addresses and a Unix socket, gives each connection a thread and a session, and shuts down in
//! good order. Enters: a [`Config`] and an open data directory; leaves: a [`Listening`] server.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    os::{
        fd::AsFd,
        unix::{
            fs::PermissionsExt,
            net::{UnixListener, UnixStream},
        },
    },
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use peergres_sync::{
    manager::{Control, Figure},
    schema::Schema,
    store::Node,
};
use rustix::event::{PollFd, PollFlags, poll};

use crate::{
    catalog::Catalog,
    config::{Config, TlsUse},
    session::{
        self, Watchdog,
        registry::{Notification, Registry},
        scram::Verifier,
        settings::Settings,
        wire::Socket,
    },
    tls::{Tls, TlsError},
};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken.
    #[error("cannot listen on {0}: the address is in use; stop what listens there, or choose another with --pg")]
    InUse(String),
    /// The address is no address, or not of this machine.
    #[error("cannot listen on {0}: {1}")]
    Listen(String, io::Error),
    /// Nobody could connect.
    #[error("trust_loopback = false needs a password: set PEERGRES_PASSWORD, or `password` in peergres.toml")]
    NoPassword,
    /// Anybody could connect.
    #[error("refusing to listen on {0} without a password: set PEERGRES_PASSWORD, or `password` in peergres.toml, or listen on 127.0.0.1")]
    Open(SocketAddr),
    /// The password cannot be kept.
    #[error("cannot use the password: {0}")]
    Password(crate::error::SqlError),
    /// The certificate is of no use.
    #[error("cannot offer TLS: {0}")]
    Tls(#[from] TlsError),
    /// The system gives no threads.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// What all sessions share.
pub struct Server {
    /// The data directory.
    pub node: Arc<Node>,
    /// The sessions.
    pub registry: Registry,
    /// The clock behind `statement_timeout`.
    pub watchdog: Arc<Watchdog>,
    /// Catalogs by schema generation.
    pub catalogs: Catalogs,
    /// What is kept of the password, where one is set.
    pub verifier: Option<Verifier>,
    /// What connections are encrypted with, unless TLS is off.
    pub tls: Option<Tls>,
    /// Whether connections from this machine need no password.
    pub trust_loopback: bool,
    /// Whether connections from other machines must be encrypted.
    pub tls_required: bool,
    /// When it started, in microseconds since 1970.
    pub started: i64,
    facts: Vec<(&'static str, String)>,
    control: OnceLock<Control>,
    transactions: AtomicU64,
    connections: AtomicUsize,
    connection_limit: usize,
}

/// Catalogs of recent schemas; generations are unique within the process.
#[derive(Default)]
pub struct Catalogs(Mutex<Vec<(u64, Arc<Catalog>)>>);

/// How long writers wait for a transaction that does nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many catalogs are kept.
const CATALOGS: usize = 32;

impl Catalogs {
    /// The catalog of a schema; `before` is that of an earlier one of the same database.
    pub fn of(&self, schema: &Arc<Schema>, before: Option<&Catalog>) -> Arc<Catalog> {
        if let Some((_, catalog)) = self.0.lock().iter().find(|(generation, _)| *generation == schema.generation) {
            return catalog.clone();
        }
        let catalog = session::catalog_of(schema, before);
        let mut catalogs = self.0.lock();
        if catalogs.len() >= CATALOGS {
            catalogs.remove(0);
        }
        catalogs.push((schema.generation, catalog.clone()));
        catalog
    }
}

impl Server {
    /// What sessions may ask of sync, once it runs.
    pub fn control(&self) -> Option<&Control> {
        self.control.get()
    }

    /// Joins the sessions with sync: its functions work from now on, and `LISTEN peergres_changes` hears of rows that come from peers, with
    /// `{"changes": n, "tables": […]}`.
    pub fn attach(self: &Arc<Self>, control: Control) {
        let server = Arc::downgrade(self);
        control.on_arrival(move |arrival| {
            let Some(server) = server.upgrade() else { return };
            let payload = serde_json::to_string(arrival).expect("a number and texts are JSON");
            let payload = if payload.len() < 8000 { payload } else { format!("{{\"changes\":{}}}", arrival.changes) };
            let notification = Notification { pid: 0, channel: "peergres_changes".to_owned(), payload };
            server.registry.notify(server.node.replicated().name(), &[notification]);
        });
        let server = Arc::downgrade(self);
        control.show_figures(move || server.upgrade().map(|server| server.figures()).unwrap_or_default());
        _ = self.control.set(control);
    }

    /// The sessions in figures.
    fn figures(&self) -> Vec<Figure> {
        let sessions = self.registry.list();
        let states = ["active", "idle", "idle in transaction", "idle in transaction (aborted)"];
        let of_state = |state: &'static str| Figure {
            name: "sessions",
            kind: "gauge",
            help: "Sessions by what they are at.",
            label: Some(("state", state.to_owned())),
            value: sessions.iter().filter(|session| session.activity.lock().state == state).count() as f64,
        };
        let longest = sessions.iter().filter_map(|session| session.activity.lock().transaction_start?.elapsed().ok());
        let one = |name, help, value| Figure { name, kind: "gauge", help, label: None, value };
        let mut figures: Vec<Figure> = states.into_iter().map(of_state).collect();
        figures.push(one("sessions_limit", "How many sessions there may be.", self.connection_limit as f64));
        let longest = longest.max().unwrap_or_default().as_secs_f64();
        figures.push(one("longest_transaction_seconds", "Age of the oldest open transaction.", longest));
        figures
    }

    /// What ends a wait for a database's write lock that is not limited: who holds it has left its transaction alone for [`PATIENCE`], and may never
    /// come back. Where PostgreSQL locks rows, which two idle transactions seldom share, all writers here wait for one.
    pub fn waits_in_vain(self: Arc<Self>, database: &str) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let (database, begun) = (database.to_owned(), Instant::now());
        Arc::new(move || begun.elapsed() >= PATIENCE && self.registry.writer_is_idle(&database, PATIENCE))
    }

    /// A number for a transaction, greater than all given before.
    pub fn next_transaction(&self) -> u64 {
        self.transactions.fetch_add(1, Ordering::Relaxed)
    }

    /// The number that the next transaction will be given.
    pub fn transactions_so_far(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// Puts what tells of this server into a new session's settings.
    pub fn tell(&self, settings: &mut Settings) {
        for (name, value) in &self.facts {
            settings.tell(name, value);
        }
    }
}

/// A server that listens; dropping it does not stop it, [`Listening::shut_down`] does.
pub struct Listening {
    /// What all sessions share.
    pub server: Arc<Server>,
    /// The addresses, with the ports that were given out.
    pub addresses: Vec<SocketAddr>,
    /// The Unix socket, where there is one.
    pub path: Option<PathBuf>,
    stop: UnixStream,
    acceptor: Option<thread::JoinHandle<()>>,
}

/// Sessions are given so much stack: expressions nest.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// How long a shutdown waits for sessions to end.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

fn listen(config: &Config) -> Result<Vec<TcpListener>, ServerError> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::AddrInUse => ServerError::InUse(config.pg.clone()),
        _ => ServerError::Listen(config.pg.clone(), e),
    };
    if !config.trust_loopback && config.password.is_none() {
        return Err(ServerError::NoPassword);
    }
    let mut listeners = Vec::new();
    for address in config.pg.to_socket_addrs().map_err(failed)? {
        if !address.ip().is_loopback() && config.password.is_none() {
            return Err(ServerError::Open(address));
        }
        listeners.push(TcpListener::bind(address).map_err(failed)?);
    }
    Ok(listeners)
}

/// The socket `.s.PGSQL.PORT` in a directory, for its owner alone. A path too long for the system is no error: there is just no socket.
fn listen_locally(directory: &Path, port: u16) -> Result<Option<(PathBuf, UnixListener)>, ServerError> {
    let path = directory.join(format!(".s.PGSQL.{port}"));
    let failed = |e: io::Error| ServerError::Listen(path.display().to_string(), e);
    if path.as_os_str().len() > 100 {
        tracing::warn!(path = %path.display(), "no Unix socket: its path would be too long");
        return Ok(None);
    }
    if path.exists() {
        // Left behind by a server that was killed, unless somebody answers.
        if UnixStream::connect(&path).is_ok() {
            return Err(ServerError::InUse(path.display().to_string()));
        }
        fs::remove_file(&path).map_err(failed)?;
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(Some((path, listener)))
}

/// The names that a self-made certificate vouches for.
fn hosts(addresses: &[SocketAddr]) -> Vec<String> {
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let listening = addresses.iter().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    for host in std::iter::once(own).filter(|h| h.is_ascii() && !h.is_empty()).chain(listening) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Starts the server.
pub fn start(config: &Config, node: Arc<Node>) -> Result<Listening, ServerError> {
    let verifier = config.password.as_deref().map(Verifier::new).transpose().map_err(ServerError::Password)?;
    let listeners = listen(config)?;
    let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|l| l.local_addr().ok()).collect();
    let port = addresses.first().map_or(5432, SocketAddr::port);
    let directory = config.socket_directory.clone().unwrap_or_else(|| config.data.clone());
    let local = listen_locally(&directory, port)?;
    let tls = match config.tls {
        TlsUse::Off => None,
        _ => Some(Tls::load((config.tls_cert.as_deref(), config.tls_key.as_deref()), &config.data, &hosts(&addresses))?),
    };
    let mut facts = vec![
        ("data_directory", config.data.display().to_string()),
        ("listen_addresses", addresses.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(",")),
        ("max_connections", config.max_connections.to_string()),
        ("port", port.to_string()),
        ("ssl", if tls.is_some() { "on" } else { "off" }.to_owned()),
        ("ssl_library", "rustls".to_owned()),
        ("unix_socket_directories", directory.display().to_string()),
    ];
    if let Some(tls) = &tls {
        facts.push(("ssl_cert_file", tls.certificate.display().to_string()));
        facts.push(("ssl_key_file", tls.key.display().to_string()));
    }
    let server = Arc::new(Server {
        node,
        registry: Registry::new(config.max_connections),
        watchdog: Arc::default(),
        catalogs: Catalogs::default(),
        verifier,
        tls,
        trust_loopback: config.trust_loopback,
        tls_required: config.tls == TlsUse::Require,
        started: session::now(),
        facts,
        control: OnceLock::new(),
        // Times grow across restarts, too; nobody asks for a million numbers a second.
        transactions: AtomicU64::new(session::now().unsigned_abs() / 1_000_000),
        connections: AtomicUsize::new(0),
        // Some more than sessions, so that cancel requests and refusals get through.
        connection_limit: config.max_connections + 50,
    });
    let (path, local) = local.unzip();
    let (stop, stopped) = UnixStream::pair().map_err(ServerError::Thread)?;
    let accepting = server.clone();
    let acceptor = thread::Builder::new()
        .name("accept".to_owned())
        .spawn(move || accept(&accepting, &listeners, local.as_ref(), &stopped))
        .map_err(ServerError::Thread)?;
    Ok(Listening { server, addresses, path, stop, acceptor: Some(acceptor) })
}

fn accept(server: &Arc<Server>, listeners: &[TcpListener], local: Option<&UnixListener>, stopped: &UnixStream) {
    let blocking = |_: io::Error| tracing::warn!("a listener cannot be made non-blocking");
    listeners.iter().for_each(|l| _ = l.set_nonblocking(true).map_err(blocking));
    if let Some(local) = local {
        _ = local.set_nonblocking(true).map_err(blocking);
    }
    loop {
        let mut fds = vec![PollFd::from_borrowed_fd(stopped.as_fd(), PollFlags::IN)];
        fds.extend(listeners.iter().map(|l| PollFd::from_borrowed_fd(l.as_fd(), PollFlags::IN)));
        fds.extend(local.map(|l| PollFd::from_borrowed_fd(l.as_fd(), PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) if !fds[0].revents().is_empty() => return,
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => {
                tracing::error!(%error, "waiting for connections failed");
                return;
            }
        }
        let mut failed = false;
        for listener in listeners {
            match listener.accept() {
                Ok((stream, _)) => admit(server, tcp(stream)),
                Err(e) => failed |= e.kind() != io::ErrorKind::WouldBlock,
            }
        }
        match local.map(UnixListener::accept) {
            Some(Ok((stream, _))) => admit(server, stream.set_nonblocking(false).map(|()| Socket::Unix(stream))),
            Some(Err(e)) => failed |= e.kind() != io::ErrorKind::WouldBlock,
            None => {}
        }
        if failed {
            // No more descriptors, most likely: give sessions time to end.
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn tcp(stream: TcpStream) -> io::Result<Socket> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    Ok(Socket::Tcp(stream))
}

/// Gives a connection its thread.
fn admit(server: &Arc<Server>, socket: io::Result<Socket>) {
    let Ok(socket) = socket else { return };
    if server.connections.fetch_add(1, Ordering::SeqCst) >= server.connection_limit {
        server.connections.fetch_sub(1, Ordering::SeqCst);
        return;
    }
    let serving = server.clone();
    let session = move || {
        // A bug in one session ends that session: its transaction rolls back as its parts are dropped.
        if catch_unwind(AssertUnwindSafe(|| session::serve(&serving, socket))).is_err() {
            tracing::error!("a session ended by a bug of ours");
        }
        serving.connections.fetch_sub(1, Ordering::SeqCst);
    };
    if let Err(error) = thread::Builder::new().name("session".to_owned()).stack_size(STACK_BYTES).spawn(session) {
        server.connections.fetch_sub(1, Ordering::SeqCst);
        tracing::error!(%error, "no thread for a connection");
    }
}

impl Listening {
    /// Stops listening, interrupts and ends all sessions, and waits for them. Answers whether all ended in time.
    pub fn shut_down(mut self) -> bool {
        drop(std::mem::replace(
            &mut self.stop,
            match UnixStream::pair() {
                Ok((stream, _)) => stream,
                Err(_) => return false,
            },
        ));
        if let Some(acceptor) = self.acceptor.take() {
            _ = acceptor.join();
        }
        if let Some(path) = &self.path {
            _ = fs::remove_file(path);
        }
        let deadline = Instant::now() + SHUTDOWN_PATIENCE;
        while self.server.connections.load(Ordering::SeqCst) > 0 {
            self.server.registry.list().iter().for_each(|handle| handle.terminate());
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        true
    }
}
