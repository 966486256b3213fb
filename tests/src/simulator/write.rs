//! Random transactions: several statements with savepoints, on few keys and few values, so that devices meet.
//!
//! Enters: a device, the tables, a number. Leaves: a transaction committed or rolled back; what a constraint says no to is as good as never said.

use std::sync::Arc;

use peergres_sync::{
    commit::{Durability, Transaction},
    schema::Object,
    store::{Database, LockWait},
};

use super::schema::{ColumnSpec, TableSpec};

const TEXTS: [&str; 6] = ["x", "X", "y", "Y", "z", "w"];

/// Writes a transaction; answers whether it was committed, and durably so.
///
/// # Panics
/// Where the write lock can't be had, or a savepoint fails.
pub(crate) fn transaction(database: &Arc<Database>, tables: &[TableSpec], seed: u64) -> bool {
    let mut rng = fastrand::Rng::with_seed(seed);
    let known: Vec<&TableSpec> = tables.iter().filter(|table| is_known(database, table)).collect();
    if known.is_empty() {
        return false;
    }
    let mut transaction = database.begin(&LockWait::default(), None).expect("the write lock is free");
    for _ in 0..rng.usize(1..5) {
        let mark = transaction.mark().expect("a savepoint can be set");
        let table = known[rng.usize(0..known.len())];
        let failed = transaction.connection().execute_batch(&statement(&mut rng, &transaction, table)).is_err();
        // Now and then a savepoint is rolled back though nothing failed.
        if failed || rng.u32(0..12) == 0 {
            transaction.rewind(&mark).expect("a savepoint can be rolled back");
        }
        transaction.release(mark).expect("a savepoint can be released");
    }
    if rng.u32(0..20) == 0 {
        transaction.rollback();
        return false;
    }
    // A foreign key may say no at the end.
    transaction.commit(Durability::Wait).is_ok()
}

fn is_known(database: &Database, table: &TableSpec) -> bool {
    database.schema().tables().any(|held| held.name.name == table.name && held.name.schema == "public")
}

/// The columns that the table has on this device.
fn columns(transaction: &Transaction, table: &TableSpec) -> Vec<ColumnSpec> {
    let schema = transaction.schema();
    let held = schema.tables().find(|held| held.name.name == table.name).expect("the table is known");
    let spec = |name: &str| table.columns.iter().find(|column| column.name == name).cloned();
    let added = |name: &str| ColumnSpec { name: name.to_owned(), is_text: true, not_null: false };
    held.columns.iter().map(|column| spec(&column.name).unwrap_or_else(|| added(&column.name))).collect()
}

fn value(rng: &mut fastrand::Rng, table: &TableSpec, column: &ColumnSpec) -> String {
    let is_key = table.key.contains(&column.name);
    if !is_key && !column.not_null && rng.u32(0..6) == 0 {
        return "NULL".to_owned();
    }
    if column.is_text {
        return format!("'{}'", TEXTS[rng.usize(0..TEXTS.len())]);
    }
    rng.i64(if is_key { 1..6 } else { 0..5 }).to_string()
}

fn statement(rng: &mut fastrand::Rng, transaction: &Transaction, table: &TableSpec) -> String {
    let columns = columns(transaction, table);
    match rng.u32(0..12) {
        0..=4 => insert(rng, table, &columns, false),
        5 if !table.key.is_empty() => insert(rng, table, &columns, true),
        6..=9 => {
            let mut set = Vec::new();
            for _ in 0..rng.usize(1..3) {
                let column = &columns[rng.usize(0..columns.len())];
                // The key itself changes now and then: that is a delete and an insert.
                if !set.iter().any(|(name, _)| *name == column.name) && (!table.key.contains(&column.name) || rng.u32(0..4) == 0) {
                    set.push((column.name.clone(), value(rng, table, column)));
                }
            }
            let set: Vec<String> = set.into_iter().map(|(name, value)| format!("\"{name}\" = {value}")).collect();
            if set.is_empty() {
                return insert(rng, table, &columns, false);
            }
            format!("UPDATE \"{}\" SET {} WHERE {}", table.name, set.join(", "), condition(rng, table, &columns))
        }
        _ => format!("DELETE FROM \"{}\" WHERE {}", table.name, condition(rng, table, &columns)),
    }
}

fn condition(rng: &mut fastrand::Rng, table: &TableSpec, columns: &[ColumnSpec]) -> String {
    let column = match rng.u32(0..4) {
        0..=2 if !table.key.is_empty() => columns.iter().find(|column| column.name == table.key[table.key.len() - 1]),
        _ => None,
    };
    let column = column.unwrap_or_else(|| &columns[rng.usize(0..columns.len())]);
    format!("\"{}\" IS {}", column.name, value(rng, table, column))
}

fn insert(rng: &mut fastrand::Rng, table: &TableSpec, columns: &[ColumnSpec], or_update: bool) -> String {
    let mut names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    if table.key.is_empty() {
        names.push("\"~rowid\"".to_owned());
    }
    let rows: Vec<String> = (0..rng.usize(1..3))
        .map(|_| {
            let mut values: Vec<String> = columns.iter().map(|column| value(rng, table, column)).collect();
            if table.key.is_empty() {
                values.push(format!("x'{:032x}'", rng.u128(..)));
            }
            format!("({})", values.join(", "))
        })
        .collect();
    let mut sql = format!("INSERT INTO \"{}\" ({}) VALUES {}", table.name, names.join(", "), rows.join(", "));
    if or_update {
        let free: Vec<&ColumnSpec> = columns.iter().filter(|column| !table.key.contains(&column.name)).collect();
        let column = &free[rng.usize(0..free.len())].name;
        sql += &format!(" ON CONFLICT (\"{}\") DO UPDATE SET \"{column}\" = excluded.\"{column}\"", table.key.join("\", \""));
    }
    sql
}

/// Makes the tables; answers whether that was committed.
///
/// # Panics
/// Where the write lock can't be had.
pub(crate) fn create(database: &Arc<Database>, tables: &[TableSpec]) -> bool {
    let mut transaction = database.begin(&LockWait::default(), None).expect("the write lock is free");
    for table in tables {
        let (objects, sqlite) = table.definition();
        if transaction.define(&format!("CREATE TABLE {}", table.name), &sqlite, objects, Vec::new()).is_err() {
            return false;
        }
    }
    transaction.commit(Durability::Wait).is_ok()
}

/// A random schema change: the next table, or the next column of a table. The same one made on two devices is one.
///
/// # Panics
/// Where the write lock can't be had.
pub(crate) fn define(database: &Arc<Database>, tables: &[TableSpec], later: &[TableSpec], seed: u64) -> bool {
    let mut rng = fastrand::Rng::with_seed(seed);
    let next = later.iter().find(|table| !is_known(database, table));
    match next.filter(|_| rng.bool()) {
        Some(table) => create(database, std::slice::from_ref(table)),
        None => add_column(database, tables, &mut rng),
    }
}

fn add_column(database: &Arc<Database>, tables: &[TableSpec], rng: &mut fastrand::Rng) -> bool {
    let known: Vec<&TableSpec> = tables.iter().filter(|table| is_known(database, table)).collect();
    if known.is_empty() {
        return false;
    }
    let table = known[rng.usize(0..known.len())];
    let mut transaction = database.begin(&LockWait::default(), None).expect("the write lock is free");
    let schema = transaction.schema();
    let held = schema.tables().find(|held| held.name.name == table.name).expect("the table is known");
    let added = held.columns.len() - table.columns.len();
    let mut wide = table.clone();
    for number in 0..added {
        wide = wide.with_column(&format!("x{number}")).0;
    }
    let (_, objects, sqlite) = wide.with_column(&format!("x{added}"));
    debug_assert!(matches!(objects[0], Object::Table(_)), "a table is put");
    let statement = format!("ALTER TABLE {} ADD COLUMN x{added} text", table.name);
    transaction.define(&statement, &sqlite, objects, Vec::new()).is_ok() && transaction.commit(Durability::Wait).is_ok()
}
