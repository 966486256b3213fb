//! Every message that a peer can send, broken in every way that JSON allows: never a panic, and never anything applied that its author did not sign.
//! `PEERGRES_SEED` and `PEERGRES_CASES` play others.

use std::{collections::BTreeSet, panic::AssertUnwindSafe};

use peergres_sync::{
    SyncManager, SyncOperation,
    devices::Registration,
    manager::ReplicaError,
    peers::{
        exchange::{answer_pull, answer_push, ask, offer, take_answer},
        pairing,
        wire::{PullAnswer, PullRequest, PushRequest},
    },
    value::Storage,
};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

struct Device {
    manager: SyncManager,
    home: TempDir,
}

impl Device {
    fn new() -> Device {
        let home = TempDir::new().expect("a folder can be made");
        Device { manager: SyncManager::new(home.path()).expect("a fresh directory opens"), home }
    }

    fn registration(&self) -> Registration {
        let identity = self.manager.replica().identity();
        let (device_id, device_name, public_key) = (identity.device_id, identity.device_name(), identity.public_key());
        Registration { device_id, device_name, public_key, tailscale_ip: None, url: None }
    }

    fn write(&self, id: u64, text: &str) {
        let data = json!({"a": text}).as_object().expect("it is one").clone();
        self.manager.changes().log_change("t", &id.to_string(), SyncOperation::Insert, &data).expect("a row can be written");
    }

    /// Author, version and hash of all that is held.
    fn held(&self) -> BTreeSet<(Vec<u8>, i64, Vec<u8>)> {
        let eye = rusqlite::Connection::open(self.home.path().join("app.db")).expect("the file opens");
        let mut statement = eye.prepare("SELECT device_id, first_version, hash FROM sync_transactions").expect("the log is there");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("the log can be read");
        rows.map(|row| row.expect("a row can be read")).collect()
    }
}

/// Two devices that belong together; the first has rows that the second lacks, and the other way round.
fn pair() -> (Device, Device) {
    let (anna, ben) = (Device::new(), Device::new());
    anna.manager.changes().create_table("t", &[("id", Storage::Integer), ("a", Storage::Text)]).expect("a table can be made");
    let (introduction, slot) = pairing::welcome(anna.manager.replica(), &ben.registration()).expect("ben is let in");
    pairing::settle_in(ben.manager.replica(), &anna.registration(), slot, introduction.slot).expect("ben settles in");
    for id in 1..8 {
        anna.write(id, "of anna");
    }
    (anna, ben)
}

/// What a value can be replaced by.
fn junk(rng: &mut fastrand::Rng) -> Json {
    match rng.u32(0..14) {
        0 => Json::Null,
        1 => json!(-1),
        2 => json!(0),
        3 => json!(u64::MAX),
        4 => json!(i64::MIN),
        5 => json!(1e300),
        6 => json!(true),
        7 => json!(""),
        8 => json!("x".repeat(rng.usize(1..70_000))),
        9 => json!("\u{0}\u{202e}é"),
        10 => json!([]),
        11 => json!({}),
        12 => json!({"a": [{"b": null}]}),
        _ => json!("00".repeat(32)),
    }
}

fn pointers(value: &Json, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Json::Array(items) => items.iter().enumerate().for_each(|(index, item)| pointers(item, &format!("{at}/{index}"), all)),
        Json::Object(members) => members.iter().for_each(|(name, item)| pointers(item, &format!("{at}/{}", name.replace('/', "~1")), all)),
        _ => {}
    }
}

/// Breaks a message in one to three places: a value replaced, left out, doubled, or exchanged with another one.
fn broken(message: &Json, rng: &mut fastrand::Rng) -> Json {
    let mut broken = message.clone();
    for _ in 0..rng.usize(1..4) {
        let mut all = Vec::new();
        pointers(&broken, "", &mut all);
        let (at, other) = (all[rng.usize(0..all.len())].clone(), all[rng.usize(0..all.len())].clone());
        let taken = broken.pointer(&other).cloned().unwrap_or_default();
        let Some(place) = broken.pointer_mut(&at) else { continue };
        match (rng.u32(0..5), place) {
            (0, Json::Array(items)) if !items.is_empty() => drop(items.remove(rng.usize(0..items.len()))),
            (0, Json::Object(members)) if !members.is_empty() => {
                let name = members.keys().nth(rng.usize(0..members.len())).cloned().unwrap_or_default();
                members.remove(&name);
            }
            (1, Json::Array(items)) if !items.is_empty() => items.push(items[rng.usize(0..items.len())].clone()),
            (2, Json::Array(items)) => rng.shuffle(items),
            (3, place) => *place = taken,
            (_, place) => *place = junk(rng),
        }
    }
    broken
}

/// What came of a message: taken, or refused in words. Anything else is a failure of ours.
fn survives<T>(what: &str, seed: u64, take: impl FnOnce() -> Result<T, ReplicaError>) -> Option<T> {
    match std::panic::catch_unwind(AssertUnwindSafe(take)) {
        Ok(Ok(taken)) => Some(taken),
        Ok(Err(ReplicaError::Message(_) | ReplicaError::Device(_))) => None,
        Ok(Err(error)) => panic!("{what}, seed {seed}: {error}"),
        Err(_) => panic!("{what}, seed {seed}: it panicked"),
    }
}

#[test]
fn a_broken_message_is_refused_and_nothing_of_it_applied() {
    let (anna, ben) = pair();
    let (host, guest) = (anna.manager.replica(), ben.manager.replica());
    let request = ask(guest).expect("ben asks");
    let answer = answer_pull(host, request.clone()).expect("anna answers");
    let (offered, _) = offer(guest, host.held()).expect("ben offers");
    let request = serde_json::to_value(&request).expect("a message is JSON");
    let answer = serde_json::to_value(&answer).expect("a message is JSON");
    let offered = serde_json::to_value(&offered).expect("a message is JSON");
    // Whatever is held in the end was written by one of the two.
    let truth: BTreeSet<_> = anna.held().union(&ben.held()).cloned().collect();
    let from = number("PEERGRES_SEED", 0);
    let mut understood = 0_u64;
    for seed in from..from + number("PEERGRES_CASES", 1500) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let taken = match seed % 3 {
            0 => serde_json::from_value::<PullRequest>(broken(&request, &mut rng))
                .ok()
                .and_then(|message| survives("a pull", seed, || answer_pull(host, message)))
                .is_some(),
            1 => serde_json::from_value::<PullAnswer>(broken(&answer, &mut rng))
                .ok()
                .and_then(|message| survives("an answer", seed, || take_answer(guest, message)))
                .is_some(),
            _ => serde_json::from_value::<PushRequest>(broken(&offered, &mut rng))
                .ok()
                .and_then(|message| survives("a push", seed, || answer_push(host, message)))
                .is_some(),
        };
        understood += u64::from(taken);
        for device in [&anna, &ben] {
            let invented: Vec<_> = device.held().difference(&truth).cloned().collect();
            assert!(invented.is_empty(), "seed {seed}: {invented:?} were never written");
        }
    }
    assert!(understood > 100, "only {understood} messages were understood at all: the test breaks too much");
    // The truth still comes through.
    take_answer(guest, answer_pull(host, ask(guest).expect("ben asks")).expect("anna answers")).expect("ben takes it");
    answer_push(host, offer(guest, host.held()).expect("ben offers").0).expect("anna takes it");
    assert_eq!(anna.held(), ben.held(), "both hold the same in the end");
}
