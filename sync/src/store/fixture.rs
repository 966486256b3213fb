//! What tests start from: a node in a directory of its own, and tables made in one line.

use std::sync::Arc;

use tempfile::TempDir;

use super::{Database, LockWait, Node, no_setup};
use crate::{
    commit::{Durability, Transaction},
    schema::{Column, Constraint, ConstraintRule, HIDDEN_KEY, Object, QualifiedName, Table, physical_column, physical_name},
    value::Storage,
};

/// A node in a fresh directory, which goes away with the first of the two.
pub(crate) fn node() -> (TempDir, Arc<Node>) {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let node = Node::open(home.path(), "app", no_setup()).expect("a fresh directory opens");
    (home, node)
}

/// A replicated database in a fresh directory.
pub(crate) fn database() -> (TempDir, Arc<Database>) {
    let (home, node) = node();
    (home, node.replicated())
}

/// Begins a transaction.
pub(crate) fn begin(database: &Arc<Database>) -> Transaction {
    database.begin(&LockWait::default(), None).expect("the lock is free")
}

/// Runs statements in a transaction of their own.
pub(crate) fn execute(database: &Arc<Database>, sql: &str) {
    let transaction = begin(database);
    transaction.connection().execute_batch(sql).expect("the statements run");
    transaction.commit(Durability::Wait).expect("the transaction commits");
}

/// A name in `public`.
pub(crate) fn public(name: &str) -> QualifiedName {
    QualifiedName { schema: "public".to_owned(), name: name.to_owned() }
}

/// A table in `public` and its SQLite statement. An empty key makes it one with a hidden key.
pub(crate) fn table(name: &str, columns: &[(&str, Storage)], key: &[&str]) -> (Table, String) {
    let physical = physical_name("public", name);
    let mut parts = Vec::new();
    let rowid = key.len() == 1 && columns.iter().any(|(c, s)| *c == key[0] && *s == Storage::Integer);
    if key.is_empty() {
        parts.push(format!("\"{HIDDEN_KEY}\" BLOB NOT NULL PRIMARY KEY"));
    }
    for (column, storage) in columns {
        let kind = match storage {
            Storage::Text => "TEXT",
            Storage::Bytes | Storage::Uuid => "BLOB",
            Storage::Real => "ANY",
            _ => "INTEGER",
        };
        let primary = if rowid && *column == key[0] { " PRIMARY KEY" } else { "" };
        parts.push(format!("\"{}\" {kind}{primary}", physical_column(column)));
    }
    let mut sql = format!("CREATE TABLE \"{physical}\" ({}) STRICT", parts.join(", "));
    if key.is_empty() {
        sql += ", WITHOUT ROWID";
    } else if !rowid {
        let key: Vec<String> = key.iter().map(|column| format!("\"{}\"", physical_column(column))).collect();
        sql += &format!("; CREATE UNIQUE INDEX \"{physical}_pkey\" ON \"{physical}\" ({})", key.join(", "));
    }
    let constraint = Constraint {
        name: format!("{name}_pkey"),
        rule: ConstraintRule::PrimaryKey { columns: key.iter().map(|c| (*c).to_owned()).collect() },
        deferrable: false,
        initially_deferred: false,
        validated: true,
        comment: None,
    };
    let table = Table {
        name: public(name),
        physical,
        columns: (1..).zip(columns).map(|(number, (name, storage))| column(number, name, *storage)).collect(),
        constraints: if key.is_empty() { Vec::new() } else { vec![constraint] },
        next_column_number: i16::try_from(columns.len()).expect("few columns") + 1,
        replicated: true,
        unlogged: false,
        hidden_key: key.is_empty(),
        materialized: None,
        comment: None,
    };
    (table, sql)
}

fn column(number: i16, name: &str, storage: Storage) -> Column {
    Column {
        number,
        name: name.to_owned(),
        physical: physical_column(name),
        type_name: format!("{storage:?}").to_lowercase(),
        storage,
        collation: None,
        not_null: false,
        default: None,
        identity: None,
        sequence: None,
        generated: None,
        generated_sqlite: None,
        missing: None,
        comment: None,
    }
}

/// Makes a table in a transaction of its own.
pub(crate) fn create(database: &Arc<Database>, name: &str, columns: &[(&str, Storage)], key: &[&str]) {
    let mut transaction = begin(database);
    define(&mut transaction, name, columns, key);
    transaction.commit(Durability::Wait).expect("the transaction commits");
}

/// Makes a table in a transaction.
pub(crate) fn define(transaction: &mut Transaction, name: &str, columns: &[(&str, Storage)], key: &[&str]) {
    let (table, sql) = table(name, columns, key);
    transaction.define(&format!("CREATE TABLE {name}"), &[sql], vec![Object::Table(table)], vec![]).expect("the table is made");
}
