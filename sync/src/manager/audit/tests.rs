//! One bit of a log turned over is seen and named, wherever it lies.

use rusqlite::{Connection, types::Value};

use super::super::Replica;
use crate::{
    conflicts::Strategies,
    identity::SignedHead,
    store::{Node, fixture, no_setup},
    value::Storage,
};

/// A log with what a log can hold: a schema change, inserts, updates, deletes, a table without a key, NULLs, a head.
fn node() -> (tempfile::TempDir, std::sync::Arc<Replica>) {
    let home = tempfile::tempdir().unwrap();
    let node = Node::open(home.path(), "app", no_setup()).unwrap();
    let replica = Replica::open(&node, Some("a"), Strategies::default()).unwrap();
    let database = replica.database();
    fixture::create(database, "t", &[("id", Storage::Integer), ("a", Storage::Text), ("r", Storage::Real)], &["id"]);
    fixture::create(database, "k", &[("x", Storage::Uuid), ("y", Storage::Bytes)], &["x"]);
    fixture::execute(database, "INSERT INTO t VALUES (1, 'one', 0.5), (2, NULL, 0.1), (3, 'three', NULL)");
    fixture::execute(database, "UPDATE t SET a = 'uno' WHERE id = 1; DELETE FROM t WHERE id = 3");
    fixture::execute(database, "INSERT INTO k VALUES (x'00112233445566778899aabbccddeeff', x'00ff')");
    fixture::execute(database, "UPDATE t SET id = 9 WHERE id = 2");
    // This device is known from its first pairing on, and its head is kept by those who were given it.
    crate::devices::introduce_self(database, replica.identity(), 0).unwrap();
    let state = database.log_state();
    let own = state.head(state.device).unwrap();
    let head = SignedHead::sign(&replica.identity().key(), state.device, own.version, own.hash);
    let transaction = fixture::begin(database);
    let signature = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &head.signature).unwrap();
    transaction
        .connection()
        .execute(
            "INSERT INTO sync_heads VALUES (?1, ?2, ?3, ?4)",
            rusqlite::params![state.device.as_bytes(), own.version, own.hash, signature],
        )
        .unwrap();
    transaction.commit(crate::commit::Durability::Wait).unwrap();
    (home, replica)
}

fn flip(value: &Value, bit: usize) -> Option<Value> {
    let turn = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let at = bit % (bytes.len() * 8);
        bytes[at / 8] ^= 1 << (at % 8);
        bytes
    };
    match value {
        Value::Null => None,
        Value::Integer(n) => Some(Value::Integer(n ^ (1 << (bit % 63)))),
        Value::Real(_) => None,
        Value::Text(text) if text.is_empty() => None,
        // A text that is no longer UTF-8 is a blob to a careful reader; SQLite stores what it is given.
        Value::Text(text) => String::from_utf8(turn(text.as_bytes())).ok().map(Value::Text),
        Value::Blob(bytes) => Some(Value::Blob(turn(bytes))),
    }
}

#[test]
fn a_bit_turned_over_anywhere_in_the_log_is_named() {
    let (home, replica) = node();
    let report = replica.verify_log().unwrap();
    assert!(report.ok && report.replayed && report.tables == 2 && report.rows == 3, "{report:?}");
    let outside = Connection::open(home.path().join("app.db")).unwrap();
    outside.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    let in_journal = turn_bits(&outside, &replica, &[("sync_journal", "position"), ("sync_heads", "version")]);
    let transaction = fixture::begin(replica.database());
    crate::log::journal::file_all(transaction.connection()).unwrap();
    transaction.commit(crate::commit::Durability::Wait).unwrap();
    let filed = turn_bits(&outside, &replica, &[("sync_log_filed", "position"), ("sync_transactions_filed", "position")]);
    assert!(in_journal > 100 && filed > 100, "{in_journal} {filed}");
    assert!(replica.verify_log().unwrap().ok);
}

/// Turns bits of every field of the tables, each by itself, and expects each to be named; answers how many.
fn turn_bits(outside: &Connection, replica: &Replica, tables: &[(&str, &str)]) -> usize {
    let mut tried = 0;
    for (table, key) in tables {
        let columns: Vec<String> = outside
            .prepare("SELECT name FROM pragma_table_xinfo(?1)")
            .unwrap()
            .query_map([table], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let keys: Vec<i64> = outside
            .prepare(&format!("SELECT {key} FROM {table} ORDER BY 1"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        // `won` and `pruned` are no part of what was written: a note of the merge, and whether a row is shown.
        for column in columns.iter().filter(|column| !["won", "pruned"].contains(&column.as_str())) {
            for (number, at) in keys.iter().enumerate() {
                let read = format!("SELECT {column} FROM {table} WHERE {key} = ?1");
                let value: Value = outside.query_row(&read, [at], |row| row.get(0)).unwrap();
                for bit in [0, 13 * number + 5] {
                    let Some(turned) = flip(&value, bit) else { continue };
                    let write = format!("UPDATE OR ROLLBACK {table} SET {column} = ?2 WHERE {key} = ?1");
                    if outside.execute(&write, rusqlite::params![at, turned]).is_err() {
                        // Taken already: an index keeps two from being alike.
                        continue;
                    }
                    let report = replica.verify_log().unwrap();
                    assert!(!report.ok, "{table}.{column} of {at}, bit {bit}: {value:?} became {turned:?} unseen");
                    assert!(report.faults.iter().all(|line| line.contains("device") || line.contains("position")), "{report:?}");
                    tried += 1;
                    let now = if column == *key { turned } else { Value::Integer(*at) };
                    let back = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
                    assert_eq!(outside.execute(&back, rusqlite::params![now, value]).unwrap(), 1, "{table}.{column}");
                }
            }
        }
    }
    tried
}

#[test]
fn a_row_changed_behind_the_log_is_named() {
    let (home, replica) = node();
    let outside = Connection::open(home.path().join("app.db")).unwrap();
    for (change, back, expected) in [
        ("UPDATE t SET a = 'forged' WHERE id = 1", "UPDATE t SET a = 'uno' WHERE id = 1", "table t, row 1: it is not what the log says"),
        ("UPDATE t SET r = 0.10000000000000002 WHERE id = 9", "UPDATE t SET r = 0.1 WHERE id = 9", "table t, row 9"),
        ("INSERT INTO t VALUES (5, 'x', NULL)", "DELETE FROM t WHERE id = 5", "table t, row 5: the log knows nothing of it"),
        (
            "DELETE FROM k",
            "INSERT INTO k VALUES (x'00112233445566778899aabbccddeeff', x'00ff')",
            "table k, row X'00112233445566778899AABBCCDDEEFF': the log has it, but it is missing",
        ),
    ] {
        outside.execute_batch(change).unwrap();
        let report = replica.verify_log().unwrap();
        assert!(report.faults.len() == 1 && report.faults[0].contains(expected), "{change}: {report:?}");
        outside.execute_batch(back).unwrap();
    }
    assert!(replica.verify_log().unwrap().ok);
}
