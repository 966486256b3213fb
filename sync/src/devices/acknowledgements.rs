//! What each device is known to hold, by its own signed word, and `is_synced`: true once every authorized device holds a change.
//!
//! Enters: [`Acknowledgement`]s, direct or relayed. Leaves: rows of `sync_acknowledgements` that only rise, and marked rows of the log.
//! Relays can't invent: each acknowledgement is signed by the device whose word it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DeviceError, registry};
use crate::{
    clock::{DeviceId, VersionVector},
    commit::Durability,
    identity::{Identity, PublicKey},
    store::{Database, LockWait},
};

/// A device's word for what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Whose word.
    pub device_id: DeviceId,
    /// What it holds, durably.
    pub known: VersionVector,
    /// Ed25519 over both, base64.
    pub signature: String,
}

impl Acknowledgement {
    /// This device's word.
    pub fn sign(identity: &Identity, known: VersionVector) -> Acknowledgement {
        let signature = STANDARD.encode(identity.key().sign(&signed_bytes(identity.device_id, &known)));
        Acknowledgement { device_id: identity.device_id, known, signature }
    }

    /// Whether that device's key signed it.
    pub fn verifies(&self, key: &PublicKey) -> bool {
        STANDARD.decode(&self.signature).is_ok_and(|signature| key.verifies(&signed_bytes(self.device_id, &self.known), &signature))
    }
}

/// The other authorized devices.
fn others(connection: &Connection, me: DeviceId) -> rusqlite::Result<Vec<DeviceId>> {
    let mut statement = connection.prepare_cached("SELECT device_id FROM sync_devices WHERE is_authorized AND device_id <> ?1")?;
    let rows = statement.query_map([me.as_bytes()], |row| row.get(0).map(Uuid::from_bytes))?;
    rows.collect()
}

/// What may be pruned: the horizon; all that is held where no other device takes part.
pub fn prunable(connection: &Connection, me: DeviceId) -> rusqlite::Result<VersionVector> {
    if others(connection, me)?.is_empty() { crate::log::held(connection) } else { horizon(connection, me) }
}

fn signed_bytes(device_id: DeviceId, known: &VersionVector) -> Vec<u8> {
    let mut bytes = b"peergres acknowledgement 1\n".to_vec();
    bytes.extend_from_slice(device_id.as_bytes());
    for (author, version) in &known.0 {
        bytes.extend_from_slice(author.as_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
    }
    bytes
}

/// What each device is known to hold.
pub fn held(connection: &Connection) -> rusqlite::Result<BTreeMap<DeviceId, VersionVector>> {
    let mut statement = connection.prepare_cached("SELECT device_id, author_id, version FROM sync_acknowledgements")?;
    let mut held: BTreeMap<DeviceId, VersionVector> = BTreeMap::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (device, author) = (Uuid::from_bytes(row.get(0)?), Uuid::from_bytes(row.get(1)?));
        held.entry(device).or_default().0.insert(author, row.get(2)?);
    }
    Ok(held)
}

/// The signed acknowledgements kept, to be passed on.
pub fn kept(connection: &Connection) -> rusqlite::Result<Vec<Acknowledgement>> {
    let mut statement = connection.prepare_cached("SELECT statement FROM sync_statements")?;
    let texts: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
}

/// Takes acknowledgements that are signed by authorized devices and say more than was known; writes nothing if there is none.
/// Then marks what every authorized device holds.
pub fn take(database: &Arc<Database>, identity: &Identity, statements: &[Acknowledgement]) -> Result<(), DeviceError> {
    let me = identity.device_id;
    let reader = database.glance()?;
    let before = held(&reader)?;
    let mut new = Vec::new();
    for statement in statements.iter().filter(|s| s.device_id != me) {
        let nothing = VersionVector::default();
        let known = before.get(&statement.device_id).unwrap_or(&nothing);
        if statement.known.0.iter().all(|(author, version)| known.0.get(author).is_some_and(|held| held >= version)) {
            continue;
        }
        let device = registry::get(&reader, me, statement.device_id)?;
        let key = device.filter(|d| d.is_authorized).and_then(|d| PublicKey::parse(&d.public_key).ok());
        if key.is_some_and(|key| statement.verifies(&key)) {
            new.push(statement);
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let transaction = database.begin(&LockWait::default(), None)?;
    let connection = transaction.connection();
    for statement in new {
        let text = serde_json::to_string(statement).expect("ids, numbers and text are JSON");
        connection.execute(
            "INSERT INTO sync_statements (device_id, statement) VALUES (?1, ?2) ON CONFLICT (device_id) DO UPDATE SET statement = ?2",
            params![statement.device_id.as_bytes(), text],
        )?;
        for (author, version) in &statement.known.0 {
            connection.execute(
                "INSERT INTO sync_acknowledgements (device_id, author_id, version) VALUES (?1, ?2, ?3)
                 ON CONFLICT (device_id, author_id) DO UPDATE SET version = max(version, ?3)",
                params![statement.device_id.as_bytes(), author.as_bytes(), version],
            )?;
        }
    }
    mark_synced(connection, me)?;
    transaction.commit(Durability::NoWait)?;
    Ok(())
}

/// The horizon: for each author, what every authorized device is known to hold.
pub fn horizon(connection: &Connection, me: DeviceId) -> rusqlite::Result<VersionVector> {
    let held = held(connection)?;
    let others = others(connection, me)?;
    let mut horizon = VersionVector::default();
    if others.is_empty() {
        return Ok(horizon);
    }
    for (author, own) in crate::log::held(connection)?.0 {
        // An author holds its own changes; this device holds what it holds.
        let of = |device: &DeviceId| {
            if *device == author { own } else { held.get(device).and_then(|v| v.0.get(&author)).copied().unwrap_or(0) }
        };
        let least = others.iter().map(of).min().unwrap_or(0).min(own);
        if least > 0 {
            horizon.0.insert(author, least);
        }
    }
    Ok(horizon)
}

/// Up to where `is_synced` is true, for each author.
pub fn marked(connection: &Connection) -> rusqlite::Result<VersionVector> {
    let mut statement = connection.prepare_cached("SELECT device_id, version FROM sync_horizon")?;
    let rows = statement.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?)))?;
    Ok(VersionVector(rows.collect::<rusqlite::Result<_>>()?))
}

/// Brings `is_synced` up to date after something has come; writes nothing where the horizon has not moved.
pub fn refresh(database: &Arc<Database>, identity: &Identity) -> Result<(), DeviceError> {
    let reader = database.glance()?;
    if horizon(&reader, identity.device_id)? == marked(&reader)? {
        return Ok(());
    }
    let transaction = database.begin(&LockWait::default(), None)?;
    mark_synced(transaction.connection(), identity.device_id)?;
    transaction.commit(Durability::NoWait)?;
    Ok(())
}

/// Brings `is_synced` up to date: true for what is below the horizon, and false again for what a device that was let in since lacks.
pub(crate) fn mark_synced(connection: &Connection, me: DeviceId) -> rusqlite::Result<()> {
    let (new, old) = (horizon(connection, me)?, marked(connection)?);
    if new != old {
        crate::log::journal::file_all(connection)?;
    }
    let authors: BTreeSet<DeviceId> = new.0.keys().chain(old.0.keys()).copied().collect();
    for author in authors {
        let (from, to) = (old.get(author), new.get(author));
        if from == to {
            continue;
        }
        connection
            .prepare_cached("UPDATE sync_log_filed SET is_synced = ?4 WHERE device_id = ?1 AND version > ?2 AND version <= ?3")?
            .execute(params![author.as_bytes(), from.min(to), from.max(to), from < to])?;
        let keep = if to > 0 {
            "INSERT INTO sync_horizon (device_id, version) VALUES (?1, ?2) ON CONFLICT (device_id) DO UPDATE SET version = ?2"
        } else {
            "DELETE FROM sync_horizon WHERE device_id = ?1 AND ?2 = 0"
        };
        connection.prepare_cached(keep)?.execute(params![author.as_bytes(), to])?;
    }
    Ok(())
}
