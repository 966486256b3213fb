//! What `status` shows: this device, its peers, what is behind, pending or blocked.
//!
//! Enters: a [`Replica`]. Leaves: a [`Status`], the same for the command line, the API, the figures and the library.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::replica::{Replica, ReplicaError};
use crate::{
    apply,
    clock::{self, VersionVector},
    devices::{self, Device, acknowledgements},
    peers::PeerStatus,
};

/// See the file's head.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// This device.
    pub device_id: Uuid,
    /// Its name.
    pub device_name: String,
    /// Its key's fingerprint.
    pub fingerprint: String,
    /// The replicated database.
    pub database: String,
    /// The peers synced with, and how each is doing.
    pub peers: Vec<PeerStatus>,
    /// How far each other authorized device is behind, as far as is known.
    pub devices: Vec<Lag>,
    /// Devices that wait to be authorized.
    pub pending_devices: Vec<Uuid>,
    /// Devices of two histories: nothing more is accepted of them.
    pub forked_devices: Vec<Uuid>,
    /// Conflicts that wait for a decision.
    pub pending_conflicts: u64,
    /// Changes that can't be put into the tables yet, and why.
    pub blocked: Vec<BlockedChange>,
    /// How far this device's clock is behind what it has written or seen, in milliseconds.
    #[serde(default)]
    pub clock_behind_ms: u64,
    /// The log.
    pub log: LogStatus,
    /// What this device holds.
    #[schema(value_type = Object)]
    pub known: VersionVector,
}

/// How far a device is behind.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Lag {
    /// Which.
    pub device_id: Uuid,
    /// Its name.
    pub device_name: String,
    /// Changes held here that it is not known to hold.
    pub changes: u64,
    /// Age of the oldest of them.
    pub seconds: f64,
    /// When it was last in touch, microseconds since 1970, to the minute.
    pub last_seen: Option<i64>,
    /// How far its clock was ahead when it was found off, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
}

/// A change that can't be put into the tables yet.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlockedChange {
    /// Author.
    pub device_id: Uuid,
    /// Version.
    pub version: u64,
    /// Table.
    pub table_name: String,
    /// Row.
    pub record_id: String,
    /// Why.
    pub reason: String,
}

/// The log in numbers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LogStatus {
    /// Changes in it.
    pub changes: u64,
    /// Changes that not every authorized device is known to hold.
    pub unsynced: u64,
    /// The last position.
    pub position: i64,
    /// Size of the database's file and its write-ahead log.
    pub bytes: u64,
    /// Size of the write-ahead log alone.
    #[serde(default)]
    pub wal_bytes: u64,
}

/// The status now.
pub fn status(replica: &Arc<Replica>) -> Result<Status, ReplicaError> {
    let database = replica.database();
    let reader = database.glance()?;
    let identity = replica.identity();
    let known = replica.held();
    let devices = devices::list(&reader, identity.device_id)?;
    let held = acknowledgements::held(&reader)?;
    let lag = devices.iter().filter(|d| d.is_authorized && !d.is_self).map(|d| lag(&reader, d, &known, &held));
    let blocked = apply::blocked(database)?.into_iter().map(|b| BlockedChange {
        device_id: b.device_id,
        version: b.version,
        table_name: b.table_name,
        record_id: b.record_id,
        reason: b.reason,
    });
    let count = |sql: &str| reader.query_row(sql, [], |row| row.get::<_, u64>(0));
    Ok(Status {
        device_id: identity.device_id,
        device_name: identity.device_name(),
        fingerprint: identity.fingerprint().to_string(),
        database: database.name().to_owned(),
        peers: replica.schedule().status(),
        devices: lag.collect::<Result<_, _>>()?,
        pending_devices: devices.iter().filter(|d| d.standing == 0 && !d.is_self).map(|d| d.device_id).collect(),
        forked_devices: devices.iter().filter(|d| d.is_forked).map(|d| d.device_id).collect(),
        pending_conflicts: count("SELECT count(*) FROM sync_conflicts WHERE status = 'pending'")?,
        blocked: blocked.collect(),
        clock_behind_ms: database.log_state().clock.millis().saturating_sub(clock::now_millis()),
        log: LogStatus {
            changes: count("SELECT count(*) FROM sync_log")?,
            unsynced: count("SELECT count(*) FROM sync_log WHERE is_synced = 0")?,
            position: database.log_state().position,
            bytes: size_on_disk(database.path()) + wal_bytes(database.path()),
            wal_bytes: wal_bytes(database.path()),
        },
        known,
    })
}

/// The database's file.
fn size_on_disk(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

fn wal_bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    size_on_disk(Path::new(&log))
}

fn lag(connection: &Connection, device: &Device, known: &VersionVector, held: &BTreeMap<Uuid, VersionVector>) -> rusqlite::Result<Lag> {
    let nothing = VersionVector::default();
    let theirs = held.get(&device.device_id).unwrap_or(&nothing);
    let (mut changes, mut oldest) = (0_u64, None::<i64>);
    for (author, version) in known.0.iter().filter(|(author, _)| **author != device.device_id) {
        let seen = theirs.get(*author);
        changes += version.saturating_sub(seen);
        if *version > seen {
            let mut statement = connection.prepare_cached("SELECT timestamp FROM sync_log WHERE device_id = ?1 AND version = ?2")?;
            let at: Option<i64> = statement.query_row(params![author.as_bytes(), seen + 1], |row| row.get(0)).optional()?;
            oldest = [oldest, at].into_iter().flatten().min();
        }
    }
    let micros = oldest.map_or(0, |at| (clock::now_micros() - at).max(0));
    Ok(Lag {
        device_id: device.device_id,
        device_name: device.device_name.clone(),
        changes,
        seconds: micros as f64 / 1e6,
        last_seen: device.last_seen,
        clock_ahead_ms: device.clock_ahead_ms,
    })
}
