//! The log as a person and as an application meet it: every way in which a row changes is in it, it can be read by SQL and not written, it
//! is verified and pruned, and what the functions of schema `peergres` ask for is done.

use std::time::Duration;

use peergres_tests::{
    fleet::{contents, join, settle, verify},
    node::{Node, psql},
};
use postgres::{Client, NoTls, fallible_iterator::FallibleIterator as _};

/// The log of tables, a line per change: transaction, table, record, operation, data, old data.
fn log(node: &Node) -> Vec<String> {
    let query = "SELECT version - transaction_first || ' ' || table_name || ' ' || record_id || ' ' || operation || ' '
        || coalesce(data::text, '-') || ' ' || coalesce(old_data::text, '-')
        FROM sync_log WHERE operation <> 'DDL' AND table_name <> 'peergres.sync_devices' ORDER BY version";
    node.rows(query).lines().map(str::to_owned).collect()
}

/// Statements, and the changes that each of them must leave.
const WAYS: &[(&str, &[&str])] = &[
    (
        "INSERT INTO p VALUES (1, 'a'), (2, 'b'), (3, 'c')",
        &[
            r#"0 p 1 INSERT {"id":1,"n":0,"v":"a"} -"#,
            r#"1 p 2 INSERT {"id":2,"n":0,"v":"b"} -"#,
            r#"2 p 3 INSERT {"id":3,"n":0,"v":"c"} -"#,
        ],
    ),
    (
        "INSERT INTO c VALUES (10, 1, 'x'), (11, 2, 'y')",
        &[r#"0 c 10 INSERT {"id":10,"pid":1,"w":"x"} -"#, r#"1 c 11 INSERT {"id":11,"pid":2,"w":"y"} -"#],
    ),
    ("INSERT INTO d VALUES (20, 1)", &[r#"0 d 20 INSERT {"id":20,"pid":1} -"#]),
    // An upsert: one row changes, one comes; only what changed is there.
    (
        "INSERT INTO p VALUES (1, 'a2', 5), (4, 'd', 1) ON CONFLICT (id) DO UPDATE SET v = excluded.v, n = p.n + excluded.n",
        &[r#"0 p 1 UPDATE {"n":5,"v":"a2"} {"n":0,"v":"a"}"#, r#"1 p 4 INSERT {"id":4,"n":1,"v":"d"} -"#],
    ),
    ("INSERT INTO p VALUES (1, 'zz') ON CONFLICT DO NOTHING", &[]),
    // What changes nothing is no change.
    ("UPDATE p SET v = v", &[]),
    // Cascades: ON DELETE CASCADE, ON DELETE SET NULL, ON UPDATE CASCADE.
    (
        "DELETE FROM p WHERE id = 1",
        &[
            r#"0 p 1 DELETE - {"id":1,"n":5,"v":"a2"}"#,
            r#"1 d 20 UPDATE {"pid":null} {"pid":1}"#,
            r#"2 c 10 DELETE - {"id":10,"pid":1,"w":"x"}"#,
        ],
    ),
    // A changed key is a delete and an insert.
    (
        "UPDATE p SET id = 22 WHERE id = 2",
        &[
            r#"0 p 2 DELETE - {"id":2,"n":0,"v":"b"}"#,
            r#"1 p 22 INSERT {"id":22,"n":0,"v":"b"} -"#,
            r#"2 c 11 UPDATE {"pid":22} {"pid":2}"#,
        ],
    ),
    ("UPDATE p SET n = c.id FROM c WHERE c.pid = p.id", &[r#"0 p 22 UPDATE {"n":11} {"n":0}"#]),
    ("DELETE FROM d USING p WHERE p.id = 3", &[r#"0 d 20 DELETE - {"id":20,"pid":null}"#]),
    (
        "COPY p FROM STDIN;\n60\tcop\t1\n61\tc\"o\\\\\t\\N\n\\.\n",
        &[r#"0 p 60 INSERT {"id":60,"n":1,"v":"cop"} -"#, r#"1 p 61 INSERT {"id":61,"n":null,"v":"c\"o\\"} -"#],
    ),
    // What was rolled back leaves nothing, not even a number.
    ("BEGIN; DELETE FROM p; INSERT INTO p VALUES (9, 'gone'); ROLLBACK", &[]),
    (
        "BEGIN; INSERT INTO p VALUES (70, 's'); SAVEPOINT a; INSERT INTO p VALUES (71, 't'); UPDATE p SET n = 100; ROLLBACK TO a;
         INSERT INTO p VALUES (72, 'u'); COMMIT",
        &[r#"0 p 70 INSERT {"id":70,"n":0,"v":"s"} -"#, r#"1 p 72 INSERT {"id":72,"n":0,"v":"u"} -"#],
    ),
    // The net effect of a transaction on each record.
    ("BEGIN; INSERT INTO p VALUES (80, 'v'); UPDATE p SET v = 'w' WHERE id = 80; DELETE FROM p WHERE id = 80; COMMIT", &[]),
    (
        "BEGIN; INSERT INTO p VALUES (81, 'v81'); UPDATE p SET n = 7 WHERE id = 81; COMMIT",
        &[r#"0 p 81 INSERT {"id":81,"n":7,"v":"v81"} -"#],
    ),
    ("BEGIN; UPDATE p SET n = 1 WHERE id = 81; UPDATE p SET n = 7 WHERE id = 81; COMMIT", &[]),
    ("INSERT INTO k VALUES (1, 'a/b', 2)", &[r#"0 k [1,"a/b"] INSERT {"a":1,"b":"a/b","c":2} -"#]),
    (
        "UPDATE k SET b = 'c' WHERE a = 1",
        &[r#"0 k [1,"a/b"] DELETE - {"a":1,"b":"a/b","c":2}"#, r#"1 k [1,"c"] INSERT {"a":1,"b":"c","c":2} -"#],
    ),
    (
        "TRUNCATE p CASCADE",
        &[
            r#"0 c 11 DELETE - {"id":11,"pid":22,"w":"y"}"#,
            r#"1 p 3 DELETE - {"id":3,"n":0,"v":"c"}"#,
            r#"2 p 4 DELETE - {"id":4,"n":1,"v":"d"}"#,
            r#"3 p 22 DELETE - {"id":22,"n":11,"v":"b"}"#,
            r#"4 p 60 DELETE - {"id":60,"n":1,"v":"cop"}"#,
            r#"5 p 61 DELETE - {"id":61,"n":null,"v":"c\"o\\"}"#,
            r#"6 p 70 DELETE - {"id":70,"n":0,"v":"s"}"#,
            r#"7 p 72 DELETE - {"id":72,"n":0,"v":"u"}"#,
            r#"8 p 81 DELETE - {"id":81,"n":7,"v":"v81"}"#,
        ],
    ),
];

const TABLES: &str = "
    CREATE TABLE p (id int PRIMARY KEY, v text UNIQUE, n int DEFAULT 0);
    CREATE TABLE c (id int PRIMARY KEY, pid int REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE, w text);
    CREATE TABLE d (id int PRIMARY KEY, pid int REFERENCES p ON DELETE SET NULL);
    CREATE TABLE k (a int, b text, c int, PRIMARY KEY (a, b));
    CREATE TABLE bare (a int, b text);
    CREATE UNLOGGED TABLE unlogged_one (a int PRIMARY KEY);";

#[test]
fn every_way_in_which_a_row_changes_is_in_the_log() {
    let node = Node::start("anna", &[]);
    node.psql(TABLES).expect_success("the tables");
    let mut before = log(&node).len();
    for (statement, expected) in WAYS {
        node.psql(statement).expect_success(statement);
        let after = log(&node);
        // Within a table the rows of one statement come in the order in which the storage engine meets them.
        let (mut found, mut wanted): (Vec<&str>, Vec<&str>) = (after[before..].iter().map(String::as_str).collect(), expected.to_vec());
        let (positions, bodies) = (|l: &&str| l.split(' ').next().map(str::to_owned), |l: &str| l.split_once(' ').map(|p| p.1.to_owned()));
        assert_eq!(found.iter().map(positions).collect::<Vec<_>>(), wanted.iter().map(positions).collect::<Vec<_>>(), "{statement}");
        found.sort_by_key(|line| bodies(line));
        wanted.sort_by_key(|line| bodies(line));
        let strip = |lines: Vec<&str>| lines.into_iter().filter_map(bodies).collect::<Vec<_>>();
        assert_eq!(strip(found), strip(wanted), "{statement}");
        before = after.len();
    }
    // A table without a key: the record's id is hidden from the table, and tells two equal rows apart.
    node.psql("INSERT INTO bare VALUES (1, 'q'), (1, 'q'); UPDATE bare SET b = 'r'; DELETE FROM bare").expect_success("bare rows");
    let records = node.rows("SELECT count(*), count(DISTINCT record_id) FROM sync_log WHERE table_name = 'bare'");
    assert_eq!(records, "6|2\n");
    node.psql("INSERT INTO unlogged_one VALUES (1)").expect_success("an unlogged table");
    assert_eq!(node.rows("SELECT count(*) FROM sync_log WHERE table_name = 'unlogged_one'"), "0\n");
    let gaps = "SELECT count(*), min(version), max(version), count(DISTINCT position) FROM sync_log";
    let [count, first, last, positions] = node.rows(gaps).trim().split('|').map(|n| n.parse().unwrap()).collect::<Vec<u64>>()[..] else {
        panic!("four numbers")
    };
    assert_eq!((first, last, positions), (1, count, count), "versions without a gap");
    verify(&node);
}

/// SQLSTATE and hint of a statement that must fail.
fn refused(client: &mut Client, statement: &str) -> (String, String) {
    let error = client.batch_execute(statement).expect_err(statement);
    let error = error.as_db_error().unwrap_or_else(|| panic!("{statement}: {error}"));
    (error.code().code().to_owned(), error.hint().unwrap_or_default().to_owned())
}

#[test]
fn the_log_is_read_by_sql_and_written_by_nobody() {
    let node = Node::start("anna", &[]);
    let mut client = Client::connect(&node.url("app"), NoTls).unwrap();
    for statement in ["CREATE TABLE t (id int PRIMARY KEY, a text)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')", "UPDATE t SET a = 'z'"] {
        client.batch_execute(statement).unwrap();
    }
    let row = client
        .query_one(
            "SELECT l.data ->> 'a', l.is_synced, d.device_name, l.timestamp <= now(), octet_length(l.hash), l.device_id = d.device_id
             FROM sync_log l JOIN peergres.sync_devices d USING (device_id) WHERE table_name = 't' AND record_id = '1' AND operation = 'UPDATE'",
            &[],
        )
        .unwrap();
    assert_eq!((row.get(0), row.get(1), row.get(2), row.get(3), row.get(4), row.get(5)), ("z", false, "anna", true, 32, true));
    for statement in [
        "INSERT INTO sync_log (version) VALUES (1)",
        "UPDATE sync_log SET data = '{}'",
        "UPDATE sync_devices SET is_authorized = true",
        "DELETE FROM sync_devices",
        "DELETE FROM sync_conflicts",
    ] {
        let (state, hint) = refused(&mut client, statement);
        assert!(state == "42501" && !hint.is_empty(), "{statement}: {state} {hint}");
    }
    for statement in ["TRUNCATE sync_log", "ALTER TABLE sync_log ADD COLUMN x int", "DROP TABLE sync_log", "COPY sync_log FROM STDIN"] {
        let (state, _) = refused(&mut client, statement);
        assert!(["42501", "42P01", "42809"].contains(&state.as_str()), "{statement}: {state}");
    }
    assert_eq!(client.query_one("SELECT count(*) FROM sync_log", &[]).unwrap().get::<_, i64>(0), 5);
    // An application's own table of that name comes first, and no introspection sees ours.
    let seen = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname LIKE 'sync%'";
    assert_eq!(client.query_one(seen, &[]).unwrap().get::<_, i64>(0), 0);
    client.batch_execute("CREATE TABLE sync_log (id int PRIMARY KEY); INSERT INTO sync_log VALUES (7)").unwrap();
    assert_eq!(client.query_one("SELECT * FROM sync_log", &[]).unwrap().get::<_, i32>(0), 7);
    assert_eq!(client.query_one("SELECT count(*) FROM peergres.sync_log", &[]).unwrap().get::<_, i64>(0), 7);
    let other = psql(&node.url("postgres"), "SELECT * FROM sync_log");
    assert!(other.err.contains("relation \"sync_log\" does not exist"), "{other:?}");
    verify(&node);
}

#[test]
fn only_what_every_device_has_can_be_deleted_and_a_newcomer_still_gets_all() {
    let (a, b) = (Node::start("anna", &["--sync-interval", "1h"]), Node::start("bert", &["--sync-interval", "1h"]));
    a.psql("CREATE TABLE t (id int PRIMARY KEY, a text, b int); INSERT INTO t SELECT i, 'x', i FROM generate_series(1, 20) i")
        .expect_success("rows");
    join(&a, &b);
    a.psql("UPDATE t SET a = 'y' WHERE id < 10; UPDATE t SET a = 'z' WHERE id < 5; DELETE FROM t WHERE id > 15").expect_success("changes");
    settle(&[&b, &a]);
    b.psql("UPDATE t SET b = -b WHERE id = 3").expect_success("bert's");
    let mut client = Client::connect(&a.url("app"), NoTls).unwrap();
    settle(&[&b, &a]);
    a.psql("INSERT INTO t VALUES (100, 'new', 0)").expect_success("one that only anna has");
    let (state, hint) = refused(&mut client, "DELETE FROM sync_log WHERE table_name = 't'");
    assert!(state == "55000" && hint.contains("horizon"), "{state} {hint}");
    let before: i64 = client.query_one("SELECT count(*) FROM sync_log", &[]).unwrap().get(0);
    assert_eq!(client.execute("DELETE FROM sync_log WHERE table_name = 't' AND record_id = '1' AND is_synced", &[]).unwrap(), 3);
    let after: i64 = client.query_one("SELECT count(*) FROM sync_log", &[]).unwrap().get(0);
    assert_eq!(after, before - 3, "what was refused has deleted nothing");
    verify(&a);
    settle(&[&b, &a]);
    let pruned = a.json(&["log", "prune", "--older-than", "0d"]);
    assert!(pruned["emptied"].as_u64().unwrap() >= 13, "{pruned}");
    verify(&a);
    let c = Node::start("cara", &["--sync-interval", "1h"]);
    join(&a, &c);
    settle(&[&c, &a, &b]);
    settle(&[&c, &a, &b]);
    assert_eq!(contents(&a), contents(&c));
    assert_eq!(contents(&a), contents(&b));
    c.psql("UPDATE t SET a = 'cara' WHERE id = 1").expect_success("cara goes on");
    settle(&[&c, &a, &b]);
    assert_eq!(contents(&b), contents(&c));
    [&a, &b, &c].into_iter().for_each(verify);
}

#[test]
fn functions_settle_conflicts_and_let_devices_in() {
    let (mut a, mut b) = (Node::start("anna", &["--sync-interval", "1h"]), Node::start("bert", &["--sync-interval", "1h"]));
    a.psql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')").expect_success("rows");
    // Strangers meet: each is pending at the other until SQL lets it in.
    let first = b.command(&["sync", "--peer", &a.http()]);
    assert!(first.code == Some(1) && first.err.contains("is not authorized here"), "{first:?}");
    for (node, other) in [(&a, "bert"), (&b, "anna")] {
        assert_eq!(node.rows(&format!("SELECT is_authorized FROM sync_devices WHERE device_name = '{other}'")), "f\n");
        node.psql(&format!("BEGIN; SELECT peergres.authorize_device('{other}'); ROLLBACK")).expect_success("rolled back");
        assert_eq!(node.rows(&format!("SELECT is_authorized FROM sync_devices WHERE device_name = '{other}'")), "f\n");
        node.rows(&format!("SELECT peergres.authorize_device(device_id) FROM sync_devices WHERE device_name = '{other}'"));
    }
    b.command(&["sync", "--peer", &a.http()]).expect_success("sync");
    assert_eq!(contents(&a), contents(&b));
    // Apart: bert's edit is made before anna's, and only then does anna's node come back.
    a.stop();
    b.psql("UPDATE t SET v = 'from bert'").expect_success("bert's edit");
    let down = b.psql("SELECT peergres.sync_now()");
    assert!(down.err.contains("cannot reach"), "{down:?}");
    b.stop();
    a.restart();
    a.psql("UPDATE t SET v = 'from anna'").expect_success("anna's edit");
    b.restart();
    let mut listener = Client::connect(&b.url("app"), NoTls).unwrap();
    listener.batch_execute("LISTEN peergres_changes").unwrap();
    let round = b.rows("SELECT j ->> 'pushed' IS NOT NULL FROM peergres.sync_now() AS j");
    assert_eq!(round, "t\n");
    settle(&[&b, &a]);
    let ids = |node: &Node| node.rows("SELECT id FROM sync_conflicts WHERE status = 'pending' ORDER BY record_id");
    assert_eq!(ids(&a), ids(&b));
    let ids: Vec<String> = ids(&b).lines().map(str::to_owned).collect();
    b.rows(&format!("SELECT peergres.resolve_conflict('{}', 'remote')", ids[0]));
    b.rows(&format!("SELECT peergres.resolve_conflict('{}', 'local', '{{\"v\": \"both\"}}')", ids[1]));
    let both = format!("BEGIN; SELECT peergres.resolve_conflict('{0}', 'local'); ROLLBACK; SELECT peergres.ignore_conflict('{0}')", ids[2]);
    b.psql(&both).expect_success("ignored");
    settle(&[&b, &a]);
    for node in [&a, &b] {
        assert_eq!(node.rows("SELECT v FROM t WHERE id < 3 ORDER BY id"), "from anna\nboth\n");
        assert_eq!(node.rows("SELECT status, count(*) FROM sync_conflicts GROUP BY 1 ORDER BY 1"), "ignored|1\nresolved|2\n");
        verify(node);
    }
    a.psql("INSERT INTO t VALUES (9, 'new')").expect_success("a row for the listener");
    let heard = listener.notifications().timeout_iter(Duration::from_secs(20)).find(|n| Ok(n.payload().contains("\"t\"")));
    let heard = heard.unwrap().expect("a notification");
    assert_eq!(heard.channel(), "peergres_changes");
    a.rows("SELECT peergres.revoke_device('bert')");
    let shut = b.command(&["sync", "--peer", &a.http()]);
    assert!(shut.code == Some(1) && shut.err.contains("revoked"), "{shut:?}");
}
