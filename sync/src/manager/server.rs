//! The HTTP server and the schedule of rounds: what `peergres serve` runs beside the PostgreSQL wire.
//!
//! Enters: an open node and [`ServeOptions`]. Leaves: a [`Server`] that runs until it is told to stop, and while it runs the file
//! `server.json`, by which commands find it.

use std::{
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Weak},
    thread::JoinHandle,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::oneshot};

use super::{
    control::Control,
    replica::{Replica, ReplicaError},
};
use crate::{
    api,
    conflicts::Strategies,
    identity::{IdentityError, write_private},
    store::Node,
};

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where the HTTP API listens, such as `127.0.0.1:8080`; port 0 takes any.
    pub http: String,
    /// Peers to sync with, beside those known from pairing.
    pub peers: Vec<String>,
    /// How often.
    pub sync_interval: Duration,
    /// The device's name; none keeps the one it has.
    pub name: Option<String>,
    /// What decides conflicts without a person.
    pub strategies: Strategies,
    /// Where other devices reach the HTTP API, if not where it listens.
    pub public_url: Option<String>,
    /// For how long changes stay in the log that every device has; none keeps them for ever.
    pub log_retention: Option<Duration>,
}

/// The age beyond which changes leave the log by themselves.
pub const LOG_RETENTION: Duration = Duration::from_secs(90 * 86_400);
/// When the log is looked through first, and how often then.
const FIRST_PRUNING: Duration = Duration::from_secs(300);
const PRUNING: Duration = Duration::from_secs(86_400);
/// How often it is looked what there is to do.
const LOOK: Duration = Duration::from_secs(300);

impl Default for ServeOptions {
    fn default() -> Self {
        ServeOptions {
            http: "127.0.0.1:8080".to_owned(),
            peers: Vec::new(),
            sync_interval: Duration::from_secs(5),
            name: None,
            strategies: Strategies::default(),
            public_url: None,
            log_retention: Some(LOG_RETENTION),
        }
    }
}

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address} for HTTP: {error}")]
    Listen {
        /// Which.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// The address is taken.
    #[error("cannot listen on {0} for HTTP: the address is in use; stop what listens there, or choose another with --http")]
    InUse(String),
    /// The node.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// `server.json`.
    #[error(transparent)]
    File(#[from] IdentityError),
    /// The server ended by itself.
    #[error("the HTTP server failed: {0}")]
    Failed(std::io::Error),
}

/// `server.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    /// Where the HTTP API is.
    pub(crate) url: String,
    /// The server's process.
    pub(crate) pid: u32,
}

/// A bound, not yet running server.
#[derive(Debug)]
pub struct Server {
    replica: Arc<Replica>,
    listener: TcpListener,
    address: SocketAddr,
    /// None leaves the schedule as it is.
    interval: Option<Duration>,
    /// None keeps the log whole.
    log_retention: Option<Duration>,
}

impl Server {
    /// Opens the replica and binds the address.
    pub async fn bind(node: &Arc<Node>, options: ServeOptions) -> Result<Server, ServeError> {
        let (node, name, strategies) = (Arc::clone(node), options.name, options.strategies);
        let opened = tokio::task::spawn_blocking(move || Replica::open(&node, name.as_deref(), strategies));
        let replica = opened.await.map_err(|_| ReplicaError::Interrupted)??;
        let bound = Server::bind_replica(replica, &options.http, &options.peers, Some(options.sync_interval), options.public_url);
        Ok(Server { log_retention: options.log_retention, ..bound.await? })
    }

    /// Binds an address for a replica that is open already.
    pub(crate) async fn bind_replica(
        replica: Arc<Replica>,
        http: &str,
        peers: &[String],
        interval: Option<Duration>,
        public_url: Option<String>,
    ) -> Result<Server, ServeError> {
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AddrInUse => ServeError::InUse(http.to_owned()),
            _ => ServeError::Listen { address: http.to_owned(), error },
        };
        let listener = TcpListener::bind(http).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        replica.set_public_url(public_url.unwrap_or_else(|| format!("http://{}", outward(address))));
        for url in peers {
            replica.schedule().add(&replica, url);
        }
        Ok(Server { replica, listener, address, interval, log_retention: None })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it serves.
    pub fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    #[cfg(test)]
    pub(crate) fn into_listener(self) -> TcpListener {
        self.listener
    }

    /// Serves until `shutdown` is ready; then lets requests that run come to an end.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
        let file = self.replica.node().directory().join("server.json");
        let about = ServerFile { url: format!("http://{}", reachable(self.address)), pid: std::process::id() };
        write_private(&file, serde_json::to_string(&about).expect("text and a number are JSON").as_bytes())?;
        let _remove = RemoveFile(file);
        if let Some(interval) = self.interval {
            self.replica.schedule().start(&self.replica, interval);
        }
        if self.interval.is_some() {
            tokio::spawn(keep_tidy(Arc::downgrade(&self.replica), self.log_retention));
        }
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let replica = Arc::clone(&self.replica);
        let signal = async move {
            shutdown.await;
            replica.schedule().stop();
            replica.stop_streams();
            let _ = stop.send(true);
        };
        let serving = axum::serve(self.listener, api::router(&self.replica)).with_graceful_shutdown(signal);
        // Event streams end when they are told; the other requests get a moment.
        let mut patience = stopped;
        tokio::select! {
            result = serving => result.map_err(ServeError::Failed),
            () = async move {
                let _ = patience.wait_for(|stop| *stop).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
            } => Ok(()),
        }
    }
}

/// Removes old snapshots, and prunes the log once a day, for ever, or until the node is gone.
async fn keep_tidy(replica: Weak<Replica>, log_retention: Option<Duration>) {
    let mut pruning = tokio::time::Instant::now() + FIRST_PRUNING;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(alive) = replica.upgrade() else { return };
        let due = log_retention.filter(|_| tokio::time::Instant::now() >= pruning);
        let done = alive.blocking(move |r| {
            r.snapshots().tidy();
            due.map(|age| r.prune_log(age)).transpose()
        });
        match done.await {
            Ok(Some(pruned)) if pruned.pruned > 0 => {
                tracing::info!(pruned = pruned.pruned, emptied = pruned.emptied, "the log was pruned");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the log could not be pruned"),
        }
        if due.is_some() {
            pruning = tokio::time::Instant::now() + PRUNING;
        }
    }
}

/// Serves a node's HTTP API and syncs it with its peers until `shutdown` is ready.
pub async fn serve(node: Arc<Node>, options: ServeOptions, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
    Server::bind(&node, options).await?.run(shutdown).await
}

/// A server on a thread of its own, for programs that are not asynchronous themselves. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    replica: Arc<Replica>,
    runtime: tokio::runtime::Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

/// Starts serving; answers once the address is bound.
pub fn start(node: &Arc<Node>, options: ServeOptions) -> Result<Running, ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("sync").enable_all().build();
    let runtime = runtime.map_err(ServeError::Failed)?;
    let server = runtime.block_on(Server::bind(node, options))?;
    let (address, replica) = (server.address(), Arc::clone(server.replica()));
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let run = move || {
        let shutdown = async move {
            // A sender that is gone means the same as one that was used.
            let _ = stopped.await;
        };
        let result = runtime.block_on(server.run(shutdown));
        runtime.shutdown_timeout(Duration::from_secs(5));
        result
    };
    let thread = std::thread::Builder::new().name("http".to_owned()).spawn(run).map_err(ServeError::Failed)?;
    Ok(Running { address, replica, runtime: handle, stop: Some(stop), thread: Some(thread) })
}

impl Running {
    /// Where the HTTP API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is served.
    pub fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    /// What sessions of the SQL server may ask of it.
    pub fn control(&self) -> Control {
        Control::new(Arc::clone(&self.replica), self.runtime.clone())
    }

    /// Stops, and waits until it has.
    pub fn stop(mut self) -> Result<(), ServeError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ServeError> {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(ReplicaError::Interrupted.into()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the HTTP server did not end well");
        }
    }
}

/// An address that a client on this machine can use: one that listens everywhere is reached at loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    address
}

/// An address that other machines can use: of one that listens everywhere, the one by which this machine would speak to them. A UDP socket is asked,
/// which sends nothing.
fn outward(address: SocketAddr) -> SocketAddr {
    let way = |from: &str, to: &str| {
        let socket = std::net::UdpSocket::bind(from).ok()?;
        // Addresses for documentation (RFC 5737, RFC 3849): nobody has them, and the route to them is the one to everybody.
        socket.connect(to).ok()?;
        socket.local_addr().ok()
    };
    let found = match address.ip() {
        ip if !ip.is_unspecified() => None,
        ip if ip.is_ipv4() => way("0.0.0.0:0", "192.0.2.1:9"),
        _ => way("[::]:0", "[2001:db8::1]:9").or_else(|| way("0.0.0.0:0", "192.0.2.1:9")),
    };
    match found {
        Some(own) => SocketAddr::new(own.ip(), address.port()),
        None => reachable(address),
    }
}

/// Removes a file when the server ends, however it ends.
struct RemoveFile(PathBuf);

impl Drop for RemoveFile {
    fn drop(&mut self) {
        // Left behind, it does no harm: commands find that nobody answers.
        let _ = std::fs::remove_file(&self.0);
    }
}
