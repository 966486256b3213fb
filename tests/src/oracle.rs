//! The oracle: a throw-away PostgreSQL 15 cluster on a free port, ended and removed on drop.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::{command::run, ports};

/// A running cluster.
pub struct Oracle {
    directory: TempDir,
    bin: PathBuf,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Oracle {
    /// Makes and starts a cluster with `--locale=C` and trust, PostgreSQL's default durability, and `settings` (`name=value`) on top.
    ///
    /// # Panics
    /// If PostgreSQL 15 is not installed or does not start.
    pub fn start(settings: &[&str]) -> Oracle {
        let bin = bin();
        let directory = TempDir::new().expect("a temporary directory can be made");
        let port = ports::free();
        let data = directory.path().join("data");
        if is_root() {
            let status = Command::new("chown").arg("postgres").arg(directory.path()).status().expect("chown runs");
            assert!(status.success(), "chown postgres failed");
        }
        let mut initdb = as_postgres(&bin.join("initdb"));
        initdb.args(["--locale=C", "--encoding=UTF8", "--auth=trust", "--username=postgres", "--no-sync", "-D"]).arg(&data);
        run(&mut initdb, "", Duration::from_secs(120)).expect_success("initdb");
        let mut options = format!("-p {port} -k {} -c listen_addresses=127.0.0.1", directory.path().display());
        for setting in settings {
            options.push_str(&format!(" -c {setting}"));
        }
        let mut start = as_postgres(&bin.join("pg_ctl"));
        start.arg("-D").arg(&data).args(["-w", "-t", "60", "-l"]).arg(directory.path().join("log")).args(["-o", &options, "start"]);
        // The server inherits its starter's pipes, so that reading them to their end would wait for ever.
        let status = start.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status().expect("pg_ctl runs");
        assert!(status.success(), "PostgreSQL did not start on port {port}");
        Oracle { directory, bin, port }
    }

    /// A connection string for a database of the cluster.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let mut stop = as_postgres(&self.bin.join("pg_ctl"));
        stop.arg("-D").arg(self.directory.path().join("data")).args(["-m", "immediate", "-w", "stop"]);
        let _ = run(&mut stop, "", Duration::from_secs(60));
    }
}

/// The folder of PostgreSQL 15's programs.
///
/// # Panics
/// If it is not installed.
pub fn bin() -> PathBuf {
    ["/usr/lib/postgresql/15/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql@15/bin"]
        .iter()
        .map(Path::new)
        .find(|p| p.join("initdb").exists())
        .expect("PostgreSQL 15 is installed (the test command installs it)")
        .to_owned()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"))
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
        command
    } else {
        Command::new(program)
    }
}
