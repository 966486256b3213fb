//! Snapshots between nodes over loopback: whole, interrupted, damaged; and a restored device that holds what the others have pruned.

use std::{fs, time::Duration};

use super::{make::PIECE_BYTES, *};
use crate::{
    backup,
    manager::tests::{ROWS, Running, create, join, serving, serving_in},
    store::no_setup,
};

/// Rows that do not compress well, so that a snapshot of them has several pieces.
fn fill(node: &Running) {
    create(node);
    node.execute(
        "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 300)
         INSERT INTO t SELECT n, hex(randomblob(40)) FROM i",
    );
}

fn files(node: &Running, begin: &str) -> Vec<String> {
    let entries = fs::read_dir(node.replica.node().directory()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(begin)).collect()
}

/// The first piece of a snapshot, waited for until it is as large as a piece is.
fn first_piece(node: &Running) -> make::Piece {
    loop {
        let piece = node.replica.snapshots().piece(&node.replica, None, 0, false).unwrap();
        if piece.bytes.len() == PIECE_BYTES && piece.total.is_some() {
            return piece;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_takes_a_snapshot_and_then_only_what_is_new() {
    let (a, b) = (serving("a").await, serving("b").await);
    fill(&a);
    assert!(join(&b, &a).await.pulled >= 302);
    assert_eq!(a.rows(ROWS), b.rows(ROWS));
    assert_eq!(files(&a, MADE).len(), 1, "a snapshot was made");
    assert_eq!(files(&b, INCOMING), [""; 0], "and is gone where it was taken in");
    assert!(b.replica.verify_log().unwrap().ok);
    a.execute("INSERT INTO t VALUES (1000, 'new')");
    assert_eq!(b.sync_with(&a).await.pulled, 1);
    assert_eq!(files(&a, MADE).len(), 1, "no other one was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_download_goes_on_even_after_a_restart_of_the_other_side() {
    let (a, b) = (serving("a").await, serving("b").await);
    fill(&a);
    let first = first_piece(&a);
    let name = format!("{INCOMING}{}-{}", a.replica.identity().device_id, first.id);
    fs::write(b.replica.node().directory().join(&name), &first.bytes).unwrap();
    // What a restart leaves: the file, and nothing in memory.
    let reopened = Snapshots::new(a.replica.node().directory());
    let second = reopened.piece(&a.replica, Some(&first.id), PIECE_BYTES as u64, false).unwrap();
    assert!(!second.bytes.is_empty() && second.total == first.total);
    join(&b, &a).await;
    assert_eq!(a.rows(ROWS), b.rows(ROWS));
    assert_eq!(files(&a, MADE), [format!("{MADE}{}.gz", first.id)], "the same snapshot was read to its end");
    assert!(b.replica.verify_log().unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_vanished_snapshot_is_fetched_anew() {
    let (a, b) = (serving("a").await, serving("b").await);
    fill(&a);
    let first = first_piece(&a);
    let partial = |id: &str| b.replica.node().directory().join(format!("{INCOMING}{}-{id}", a.replica.identity().device_id));
    let mut damaged = first.bytes.clone();
    damaged[700] ^= 0x55;
    fs::write(partial(&first.id), damaged).unwrap();
    let (code, _) = a.replica.invite(&a.url).unwrap();
    let error = crate::peers::join(&b.replica, &code).await.unwrap_err().to_string();
    assert!(error.contains("snapshot") || error.contains("signature") || error.contains("altered"), "{error}");
    // One whose maker does not have it any more.
    fs::write(partial(&"0".repeat(32)), b"the beginning of something").unwrap();
    b.sync_with(&a).await;
    assert_eq!(a.rows(ROWS), b.rows(ROWS));
    assert_eq!(files(&b, INCOMING), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_for_authorized_devices() {
    let a = serving("a").await;
    let answer = reqwest::get(format!("{}/sync/snapshot", a.url)).await.unwrap();
    assert_eq!(answer.status(), 401);
    for id in ["../app.db", "", "zz", "00"] {
        assert!(matches!(a.replica.snapshots().piece(&a.replica, Some(id), 0, false), Err(TakeError::Gone)), "{id}");
    }
}

/// Backs a node up and serves what is restored of it.
async fn restored(of: &Running, name: &str) -> Running {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("backup.age");
    let passphrase = "correct horse".to_owned().into();
    backup::write(of.replica.node().directory(), &file, &passphrase, &mut |_, _, _| {}).unwrap();
    let target = tempfile::tempdir().unwrap();
    backup::restore(&file, &passphrase, target.path(), Some(name), no_setup(), &mut |_, _, _| {}).unwrap();
    serving_in(target, name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_device_forgets_what_the_others_have_pruned_but_never_its_own_work() {
    let (a, b) = (serving("a").await, serving("b").await);
    create(&a);
    a.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')");
    join(&b, &a).await;
    let c = restored(&b, "c").await;
    assert_eq!(c.rows(ROWS).len(), 4);
    // Meanwhile the others go on, and prune all that they agree upon.
    a.execute("DELETE FROM t WHERE id IN (1, 2)");
    a.execute("UPDATE t SET a = 'drei' WHERE id = 3");
    b.execute("INSERT INTO t VALUES (7, 'by b, after the backup')");
    for _ in 0..3 {
        b.sync_with(&a).await;
    }
    for node in [&a, &b] {
        assert!(node.replica.prune_log(Duration::ZERO).unwrap().emptied >= 4);
    }
    c.execute("UPDATE t SET a = 'edited by c' WHERE id = 1");
    c.execute("INSERT INTO t VALUES (8, 'by c')");
    join(&c, &a).await;
    assert_eq!(c.rows(ROWS).first().map(String::as_str), Some("1:edited by c"), "{:#?}", c.log());
    for _ in 0..3 {
        c.sync_with(&a).await;
        b.sync_with(&a).await;
    }
    let expected = ["1:edited by c", "3:drei", "4:four", "7:by b, after the backup", "8:by c"];
    for node in [&c, &a, &b] {
        assert_eq!(node.rows(ROWS), expected, "{} {:#?}", node.replica.identity().device_name(), node.log());
        let report = node.replica.verify_log().unwrap();
        assert!(report.ok, "{report:?}");
        assert_eq!(node.rows("SELECT reason FROM sync_blocked"), [""; 0]);
    }
    assert!(!recover::is_due(c.replica.database()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_was_never_paired_is_restored_and_pairs() {
    let (a, b) = (serving("a").await, serving("b").await);
    fill(&a);
    let c = restored(&a, "c").await;
    c.execute("INSERT INTO t VALUES (1000, 'by c')");
    join(&b, &c).await;
    assert_eq!(b.rows(ROWS), c.rows(ROWS));
    assert_eq!(b.rows(ROWS).len(), 301);
    for node in [&b, &c] {
        let report = node.replica.verify_log().unwrap();
        assert!(report.ok, "{report:?}");
    }
}
