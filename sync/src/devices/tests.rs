//! Keys that are replaced, between nodes over loopback.

use std::sync::Arc;

use crate::{
    identity::Identity,
    manager::{
        Replica,
        tests::{ROWS, create, join, serving},
    },
    peers::{PeerClient, PeerError, PeerIdentity, wire::PullRequest},
};

/// A client with the key that a device had, of which somebody kept a copy.
fn with_former_key(replica: &Replica) -> (tempfile::TempDir, PeerClient) {
    let copy = tempfile::tempdir().unwrap();
    for file in ["device.key", "device.json"] {
        std::fs::copy(replica.node().directory().join(file), copy.path().join(file)).unwrap();
    }
    let identity = Identity::open(copy.path(), replica.identity().device_id, None).unwrap();
    (copy, PeerClient::new(Arc::new(identity)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_travels_and_the_former_one_is_worth_nothing() {
    let (a, b, c) = (serving("a").await, serving("b").await, serving("c").await);
    create(&a);
    join(&b, &a).await;
    join(&c, &a).await;
    b.execute("INSERT INTO t VALUES (1, 'before')");
    b.sync_with(&a).await;
    let (_copy, thief) = with_former_key(&b.replica);
    let former = b.replica.identity().public_key();
    // Twice, while nobody looks.
    b.replica.rotate_key().unwrap();
    b.execute("INSERT INTO t VALUES (2, 'between')");
    b.replica.rotate_key().unwrap();
    b.execute("INSERT INTO t VALUES (3, 'after')");
    assert_ne!(b.replica.identity().public_key(), former);
    b.sync_with(&a).await;
    c.sync_with(&a).await;
    let key = b.replica.identity().public_key().to_base64();
    for node in [&a, &b, &c] {
        let known = node.replica.devices().unwrap();
        assert!(known.iter().any(|device| device.public_key == key), "{known:?}");
        assert_eq!(node.rows(ROWS), ["1:before", "2:between", "3:after"]);
        let report = node.replica.verify_log().unwrap();
        assert!(report.ok, "{report:?}");
    }
    let target = PeerIdentity { url: a.url.clone(), device_id: a.replica.identity().device_id, key: a.replica.identity().public_key() };
    let request = PullRequest { device_id: b.replica.identity().device_id, ..PullRequest::default() };
    let stolen = thief.call::<serde_json::Value>(&target, "/sync/pull", &request).await.unwrap_err();
    assert!(matches!(stolen, PeerError::Refused { status: 401, .. }), "{stolen}");
    // A peer that calls the device finds out just as well, and a newcomer gets all of it.
    a.replica.rotate_key().unwrap();
    c.sync_with(&a).await;
    let d = serving("d").await;
    join(&d, &c).await;
    assert_eq!(d.rows(ROWS), a.rows(ROWS));
    assert!(d.replica.verify_log().unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rotation_is_completed_or_forgotten_at_the_next_start() {
    let a = serving("a").await;
    create(&a);
    let identity = a.replica.identity();
    let directory = a.replica.node().directory().to_owned();
    let next = directory.join("device.key.next");
    // Killed before the log had it.
    let former = identity.public_key();
    identity.prepare_key().unwrap();
    identity.follow(super::rotations(&a.replica.database().glance().unwrap(), identity.device_id).unwrap()).unwrap();
    assert!(identity.public_key() == former && !next.exists());
    // Killed after.
    let prepared = identity.prepare_key().unwrap();
    super::record_rotation(a.replica.database(), identity, &prepared).unwrap();
    let reopened = Identity::open(&directory, identity.device_id, None).unwrap();
    assert_eq!(reopened.public_key(), former);
    reopened.follow(super::rotations(&a.replica.database().glance().unwrap(), identity.device_id).unwrap()).unwrap();
    assert!(reopened.public_key() == prepared.public() && !next.exists());
    assert_eq!(Identity::open(&directory, identity.device_id, None).unwrap().public_key(), prepared.public());
}
