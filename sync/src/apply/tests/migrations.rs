//! Schema changes that were made apart, and the rows written meanwhile: all come together, or are told.

use super::*;
use crate::schema::Table;

/// Changes the table `t` on a device: the object as `change` leaves it, by the statement given.
fn alter(device: &Device, sql: &str, change: impl FnOnce(&mut Table)) {
    let mut transaction = begin(&device.database);
    let mut table = transaction.schema().table(&public("t")).unwrap().clone();
    let before = table.name.clone();
    change(&mut table);
    let removed = if table.name == before { vec![] } else { vec![(ObjectClass::Relation, before)] };
    transaction.define(sql, &[sql.to_owned()], vec![Object::Table(table)], removed).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2));
}

fn add_column(device: &Device, column: &str) {
    alter(device, &format!("ALTER TABLE t ADD COLUMN {column} TEXT"), |table| {
        let mut added = table.columns[1].clone();
        (added.number, added.name, added.physical) = (table.next_column_number, column.to_owned(), column.to_owned());
        table.columns.push(added);
        table.next_column_number += 1;
    });
}

fn drop_column(device: &Device, column: &str) {
    alter(device, &format!("ALTER TABLE t DROP COLUMN {column}"), |table| table.columns.retain(|known| known.name != column));
}

fn rename_table(device: &Device, to: &str) {
    alter(device, &format!("ALTER TABLE t RENAME TO {to}"), |table| {
        (table.name, table.physical) = (public(to), to.to_owned());
    });
}

fn rename_column(device: &Device, from: &str, to: &str) {
    alter(device, &format!("ALTER TABLE t RENAME COLUMN {from} TO {to}"), |table| {
        for column in table.columns.iter_mut().filter(|column| column.name == from) {
            (column.name, column.physical) = (to.to_owned(), to.to_owned());
        }
    });
}

fn drop_table(device: &Device) {
    let mut transaction = begin(&device.database);
    let gone = vec![(ObjectClass::Relation, public("t"))];
    transaction.define("DROP TABLE t", &["DROP TABLE t".to_owned()], vec![], gone).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2));
}

fn assert_alike(devices: &[&Device], sql: &str, rows: &[&str]) {
    for device in devices {
        assert_eq!(device.rows(sql), rows);
        assert_eq!(blocked(&device.database).unwrap(), []);
        assert_eq!(ids(device), ids(devices[0]));
        let columns = |device: &Device| device.database.schema().tables().map(|table| table.columns.clone()).collect::<Vec<_>>();
        assert_eq!(columns(device), columns(devices[0]));
    }
}

#[test]
fn columns_of_different_names_come_together() {
    let [a, b, c] = devices();
    add_column(&a, "c");
    a.run("UPDATE t SET c = 'of a'; INSERT INTO t VALUES (2, 'y', 20, 'two')");
    add_column(&b, "d");
    b.run("UPDATE t SET d = 'of b', a = 'z'; INSERT INTO t VALUES (3, 'w', 30, 'three')");
    meet(&[&a, &b, &c]);
    let sql = "SELECT id || a || b || coalesce(c, '-') || coalesce(d, '-') FROM t ORDER BY id";
    assert_alike(&[&a, &b, &c], sql, &["1z10of aof b", "2y20two-", "3w30-three"]);
    assert_eq!(a.all_conflicts(), []);
    c.run("UPDATE t SET c = 'c', d = 'c' WHERE id = 1");
    meet(&[&a, &b, &c]);
    assert_alike(&[&a, &b, &c], sql, &["1z10cc", "2y20two-", "3w30-three"]);
}

#[test]
fn rows_written_to_a_table_that_another_device_dropped_are_told_and_can_be_brought_back() {
    for back in [true, false] {
        let [a, b, c] = devices();
        drop_table(&a);
        b.run("INSERT INTO t VALUES (2, 'unseen', 20); UPDATE t SET a = 'edited' WHERE id = 1");
        meet(&[&a, &b, &c]);
        let mut pending: Vec<(Kind, String)> = a.pending().into_iter().map(|c| (c.kind, c.record_id)).collect();
        pending.sort_by(|one, other| one.1.cmp(&other.1));
        assert_eq!(pending, [(Kind::Dropped, "1".to_owned()), (Kind::Dropped, "2".to_owned())]);
        assert_eq!((ids(&a), ids(&a)), (ids(&b), ids(&c)));
        assert!(b.database.schema().table(&public("t")).is_none());
        if back {
            let one = b.pending().into_iter().find(|conflict| conflict.record_id == "2").unwrap();
            assert_eq!(one.local_data.clone().map(Json::Object), Some(json!({"id": 2, "a": "unseen", "b": 20})));
            conflicts::resolve(&b.database, &one.id, Winner::Local, None).unwrap();
            assert_eq!(b.rows(ROWS), ["1:edited:10", "2:unseen:20"]);
            meet(&[&a, &b, &c]);
            assert_alike(&[&a, &b, &c], ROWS, &["1:edited:10", "2:unseen:20"]);
            a.run("UPDATE t SET a = 'goes on'");
            meet(&[&a, &b, &c]);
            assert_alike(&[&a, &b, &c], ROWS, &["1:goes on:10", "2:goes on:20"]);
        } else {
            for conflict in a.pending() {
                conflicts::resolve(&a.database, &conflict.id, Winner::Local, None).unwrap();
            }
            meet(&[&a, &b, &c]);
            assert!(c.database.schema().table(&public("t")).is_none());
        }
        for device in [&a, &b, &c] {
            assert_eq!(device.pending(), [], "{back}");
        }
    }
}

#[test]
fn values_of_a_column_that_another_device_dropped_are_told_and_can_be_brought_back() {
    let [a, b, c] = devices();
    drop_column(&a, "b");
    b.run("UPDATE t SET b = 77, a = 'kept'; INSERT INTO t VALUES (2, 'two', 22)");
    meet(&[&a, &b, &c]);
    let names = "SELECT id || a FROM t ORDER BY id";
    assert_alike(&[&a, &b, &c], names, &["1kept", "2two"]);
    let told: Vec<(Kind, Vec<String>)> = c.pending().into_iter().map(|conflict| (conflict.kind, conflict.columns)).collect();
    assert_eq!(told, [(Kind::Dropped, vec!["b".to_owned()]), (Kind::Dropped, vec!["b".to_owned()])]);
    let one = a.pending().into_iter().find(|conflict| conflict.record_id == "1").unwrap();
    conflicts::resolve(&a.database, &one.id, Winner::Remote, None).unwrap();
    meet(&[&a, &b, &c]);
    assert_alike(&[&a, &b, &c], ROWS, &["1:kept:77", "2:two:22"]);
    assert_eq!(a.pending(), []);
}

#[test]
fn changes_follow_a_renaming_of_table_and_column() {
    let [a, b, c] = devices();
    b.run("UPDATE t SET a = 'before'");
    rename_column(&a, "a", "name");
    rename_table(&a, "people");
    b.run("UPDATE t SET a = 'after', b = 11; INSERT INTO t VALUES (2, 'new', 2)");
    c.run("UPDATE t SET a = 'of c'");
    meet(&[&a, &b, &c]);
    let sql = "SELECT id || name || b FROM people ORDER BY id";
    assert_alike(&[&a, &b, &c], sql, &["1of c11", "2new2"]);
    let conflict = a.conflict();
    assert_eq!((conflict.table_name.as_str(), conflict.columns.as_slice()), ("people", &["name".to_owned()][..]));
    b.run("UPDATE people SET name = 'settled' WHERE id = 1");
    meet(&[&a, &b, &c]);
    assert_alike(&[&a, &b, &c], sql, &["1settled11", "2new2"]);
    assert_eq!(c.pending(), []);
}

#[test]
fn the_same_tables_made_by_every_device_before_it_was_paired_are_one() {
    let (a, b, c) = (Device::new(), Device::new(), Device::new());
    for (device, name) in [(&a, "a"), (&b, "b"), (&c, "c")] {
        fixture::create(&device.database, "t", &[("id", Integer), ("a", Text), ("b", Integer)], &["id"]);
        device.run(&format!("INSERT INTO t VALUES (1, 'migration', 1), ({}, 'of {name}', 2)", u32::from(name.as_bytes()[0])));
        add_column(device, "c");
        device.run("UPDATE t SET c = 'filled'");
    }
    rename_column(&b, "c", "d");
    meet(&[&a, &b, &c]);
    assert_alike(&[&a, &b, &c], "SELECT a || d FROM t ORDER BY id", &["migrationfilled", "of afilled", "of bfilled", "of cfilled"]);
    assert_eq!(a.all_conflicts(), []);
}

#[test]
fn a_drop_never_hits_another_table_of_the_name() {
    let [a, b, c] = devices();
    fixture::create(&a.database, "u", &[("id", Integer), ("a", Text)], &["id"]);
    a.run("INSERT INTO u VALUES (1, 'stays')");
    fixture::create(&b.database, "u", &[("id", Integer), ("z", Text)], &["id"]);
    let mut transaction = begin(&b.database);
    let gone = vec![(ObjectClass::Relation, public("u"))];
    transaction.define("DROP TABLE u", &["DROP TABLE u".to_owned()], vec![], gone).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    meet(&[&a, &b, &c]);
    for device in [&a, &b, &c] {
        assert_eq!(device.rows("SELECT a FROM u"), ["stays"]);
        assert_eq!(ids(device), ids(&a));
    }
}

/// Changes the columns of `t` within a transaction, by the statement given or by none.
fn alter_within(transaction: &mut crate::commit::Transaction, sqlite: &[&str], change: impl FnOnce(&mut Table)) {
    let mut table = transaction.schema().table(&public("t")).unwrap().clone();
    change(&mut table);
    let sqlite: Vec<String> = sqlite.iter().map(|sql| (*sql).to_owned()).collect();
    transaction.define("ALTER TABLE t", &sqlite, vec![Object::Table(table)], vec![]).unwrap();
}

#[test]
fn a_column_added_with_a_default_and_not_null_gives_rows_it_had_not_seen_its_default() {
    let [a, b, c] = devices();
    add_column(&b, "d");
    b.run("INSERT INTO t VALUES (2, 'unseen', 20, 'two')");
    let mut transaction = begin(&a.database);
    alter_within(&mut transaction, &["ALTER TABLE t ADD COLUMN e TEXT"], |table| {
        let mut added = table.columns[1].clone();
        (added.number, added.name, added.physical) = (table.next_column_number, "e".to_owned(), "e".to_owned());
        table.columns.push(added);
        table.next_column_number += 1;
    });
    let missing = Some("'none'".to_owned());
    alter_within(&mut transaction, &["UPDATE t SET e = 'none'"], |table| table.columns.last_mut().unwrap().missing = missing);
    alter_within(&mut transaction, &[], |table| table.columns.last_mut().unwrap().not_null = true);
    transaction.commit(Durability::Wait).unwrap();
    meet(&[&a, &b, &c]);
    assert_alike(&[&a, &b, &c], "SELECT id || a || coalesce(d, '-') || e FROM t ORDER BY id", &["1x-none", "2unseentwonone"]);
}

#[test]
fn what_waited_goes_in_after_later_changes_of_its_author() {
    let [a, b, _] = devices();
    fixture::create(&b.database, "u", &[("id", Integer), ("a", Text)], &["id"]);
    meet(&[&a, &b]);
    a.run("INSERT INTO u VALUES (1, NULL)");
    add_column(&a, "d");
    let mut transaction = begin(&b.database);
    alter_within(&mut transaction, &["ALTER TABLE t ADD COLUMN e TEXT"], |table| {
        let mut added = table.columns[1].clone();
        (added.number, added.name, added.physical) = (table.next_column_number, "e".to_owned(), "e".to_owned());
        table.columns.push(added);
        table.next_column_number += 1;
    });
    let mut other = transaction.schema().table(&public("u")).unwrap().clone();
    other.columns[1].not_null = true;
    transaction.define("ALTER TABLE u", &[], vec![Object::Table(other)], vec![]).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2));
    drop_column(&b, "b");
    b.run("UPDATE t SET e = 'of b'");
    meet(&[&a, &b]);
    assert!(blocked(&a.database).unwrap().iter().all(|blocked| blocked.reason.contains("NOT NULL")), "a row is in the way");
    assert!(!blocked(&a.database).unwrap().is_empty());
    a.run("UPDATE u SET a = 'given'");
    b.run("INSERT INTO t (id, a) VALUES (3, 'next')");
    meet(&[&a, &b]);
    assert_eq!(blocked(&a.database).unwrap(), []);
    for device in [&a, &b] {
        assert_eq!(device.rows("SELECT id || a || coalesce(d, '-') || coalesce(e, '-') FROM t ORDER BY id"), ["1x-of b", "3next--"]);
    }
}
