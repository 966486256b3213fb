//! What keeps data and keys safe, through the commands: backup, restore, a new key, the doctor.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Command,
    time::Duration,
};

use peergres_tests::{
    command::{Finished, run},
    fleet::{assert_equal, contents, join, settle, sync, verify},
    node::{Node, binary, psql},
    writer::{self, Random},
};

const PASSPHRASE: &str = "correct horse battery staple";

/// Runs the program on a directory, with the passphrase in the environment.
fn peergres(directory: &Path, passphrase: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.args(arguments).arg("--data").arg(directory).env("PEERGRES_PASSPHRASE", passphrase);
    run(&mut command, "", Duration::from_secs(120))
}

#[test]
fn a_backup_taken_while_writing_comes_back_as_a_new_device_that_joins_the_others() {
    let (a, mut b) = (Node::start("anna", &["--sync-interval", "1h"]), Node::start("bert", &["--sync-interval", "1h"]));
    a.psql("CREATE TABLE t (id serial PRIMARY KEY, a text UNIQUE, n numeric); INSERT INTO t (a, n) SELECT 'row ' || i, i FROM generate_series(1, 2000) i")
        .expect_success("rows");
    a.psql(writer::TABLES).expect_success("the writers' tables");
    join(&a, &b);
    b.psql("CREATE DATABASE scratch").expect_success("a local database");
    psql(&b.url("scratch"), "CREATE TABLE local (x int); INSERT INTO local VALUES (7)").expect_success("local rows");
    let writing = writer::write(&b.url("app"), "bert", 1, Random::new(1));
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("b.backup");
    let path = file.to_str().unwrap();
    peergres(&b.data(), PASSPHRASE, &["backup", path]).expect_success("backup");
    let again = peergres(&b.data(), PASSPHRASE, &["backup", path]);
    assert!(again.code == Some(1) && again.err.contains("is there already"), "{again:?}");
    // What bert still writes and hands out after the backup must come back, from anna.
    b.psql("INSERT INTO t (a, n) VALUES ('after the backup', 0)").expect_success("one more row");
    sync(&b, &a);
    b.kill();
    let acknowledged = writing.join().unwrap();
    assert!(!acknowledged.is_empty());
    let wrong = peergres(&home.path().join("wrong"), "not the passphrase", &["restore", path]);
    assert!(wrong.code == Some(1) && wrong.err.contains("passphrase is wrong") && !home.path().join("wrong").exists(), "{wrong:?}");
    let occupied = peergres(&a.data(), PASSPHRASE, &["restore", path]);
    assert!(occupied.code == Some(1) && occupied.err.contains("holds data already"), "{occupied:?}");
    let mut c = Node::prepare("cara", &["--sync-interval", "1h"]);
    let restored = peergres(&c.data(), PASSPHRASE, &["restore", path, "--name", "cara", "--json"]).expect_success("restore");
    let restored: serde_json::Value = serde_json::from_str(&restored).unwrap();
    assert!(restored["was_paired"].as_bool().unwrap() && restored["device_id"] != restored["former_device_id"], "{restored}");
    c.restart();
    assert_eq!(psql(&c.url("scratch"), "SELECT x FROM local").expect_success("the local database"), "7\n");
    c.psql("INSERT INTO t (a, n) VALUES ('by the restored one', 1)").expect_success("it draws keys of its own");
    join(&a, &c);
    settle(&[&c, &a]);
    assert_equal(&[&a, &c]);
    // No transaction of the writer came back by half.
    writer::check(&c, &BTreeMap::new());
    assert_eq!(c.rows("SELECT count(*) FROM t WHERE a IN ('after the backup', 'by the restored one')"), "2\n");
    let former = restored["former_device_id"].as_str().unwrap();
    c.command(&["device", "revoke", former]).expect_success("the old device is shut out");
    settle(&[&c, &a]);
    let revoked = format!("SELECT is_authorized FROM sync_devices WHERE device_id = '{former}'");
    assert_eq!(a.rows(&revoked), "f\n");
}

#[test]
fn a_new_key_is_taken_online_and_offline_and_reaches_whoever_was_away() {
    let mut nodes = ["anna", "bert", "cara"].map(|name| Node::start(name, &["--sync-interval", "1h"]));
    nodes[0].psql("CREATE TABLE t (id int PRIMARY KEY)").expect_success("a table");
    join(&nodes[0], &nodes[1]);
    join(&nodes[0], &nodes[2]);
    settle(&[&nodes[2], &nodes[0], &nodes[1]]);
    let fingerprint = |node: &Node| node.json(&["device", "id"])["fingerprint"].as_str().unwrap().to_owned();
    let first = fingerprint(&nodes[1]);
    nodes[2].stop();
    nodes[1].command(&["device", "rotate-key"]).expect_success("online");
    nodes[1].psql("INSERT INTO t VALUES (1)").expect_success("a row under the second key");
    settle(&[&nodes[1], &nodes[0]]);
    nodes[1].stop();
    nodes[1].command(&["device", "rotate-key"]).expect_success("offline");
    nodes[1].restart();
    nodes[1].psql("INSERT INTO t VALUES (2)").expect_success("a row under the third key");
    let third = fingerprint(&nodes[1]);
    assert_ne!(first, third);
    nodes[2].restart();
    settle(&[&nodes[2], &nodes[0], &nodes[1]]);
    settle(&[&nodes[2], &nodes[0], &nodes[1]]);
    for node in &nodes {
        let known = node.json(&["device", "list"]);
        let bert = known["devices"].as_array().unwrap().iter().find(|device| device["device_name"] == "bert").unwrap().clone();
        assert_eq!(bert["fingerprint"], third.as_str(), "{}", node.name());
        verify(node);
    }
    assert_eq!(contents(&nodes[2]), contents(&nodes[1]));
}

#[test]
fn the_doctor_names_the_fault_and_the_cure() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut a = Node::start("anna", &["--sync-interval", "1h", "--peer", "http://127.0.0.1:9"]);
    let quiet = a.command(&["doctor"]);
    assert!(quiet.code == Some(1) && quiet.out.contains("cannot reach") && quiet.out.contains("address is right"), "{quiet:?}");
    let token = a.data().join("admin.token");
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    let found = a.command(&["doctor"]);
    assert!(found.out.contains("can be read by others") && found.out.contains("chmod 600"), "{found:?}");
    a.stop();
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    a.psql("SELECT 1");
    // A page of the file in the middle is overwritten.
    let file = a.data().join("app.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0xAA);
    std::fs::write(&file, bytes).unwrap();
    let found = a.command(&["doctor"]);
    assert!(found.code == Some(1) && (found.out.contains("is damaged") || found.out.contains("can't be read")), "{found:?}");
    assert!(found.out.contains("restore the last backup"), "{found:?}");
}

#[test]
fn tables_that_are_left_out_stay_each_devices_own() {
    let leave_out = |node: &Node| {
        std::fs::create_dir_all(node.data()).unwrap();
        std::fs::write(node.data().join("peergres.toml"), "[sync]\nexclude = [\"sessions\", \"cache_*\"]\n").unwrap();
    };
    let mut nodes = ["anna", "bert"].map(|name| Node::prepare(name, &["--sync-interval", "1h"]));
    for node in &mut nodes {
        leave_out(node);
        node.restart();
    }
    let [a, b] = &nodes;
    let own = "CREATE TABLE sessions (id serial PRIMARY KEY, who text); CREATE TABLE cache_pages AS SELECT 1 AS n; INSERT INTO sessions (who) VALUES ('me')";
    a.psql(own).expect_success("anna's own");
    a.psql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").expect_success("a shared table");
    join(a, b);
    b.psql(own).expect_success("bert's own");
    settle(&[b, a]);
    assert_eq!(b.rows("TABLE t"), "1\n");
    assert_eq!(b.rows("SELECT count(*) FROM sessions"), "1\n");
    assert_eq!(
        a.rows("SELECT count(*) FROM sync_log WHERE table_name IN ('sessions', 'cache_pages') OR record_id LIKE '%sessions%'"),
        "0\n"
    );
    [a, b].into_iter().for_each(verify);
}

/// The answer to `GET /metrics`, head and body.
fn figures(node: &Node, header: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", node.http_port)).expect("the document is there");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the document is there");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the document is there");
    answer
}

#[test]
fn the_figures_tell_of_sessions_peers_and_the_log() {
    let (a, b) = (Node::start("anna", &["--sync-interval", "1h"]), Node::start("bert", &["--sync-interval", "1h"]));
    a.psql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").expect_success("rows");
    join(&a, &b);
    settle(&[&b, &a]);
    let mut idle = postgres::Client::connect(&a.url("app"), postgres::NoTls).unwrap();
    idle.batch_execute("BEGIN").unwrap();
    let stranger = figures(&a, "");
    assert!(stranger.contains("401") && !stranger.contains("peergres_"), "{stranger}");
    let token = std::fs::read_to_string(a.data().join("admin.token")).unwrap();
    let told = figures(&a, &format!("Authorization: Bearer {}\r\n", token.trim()));
    for line in [
        "peergres_sessions{state=\"idle in transaction\"} 1",
        "peergres_conflicts_pending 0",
        "peergres_devices_forked 0",
        "peergres_log_unsynced_changes 0",
        "# TYPE peergres_commits_total counter",
        "# TYPE peergres_longest_transaction_seconds gauge",
        "peergres_build_info{version=",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
}
