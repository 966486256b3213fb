//! What goes wrong around a node: each has one clear line or SQLSTATE, no panic, and nothing lost.

use std::{fs, net::TcpListener, net::UdpSocket, path::Path, process::Command, time::Duration};

use peergres_tests::{
    command::{Finished, run},
    fleet::verify,
    node::{Node, binary, psql},
    ports,
};
use tempfile::TempDir;

/// `serve` that must refuse: its exit code is 1, and it says one line.
fn refused(data: &Path, pg: u16, http: u16) -> String {
    let mut serve = Command::new(binary());
    serve.arg("serve").arg("--data").arg(data);
    serve.args(["--pg", &format!("127.0.0.1:{pg}"), "--http", &format!("127.0.0.1:{http}")]);
    one_line(run(&mut serve, "", Duration::from_secs(30)))
}

fn one_line(finished: Finished) -> String {
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!(finished.err.lines().count(), 1, "more than one line: {finished:?}");
    assert!(finished.err.starts_with("peergres: "), "{finished:?}");
    finished.err
}

/// psql that must fail with these words.
fn fails(url: &str, script: &str, words: &str) {
    let finished = psql(url, script);
    assert_ne!(finished.code, Some(0), "{script} succeeded: {finished:?}");
    assert!(finished.err.contains(words), "{script}: {:?} does not say {words:?}", finished.err);
}

/// Whether the tests run as root, whom no file mode stops.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|entry| std::os::unix::fs::MetadataExt::uid(&entry) == 0)
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    let directory = TempDir::new().expect("a temporary directory can be made");
    for (pg, http) in [(port, ports::free()), (ports::free(), port)] {
        let said = refused(&directory.path().join("data"), pg, http);
        assert!(said.contains(&format!("127.0.0.1:{port}")) && said.contains("in use"), "{said}");
    }
}

#[test]
fn a_second_server_on_one_directory_is_refused_and_the_first_goes_on() {
    let node = Node::start("anna", &[]);
    node.psql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").expect_success("a table");
    let said = refused(&node.data(), ports::free(), ports::free());
    assert!(said.contains("in use by another peergres process"), "{said}");
    node.psql("INSERT INTO t VALUES (2)").expect_success("the first server goes on");
    assert_eq!(node.rows("SELECT count(*) FROM t"), "2\n");
}

#[test]
fn a_directory_of_a_newer_version_is_left_alone() {
    let mut node = Node::start("anna", &[]);
    node.stop();
    let file = node.data().join("app.db");
    let database = rusqlite::Connection::open(&file).expect("the file opens");
    let version: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("it has a version");
    database.pragma_update(None, "user_version", version + 1).expect("it can be raised");
    drop(database);
    let before = fs::read(&file).expect("the file can be read");
    let said = refused(&node.data(), node.pg_port, node.http_port);
    assert!(said.contains("newer"), "{said}");
    assert_eq!(fs::read(&file).expect("the file can be read"), before, "the file was changed");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let directory = TempDir::new().expect("a temporary directory can be made");
    let file = directory.path().join("file");
    fs::write(&file, "not a directory").expect("a file can be written");
    let said = refused(&file, ports::free(), ports::free());
    assert!(said.contains(&file.display().to_string()), "{said}");
    if is_root() {
        // No file mode stops root; a read-only mount does.
        let Some(mount) = Mount::tmpfs(&["size=1m", "ro"]) else { return };
        let data = mount.path().join("data");
        let said = refused(&data, ports::free(), ports::free());
        assert!(said.contains(&data.display().to_string()) && said.to_lowercase().contains("read-only"), "{said}");
    } else {
        let closed = directory.path().join("closed");
        fs::create_dir(&closed).expect("a directory can be made");
        fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o500)).expect("its mode can be set");
        let said = refused(&closed.join("data"), ports::free(), ports::free());
        assert!(said.to_lowercase().contains("permission denied"), "{said}");
    }
}

#[test]
fn an_unknown_database_and_a_wrong_option_are_told() {
    let node = Node::start("anna", &[]);
    fails(&node.url("nowhere"), "SELECT 1", "database \"nowhere\" does not exist");
    fails(&node.url("app"), "SELECT nowhere", "column \"nowhere\" does not exist");
    fails(&format!("{}?options=-c%20work_mem_x%3D1", node.url("app")), "SELECT 1", "unrecognized configuration parameter");
}

/// An address of this machine that is not loopback. Connecting a UDP socket sends nothing.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}

#[test]
fn a_network_needs_a_password_and_a_wrong_one_is_refused() {
    let Some(address) = own_address() else {
        eprintln!("skipped: this machine has no address but loopback");
        return;
    };
    let directory = TempDir::new().expect("a temporary directory can be made");
    let pg = ports::free();
    let mut serve = Command::new(binary());
    serve.arg("serve").arg("--data").arg(directory.path().join("data"));
    serve.args(["--pg", &format!("{address}:{pg}"), "--http", &format!("127.0.0.1:{}", ports::free())]);
    let said = one_line(run(&mut serve, "", Duration::from_secs(30)));
    assert!(said.contains("password"), "{said}");

    let mut child = serve.env("PEERGRES_PASSWORD", "right").spawn().expect("the binary starts");
    let url = |password: &str| format!("postgresql://postgres:{password}@{address}:{pg}/app");
    let answered = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        std::net::TcpStream::connect((address.as_str(), pg)).is_ok()
    });
    let right = psql(&url("right"), "SELECT 1");
    let wrong = psql(&url("wrong"), "SELECT 1");
    child.kill().expect("it can be ended");
    child.wait().expect("it ends");
    assert!(answered, "the server did not start");
    assert_eq!(right.expect_success("the right password"), "1\n");
    assert!(wrong.err.contains("password authentication failed for user \"postgres\""), "{wrong:?}");
}

/// A file system of its own, unmounted on drop.
struct Mount(TempDir);

impl Mount {
    /// None where this process may not mount, which is said.
    fn tmpfs(options: &[&str]) -> Option<Mount> {
        let directory = TempDir::new().expect("a temporary directory can be made");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options.join(","), "tmpfs"]).arg(directory.path());
        let done = run(&mut mount, "", Duration::from_secs(10));
        if done.code != Some(0) {
            eprintln!("skipped: a tmpfs can't be mounted here: {}", done.err.trim());
            return None;
        }
        Some(Mount(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let Some(mount) = Mount::tmpfs(&["size=24m"]) else { return };
    let mut node = Node::prepare_in(mount.path(), "anna", &[]);
    node.restart();
    node.psql("CREATE TABLE t (id serial PRIMARY KEY, body text)").expect_success("a table");
    let insert = "INSERT INTO t (body) SELECT repeat('x', 1000) FROM generate_series(1, 500)";
    let mut acknowledged = 0;
    let refusal = (0..200).find_map(|_| {
        let done = psql(&node.url("app"), insert);
        if done.code == Some(0) {
            acknowledged += 500;
            return None;
        }
        Some(done.err)
    });
    let refusal = refusal.unwrap_or_else(|| panic!("{acknowledged} rows fit into 24 MB"));
    let full = ["could not extend file", "No space left on device", "disk is full"].iter().any(|words| refusal.contains(words));
    assert!(full, "{refusal}");
    assert_eq!(node.rows("SELECT count(*) FROM t"), format!("{acknowledged}\n"), "reading goes on, and half a statement is not there");

    // Room again: the same server writes again, and after kill -9 all is there.
    let mut grow = Command::new("mount");
    grow.args(["-o", "remount,size=64m"]).arg(mount.path());
    run(&mut grow, "", Duration::from_secs(10)).expect_success("a larger tmpfs");
    node.psql("INSERT INTO t (body) VALUES ('after')").expect_success("a write after room was made");
    node.kill();
    node.restart();
    assert_eq!(node.rows("SELECT count(*) FROM t"), format!("{}\n", acknowledged + 1));
    verify(&node);
}
