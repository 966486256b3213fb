//! Nodes over real loopback HTTP: pairing, rounds, relaying, revocation; and every request that must be refused.

use reqwest::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::{
    clock::now_micros,
    conflicts::Strategies,
    identity::{DeviceKey, SignatureParameters, fresh_nonce, sign_request},
    peers::{self, PeerError, sync_round},
    store::{fixture, no_setup},
    value::Storage,
};

/// A node that serves on a port of its own; its schedule sleeps, so that each round is one that the test makes.
pub(crate) struct Running {
    _home: TempDir,
    pub(crate) replica: std::sync::Arc<Replica>,
    pub(crate) url: String,
}

pub(crate) async fn serving(name: &str) -> Running {
    serving_in(tempfile::tempdir().unwrap(), name).await
}

/// As [`serving`], on a directory that may hold a node already.
pub(crate) async fn serving_in(home: TempDir, name: &str) -> Running {
    let node = crate::store::Node::open(home.path(), "app", no_setup()).unwrap();
    let replica = Replica::open(&node, Some(name), Strategies::default()).unwrap();
    let server = Server::bind_replica(replica.clone(), "127.0.0.1:0", &[], None, None).await.unwrap();
    let url = format!("http://{}", server.address());
    let router = crate::api::router(&replica);
    tokio::spawn(async move { axum::serve(server.into_listener(), router).await });
    Running { _home: home, replica, url }
}

impl Running {
    pub(crate) fn execute(&self, sql: &str) {
        fixture::execute(self.replica.database(), sql);
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        let reader: Connection = self.replica.database().reader().unwrap();
        let mut statement = reader.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// The log in short, for a failure's message.
    pub(crate) fn log(&self) -> Vec<String> {
        self.rows(
            "SELECT position || ' ' || substr(hex(device_id), 1, 4) || ' ' || version || ' ' || table_name || ' ' || record_id || ' ' || operation
                 || ' ' || coalesce(substr(data, 1, 60), '-') FROM sync_log ORDER BY position",
        )
    }

    pub(crate) async fn admin(&self, method: Method, path: &str, body: Json) -> (StatusCode, Json) {
        let token = std::fs::read_to_string(self.replica.node().directory().join("admin.token")).unwrap();
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.url)).bearer_auth(token.trim());
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or(Json::Null))
    }

    pub(crate) async fn sync_with(&self, other: &Running) -> peers::Round {
        sync_round(&self.replica, &other.url).await.unwrap()
    }
}

pub(crate) async fn join(joiner: &Running, inviter: &Running) -> peers::Round {
    let (code, _) = inviter.replica.invite(&inviter.url).unwrap();
    peers::join(&joiner.replica, &code).await.unwrap()
}

pub(crate) const ROWS: &str = "SELECT id || ':' || a FROM t ORDER BY id";

pub(crate) fn create(node: &Running) {
    fixture::create(node.replica.database(), "t", &[("id", Storage::Integer), ("a", Storage::Text)], &["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_gets_schema_and_rows_and_both_go_on_from_there() {
    let (a, b) = (serving("a").await, serving("b").await);
    create(&a);
    a.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')");
    let round = join(&b, &a).await;
    assert!(round.pulled >= 3, "{round:?}");
    assert_eq!(b.rows(ROWS), ["1:one", "2:two"]);
    b.execute("UPDATE t SET a = 'zwei' WHERE id = 2");
    a.execute("INSERT INTO t VALUES (3, 'three')");
    assert_eq!(b.sync_with(&a).await, peers::Round { pushed: 1, pulled: 1, conflicts: 0 });
    assert_eq!(a.rows(ROWS), ["1:one", "2:zwei", "3:three"]);
    assert_eq!(a.rows(ROWS), b.rows(ROWS));
    assert_eq!(a.sync_with(&b).await, peers::Round::default(), "nothing is left to move");
    b.sync_with(&a).await;
    for node in [&a, &b] {
        assert_eq!(node.rows("SELECT CAST(count(*) AS TEXT) FROM sync_log WHERE is_synced = 0"), ["0"], "all is acknowledged");
        let report = node.replica.verify_log().unwrap();
        assert!(report.ok, "{report:?}");
        let slots = node.rows("SELECT CAST(slot AS TEXT) FROM sync_devices ORDER BY slot");
        assert_eq!(slots, ["0", "1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_relayed_between_ends_that_never_meet() {
    let (a, b, c) = (serving("a").await, serving("b").await, serving("c").await);
    create(&a);
    a.execute("INSERT INTO t VALUES (1, 'one')");
    join(&b, &a).await;
    join(&c, &b).await;
    assert_eq!(c.rows(ROWS), ["1:one"]);
    c.execute("UPDATE t SET a = 'uno'");
    for _ in 0..2 {
        c.sync_with(&b).await;
        b.sync_with(&a).await;
    }
    c.sync_with(&b).await;
    assert_eq!(a.rows(ROWS), ["1:uno"]);
    assert_eq!(a.replica.devices().unwrap().iter().filter(|d| d.is_authorized).count(), 3, "a knows c, whom it never met");
    assert!(a.replica.verify_log().unwrap().ok);
    for node in [&a, &c] {
        let unsynced = node.rows("SELECT CAST(count(*) AS TEXT) FROM sync_log WHERE is_synced = 0 AND table_name = 't'");
        assert_eq!(unsynced, ["0"], "acknowledgements are relayed too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_is_shut_out_everywhere() {
    let (a, b, c) = (serving("a").await, serving("b").await, serving("c").await);
    create(&a);
    join(&b, &a).await;
    join(&c, &a).await;
    b.sync_with(&a).await;
    let lost = b.replica.identity().device_id;
    let (status, device) = a.admin(Method::POST, &format!("/devices/{lost}/revoke"), json!({})).await;
    assert_eq!((status, device["is_revoked"].as_bool()), (StatusCode::OK, Some(true)));
    b.execute("INSERT INTO t VALUES (9, 'stolen')");
    let error = sync_round(&b.replica, &a.url).await.unwrap_err();
    assert!(matches!(error, PeerError::Refused { status: 403, .. }), "{error}");
    c.sync_with(&a).await;
    assert!(c.replica.devices().unwrap().iter().any(|d| d.device_id == lost && d.is_revoked), "the revocation travels");
    // A relay that has it does not get it in either.
    let page = peers::outgoing(b.replica.database(), b.replica.identity(), peers::Since::Position(0), Default::default()).unwrap();
    let intake =
        peers::take_in(c.replica.database(), c.replica.identity(), c.replica.strategies(), page.transactions, &page.heads).unwrap();
    assert_eq!(intake.applied.changes, 0);
    assert!(!intake.refused.is_empty());
    assert_eq!(c.rows(ROWS), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_strangers_are_let_in_by_hand() {
    let (a, b) = (serving("a").await, serving("b").await);
    create(&a);
    let error = sync_round(&b.replica, &a.url).await.unwrap_err();
    let a_id = a.replica.identity().device_id;
    assert!(matches!(error, PeerError::NotAuthorized { device_id, .. } if device_id == a_id), "{error}");
    assert!(error.to_string().contains(&format!("peergres device authorize {a_id}")));
    b.admin(Method::POST, "/devices/authorize", json!({ "device_id": a_id })).await;
    let error = sync_round(&b.replica, &a.url).await.unwrap_err();
    assert!(matches!(error, PeerError::Refused { status: 403, .. }), "pending there: {error}");
    let (status, _) = a.admin(Method::POST, "/devices/authorize", json!({ "device_id": b.replica.identity().device_id })).await;
    assert_eq!(status, StatusCode::OK);
    assert!(sync_round(&b.replica, &a.url).await.unwrap().pulled > 0);
}

/// A request signed by `key` as `device`, and how it may be wrong.
struct Forged<'a> {
    key: &'a DeviceKey,
    device: Uuid,
    receiver: Uuid,
    created: i64,
    nonce: String,
    body: &'a str,
    sent: &'a str,
}

async fn send(node: &Running, path: &str, forged: &Forged<'_>) -> (u16, Option<String>) {
    let parameters = SignatureParameters { created: forged.created, nonce: forged.nonce.clone(), key_id: forged.device.to_string() };
    let headers = sign_request(forged.key, &parameters, forged.receiver, ("POST", path, None), forged.body.as_bytes()).unwrap();
    let request = reqwest::Client::new().post(format!("{}{path}", node.url)).headers(headers).body(forged.sent.to_owned());
    let answer = request.send().await.unwrap();
    let challenge = answer.headers().get("peergres-challenge").map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), challenge)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_fresh_request_of_an_authorized_device_to_this_one_is_refused() {
    let (a, b) = (serving("a").await, serving("b").await);
    join(&b, &a).await;
    let (me, device) = (a.replica.identity().device_id, b.replica.identity().device_id);
    let key = DeviceKey::from_pem(&std::fs::read_to_string(b.replica.node().directory().join("device.key")).unwrap()).unwrap();
    let other = DeviceKey::generate().unwrap();
    let body = json!({ "device_id": device, "since_version": 0 }).to_string();
    let (pending_key, pending) = (DeviceKey::generate().unwrap(), Uuid::new_v4());
    let register =
        json!({ "device_id": pending, "device_name": "p", "public_key": pending_key.public().to_base64(), "tailscale_ip": null });
    let now = || now_micros() / 1_000_000;
    let good = |nonce: &str| Forged { key: &key, device, receiver: me, created: now(), nonce: nonce.to_owned(), body: &body, sent: &body };
    // The first seconds after the start are challenged: a challenge is the way in, once.
    let (status, challenge) = send(&a, "/sync/pull", &good("n0")).await;
    assert_eq!(status, 401);
    let challenge = challenge.expect("a challenge");
    assert_eq!(send(&a, "/sync/pull", &good(&challenge)).await.0, 200);
    assert_eq!(send(&a, "/sync/pull", &good(&challenge)).await, (401, None), "replayed");
    let fresh = async || {
        let (_, challenge) = send(&a, "/sync/pull", &Forged { created: 1, ..good(&fresh_nonce().unwrap()) }).await;
        challenge.expect("a stale request is challenged")
    };
    assert_eq!(send(&a, "/sync/pull", &Forged { created: 1, ..good(&fresh().await) }).await.0, 200, "a wrong clock does not matter then");
    assert_eq!(send(&a, "/sync/pull", &Forged { sent: "{}", ..good(&fresh().await) }).await.0, 401, "altered body");
    assert_eq!(send(&a, "/sync/pull", &Forged { key: &other, ..good(&fresh().await) }).await.0, 401, "another key");
    assert_eq!(send(&a, "/sync/pull", &Forged { receiver: device, ..good(&fresh().await) }).await.0, 401, "wrong audience");
    assert_eq!(send(&a, "/sync/pull", &Forged { device: Uuid::new_v4(), ..good(&fresh().await) }).await.0, 401, "unknown device");
    let alien = json!({ "device_id": me, "since_version": 0 }).to_string();
    assert_eq!(send(&a, "/sync/pull", &Forged { body: &alien, sent: &alien, ..good(&fresh().await) }).await.0, 403, "in another's name");
    let register = register.to_string();
    let pending_request =
        |nonce: String| Forged { key: &pending_key, device: pending, body: &register, sent: &register, nonce, ..good("") };
    assert_eq!(send(&a, "/devices/register", &pending_request(fresh().await)).await.0, 201);
    let wrong = Forged { key: &other, ..pending_request(fresh().await) };
    assert_eq!(send(&a, "/devices/register", &wrong).await.0, 401, "not signed by the key being registered");
    assert_eq!(send(&a, "/sync/pull", &pending_request(fresh().await)).await.0, 403, "pending");
    let unsigned = reqwest::Client::new().post(format!("{}/sync/pull", a.url)).body(body.clone()).send().await.unwrap();
    assert_eq!(unsigned.status(), 401);
    assert_eq!(unsigned.headers()["content-type"], "application/problem+json");
    for (method, path) in
        [(Method::GET, "/devices/list"), (Method::GET, "/conflicts/list"), (Method::GET, "/metrics"), (Method::GET, "/sync/status")]
    {
        let request = reqwest::Client::new().request(method, format!("{}{path}", a.url)).bearer_auth("guess");
        assert_eq!(request.send().await.unwrap().status(), 401, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_history_is_refused_and_a_forked_one_is_remembered() {
    let (a, b) = (serving("a").await, serving("b").await);
    create(&a);
    join(&b, &a).await;
    a.execute("INSERT INTO t VALUES (1, 'one')");
    let held = b.replica.held();
    let page =
        || peers::outgoing(a.replica.database(), a.replica.identity(), peers::Since::Known(held.clone()), Default::default()).unwrap();
    let take = |page: peers::Outgoing| {
        peers::take_in(b.replica.database(), b.replica.identity(), b.replica.strategies(), page.transactions, &page.heads).unwrap()
    };
    let mut altered = page();
    altered.transactions[0].changes[0].record_id = "2".to_owned();
    let intake = take(altered);
    assert_eq!((intake.applied.changes, intake.refused.len()), (0, 1), "{intake:?}");
    assert!(b.replica.devices().unwrap().iter().all(|d| !d.is_forked), "whoever altered it is not its author");
    let mut unsigned = page();
    unsigned.heads.clear();
    assert_eq!(take(unsigned).refused.len(), 1);
    // The author itself signs another history of what is held: that is a fork.
    let mut forked = page();
    let device = a.replica.identity().device_id;
    forked.heads.push(crate::identity::SignedHead::sign(&a.replica.identity().key(), device, held.get(device), [7; 32]));
    take(forked);
    assert!(b.replica.devices().unwrap().iter().any(|d| d.device_id == device && d.is_forked));
    assert_eq!(take(page()).applied.changes, 0, "nothing more of it is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_down_or_no_peergres_gives_one_clear_line() {
    let a = serving("a").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let noise = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        }
    });
    let cases = [
        ("http://127.0.0.1:1", "cannot reach"),
        (noise.as_str(), "is not a Peergres"),
        ("ftp://x", "is not a peer's address"),
        ("nonsense", "is not a peer's address"),
        (a.url.as_str(), "is this device itself"),
    ];
    for (url, expected) in cases {
        let line = sync_round(&a.replica, url).await.unwrap_err().to_string();
        assert!(line.contains(expected) && !line.contains('\n'), "{url}: {line}");
    }
    let line = a.replica.sync_now(None).await.unwrap_err().to_string();
    assert!(line.contains("no peer is known"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_describes_itself_and_shows_figures() {
    let a = serving("a").await;
    let (status, description) = a.admin(Method::GET, "/openapi.json", Json::Null).await;
    assert_eq!(status, StatusCode::OK);
    let paths = description["paths"].as_object().unwrap();
    for path in
        ["/devices/register", "/devices/authorize", "/devices/{device_id}/revoke", "/sync/push", "/sync/pull", "/conflicts/{id}/resolve"]
    {
        assert!(paths.contains_key(path), "{path}");
    }
    let (status, problem) = a.admin(Method::GET, "/nowhere", Json::Null).await;
    assert_eq!((status, problem["status"].as_u64()), (StatusCode::NOT_FOUND, Some(404)));
    let (status, problem) = a.admin(Method::POST, "/devices/authorize", json!({ "device": 1 })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let (status, problem) = a.admin(Method::POST, "/devices/authorize", json!({ "device_id": "nobody" })).await;
    assert_eq!((status, problem["detail"].as_str()), (StatusCode::NOT_FOUND, Some("there is no device nobody")));
}

#[tokio::test(flavor = "multi_thread")]
async fn news_are_streamed_figures_shown_and_the_log_checked_and_pruned() {
    let a = serving("a").await;
    create(&a);
    let token = std::fs::read_to_string(a.replica.node().directory().join("admin.token")).unwrap();
    let get = |path: &str| reqwest::Client::new().get(format!("{}{path}", a.url)).bearer_auth(token.trim());
    let mut events = get("/sync/events").send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let mut heard = String::new();
    a.execute("INSERT INTO t VALUES (1, 'one')");
    while !heard.contains("event: change\ndata: 2\n") {
        let piece = tokio::time::timeout(std::time::Duration::from_secs(10), events.chunk()).await.expect("news in time");
        heard += &String::from_utf8_lossy(&piece.unwrap().expect("the stream goes on"));
    }
    let figures = get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(figures.contains("\npeergres_log_changes 2\n") && figures.contains("# TYPE peergres_log_changes gauge\n"), "{figures}");
    a.execute("UPDATE t SET a = 'uno'");
    let (status, history) = a.admin(Method::GET, "/log/history?table=t&record_id=1", Json::Null).await;
    assert_eq!((status, history["history"][1]["before"]["a"].as_str()), (StatusCode::OK, Some("one")));
    assert_eq!(history["history"][1]["device_name"].as_str(), Some("a"));
    let (_, report) = a.admin(Method::POST, "/log/verify", json!({})).await;
    assert_eq!((report["ok"].as_bool(), report["rows"].as_u64()), (Some(true), Some(1)), "{report}");
    let (status, pruned) = a.admin(Method::POST, "/log/prune", json!({ "older_than_seconds": 0 })).await;
    assert_eq!((status, pruned["pruned"].as_u64()), (StatusCode::OK, Some(3)), "{pruned}");
    assert!(a.replica.verify_log().unwrap().ok);
    assert_eq!(a.rows(ROWS), ["1:uno"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_too_often_or_not_allowed_is_told_as_a_problem() {
    let a = serving("a").await;
    let client = reqwest::Client::new();
    let large = client.post(format!("{}/devices/register", a.url)).body(vec![b' '; 1 << 20]).send().await.unwrap();
    assert_eq!(
        (large.status(), &large.headers()["content-type"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &"application/problem+json".parse().unwrap())
    );
    let (status, problem) = a.admin(Method::POST, "/sync/pull", json!({})).await;
    assert_eq!((status, problem["title"].as_str()), (StatusCode::FORBIDDEN, Some("Forbidden")));
    let (status, _) = a.admin(Method::DELETE, "/devices/list", Json::Null).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let mut told = Vec::new();
    for _ in 0..40 {
        let answer = client.get(format!("{}/devices/list", a.url)).bearer_auth("a guess").send().await.unwrap();
        told.push(answer.status().as_u16());
    }
    assert_eq!((told[0], told[39]), (401, 429), "guessing is bounded");
    let (status, _) = a.admin(Method::GET, "/devices/list", Json::Null).await;
    assert_eq!(status, StatusCode::OK, "the admin is not locked out");
}
