//! A Peergres node: the real binary on a data directory and ports of its own, ended on drop.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    command::{Finished, run},
    ports,
};

/// A node; it runs from `start` until `stop`, `kill` or drop.
pub struct Node {
    directory: TempDir,
    child: Option<Child>,
    /// PostgreSQL port on 127.0.0.1.
    pub pg_port: u16,
    /// HTTP port on 127.0.0.1.
    pub http_port: u16,
    name: String,
    arguments: Vec<String>,
}

impl Node {
    /// Starts a node in a fresh directory; `arguments` follow `serve`.
    ///
    /// # Panics
    /// If it does not accept connections within 30 seconds.
    pub fn start(name: &str, arguments: &[&str]) -> Node {
        let mut node = Node::prepare(name, arguments);
        node.restart();
        node
    }

    /// A node's directory and ports, not started yet.
    ///
    /// # Panics
    /// If no temporary directory can be made.
    pub fn prepare(name: &str, arguments: &[&str]) -> Node {
        Node::prepare_in(&std::env::temp_dir(), name, arguments)
    }

    /// As [`Node::prepare`], with the directory in `place`.
    ///
    /// # Panics
    /// If no directory can be made there.
    pub fn prepare_in(place: &Path, name: &str, arguments: &[&str]) -> Node {
        Node {
            directory: TempDir::new_in(place).expect("a temporary directory can be made"),
            child: None,
            pg_port: ports::free(),
            http_port: ports::free(),
            name: name.to_owned(),
            arguments: arguments.iter().map(|&a| a.to_owned()).collect(),
        }
    }

    /// Starts it again on the same directory and ports.
    ///
    /// # Panics
    /// If it does not accept connections within 30 seconds.
    pub fn restart(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).expect("the log can be opened");
        let child = Command::new(binary())
            .arg("serve")
            .arg("--data")
            .arg(self.data())
            .args(["--pg", &format!("127.0.0.1:{}", self.pg_port), "--http", &format!("127.0.0.1:{}", self.http_port)])
            .args(["--name", &self.name])
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a descriptor can be doubled"))
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.child = Some(child);
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.pg_port)).is_err() || TcpStream::connect(("127.0.0.1", self.http_port)).is_err() {
            let ended = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten());
            assert!(ended.is_none() && Instant::now() < end, "node {} did not start:\n{}", self.name, self.said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The device's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Process id of the running server.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the node runs").id()
    }

    /// Data directory.
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// What it has printed so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Connection string of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.pg_port)
    }

    /// Address of the HTTP API.
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it with SIGTERM and waits.
    ///
    /// # Panics
    /// If it does not end within 20 seconds.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").arg(child.id().to_string()).status();
        let end = Instant::now() + Duration::from_secs(20);
        while child.try_wait().ok().flatten().is_none() {
            if Instant::now() > end {
                let _ = child.kill();
                let _ = child.wait();
                panic!("node {} did not end on SIGTERM:\n{}", self.name, self.said());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs `peergres ARGUMENTS --data DIR` to its end.
    pub fn command(&self, arguments: &[&str]) -> Finished {
        run(Command::new(binary()).args(arguments).arg("--data").arg(self.data()), "", Duration::from_secs(120))
    }

    /// The JSON object that a command prints with `--json`.
    ///
    /// # Panics
    /// If it fails or prints something else.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let out = self.command(&all).expect_success(&format!("peergres {arguments:?}"));
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("peergres {arguments:?} printed no JSON ({e}): {out}"))
    }

    /// Runs psql on the replicated database with a script on its standard input; any error ends it.
    pub fn psql(&self, script: &str) -> Finished {
        psql(&self.url("app"), script)
    }

    /// Asks again and again until a query answers these rows.
    ///
    /// # Panics
    /// If it does not within `limit`.
    pub fn wait_for(&self, query: &str, rows: &str, limit: Duration) {
        let end = Instant::now() + limit;
        loop {
            let now = self.psql(query);
            if now.code == Some(0) && now.out == rows {
                return;
            }
            assert!(Instant::now() < end, "{}: {query} still answers {now:?}, not {rows:?}\n{}", self.name, self.said());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The rows of a query, unaligned.
    pub fn rows(&self, query: &str) -> String {
        self.psql(query).expect_success(query)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs psql quietly, unaligned, without headers.
pub fn psql(url: &str, script: &str) -> Finished {
    run(Command::new("psql").args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]), script, Duration::from_secs(300))
}

/// The binary under test: `PEERGRES_BINARY`, else the newest of this workspace's builds.
///
/// # Panics
/// If it was not built.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PEERGRES_BINARY") {
        return PathBuf::from(path);
    }
    // …/target/PROFILE/deps/test-xyz → …/target/PROFILE/peergres, and beside a program that lies in …/target/PROFILE itself.
    let own = std::env::current_exe().expect("a program knows its path");
    let folder = own.parent().map(|p| if p.ends_with("deps") { p.parent().unwrap_or(p) } else { p }).expect("a program lies in a folder");
    let path = folder.join("peergres");
    assert!(Path::new(&path).exists(), "{} is missing: cargo build -p peergres", path.display());
    path
}
