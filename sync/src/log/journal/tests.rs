//! Filing changes nothing that anybody can read, and is seen to be done.

use std::sync::Arc;

use rusqlite::{Connection, types::Value};

use super::*;
use crate::{
    commit::Durability,
    store::{
        Database,
        fixture::{self, begin, execute},
    },
    value::Storage::{Integer, Text},
};

/// All that the views show.
fn shown(connection: &Connection) -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    for view in ["sync_log", "sync_transactions", "peergres_log"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {view} ORDER BY position")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).unwrap();
        all.extend(rows.map(Result::unwrap).collect::<Vec<Vec<Value>>>());
    }
    all
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// A database with a table and a few transactions in the journal: one of several changes, one that resolves a conflict.
fn database() -> (tempfile::TempDir, Arc<Database>) {
    let (home, database) = fixture::database();
    fixture::create(&database, "t", &[("id", Integer), ("a", Text)], &["id"]);
    execute(&database, "INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, 'z')");
    execute(&database, "DELETE FROM t WHERE id = 2");
    let mut transaction = begin(&database);
    transaction.connection().execute_batch("UPDATE t SET a = 'y'").unwrap();
    transaction.resolves("some conflict");
    transaction.commit(Durability::Wait).unwrap();
    (home, database)
}

#[test]
fn filing_moves_whole_transactions_and_changes_nothing_that_is_shown() {
    let (_home, database) = database();
    let reader = database.reader().unwrap();
    let before = shown(&reader);
    assert_eq!((count(&reader, "sync_journal"), count(&reader, "sync_log_filed")), (7, 0));
    // Who reads at an older snapshot sees the journal as it was then.
    let snapshot = database.reader().unwrap();
    snapshot.execute_batch("BEGIN; SELECT 1 FROM sync_journal").unwrap();
    for (filed, transactions, more) in [(1, 1, true), (4, 2, true), (5, 3, true), (7, 4, true), (7, 4, false)] {
        let transaction = begin(&database);
        assert_eq!(file_some(transaction.connection(), 1).unwrap(), more);
        transaction.commit(Durability::NoWait).unwrap();
        assert_eq!((count(&reader, "sync_log_filed"), count(&reader, "sync_transactions_filed")), (filed, transactions));
        assert_eq!(shown(&reader), before);
        assert_eq!(shown(&snapshot), before);
    }
    assert_eq!(count(&reader, "sync_journal"), 0);
}

#[test]
fn a_large_transaction_is_filed_at_once_and_after_all_before_it() {
    let (_home, database) = database();
    let numbers = format!("WITH RECURSIVE n (i) AS (VALUES (10) UNION ALL SELECT i + 1 FROM n WHERE i < {})", 10 + MOST_CHANGES);
    execute(&database, &format!("{numbers} INSERT INTO t SELECT i, 'n' FROM n"));
    let reader = database.reader().unwrap();
    assert_eq!((count(&reader, "sync_journal"), count(&reader, "sync_log_filed")), (0, 7 + MOST_CHANGES as i64 + 1));
    execute(&database, &format!("INSERT INTO t VALUES (1000000, '{}')", "x".repeat(MOST_BYTES)));
    assert_eq!(count(&reader, "sync_journal"), 0);
    execute(&database, "INSERT INTO t VALUES (1000001, 'small')");
    assert_eq!(count(&reader, "sync_journal"), 1);
}

#[test]
fn what_is_in_the_journal_is_taken_up_again_when_the_database_is_opened() {
    let (home, database) = database();
    let (before, state) = (shown(&database.reader().unwrap()), database.log_state());
    drop(database);
    let node = crate::store::Node::open(home.path(), "app", crate::store::no_setup()).unwrap();
    let database = node.replicated();
    assert_eq!(shown(&database.reader().unwrap()), before);
    let again = database.log_state();
    assert_eq!((&again.heads, again.position, again.held()), (&state.heads, state.position, state.held()));
    execute(&database, "UPDATE t SET a = 'later'");
    assert_eq!(shown(&database.reader().unwrap()).len(), before.len() + 5);
}

#[test]
fn many_commits_are_filed_in_the_background_without_a_number_of_their_own() {
    let (_home, database) = database();
    for id in 100..1_300 {
        let transaction = begin(&database);
        transaction.connection().execute("INSERT INTO t VALUES (?1, 'n')", [id]).unwrap();
        transaction.commit(Durability::NoWait).unwrap();
    }
    let reader = database.reader().unwrap();
    let numbers = database.commit_sequence();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while count(&reader, "sync_log_filed") < 1_000 {
        assert!(std::time::Instant::now() < deadline, "{} are in the journal still", count(&reader, "sync_journal"));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(count(&reader, "sync_log"), 1_207);
    assert_eq!(database.commit_sequence(), numbers);
}

/// A view over both parts is only as fast as its plan: the filed part must be reached by index, and not be sorted.
#[test]
fn queries_reach_into_the_filed_log_by_index() {
    let (_home, database) = database();
    let reader = database.reader().unwrap();
    for (sql, parameters) in [
        ("SELECT position, device_id FROM sync_transactions WHERE position > ?1 AND position <= ?2 ORDER BY position", 2),
        (
            "SELECT position, first_version FROM sync_transactions WHERE device_id = ?1 AND first_version > ?2 ORDER BY first_version LIMIT 1",
            2,
        ),
        ("SELECT context, first_version FROM sync_transactions WHERE device_id = ?1 ORDER BY first_version DESC LIMIT 1", 1),
        ("SELECT version, position FROM sync_log WHERE position >= ?1 AND position <= ?1 + ?2 ORDER BY position", 2),
        ("SELECT data, position FROM sync_log WHERE table_name = ?1 AND record_id = ?2 ORDER BY position", 2),
        ("SELECT position, version FROM sync_log WHERE device_id = ?1 AND version > ?2 ORDER BY version LIMIT 1", 2),
        ("SELECT version FROM sync_log WHERE table_name = ?1 AND record_id = ?2 AND position BETWEEN 1 AND 9", 2),
    ] {
        let mut statement = reader.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = statement.query_map(rusqlite::params_from_iter(1..=parameters), |row| row.get(3)).unwrap();
        let plan: Vec<String> = lines.map(Result::unwrap).collect();
        let filed = plan.iter().find(|line| line.contains("_filed")).unwrap();
        assert!(filed.starts_with("SEARCH"), "{sql}: {plan:?}");
        assert!(!plan.iter().any(|line| line.starts_with("CO-ROUTINE") || line.starts_with("MATERIALIZE")), "{sql}: {plan:?}");
    }
}
