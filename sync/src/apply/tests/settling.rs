//! What a decision, or a write in the presence of waiting changes, leaves as it was.

use super::*;

#[test]
fn the_third_value_stays_pending_when_one_of_two_conflicts_is_resolved() {
    let [a, b, c, late] = devices();
    a.run("UPDATE t SET a = 'of a'");
    b.run("UPDATE t SET a = 'of b'");
    c.run("UPDATE t SET a = 'of c'");
    meet(&[&a, &b, &c]);
    let with_a = a.pending().into_iter().find(|conflict| conflict.local_device == a.id()).unwrap();
    conflicts::resolve(&a.database, &with_a.id, Winner::Local, None).unwrap();
    meet(&[&a, &b, &c]);
    assert_eq!(a.rows(ROWS), ["1:of a:10"]);
    let left = b.conflict();
    assert_eq!(left.local_data.clone().map(Json::Object), Some(json!({"a": "of b"})), "b's value can still be chosen");
    conflicts::resolve(&b.database, &left.id, Winner::Local, None).unwrap();
    meet(&[&a, &b, &c, &late]);
    assert_eq!((c.rows(ROWS), c.pending()), (vec!["1:of b:10".to_owned()], vec![]));
    assert_equal(&[&a, &b, &c, &late]);
    assert_eq!(late.all_conflicts().len(), 2, "who gets all at once lists what was resolved, too");
}

#[test]
fn a_resolution_is_one_entry_of_the_records_history_and_spares_what_was_written_beside_it() {
    let [a, b] = devices();
    a.run("UPDATE t SET a = 'of a'");
    b.run("UPDATE t SET a = 'of b'");
    meet(&[&a, &b]);
    let before = crate::log::history(&a.database.reader().unwrap(), "t", "1").unwrap().len();
    let id = a.conflict().id;
    let mut transaction = begin(&a.database);
    transaction.connection().execute_batch("UPDATE t SET b = 12").unwrap();
    conflicts::resolve_in(&mut transaction, &id, Winner::Local, None).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    let history = crate::log::history(&a.database.reader().unwrap(), "t", "1").unwrap();
    assert_eq!(history.len(), before + 2, "the other column, and the resolution: {history:#?}");
    meet(&[&a, &b]);
    assert_eq!(b.rows(ROWS), ["1:of a:12"]);
    assert_equal(&[&a, &b]);
}

#[test]
fn a_write_of_a_record_with_waiting_changes_stands_beside_them() {
    let (a, b, c) = (Device::new(), Device::new(), Device::new());
    let columns = [("id", Integer), ("a", Text), ("b", Integer)];
    share(&[&a, &c]);
    // b made the same table by itself, and is stricter than the others know.
    let mut transaction = begin(&b.database);
    let (table, _) = fixture::table("t", &columns, &["id"]);
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER CHECK (b < 100)) STRICT".to_owned();
    transaction.define("CREATE TABLE t", &[sql], vec![Object::Table(table)], vec![]).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    meet(&[&a, &b, &c]);
    a.run("UPDATE t SET a = 'waits'; INSERT INTO t VALUES (3, 'too much', 500)");
    assert_eq!(a.push(&b).blocked, 2);
    b.run("UPDATE t SET a = 'of b'");
    b.run("UPDATE t SET a = 'of b again'");
    meet(&[&a, &b, &c]);
    let id = a.conflict().id;
    assert_eq!((c.conflict().id, a.rows(ROWS).len()), (id.clone(), 2));
    a.run("UPDATE t SET b = 50 WHERE id = 3");
    meet(&[&a, &b, &c]);
    assert_eq!((b.conflict().id, a.rows(ROWS)), (id, vec!["1:of b again:10".to_owned(), "3:too much:50".to_owned()]));
    assert_equal(&[&a, &b, &c]);
}
