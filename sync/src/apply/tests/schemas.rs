//! Schema changes across devices.

use super::*;

/// A table with the columns given, and the statement that makes it.
fn add_column(device: &Device, column: &str) {
    let mut transaction = begin(&device.database);
    let mut table = transaction.schema().table(&public("t")).unwrap().clone();
    let mut added = table.columns[1].clone();
    (added.number, added.name, added.physical) = (table.next_column_number, column.to_owned(), column.to_owned());
    table.columns.push(added);
    table.next_column_number += 1;
    let sql = format!("ALTER TABLE t ADD COLUMN {column} TEXT");
    transaction.define(&sql.clone(), &[sql], vec![Object::Table(table)], vec![]).unwrap();
    transaction.commit(Durability::Wait).unwrap();
}

fn drop_table(device: &Device) {
    let mut transaction = begin(&device.database);
    let gone = vec![(ObjectClass::Relation, public("t"))];
    transaction.define("DROP TABLE t", &["DROP TABLE t".to_owned()], vec![], gone).unwrap();
    transaction.commit(Durability::Wait).unwrap();
}

#[test]
fn schema_changes_travel_with_their_data() {
    let [a, b] = devices();
    add_column(&a, "c");
    a.run("UPDATE t SET c = 'new'");
    meet(&[&a, &b]);
    assert_eq!(b.rows("SELECT c FROM t"), ["new"]);
    b.run("UPDATE t SET c = 'newer'");
    drop_table(&b);
    meet(&[&a, &b]);
    assert!(a.database.schema().table(&public("t")).is_none());
}

#[test]
fn one_schema_change_made_on_two_devices_is_one() {
    let (a, b) = (Device::new(), Device::new());
    for device in [&a, &b] {
        fixture::create(&device.database, "t", &[("id", Integer), ("a", Text), ("b", Integer)], &["id"]);
        device.run("INSERT INTO t VALUES (1, 'x', 10)");
        add_column(device, "c");
    }
    a.run("UPDATE t SET c = 'both'");
    meet(&[&a, &b]);
    assert_eq!(b.rows("SELECT c FROM t"), ["both"]);
    assert_equal(&[&a, &b]);
    assert_eq!((a.all_conflicts(), blocked(&a.database).unwrap(), blocked(&b.database).unwrap()), (vec![], vec![], vec![]));
}

#[test]
fn what_contradicts_waits_and_is_settled_by_a_choice_of_either_side() {
    for keep_first in [true, false] {
        let [a, b, late] = devices();
        fixture::create(&a.database, "other", &[("id", Integer), ("a", Text), ("b", Integer)], &["id"]);
        meet(&[&a, &b]);
        fixture::create(&a.database, "u", &[("id", Integer), ("a", Text)], &["id"]);
        a.run("INSERT INTO u VALUES (1, 'a')");
        fixture::create(&b.database, "u", &[("id", Integer), ("z", Text)], &["id"]);
        b.run("INSERT INTO u VALUES (7, 'z')");
        b.run("INSERT INTO other VALUES (4, 'goes on', 0)");
        meet(&[&a, &b]);
        assert_eq!(a.rows("SELECT a FROM other"), ["goes on"]);
        let (on_a, on_b) = (a.conflict(), b.conflict());
        assert_eq!((on_a.kind, &on_a.id), (Kind::Schema, &on_b.id));
        assert_eq!((on_a.shown, on_b.shown), (Winner::Local, Winner::Remote), "the earlier one is made everywhere");
        assert_eq!((a.rows("SELECT a FROM u"), b.rows("SELECT a FROM u")), (vec!["a".to_owned()], vec!["a".to_owned()]));
        let waits = |device: &Device| blocked(&device.database).unwrap().len();
        assert_eq!((waits(&a), waits(&b)), (2, 2), "the table and its row");
        let winner = if keep_first { Winner::Local } else { Winner::Remote };
        conflicts::resolve(&a.database, &on_a.id, winner, None).unwrap();
        meet(&[&a, &b, &late]);
        let (column, value) = if keep_first { ("a", "a") } else { ("z", "z") };
        for device in [&a, &b, &late] {
            assert_eq!(device.rows(&format!("SELECT {column} FROM u")), [value], "{keep_first}");
            assert_eq!((waits(device), device.pending()), (0, vec![]), "{keep_first}");
        }
        assert_equal(&[&a, &b, &late]);
        b.run("INSERT INTO u VALUES (9, 'after')");
        meet(&[&a, &b, &late]);
        assert_eq!(late.rows("SELECT count(*) || '' FROM u"), ["2"]);
    }
}

#[test]
fn what_can_not_be_applied_waits_whole_and_goes_in_later() {
    let (a, b) = (Device::new(), Device::new());
    let columns = [("id", Integer), ("a", Text), ("b", Integer)];
    fixture::create(&a.database, "t", &columns, &["id"]);
    // b made the same table by itself, and is stricter than a knows.
    let mut transaction = begin(&b.database);
    let (table, _) = fixture::table("t", &columns, &["id"]);
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER CHECK (b < 100)) STRICT".to_owned();
    transaction.define("CREATE TABLE t", &[sql], vec![Object::Table(table)], vec![]).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    a.run("INSERT INTO t VALUES (1, 'x', 10)");
    a.run("INSERT INTO t VALUES (2, 'fits', 20); INSERT INTO t VALUES (3, 'too much', 500)");
    a.run("UPDATE t SET a = 'after' WHERE id = 2");
    a.run("UPDATE t SET a = 'other row' WHERE id = 1");
    let taken = a.push(&b);
    assert_eq!((taken.blocked, b.rows(ROWS)), (3, vec!["1:other row:10".to_owned()]), "none of it, nor what follows on it");
    let waiting = blocked(&b.database).unwrap();
    assert!(waiting[0].reason.contains("CHECK"), "{waiting:?}");
    assert_eq!(waiting.iter().map(|b| b.record_id.as_str()).collect::<Vec<_>>(), ["2", "3", "2"]);
    a.run("UPDATE t SET b = 50 WHERE id = 3");
    let taken = a.push(&b);
    assert_eq!(taken.blocked, 0);
    assert_equal(&[&a, &b]);
    assert_eq!(b.rows(ROWS).len(), 3);
}

#[test]
fn what_waits_for_a_table_goes_in_when_it_is_made_here() {
    let [a, b] = devices();
    let mut transaction = begin(&a.database);
    let (mut local, sql) = fixture::table("late", &[("id", Integer), ("a", Text)], &["id"]);
    local.replicated = false;
    transaction.define("CREATE TABLE late", &[sql], vec![Object::Table(local.clone())], vec![]).unwrap();
    local.replicated = true;
    transaction.commit(Durability::Wait).unwrap();
    fixture::create(&b.database, "late", &[("id", Integer), ("a", Text)], &["id"]);
    b.run("INSERT INTO late VALUES (1, 'waits')");
    b.push(&a);
    assert_eq!(blocked(&a.database).unwrap().len(), 2);
    let mut transaction = begin(&a.database);
    let gone = vec![(ObjectClass::Relation, public("late"))];
    transaction.define("DROP TABLE late", &["DROP TABLE late".to_owned()], vec![], gone).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    assert_eq!(a.take(vec![]).blocked, 0);
    assert_eq!(a.rows("SELECT a FROM late"), ["waits"]);
    assert_eq!(blocked(&a.database).unwrap(), []);
}
