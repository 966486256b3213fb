//! A server in the test's own process, and clients of it that speak message by message (`peergres_tests::transcript`).

use std::{net::SocketAddr, os::unix::net::UnixStream, path::Path, sync::Arc};

use peergres::{
    config::{Config, Given},
    functions,
    server::{self, Listening},
};
use peergres_sync::store::Node;
pub use peergres_tests::transcript::{Client, Socket};

/// A server in a directory of its own.
pub struct TestServer {
    pub listening: Option<Listening>,
    directory: tempfile::TempDir,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with("")
    }

    /// With these lines in `peergres.toml`.
    pub fn with(settings: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(directory.path().join("peergres.toml"), settings).expect("the settings can be written");
        let given = Given { pg: Some("127.0.0.1:0".to_owned()), max_connections: Some(10), ..Given::default() };
        let config = Config::load(directory.path().to_owned(), given).expect("a configuration");
        let node = Node::open(&config.data, &config.database, Arc::new(functions::register)).expect("a data directory");
        TestServer { listening: Some(server::start(&config, node).expect("a server")), directory }
    }

    /// Its network address.
    pub fn address(&self) -> SocketAddr {
        self.listening.as_ref().expect("a server that runs").addresses[0]
    }

    /// Its data directory.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A fresh connection.
    pub fn socket(&self) -> Client {
        let path = self.listening.as_ref().and_then(|l| l.path.as_ref()).expect("a Unix socket");
        Client::new(Socket::Unix(UnixStream::connect(path).expect("a connection")))
    }

    pub fn connect(&self) -> Client {
        self.connect_with(&[("user", "postgres"), ("database", "app")])
    }

    pub fn connect_with(&self, parameters: &[(&str, &str)]) -> Client {
        let mut client = self.socket();
        client.start(parameters);
        client
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.shut_down();
        }
    }
}
