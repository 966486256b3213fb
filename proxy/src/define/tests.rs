//! Definitions run on a real store: what they put into the catalog, what SQLite then enforces, and what they refuse.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use peergres_sync::{
    commit::{Durability, Transaction},
    schema::{QualifiedName, Table},
    store::{Database, LockWait, Node},
};

use crate::{
    catalog::Catalog,
    error::Result,
    execute::{
        ConstraintTiming, Execution,
        plan::{Action, Plan, Role, Step, Tag, Target},
    },
    session::context::Context,
};

struct Bench {
    database: Arc<Database>,
    _directory: tempfile::TempDir,
}

fn open() -> Bench {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::open(Path::new(directory.path()), "app", Arc::new(crate::functions::register)).expect("opens");
    Bench { database: node.database("app").expect("is there"), _directory: directory }
}

fn context(transaction: &Transaction) -> Context {
    Context { catalog: Catalog::for_schema(transaction.schema()), ..Context::default() }
}

/// Runs definitions; what is no definition is a change of the table that stands second in brackets: `[insert t] INSERT INTO …` in SQLite's terms.
fn run(transaction: &mut Transaction, script: &str) -> Result<Vec<String>> {
    let mut notices = Vec::new();
    for line in script.split(";\n").map(str::trim).filter(|line| !line.is_empty()) {
        if let Some((head, sql)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            change(transaction, head, sql)?;
            continue;
        }
        for parsed in crate::parse::parse(line)? {
            let cx = context(transaction);
            let written = super::Written { node: &parsed.node, source: line, text: &line[parsed.span.clone()] };
            let outcome = super::run(written, transaction, &cx)?;
            notices.extend(outcome.notices.iter().map(|notice| notice.fields().message.clone()));
        }
    }
    Ok(notices)
}

fn change(transaction: &Transaction, head: &str, sql: &str) -> Result<()> {
    let (action, table) = head.split_once(' ').expect("an action and a table");
    let action = match action {
        "insert" => Action::Insert,
        "update" => Action::Update,
        _ => Action::Delete,
    };
    let table = QualifiedName { schema: "public".to_owned(), name: table.to_owned() };
    let new_rows = sql.split_once(" VALUES ").map(|(_, values)| format!("SELECT column1 AS a, column2 AS b FROM (VALUES {values})"));
    let step = Step::change(sql, Role::Change, Target { table, action, new_rows });
    let plan = Plan { steps: vec![step], columns: Vec::new(), parameters: Vec::new(), tag: Tag::Insert, writes: true, timely: false };
    let (schema, timing) = (transaction.schema(), ConstraintTiming::default());
    Execution { connection: transaction.connection(), schema: &schema, timing: &timing }
        .run(&plan, &[], &mut |_| Ok(ControlFlow::Continue(())))
        .map(|_| ())
}

fn table(transaction: &Transaction, name: &str) -> Table {
    let name = QualifiedName { schema: "public".to_owned(), name: name.to_owned() };
    transaction.schema().table(&name).cloned().expect("the table is there")
}

/// `SQLSTATE message | detail` of the failure that the script ends in.
fn failure(script: &str) -> String {
    let bench = open();
    let mut transaction = bench.database.begin(&LockWait::default(), None).expect("begins");
    let error = run(&mut transaction, script).expect_err("the script ends in a failure");
    let fields = error.fields();
    format!("{} {} | {}", fields.state, fields.message, fields.detail.as_deref().unwrap_or(""))
}

fn rows(transaction: &Transaction, sql: &str) -> Vec<String> {
    let mut statement = transaction.connection().prepare(sql).expect("prepares");
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values: Vec<String> = (0..width).map(|n| format!("{:?}", row.get::<_, rusqlite::types::Value>(n))).collect();
        Ok(values.join(","))
    });
    rows.expect("runs").map(|row| row.expect("a row")).collect()
}

#[test]
fn constraints_are_named_and_laid_out_as_postgresql_does() {
    let bench = open();
    let mut transaction = bench.database.begin(&LockWait::default(), None).expect("begins");
    run(&mut transaction, "CREATE TABLE p (id serial PRIMARY KEY, code varchar(3) UNIQUE, x int, y numeric, UNIQUE (x, y))").expect("p");
    run(&mut transaction, "CREATE TABLE c (a text, p_id int REFERENCES p ON DELETE CASCADE, PRIMARY KEY (a, p_id))").expect("c");
    let names: Vec<String> = table(&transaction, "p").constraints.iter().map(|c| c.name.clone()).collect();
    assert_eq!(names, ["p_pkey", "p_code_key", "p_x_y_key"]);
    let names: Vec<String> = table(&transaction, "c").constraints.iter().map(|c| c.name.clone()).collect();
    assert_eq!(names, ["c_pkey", "c_p_id_fkey"]);
    assert_eq!(table(&transaction, "p").columns[0].default.as_deref(), Some("nextval('p_id_seq'::regclass)"));
    transaction.commit(Durability::NoWait).expect("commits");
}

#[test]
fn failures_are_told_in_postgresqls_words() {
    let tables = "CREATE TABLE p (a int PRIMARY KEY, b text NOT NULL UNIQUE);\nCREATE TABLE c (a int, b int REFERENCES p);\n";
    let cases = [
        (
            "[insert p] INSERT INTO p (a, b) VALUES (1, NULL)",
            "23502 null value in column \"b\" of relation \"p\" violates not-null constraint | Failing row contains (1, null).",
        ),
        (
            "[insert p] INSERT INTO p (a, b) VALUES (1, 'x');\n[insert p] INSERT INTO p (a, b) VALUES (2, 'x')",
            "23505 duplicate key value violates unique constraint \"p_b_key\" | Key (b)=(x) already exists.",
        ),
        (
            "[insert p] INSERT INTO p (a, b) VALUES (1, 'x');\n[insert p] INSERT INTO p (a, b) VALUES (1, 'y')",
            "23505 duplicate key value violates unique constraint \"p_pkey\" | Key (a)=(1) already exists.",
        ),
        (
            "[insert c] INSERT INTO c (a, b) VALUES (1, 5)",
            "23503 insert or update on table \"c\" violates foreign key constraint \"c_b_fkey\" | Key (b)=(5) is not present in table \"p\".",
        ),
        (
            "[insert p] INSERT INTO p (a, b) VALUES (1, 'x');\n[insert c] INSERT INTO c (a, b) VALUES (7, 1);\n[delete p] DELETE FROM p",
            "23503 update or delete on table \"p\" violates foreign key constraint \"c_b_fkey\" on table \"c\" | Key (a)=(1) is still referenced from table \"c\".",
        ),
        (
            "DROP TABLE p",
            "2BP01 cannot drop table p because other objects depend on it | constraint c_b_fkey on table c depends on table p",
        ),
        ("CREATE TABLE p (x int)", "42P07 relation \"p\" already exists | "),
        ("DROP TABLE nowhere", "42P01 table \"nowhere\" does not exist | "),
        ("TRUNCATE p", "0A000 cannot truncate a table referenced in a foreign key constraint | Table \"c\" references \"p\"."),
        (
            "[insert c] INSERT INTO c (a, b) VALUES (1, NULL), (1, NULL);\nCREATE UNIQUE INDEX ON c (a)",
            "23505 could not create unique index \"c_a_idx\" | Key (a)=(1) is duplicated.",
        ),
        (
            "[insert c] INSERT INTO c (a, b) VALUES (NULL, NULL);\nALTER TABLE c ADD PRIMARY KEY (a)",
            "23502 column \"a\" of relation \"c\" contains null values | ",
        ),
    ];
    for (script, expected) in cases {
        assert_eq!(failure(&format!("{tables}{script}")), expected, "{script}");
    }
}

#[test]
fn tables_change_in_place_and_keep_their_rows() {
    let bench = open();
    let mut transaction = bench.database.begin(&LockWait::default(), None).expect("begins");
    run(
        &mut transaction,
        "CREATE TABLE p (a int PRIMARY KEY, b text);\nCREATE TABLE t (a int, b int);\n[insert p] INSERT INTO p (a, b) VALUES (1, 'x');\n\
         [insert t] INSERT INTO t (a, b) VALUES (3, 1), (2, 1), (1, NULL);\nALTER TABLE t ADD PRIMARY KEY (a);\n\
         ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p;\nALTER TABLE t ADD COLUMN c text;\nALTER TABLE t RENAME COLUMN b TO \"B\";\n\
         ALTER TABLE t RENAME TO \"T\";\nALTER TABLE p DROP COLUMN b;\nALTER TABLE \"T\" ALTER COLUMN c DROP NOT NULL",
    )
    .expect("runs");
    assert_eq!(
        rows(&transaction, "SELECT a, \"^b\", c FROM \"^t\""),
        ["Ok(Integer(1)),Ok(Null),Ok(Null)", "Ok(Integer(2)),Ok(Integer(1)),Ok(Null)", "Ok(Integer(3)),Ok(Integer(1)),Ok(Null)"]
    );
    let error = change(&transaction, "insert T", "INSERT INTO \"^t\" (a, \"^b\") VALUES (9, 9)").expect_err("no parent");
    assert_eq!(error.fields().constraint.as_deref(), Some("t_b_fkey"));
    drop(transaction);

    let mut transaction = bench.database.begin(&LockWait::default(), None).expect("begins");
    let notices = run(
        &mut transaction,
        "CREATE TABLE p (a int PRIMARY KEY);\nCREATE TABLE t (b int REFERENCES p);\nDROP TABLE p CASCADE;\nDROP TABLE IF EXISTS p",
    );
    assert_eq!(notices.expect("runs"), ["drop cascades to constraint t_b_fkey on table t", "table \"p\" does not exist, skipping"]);
    change(&transaction, "insert t", "INSERT INTO t (b) VALUES (9)").expect("nothing refers any more");
}

#[test]
fn a_rolled_back_definition_leaves_nothing() {
    let bench = open();
    let mut transaction = bench.database.begin(&LockWait::default(), None).expect("begins");
    run(&mut transaction, "CREATE TABLE t (a int PRIMARY KEY, b int)").expect("t");
    transaction.commit(Durability::NoWait).expect("commits");
    let mut transaction = bench.database.begin(&LockWait::default(), None).expect("begins");
    let mark = transaction.mark().expect("marks");
    run(&mut transaction, "ALTER TABLE t ALTER COLUMN b SET NOT NULL;\nALTER TABLE t DROP CONSTRAINT t_pkey").expect("runs");
    change(&transaction, "insert t", "INSERT INTO t (a, b) VALUES (1, NULL)").expect_err("NOT NULL holds");
    transaction.rewind(&mark).expect("rewinds");
    change(&transaction, "insert t", "INSERT INTO t (a, b) VALUES (1, NULL)").expect("NOT NULL is gone");
    assert_eq!(rows(&transaction, "SELECT rowid, a FROM t"), ["Ok(Integer(1)),Ok(Integer(1))"]);
}
