//! Unique keys, foreign keys and checks across devices.

use super::*;
use crate::{
    commit::Transaction as Writing,
    schema::{Constraint, ConstraintRule, Expression, Index, IndexKey, ReferentialAction, Table},
};

fn constraint(name: &str, rule: ConstraintRule) -> Constraint {
    Constraint { name: name.to_owned(), rule, deferrable: false, initially_deferred: false, validated: true, comment: None }
}

fn unique(table: &str, name: &str, keys: Vec<IndexKey>, predicate: Option<Expression>) -> Object {
    Object::Index(Index {
        name: public(name),
        physical: name.to_owned(),
        table: public(table),
        unique: true,
        nulls_not_distinct: false,
        method: "btree".to_owned(),
        keys,
        include: vec![],
        predicate,
        constraint: None,
        comment: None,
    })
}

fn key(column: &str) -> IndexKey {
    IndexKey { column: Some(column.to_owned()), expression: None, opclass: None, descending: false, nulls_first: false }
}

/// Makes a table with constraints of its own, and its indexes.
fn define(device: &Device, mut table: Table, sql: &str, indexes: Vec<Object>, constraints: Vec<Constraint>) {
    table.constraints.extend(constraints);
    let mut objects = vec![Object::Table(table)];
    objects.extend(indexes);
    let mut transaction: Writing = begin(&device.database);
    transaction.define(sql, &[sql.to_owned()], objects, vec![]).unwrap();
    transaction.commit(Durability::Wait).unwrap();
}

/// Devices that share k (id, mail, tag), mail and lower(tag) each unique.
fn keyed<const N: usize>() -> [Device; N] {
    let devices: [Device; N] = std::array::from_fn(|_| Device::new());
    let (table, _) = fixture::table("k", &[("id", Integer), ("mail", Text), ("tag", Text)], &["id"]);
    let sql = "CREATE TABLE k (id INTEGER PRIMARY KEY, mail TEXT, tag TEXT) STRICT;
        CREATE UNIQUE INDEX k_mail ON k (mail); CREATE UNIQUE INDEX k_tag ON k (lower(tag)) WHERE tag <> ''";
    let lower = Expression { text: "lower(tag)".to_owned(), sqlite: "lower(tag)".to_owned() };
    let not_empty = Expression { text: "tag <> ''".to_owned(), sqlite: "tag <> ''".to_owned() };
    let tag = IndexKey { column: None, expression: Some(lower), ..key("tag") };
    let indexes = vec![unique("k", "k_mail", vec![key("mail")], None), unique("k", "k_tag", vec![tag], Some(not_empty))];
    define(&devices[0], table, sql, indexes, vec![]);
    meet(&devices.each_ref());
    devices
}

const KEYED: &str = "SELECT id || ':' || coalesce(mail, '-') || ':' || coalesce(tag, '-') FROM k ORDER BY id";

pub(super) fn equal(devices: &[&Device], sql: &str) {
    for other in &devices[1..] {
        assert_eq!(devices[0].rows(sql), other.rows(sql));
        let open = |device: &Device| device.pending().into_iter().map(|c| (c.id, c.kind)).collect::<Vec<_>>();
        let (mut one, mut two) = (open(devices[0]), open(other));
        one.sort();
        two.sort();
        assert_eq!(one, two);
        assert_eq!(other.rows("SELECT CAST(count(*) AS TEXT) FROM pragma_foreign_key_check"), ["0"]);
    }
}

#[test]
fn keys_that_rows_of_one_transaction_exchange_are_no_conflict() {
    let [a, b] = keyed();
    a.run("INSERT INTO k VALUES (1, 'x', 'p'), (2, 'y', 'q'), (3, 'z', 'r')");
    meet(&[&a, &b]);
    a.run("UPDATE k SET mail = 't' WHERE id = 1; UPDATE k SET mail = 'x' WHERE id = 2; UPDATE k SET mail = 'y' WHERE id = 1");
    a.run("DELETE FROM k WHERE id = 3; INSERT INTO k VALUES (4, 'z', 'R')");
    meet(&[&a, &b]);
    assert_eq!(b.rows(KEYED), ["1:y:p", "2:x:q", "4:z:R"]);
    equal(&[&a, &b], KEYED);
    assert_eq!(b.all_conflicts(), []);
}

#[test]
fn the_earlier_claim_keeps_the_key_and_the_other_row_comes_back_when_it_is_free() {
    for by_holder in [true, false] {
        let [a, b] = keyed();
        a.run("INSERT INTO k VALUES (1, 'same', 'of a')");
        b.run("INSERT INTO k VALUES (2, 'same', 'of b')");
        meet(&[&a, &b]);
        assert_eq!(a.rows(KEYED), ["1:same:of a"]);
        equal(&[&a, &b], KEYED);
        let conflict = b.conflict();
        assert_eq!((conflict.kind, conflict.record_id.as_str(), conflict.columns.clone()), (Kind::Unique, "2", vec!["mail".to_owned()]));
        assert_eq!(conflict.local_data.map(Json::Object), Some(json!({"id": 2, "mail": "same", "tag": "of b"})));
        if by_holder {
            a.run("UPDATE k SET mail = 'other' WHERE id = 1");
            assert_eq!(a.rows(KEYED), ["1:other:of a", "2:same:of b"], "at once, where it was freed");
        } else {
            conflicts::resolve(&b.database, &conflict.id, Winner::Local, Some(json!({"mail": "another"}))).unwrap();
            assert_eq!(b.rows(KEYED), ["1:same:of a", "2:another:of b"]);
        }
        meet(&[&a, &b]);
        equal(&[&a, &b], KEYED);
        assert_eq!((a.rows(KEYED).len(), a.pending(), b.pending()), (2, vec![], vec![]));
    }
}

#[test]
fn several_keys_are_one_problem_solved_alike_in_every_order() {
    let run = |order: [usize; 3]| {
        let devices: [Device; 3] = keyed();
        let [a, b, c] = &devices;
        a.run("INSERT INTO k VALUES (1, 'm1', 't1')");
        b.run("INSERT INTO k VALUES (2, 'm1', 'T2')");
        c.run("INSERT INTO k VALUES (3, 'm3', 't2')");
        for index in order {
            for other in 0..3 {
                if index != other {
                    devices[index].push(&devices[other]);
                }
            }
        }
        meet(&[a, b, c]);
        equal(&[a, b, c], KEYED);
        assert_eq!(a.rows(KEYED), ["1:m1:t1", "3:m3:t2"], "whoever has lost one key does not hold on to the other");
        c.run("UPDATE k SET tag = '' WHERE id = 3");
        a.run("UPDATE k SET mail = 'm9' WHERE id = 1");
        meet(&[a, b, c]);
        equal(&[a, b, c], KEYED);
        assert_eq!(a.rows(KEYED), ["1:m9:t1", "2:m1:T2", "3:m3:"]);
        assert_eq!(a.pending(), []);
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        run(order);
    }
}

#[test]
fn a_row_set_aside_can_be_given_up() {
    let [a, b] = keyed();
    a.run("INSERT INTO k VALUES (1, 'same', 'of a')");
    b.run("INSERT INTO k VALUES (2, 'same', 'of b')");
    meet(&[&a, &b]);
    let conflict = a.conflict();
    assert_eq!(conflict.shown, Winner::Local);
    conflicts::resolve(&a.database, &conflict.id, Winner::Local, None).unwrap();
    meet(&[&a, &b]);
    a.run("DELETE FROM k");
    meet(&[&a, &b]);
    assert_eq!((b.rows(KEYED), b.pending()), (vec![], vec![]));
    equal(&[&a, &b], KEYED);
}

/// Devices that share p (id, name) and c (id, p → p, q).
fn related<const N: usize>(action: ReferentialAction) -> [Device; N] {
    let devices: [Device; N] = std::array::from_fn(|_| Device::new());
    let (parent, sql) = fixture::table("p", &[("id", Integer), ("name", Text)], &["id"]);
    define(&devices[0], parent, &sql, vec![], vec![]);
    let (child, _) = fixture::table("c", &[("id", Integer), ("p", Integer), ("q", Text)], &["id"]);
    let rule = ConstraintRule::ForeignKey {
        columns: vec!["p".to_owned()],
        references: public("p"),
        referenced_columns: vec!["id".to_owned()],
        on_update: ReferentialAction::NoAction,
        on_delete: action,
        match_full: false,
    };
    let clause = if action == ReferentialAction::Cascade { "ON DELETE CASCADE" } else { "" };
    let sql =
        format!("CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p {clause} DEFERRABLE INITIALLY DEFERRED, q TEXT) STRICT");
    define(&devices[0], child, &sql, vec![], vec![constraint("c_p_fkey", rule)]);
    devices[0].run("INSERT INTO p VALUES (1, 'one'), (2, 'two'); INSERT INTO c VALUES (10, 1, 'ten'), (20, 2, 'twenty')");
    meet(&devices.each_ref());
    devices
}

const RELATED: &str = "SELECT 'p' || id || name FROM p UNION ALL SELECT 'c' || id || '>' || coalesce(p, '-') FROM c ORDER BY 1";

/// Devices that share p (id, name) and c (id, p → p, q unique).
pub(super) fn fleet() -> [Device; 3] {
    let devices = related(ReferentialAction::Cascade);
    let mut transaction: Writing = begin(&devices[0].database);
    let sql = "CREATE UNIQUE INDEX c_q ON c (q)";
    transaction.define(sql, &[sql.to_owned()], vec![unique("c", "c_q", vec![key("q")], None)], vec![]).unwrap();
    transaction.commit(Durability::Wait).unwrap();
    meet(&devices.each_ref());
    devices
}

#[test]
fn a_parent_that_another_device_still_refers_to_comes_back() {
    for parent_first in [true, false] {
        let [a, b] = related(ReferentialAction::Cascade);
        a.run("DELETE FROM p WHERE id = 1");
        b.run("INSERT INTO c VALUES (11, 1, 'eleven')");
        if parent_first {
            a.push(&b);
        }
        meet(&[&a, &b]);
        assert_eq!(
            a.rows(RELATED),
            ["c11>1", "c20>2", "p1one", "p2two"],
            "the child that the delete had seen is gone, the other one is not"
        );
        equal(&[&a, &b], RELATED);
        let conflict = a.conflict();
        assert_eq!((conflict.kind, conflict.table_name.as_str(), conflict.record_id.as_str()), (Kind::ForeignKey, "p", "1"));
        assert_eq!((conflict.local_data, conflict.shown), (None, Winner::Remote), "a's side deleted it");
        b.run("DELETE FROM c WHERE id = 11");
        assert_eq!(b.rows(RELATED), ["c20>2", "p2two"], "nobody refers to it any more");
        meet(&[&a, &b]);
        equal(&[&a, &b], RELATED);
        assert_eq!(a.pending(), []);
    }
}

#[test]
fn a_parent_that_came_back_is_kept_or_let_go_by_a_person() {
    for keep in [true, false] {
        let [a, b, c] = related(ReferentialAction::Cascade);
        a.run("DELETE FROM p WHERE id = 1");
        b.run("UPDATE c SET p = 1 WHERE id = 20");
        meet(&[&a, &b, &c]);
        let conflict = a.conflict();
        let winner = if keep { Winner::Remote } else { Winner::Local };
        conflicts::resolve(&a.database, &conflict.id, winner, None).unwrap();
        meet(&[&a, &b, &c]);
        let expected = if keep { vec!["c20>1", "p1one", "p2two"] } else { vec!["p2two"] };
        assert_eq!(c.rows(RELATED), expected);
        equal(&[&a, &b, &c], RELATED);
        assert_eq!(c.pending(), []);
    }
}

#[test]
fn what_refers_to_a_row_without_a_key_any_more_waits_aside() {
    let [a, b] = related(ReferentialAction::NoAction);
    a.run("DELETE FROM c WHERE p = 1; UPDATE p SET id = 3 WHERE id = 1");
    b.run("INSERT INTO c VALUES (11, 1, 'eleven')");
    meet(&[&a, &b]);
    assert_eq!(a.rows(RELATED), ["c11>1", "c20>2", "p1one", "p2two", "p3one"], "a changed key is a delete and an insert");
    equal(&[&a, &b], RELATED);
}

#[test]
fn columns_that_do_not_fit_together_show_as_one_author_saw_them() {
    let devices: [Device; 2] = std::array::from_fn(|_| Device::new());
    let [a, b] = &devices;
    let (table, _) = fixture::table("t", &[("id", Integer), ("a", Integer), ("b", Integer)], &["id"]);
    define(a, table, "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, CHECK (a < b)) STRICT", vec![], vec![]);
    a.run("INSERT INTO t VALUES (1, 1, 10)");
    meet(&[a, b]);
    a.run("UPDATE t SET a = 9");
    b.run("UPDATE t SET b = 2");
    meet(&[a, b]);
    assert_eq!(a.rows(ROWS), ["1:1:2"]);
    assert_equal(&[a, b]);
    let conflict = a.conflict();
    assert_eq!((conflict.kind, conflict.columns), (Kind::Check, vec!["a".to_owned(), "b".to_owned()]));
    conflicts::resolve(&a.database, &conflict.id, Winner::Local, Some(json!({"b": 12}))).unwrap();
    meet(&[a, b]);
    assert_eq!((b.rows(ROWS), b.pending()), (vec!["1:9:12".to_owned()], vec![]));
    assert_equal(&[a, b]);
}
