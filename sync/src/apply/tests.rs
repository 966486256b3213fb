//! Devices that exchange their logs in one process: what shows, what conflicts, what waits.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::*;
use crate::{
    conflicts::{self, Conflict, ConflictError, Filter, Kind, Status, Strategy, Winner},
    log::{PageLimit, page_beyond},
    schema::{Object, ObjectClass},
    store::fixture::{self, begin, execute, public},
    value::Storage::{Integer, Text},
};

mod constraints;
mod fleet;
mod fleet_schemas;
mod migrations;
mod schemas;
mod settling;

/// A device.
struct Device {
    _home: TempDir,
    database: Arc<Database>,
    strategies: Strategies,
}

impl Device {
    fn new() -> Device {
        let (home, database) = fixture::database();
        Device { _home: home, database, strategies: Strategies::default() }
    }

    fn with(strategy: Strategy) -> Device {
        Device { strategies: Strategies { default: strategy, ..Strategies::default() }, ..Device::new() }
    }

    fn id(&self) -> DeviceId {
        self.database.log_state().device
    }

    fn run(&self, sql: &str) {
        execute(&self.database, sql);
        // Clocks of the devices are told apart by milliseconds in these tests: who writes later has the greater clock.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }

    fn take(&self, batch: Vec<Transaction>) -> Applied {
        apply(&self.database, batch, &self.strategies).unwrap()
    }

    /// What the other device does not hold.
    fn news_for(&self, other: &Device) -> Vec<Transaction> {
        let reader = self.database.reader().unwrap();
        let limit = PageLimit { changes: usize::MAX, bytes: usize::MAX };
        page_beyond(&reader, &other.database.log_state().held(), i64::MAX, limit).unwrap().transactions
    }

    fn push(&self, other: &Device) -> Applied {
        other.take(self.news_for(other))
    }

    /// The rows of a query, as text.
    fn rows(&self, sql: &str) -> Vec<String> {
        let reader = self.database.reader().unwrap();
        let mut statement = reader.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
        rows.map(|row| row.unwrap().unwrap_or_else(|| "NULL".to_owned())).collect()
    }

    fn pending(&self) -> Vec<Conflict> {
        conflicts::list(&self.database, &Filter::default()).unwrap()
    }

    fn all_conflicts(&self) -> Vec<Conflict> {
        conflicts::list(&self.database, &Filter { all: true, ..Filter::default() }).unwrap()
    }

    fn conflict(&self) -> Conflict {
        let mut pending = self.pending();
        assert_eq!(pending.len(), 1, "{pending:#?}");
        pending.remove(0)
    }
}

/// Until nothing moves any more.
fn meet(devices: &[&Device]) {
    for _ in 0..10 {
        let mut moved = 0;
        for one in devices {
            for other in devices {
                if one.id() != other.id() {
                    moved += one.push(other).changes;
                }
            }
        }
        if moved == 0 {
            return;
        }
    }
    panic!("the devices do not come to rest");
}

const ROWS: &str = "SELECT id || ':' || coalesce(a, '-') || ':' || coalesce(b, '-') FROM t ORDER BY id";

/// Devices that share the table t (id, a, b) with the row (1, 'x', 10).
fn devices<const N: usize>() -> [Device; N] {
    let devices: [Device; N] = std::array::from_fn(|_| Device::new());
    share(&devices.each_ref());
    devices
}

fn share(devices: &[&Device]) {
    fixture::create(&devices[0].database, "t", &[("id", Integer), ("a", Text), ("b", Integer)], &["id"]);
    devices[0].run("INSERT INTO t VALUES (1, 'x', 10)");
    meet(devices);
}

fn ids(device: &Device) -> Vec<(String, Status)> {
    let mut ids: Vec<_> = device.all_conflicts().into_iter().map(|conflict| (conflict.id, conflict.status)).collect();
    ids.sort_by(|a, b| a.0.cmp(&b.0));
    ids
}

/// Equal rows, equal conflicts.
fn assert_equal(devices: &[&Device]) {
    for other in &devices[1..] {
        assert_eq!(devices[0].rows(ROWS), other.rows(ROWS));
        assert_eq!(ids(devices[0]), ids(other));
    }
}

#[test]
fn what_does_not_meet_merges() {
    let [a, b] = devices();
    a.run("UPDATE t SET a = 'y'; INSERT INTO t VALUES (2, 'two', 2)");
    b.run("UPDATE t SET b = 11; INSERT INTO t VALUES (3, 'three', 3)");
    meet(&[&a, &b]);
    assert_eq!(a.rows(ROWS), ["1:y:11", "2:two:2", "3:three:3"]);
    assert_equal(&[&a, &b]);
    assert_eq!(a.all_conflicts(), []);
}

#[test]
fn one_column_written_twice_is_a_conflict_that_both_name_alike() {
    let [a, b] = devices();
    a.run("UPDATE t SET a = 'of a'");
    b.run("UPDATE t SET a = 'of b', b = 11");
    meet(&[&a, &b]);
    assert_eq!(a.rows(ROWS), ["1:of b:11"], "the greater clock shows");
    assert_equal(&[&a, &b]);
    let (on_a, on_b) = (a.conflict(), b.conflict());
    assert_eq!((on_a.kind, on_a.columns.as_slice(), on_a.record_id.as_str()), (Kind::UpdateUpdate, &["a".to_owned()][..], "1"));
    assert_eq!((on_a.local_device, on_b.local_device), (a.id(), b.id()));
    let data = |image: &Option<crate::log::RowImage>| image.clone().map(Json::Object).unwrap();
    assert_eq!((data(&on_a.local_data), data(&on_a.remote_data)), (json!({"a": "of a"}), json!({"a": "of b"})));
    assert_eq!((data(&on_b.local_data), data(&on_b.remote_data)), (json!({"a": "of b"}), json!({"a": "of a"})));
    assert_eq!(data(&on_a.ancestor), json!({"a": "x"}));
    assert_eq!((on_a.shown, on_b.shown), (Winner::Remote, Winner::Local));
    let won = "SELECT CAST(won AS TEXT) FROM sync_log WHERE data LIKE '%of %' ORDER BY clock";
    assert_eq!((a.rows(won), b.rows(won)), (vec!["0".to_owned(), "1".to_owned()], vec!["0".to_owned(), "1".to_owned()]));
}

#[test]
fn equal_values_are_no_conflict() {
    let [a, b] = devices();
    for device in [&a, &b] {
        device.run("UPDATE t SET a = 'same'; INSERT INTO t VALUES (5, 'five', NULL)");
    }
    meet(&[&a, &b]);
    a.run("UPDATE t SET a = 'six' WHERE id = 5");
    b.run("UPDATE t SET b = 6 WHERE id = 5");
    meet(&[&a, &b]);
    assert_eq!(a.rows(ROWS), ["1:same:10", "5:six:6"]);
    assert_equal(&[&a, &b]);
    assert_eq!(a.all_conflicts(), []);
}

#[test]
fn who_had_seen_a_write_replaces_it_whatever_the_clocks_say() {
    let [a, b] = devices();
    let ahead = crate::clock::now_millis() + 10 * 365 * 86_400_000;
    {
        let mut state = a.database.log_state();
        Arc::make_mut(&mut state).clock = crate::clock::Clock::from_millis(ahead);
        a.database.log.store(state);
    }
    a.run("UPDATE t SET a = 'from the future'");
    a.push(&b);
    assert_eq!(b.rows(ROWS), ["1:from the future:10"]);
    b.run("UPDATE t SET a = 'later all the same'");
    assert!(b.database.log_state().clock.millis() < ahead, "nobody is dragged along");
    meet(&[&a, &b]);
    assert_eq!(a.rows(ROWS), ["1:later all the same:10"]);
    assert_equal(&[&a, &b]);
    assert_eq!(a.all_conflicts(), []);
}

#[test]
fn a_delete_against_an_update_can_be_settled_either_way() {
    for (later_deletes, keep_row) in [(false, false), (false, true), (true, false), (true, true)] {
        let [a, b] = devices();
        if later_deletes {
            a.run("UPDATE t SET a = 'edited'");
            b.run("DELETE FROM t");
        } else {
            b.run("DELETE FROM t");
            a.run("UPDATE t SET a = 'edited'");
        }
        meet(&[&a, &b]);
        assert_eq!(a.rows(ROWS), if later_deletes { vec![] } else { vec!["1:edited:10".to_owned()] });
        assert_equal(&[&a, &b]);
        let (on_a, on_b) = (a.conflict(), b.conflict());
        assert_eq!((on_a.kind, on_a.id.clone()), (Kind::DeleteUpdate, on_b.id.clone()));
        assert_eq!((on_b.local_data, on_a.remote_data), (None, None), "b's side deleted the row");
        assert_eq!(on_a.local_data.clone().map(Json::Object), Some(json!({"id": 1, "a": "edited", "b": 10})));
        let winner = if keep_row { Winner::Remote } else { Winner::Local };
        let closed = conflicts::resolve(&b.database, &on_b.id, winner, None).unwrap();
        assert_eq!(closed.status, Status::Resolved);
        meet(&[&a, &b]);
        assert_eq!(a.rows(ROWS), if keep_row { vec!["1:edited:10".to_owned()] } else { vec![] }, "{later_deletes} {keep_row}");
        assert_equal(&[&a, &b]);
        assert_eq!(a.pending(), []);
    }
}

#[test]
fn two_inserts_of_one_key_are_never_mixed() {
    let [a, b] = devices();
    a.run("INSERT INTO t VALUES (7, 'of a', NULL)");
    b.run("INSERT INTO t VALUES (7, 'of b', 2)");
    a.run("UPDATE t SET b = 1 WHERE id = 7");
    meet(&[&a, &b]);
    assert_eq!(a.rows(ROWS)[1], "7:of a:1", "the greatest head shows its whole row");
    assert_equal(&[&a, &b]);
    let conflict = a.conflict();
    assert_eq!((conflict.kind, conflict.columns.len()), (Kind::InsertInsert, 2));
    assert_eq!(conflict.remote_data.map(Json::Object), Some(json!({"id": 7, "a": "of b", "b": 2})));
    conflicts::resolve(&a.database, &conflict.id, Winner::Remote, Some(json!({"b": 3}))).unwrap();
    meet(&[&a, &b]);
    assert_eq!(b.rows(ROWS)[1], "7:of b:3");
    assert_equal(&[&a, &b]);
    assert_eq!(b.pending(), []);
}

#[test]
fn a_conflict_is_resolved_by_either_side_each_way_and_with_values_of_ones_own() {
    for by_a in [true, false] {
        for (winner, data) in [(Winner::Local, None), (Winner::Remote, None), (Winner::Local, Some(json!({"a": "own", "b": 99})))] {
            let [a, b] = devices();
            a.run("UPDATE t SET a = 'of a'");
            b.run("UPDATE t SET a = 'of b'");
            meet(&[&a, &b]);
            let (decider, local, remote) = if by_a { (&a, "of a", "of b") } else { (&b, "of b", "of a") };
            let id = decider.conflict().id;
            let closed = conflicts::resolve(&decider.database, &id, winner, data.clone()).unwrap();
            assert_eq!(closed.status, Status::Resolved);
            assert!(closed.resolution.is_some_and(|how| how.starts_with("resolved")));
            let again = conflicts::resolve(&decider.database, &id, winner, None).unwrap_err();
            assert!(matches!(again, ConflictError::Closed { status: "resolved", .. }), "{again}");
            meet(&[&a, &b]);
            let expected = match (&data, winner) {
                (Some(_), _) => "1:own:99".to_owned(),
                (None, Winner::Local) => format!("1:{local}:10"),
                (None, Winner::Remote) => format!("1:{remote}:10"),
            };
            assert_eq!(a.rows(ROWS), [expected]);
            assert_equal(&[&a, &b]);
            assert_eq!((a.pending().len(), b.pending().len()), (0, 0));
        }
    }
}

#[test]
fn resolutions_that_cross_are_settled_by_clock_without_a_third() {
    let [a, b] = devices();
    a.run("UPDATE t SET a = 'of a'");
    b.run("UPDATE t SET a = 'of b'");
    meet(&[&a, &b]);
    let id = a.conflict().id;
    conflicts::resolve(&a.database, &id, Winner::Local, None).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2));
    conflicts::resolve(&b.database, &id, Winner::Local, Some(json!({"a": "last word"}))).unwrap();
    meet(&[&a, &b]);
    assert_eq!(a.rows(ROWS), ["1:last word:10"]);
    assert_equal(&[&a, &b]);
    assert_eq!((a.pending().len(), a.all_conflicts().len()), (0, 1));
    assert_eq!(a.all_conflicts()[0].resolution, b.all_conflicts()[0].resolution);
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_changes() {
    let [a, b] = devices();
    a.run("UPDATE t SET a = 'of a'");
    b.run("UPDATE t SET a = 'of b'");
    meet(&[&a, &b]);
    let id = a.conflict().id;
    let held = a.database.log_state().held();
    for wrong in [json!({"nowhere": 1}), json!({"b": "no number"}), json!([1]), json!({"id": 2})] {
        let error = conflicts::resolve(&a.database, &id, Winner::Local, Some(wrong.clone())).unwrap_err();
        assert!(matches!(error, ConflictError::Invalid(_)), "{wrong}: {error}");
    }
    assert!(matches!(conflicts::resolve(&a.database, "beef", Winner::Local, None), Err(ConflictError::NotFound(_))));
    assert_eq!((a.database.log_state().held(), a.pending().len()), (held, 1));
}

#[test]
fn ignoring_and_reopening_travel() {
    let [a, b] = devices();
    a.run("UPDATE t SET a = 'of a'");
    b.run("UPDATE t SET a = 'of b'");
    meet(&[&a, &b]);
    let id = a.conflict().id;
    assert_eq!(conflicts::ignore(&a.database, &id).unwrap().status, Status::Ignored);
    assert!(matches!(conflicts::ignore(&a.database, &id), Err(ConflictError::Closed { status: "ignored", .. })));
    meet(&[&a, &b]);
    assert_eq!((b.pending().len(), b.all_conflicts()[0].status), (0, Status::Ignored));
    assert_equal(&[&a, &b]);
    conflicts::reopen(&b.database, &id).unwrap();
    meet(&[&a, &b]);
    assert_eq!((a.pending().len(), a.rows(ROWS)), (1, vec!["1:of b:10".to_owned()]));
    conflicts::ignore(&a.database, &id).unwrap();
    conflicts::resolve(&a.database, &id, Winner::Local, None).unwrap();
    meet(&[&a, &b]);
    assert_eq!(b.all_conflicts()[0].status, Status::Resolved);
    assert_equal(&[&a, &b]);
}

#[test]
fn a_write_that_had_seen_both_sides_closes_the_conflict_everywhere() {
    for sql in ["UPDATE t SET a = 'after both'", "DELETE FROM t"] {
        let [a, b] = devices();
        a.run("UPDATE t SET a = 'of a'");
        b.run("UPDATE t SET a = 'of b'");
        meet(&[&a, &b]);
        a.run("UPDATE t SET b = 77");
        assert_eq!(a.pending().len(), 1, "another column decides nothing");
        a.run(sql);
        assert_eq!(a.pending(), [], "{sql}");
        meet(&[&a, &b]);
        assert_equal(&[&a, &b]);
        assert_eq!(b.all_conflicts(), [], "nobody decided anything");
    }
}

#[test]
fn conflicts_reach_a_third_device_through_a_relay() {
    let [a, b, c] = devices();
    a.run("UPDATE t SET a = 'of a'");
    c.run("UPDATE t SET a = 'of c'");
    for _ in 0..3 {
        meet(&[&a, &b]);
        meet(&[&b, &c]);
    }
    assert_equal(&[&a, &b, &c]);
    let (on_a, on_b, on_c) = (a.conflict(), b.conflict(), c.conflict());
    assert_eq!(on_b.shown, Winner::Local, "for a relay the local side is the one that shows");
    assert_eq!((on_b.local_device, on_a.local_device, on_c.local_device), (c.id(), a.id(), c.id()));
    conflicts::resolve(&b.database, &on_b.id, Winner::Remote, None).unwrap();
    for _ in 0..3 {
        meet(&[&a, &b]);
        meet(&[&b, &c]);
    }
    assert_eq!(c.rows(ROWS), ["1:of a:10"]);
    assert_equal(&[&a, &b, &c]);
    assert_eq!(c.pending(), []);
}

#[test]
fn three_values_are_kept_all() {
    let [a, b, c] = devices();
    a.run("UPDATE t SET a = 'of a'");
    b.run("UPDATE t SET a = 'of b'");
    c.run("UPDATE t SET a = 'of c'");
    meet(&[&a, &b, &c]);
    assert_equal(&[&a, &b, &c]);
    assert_eq!((a.rows(ROWS), a.pending().len()), (vec!["1:of c:10".to_owned()], 2));
}

#[test]
fn strategies_come_to_rest_in_every_mix() {
    let all = [Strategy::LocalWins, Strategy::RemoteWins, Strategy::LatestTimestampWins, Strategy::Manual];
    for one in all {
        for other in all {
            let (a, b, c) = (Device::with(one), Device::with(other), Device::with(Strategy::LocalWins));
            share(&[&a, &b, &c]);
            a.run("UPDATE t SET a = 'of a'");
            b.run("UPDATE t SET a = 'of b'; DELETE FROM t");
            c.run("UPDATE t SET a = 'of c', b = 4");
            a.run("INSERT INTO t VALUES (8, 'a', 1)");
            b.run("INSERT INTO t VALUES (8, 'b', 2)");
            meet(&[&a, &b, &c]);
            assert_eq!(a.rows(ROWS), b.rows(ROWS), "{one:?} {other:?}");
            assert_eq!(a.rows(ROWS), c.rows(ROWS), "{one:?} {other:?}");
            let open = |device: &Device| device.pending().into_iter().map(|c| c.id).collect::<std::collections::BTreeSet<_>>();
            assert_eq!(open(&a), open(&b), "{one:?} {other:?}");
            assert_eq!(open(&a), open(&c), "{one:?} {other:?}");
        }
    }
}

#[test]
fn one_device_that_takes_its_own_side_has_it() {
    for (strategy, expected) in [(Strategy::LocalWins, "of a"), (Strategy::RemoteWins, "of b")] {
        let (a, b) = (Device::with(strategy), Device::new());
        share(&[&a, &b]);
        a.run("UPDATE t SET a = 'of a'");
        b.run("UPDATE t SET a = 'of b'");
        meet(&[&a, &b]);
        assert_eq!(a.rows(ROWS), [format!("1:{expected}:10")]);
        assert_equal(&[&a, &b]);
        assert_eq!(b.pending(), []);
    }
    let mut a = Device::new();
    a.strategies.tables.insert("t".to_owned(), Strategy::LocalWins);
    let b = Device::new();
    share(&[&a, &b]);
    a.run("UPDATE t SET a = 'of a'");
    b.run("UPDATE t SET a = 'of b'");
    meet(&[&a, &b]);
    assert_eq!((b.rows(ROWS), b.pending().len()), (vec!["1:of a:10".to_owned()], 0), "by table");
}

#[test]
fn batches_may_come_in_any_order_twice_and_in_parts() {
    let [a, b] = devices();
    a.run("UPDATE t SET a = '1'");
    a.run("UPDATE t SET b = 2");
    a.run("INSERT INTO t VALUES (2, 'q', 3)");
    let mut news = a.news_for(&b);
    assert_eq!(news.len(), 3);
    let late = b.take(vec![news[2].clone(), news[1].clone()]);
    assert_eq!((late.transactions, late.missing.get(a.id())), (0, news[0].last_version));
    news.reverse();
    news.push(news[1].clone());
    let taken = b.take(news.clone());
    assert_eq!((taken.transactions, taken.changes, taken.missing), (3, 3, VersionVector::default()));
    assert_eq!(b.take(news), Applied::default(), "all of it is known");
    assert_equal(&[&a, &b]);
}

#[test]
fn a_fork_is_told_and_stops_nothing_else() {
    let [a, b, c] = devices();
    a.run("UPDATE t SET a = 'true'");
    b.run("UPDATE t SET b = 5");
    let mut news = a.news_for(&c);
    a.push(&c);
    let rows = c.rows(ROWS);
    news[0].hash = [1; 32];
    news.extend(b.news_for(&c));
    let taken = c.take(news);
    assert_eq!((taken.forked, taken.transactions), (vec![a.id()], 1));
    assert_ne!(c.rows(ROWS), rows);
}

#[test]
fn a_context_that_is_not_closed_is_refused() {
    let [a, b, c] = devices();
    a.run("UPDATE t SET a = 'seen by b'");
    a.push(&b);
    b.run("UPDATE t SET a = 'seen by c'");
    meet(&[&b, &c]);
    c.run("UPDATE t SET a = 'honest'");
    let honest = c.news_for(&a);
    let mut lying = honest.clone();
    let last = lying.last_mut().unwrap();
    // c claims to have seen what b wrote, but not what b had seen of a.
    let seen = last.context.get(a.id());
    last.context.0.insert(a.id(), seen - 1);
    let previous = lying.iter().rev().nth(1).filter(|t| t.device_id == c.id()).map_or([0; 32], |t| t.hash);
    let last = lying.last_mut().unwrap();
    last.hash = last.computed_hash(&previous);
    let taken = a.take(lying);
    assert_eq!((taken.transactions, taken.forked.len()), (honest.len() as u64 - 1, 0));
    assert_eq!(a.take(honest).transactions, 1);
    assert_eq!(a.rows(ROWS), ["1:honest:10"]);
}
