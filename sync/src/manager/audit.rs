//! `log verify`: every chain and every signed head.
//!
//! Enters: a [`Replica`]. Leaves: a [`LogReport`] that names each fault with device and version.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::replica::{Replica, ReplicaError};
use crate::{
    clock::{DeviceId, Version},
    devices,
    identity::{PublicKey, SignedHead},
    log::{PageLimit, page_after},
    peers::signed_head,
};

/// What was checked, and what is wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LogReport {
    /// Whether nothing is.
    pub ok: bool,
    /// Authors.
    pub devices: u64,
    /// Changes.
    pub changes: u64,
    /// A line each.
    pub faults: Vec<String>,
}

/// Beyond so many faults the rest is not listed.
const MAX_FAULTS: usize = 100;

impl Replica {
    /// Checks the log.
    pub fn verify_log(&self) -> Result<LogReport, ReplicaError> {
        self.database().flush();
        let reader = self.database().reader()?;
        let mut report = LogReport::default();
        let mut heads: BTreeMap<DeviceId, (Version, [u8; 32])> = BTreeMap::new();
        let mut ends: BTreeMap<(DeviceId, Version), [u8; 32]> = BTreeMap::new();
        let mut broken = BTreeSet::new();
        let signed = signed_heads(&reader)?;
        let wanted: BTreeSet<(DeviceId, Version)> = signed.iter().map(|head| (head.device_id, head.version)).collect();
        let bound = self.database().durable().position;
        let mut position = 0;
        loop {
            let page = page_after(&reader, position, bound, PageLimit::default())?;
            for transaction in &page.transactions {
                let device = transaction.device_id;
                report.changes += transaction.changes.len() as u64;
                let (version, hash) = heads.get(&device).copied().unwrap_or((0, [0; 32]));
                let whole = transaction.changes.iter().map(|c| c.version).eq(version + 1..=transaction.last_version);
                // After the first fault of a chain all that follows differs: one line is enough.
                if (!whole || transaction.computed_hash(&hash) != transaction.hash) && broken.insert(device) {
                    report.faults.push(format!("device {device}: the transaction at version {} was altered", transaction.first_version));
                }
                heads.insert(device, (transaction.last_version, transaction.hash));
                if wanted.contains(&(device, transaction.last_version)) {
                    ends.insert((device, transaction.last_version), transaction.hash);
                }
            }
            position = page.position;
            if !page.more {
                break;
            }
        }
        report.devices = heads.len() as u64;
        for head in signed {
            let fault = self.check_head(&reader, &head, ends.get(&(head.device_id, head.version)))?;
            report.faults.extend(fault);
        }
        report.faults.truncate(MAX_FAULTS);
        report.ok = report.faults.is_empty();
        Ok(report)
    }

    fn check_head(&self, reader: &Connection, head: &SignedHead, held: Option<&[u8; 32]>) -> Result<Option<String>, ReplicaError> {
        // A signature that came with transactions that were then refused vouches for nothing here.
        let Some(held) = held else { return Ok(None) };
        let device = devices::get(reader, self.identity().device_id, head.device_id)?;
        let key = device.and_then(|d| PublicKey::parse(&d.public_key).ok());
        let good = held == &head.hash && key.is_some_and(|key| head.verifies(&key));
        Ok((!good).then(|| format!("device {}: the signature over version {} is not of this history", head.device_id, head.version)))
    }
}

fn signed_heads(connection: &Connection) -> rusqlite::Result<Vec<SignedHead>> {
    let mut statement = connection.prepare("SELECT device_id, version, hash, signature FROM sync_heads")?;
    let rows = statement.query_map([], signed_head)?;
    rows.collect()
}
