//! Messages that somebody on the way has changed: a relay that alters, drops, doubles or invents.
//!
//! Enters: what an honest device handed out, and a number. Leaves: something else. Whoever takes it in must not apply a byte that its author did not
//! sign, and must come to hold the truth once it hears it from an honest one.

use peergres_sync::{
    identity::{DeviceKey, SignedHead},
    log::{Change, Operation, Transaction},
    peers::wire::{WireChange, to_wire},
};
use serde_json::json;
use uuid::Uuid;

/// What can be changed of a page.
pub(crate) struct Page<'a> {
    /// Its changes.
    pub(crate) changes: &'a mut Vec<WireChange>,
    /// The heads that vouch for them.
    pub(crate) heads: &'a mut Vec<SignedHead>,
}

/// Changes something.
pub(crate) fn tamper(page: &mut Page<'_>, number: u64) {
    let mut rng = fastrand::Rng::with_seed(number);
    for _ in 0..rng.usize(1..3) {
        match rng.u32(0..4) {
            0 => head(page.heads, &mut rng),
            1 => invent(page, &mut rng),
            _ => change(page.changes, &mut rng),
        }
    }
}

fn head(heads: &mut Vec<SignedHead>, rng: &mut fastrand::Rng) {
    if heads.is_empty() {
        return;
    }
    let index = rng.usize(0..heads.len());
    match rng.u32(0..6) {
        0 => drop(heads.remove(index)),
        1 => heads.clear(),
        2 => heads[index].version += 1,
        3 => heads[index].hash[0] ^= 1,
        4 => heads[index].signature = "AAAA".to_owned(),
        _ => {
            let other = heads[rng.usize(0..heads.len())].device_id;
            heads[index].device_id = other;
        }
    }
}

fn change(changes: &mut Vec<WireChange>, rng: &mut fastrand::Rng) {
    if changes.is_empty() {
        return;
    }
    let (index, other) = (rng.usize(0..changes.len()), rng.usize(0..changes.len()));
    let device = changes[other].device_id;
    let one = &mut changes[index];
    match rng.u32(0..15) {
        0 => one.data = Some(json!({"id": 1, "a": "forged"}).as_object().expect("it is one").clone()),
        1 => one.data = None,
        2 => one.table_name.push('x'),
        3 => one.record_id = "2".to_owned(),
        4 => one.operation = Operation::Delete,
        5 => one.version += 1,
        6 => one.clock = one.clock.wrapping_add(1 << 20),
        7 => one.clock = u64::MAX,
        8 => one.context = Some(peergres_sync::clock::VersionVector([(device, u64::MAX)].into())),
        9 => one.hash = "00".repeat(32),
        10 => one.device_id = device,
        11 => one.resolves = Some("feed".to_owned()),
        12 => drop(changes.remove(index)),
        13 => changes.swap(index, other),
        _ => changes.truncate(index),
    }
}

/// A transaction that its author never wrote: of a device that is known to the receiver, or of one that nobody knows.
fn invent(page: &mut Page<'_>, rng: &mut fastrand::Rng) {
    let known = page.changes.last();
    let (device, first) = match known.filter(|_| rng.bool()) {
        Some(last) => (last.device_id, last.transaction.last + 1),
        None => (Uuid::from_u128(rng.u128(..)), 1),
    };
    let change = Change {
        version: first,
        table_name: if rng.bool() { "t0" } else { "peergres.sync_devices" }.to_owned(),
        record_id: "1".to_owned(),
        operation: Operation::Insert,
        data: json!({"id": 1, "a": "forged"}).as_object().cloned(),
        old_data: None,
        resolves: None,
    };
    let mut forged = Transaction {
        device_id: device,
        first_version: first,
        last_version: first,
        clock: peergres_sync::clock::Clock(rng.u64(..1 << 62)),
        context: peergres_sync::clock::VersionVector::default(),
        changes: vec![change],
        hash: [0; 32],
    };
    let previous =
        known.and_then(|last| (0..32).map(|i| u8::from_str_radix(last.hash.get(i * 2..i * 2 + 2)?, 16).ok()).collect::<Option<Vec<u8>>>());
    let previous = previous.and_then(|bytes| bytes.try_into().ok()).filter(|_| first > 1).unwrap_or([0; 32]);
    forged.hash = forged.computed_hash(&previous);
    let key = DeviceKey::from_seed(&[200; 32]);
    page.heads.push(SignedHead::sign(&key, device, first, forged.hash));
    page.changes.extend(to_wire(vec![forged]));
}
