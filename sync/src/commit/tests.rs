//! What a transaction leaves behind: in the table, in the log, and after an error.

use rusqlite::{ErrorCode, params};

use super::*;
use crate::{
    log::{PageLimit, page_after},
    store::{
        LockWait,
        fixture::{self, begin, execute, public},
    },
    value::Storage::{self, Integer, Text},
};

const COLUMNS: &[(&str, Storage)] = &[("id", Integer), ("a", Text), ("B", Integer)];

/// The changes of all transactions after the first `skip`, one line each.
fn changes(database: &Arc<Database>, skip: usize) -> Vec<String> {
    let reader = database.reader().unwrap();
    let page = page_after(&reader, 0, database.durable().position, PageLimit { changes: usize::MAX, bytes: usize::MAX }).unwrap();
    let mut lines = Vec::new();
    for transaction in &page.transactions[skip..] {
        for change in &transaction.changes {
            let image = |image: &Option<_>| image.as_ref().map_or(String::new(), |i| format!(" {}", crate::log::canonical_json(i)));
            let (operation, table, record) = (change.operation.as_str(), &change.table_name, &change.record_id);
            lines.push(format!("{operation} {table} {record}{} <-{}", image(&change.data), image(&change.old_data)));
        }
    }
    lines
}

/// Each case: statements of one transaction over a table with the row (1, 'x', 10), and the changes it logs.
#[test]
fn a_transaction_logs_its_net_effect() {
    let cases: &[(&str, &[&str])] = &[
        ("INSERT INTO t VALUES (2, 'é\"', NULL)", &[r#"INSERT t 2 {"B":null,"a":"é\"","id":2} <-"#]),
        ("UPDATE t SET a = 'y'", &[r#"UPDATE t 1 {"a":"y"} <- {"a":"x"}"#]),
        ("UPDATE t SET a = 'x', \"^b\" = 10", &[]),
        ("DELETE FROM t", &[r#"DELETE t 1 <- {"B":10,"a":"x","id":1}"#]),
        ("INSERT INTO t VALUES (2, 'b', 1); UPDATE t SET a = 'c' WHERE id = 2", &[r#"INSERT t 2 {"B":1,"a":"c","id":2} <-"#]),
        ("INSERT INTO t VALUES (2, 'b', 1); DELETE FROM t WHERE id = 2", &[]),
        ("UPDATE t SET a = 'y'; UPDATE t SET \"^b\" = 11", &[r#"UPDATE t 1 {"B":11,"a":"y"} <- {"B":10,"a":"x"}"#]),
        ("UPDATE t SET a = 'y'; UPDATE t SET a = 'x'", &[]),
        ("UPDATE t SET a = 'y'; DELETE FROM t", &[r#"DELETE t 1 <- {"B":10,"a":"x","id":1}"#]),
        ("DELETE FROM t; INSERT INTO t VALUES (1, 'x', 11)", &[r#"UPDATE t 1 {"B":11} <- {"B":10}"#]),
        ("DELETE FROM t; INSERT INTO t VALUES (1, 'x', 10)", &[]),
        ("UPDATE t SET id = 5", &[r#"DELETE t 1 <- {"B":10,"a":"x","id":1}"#, r#"INSERT t 5 {"B":10,"a":"x","id":5} <-"#]),
        ("REPLACE INTO t VALUES (1, 'z', 10)", &[r#"UPDATE t 1 {"a":"z"} <- {"a":"x"}"#]),
        ("INSERT INTO t VALUES (1, 'q', 0) ON CONFLICT (id) DO UPDATE SET a = excluded.a", &[r#"UPDATE t 1 {"a":"q"} <- {"a":"x"}"#]),
    ];
    for (sql, expected) in cases {
        let (_home, database) = fixture::database();
        fixture::create(&database, "t", COLUMNS, &["id"]);
        execute(&database, "INSERT INTO t VALUES (1, 'x', 10)");
        execute(&database, sql);
        assert_eq!(changes(&database, 2), *expected, "{sql}");
    }
}

#[test]
fn keys_of_every_shape_name_their_records() {
    let (_home, database) = fixture::database();
    fixture::create(&database, "hidden", &[("a", Text)], &[]);
    fixture::create(&database, "pair", &[("v", Integer), ("a", Text), ("b", Integer)], &["b", "a"]);
    fixture::create(&database, "Word", &[("w", Text)], &["w"]);
    execute(&database, "INSERT INTO hidden VALUES (x'000102030405060708090a0b0c0d0e0f', 'h'); UPDATE hidden SET a = 'i'");
    execute(&database, "INSERT INTO pair VALUES (1, 'x', 2), (1, 'y', 2); UPDATE pair SET v = 9 WHERE a = 'y'");
    execute(&database, "INSERT INTO \"^word\" VALUES ('a b')");
    execute(&database, "DELETE FROM pair; DELETE FROM hidden");
    let expected = [
        r#"INSERT hidden 00010203-0405-0607-0809-0a0b0c0d0e0f {"a":"i"} <-"#,
        r#"INSERT pair [2,"x"] {"a":"x","b":2,"v":1} <-"#,
        r#"INSERT pair [2,"y"] {"a":"y","b":2,"v":9} <-"#,
        r#"INSERT Word a b {"w":"a b"} <-"#,
        r#"DELETE pair [2,"x"] <- {"a":"x","b":2,"v":1}"#,
        r#"DELETE pair [2,"y"] <- {"a":"y","b":2,"v":9}"#,
        r#"DELETE hidden 00010203-0405-0607-0809-0a0b0c0d0e0f <- {"a":"i"}"#,
    ];
    assert_eq!(changes(&database, 3), expected);
}

#[test]
fn what_is_undone_is_not_logged() {
    let (_home, database) = fixture::database();
    fixture::create(&database, "t", COLUMNS, &["id"]);
    let mut transaction = begin(&database);
    let run = |t: &Transaction, sql: &str| t.connection().execute_batch(sql);
    run(&transaction, "INSERT INTO t VALUES (1, 'kept', 1)").unwrap();
    let outer = transaction.mark().unwrap();
    run(&transaction, "INSERT INTO t VALUES (2, 'undone', 1)").unwrap();
    let _inner = transaction.mark().unwrap();
    run(&transaction, "DELETE FROM t").unwrap();
    transaction.rewind(&outer).unwrap();
    run(&transaction, "INSERT INTO t VALUES (3, 'kept', 1)").unwrap();
    transaction.release(outer).unwrap();
    let statement = transaction.statement();
    let failed = run(&transaction, "INSERT INTO t VALUES (4, 'never', 1), (1, 'twice', 1)").unwrap_err();
    assert_eq!(failed.sqlite_error_code(), Some(ErrorCode::ConstraintViolation));
    transaction.statement_failed(statement);
    let number = transaction.commit(Durability::Wait).unwrap();
    assert_eq!(database.durable().commit, number);
    let logged = changes(&database, 1);
    assert_eq!(logged.iter().map(|line| &line[..11]).collect::<Vec<_>>(), ["INSERT t 1 ", "INSERT t 3 "]);

    let transaction = begin(&database);
    run(&transaction, "DELETE FROM t").unwrap();
    transaction.rollback();
    drop({
        let transaction = begin(&database);
        run(&transaction, "DELETE FROM t").unwrap();
        transaction
    });
    assert_eq!(changes(&database, 1).len(), 2);
    assert_eq!(database.log_state().held().get(database.log_state().device), 3);
}

#[test]
fn cascades_triggers_and_temporary_tables() {
    let (_home, database) = fixture::database();
    fixture::create(&database, "parent", &[("id", Integer)], &["id"]);
    let mut transaction = begin(&database);
    let (child, _) = fixture::table("child", &[("id", Integer), ("parent", Integer)], &["id"]);
    let sql = "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED) STRICT";
    transaction.define("CREATE TABLE child", &[sql.to_owned()], vec![Object::Table(child)], vec![]).unwrap();
    transaction.connection().execute_batch("INSERT INTO parent VALUES (1); INSERT INTO child VALUES (7, 1)").unwrap();
    transaction.commit(Durability::Wait).unwrap();
    execute(&database, "DELETE FROM parent");
    assert_eq!(
        changes(&database, 2),
        ["DELETE child 7 <- {\"id\":7,\"parent\":1}", "DELETE parent 1 <- {\"id\":1}"]
            .map(str::to_owned)
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );

    let failing = begin(&database);
    failing.connection().execute("INSERT INTO child VALUES (8, 99)", []).unwrap();
    assert!(failing.commit(Durability::Wait).is_err(), "a deferred foreign key is checked at commit");
    let after: i64 = database.reader().unwrap().query_row("SELECT count(*) FROM child", [], |row| row.get(0)).unwrap();
    assert_eq!((after, changes(&database, 3).len()), (0, 0));

    let own = std::rc::Rc::new(database.reader().unwrap());
    let transaction = database.begin(&LockWait::default(), Some(Rc::clone(&own))).unwrap();
    own.execute_batch("CREATE TEMP TABLE parent (id); INSERT INTO temp.parent VALUES (5); INSERT INTO main.parent VALUES (6)").unwrap();
    transaction.commit(Durability::Wait).unwrap();
    assert!(own.execute("INSERT INTO main.parent VALUES (7)", []).is_err(), "a session's connection only reads outside of a transaction");
    let temporary: i64 = own.query_row("SELECT id FROM temp.parent", [], |row| row.get(0)).unwrap();
    assert_eq!((temporary, changes(&database, 3)), (5, vec!["INSERT parent 6 {\"id\":6} <-".to_owned()]));
}

#[test]
fn schema_changes_are_transactional_and_keep_their_oids() {
    let (home, node) = fixture::node();
    let database = node.replicated();
    fixture::create(&database, "t", &[("id", Integer)], &["id"]);
    let oid = database.schema().oid(ObjectClass::Relation, &public("t")).unwrap();
    let generation = database.schema().generation;

    let mut transaction = begin(&database);
    let mark = transaction.mark().unwrap();
    fixture::define(&mut transaction, "gone", &[("id", Integer)], &["id"]);
    assert!(transaction.schema().table(&public("gone")).is_some() && database.schema().table(&public("gone")).is_none());
    transaction.rewind(&mark).unwrap();
    assert!(transaction.schema().table(&public("gone")).is_none());
    transaction.connection().execute_batch("INSERT INTO t VALUES (1)").unwrap();
    let (mut renamed, _) = fixture::table("u", &[("id", Integer)], &["id"]);
    renamed.comment = Some("new".to_owned());
    let oids = transaction
        .define(
            "ALTER TABLE t RENAME TO u",
            &["ALTER TABLE t RENAME TO u".to_owned()],
            vec![Object::Table(renamed)],
            vec![(ObjectClass::Relation, public("t"))],
        )
        .unwrap();
    assert_eq!(oids, [oid]);
    transaction.connection().execute_batch("INSERT INTO u VALUES (2)").unwrap();
    transaction.commit(Durability::Wait).unwrap();
    assert!(database.schema().generation > generation);
    let logged = changes(&database, 1);
    assert_eq!(logged[0], "INSERT t 1 {\"id\":1} <-");
    assert!(logged[1].starts_with("DDL  u {\"objects\":[{"), "{}", logged[1]);
    assert_eq!(logged[2], "INSERT u 2 {\"id\":2} <-");

    fixture::create(&database, "v", &[("id", Integer)], &["id"]);
    let next = database.schema().oid(ObjectClass::Relation, &public("v")).unwrap();
    let mut transaction = begin(&database);
    transaction.define("DROP TABLE v", &["DROP TABLE v".to_owned()], vec![], vec![(ObjectClass::Relation, public("v"))]).unwrap();
    assert!(matches!(
        transaction.define("DROP TABLE v", &[], vec![], vec![(ObjectClass::Relation, public("v"))]),
        Err(StoreError::NoObject(ObjectClass::Relation, _))
    ));
    transaction.commit(Durability::Wait).unwrap();
    let (held, logged) = (database.log_state().held(), changes(&database, 0));
    drop((database, node));
    let node = crate::store::Node::open(home.path(), "app", crate::store::no_setup()).unwrap();
    let database = node.replicated();
    assert_eq!(database.schema().oid(ObjectClass::Relation, &public("u")), Some(oid));
    assert_eq!((database.log_state().held(), changes(&database, 0)), (held, logged));
    fixture::create(&database, "w", &[("id", Integer)], &["id"]);
    assert!(database.schema().oid(ObjectClass::Relation, &public("w")).unwrap() > next, "an OID is never used again");
}

#[test]
fn local_databases_log_nothing() {
    let (_home, node) = fixture::node();
    let database = node.database("postgres").unwrap();
    fixture::create(&database, "t", &[("id", Integer)], &["id"]);
    execute(&database, "INSERT INTO t VALUES (1)");
    let count: i64 = database.reader().unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!((count, database.log_state().position), (1, 0));
}

#[test]
fn commits_of_many_threads_are_all_there_and_numbered_without_a_gap() {
    let (_home, database) = fixture::database();
    fixture::create(&database, "t", &[("id", Integer)], &["id"]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let database = &database;
            scope.spawn(move || {
                for n in 0..25 {
                    let transaction = begin(database);
                    transaction.connection().execute("INSERT INTO t VALUES (?1)", params![thread * 100 + n]).unwrap();
                    let durability = if n % 2 == 0 { Durability::Wait } else { Durability::NoWait };
                    transaction.commit(durability).unwrap();
                }
            });
        }
    });
    database.flush();
    assert_eq!(changes(&database, 1).len(), 100);
    let state = database.log_state();
    assert_eq!((state.held().get(state.device), state.position, database.durable().position), (101, 101, 101));
}

#[test]
fn a_transaction_that_only_held_the_lock_has_no_number_of_its_own() {
    let (_home, database) = fixture::database();
    let before = database.commit_sequence();
    assert_eq!(begin(&database).commit(Durability::Wait).unwrap(), before);
    fixture::create(&database, "t", &[("id", Integer)], &["id"]);
    assert_eq!(database.commit_sequence(), before + 1);
}
