//! `log verify`: every chain, every signed head, and whether replaying the log from empty gives the tables, row for row.
//!
//! Enters: a [`Replica`]. Leaves: a [`LogReport`] that names each fault: where it lies, and what is not as it should be. All is read from
//! one snapshot, so that it can be checked while the node goes on.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::replica::{Replica, ReplicaError};
use crate::{
    clock::{DeviceId, Version},
    devices,
};

mod chain;
mod replay;
#[cfg(test)]
mod tests;

/// What was checked, and what is wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct LogReport {
    /// Whether nothing is.
    pub ok: bool,
    /// Authors.
    pub devices: u64,
    /// Changes.
    pub changes: u64,
    /// Signatures.
    pub signatures: u64,
    /// Whether the log was replayed: not where its chains are damaged.
    pub replayed: bool,
    /// Tables compared with what the replayed log gives.
    pub tables: u64,
    /// Rows compared.
    pub rows: u64,
    /// A line each.
    pub faults: Vec<String>,
}

/// Beyond so many faults the rest is not listed.
const MAX_FAULTS: usize = 100;

impl LogReport {
    fn fault(&mut self, line: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(line);
        }
    }
}

/// The hashes at the ends of transactions, and the last version of each device.
#[derive(Debug, Default)]
struct Ends {
    hashes: BTreeMap<(DeviceId, Version), [u8; 32]>,
    last: BTreeMap<DeviceId, Version>,
}

impl Replica {
    /// Checks the log.
    pub fn verify_log(&self) -> Result<LogReport, ReplicaError> {
        let reader = self.database().reader()?;
        let mut report = LogReport::default();
        reader.execute_batch("BEGIN; SELECT 1 FROM main.sync_log LIMIT 1")?;
        let ends = chain::check(&reader, self.identity().device_id, &mut report)?;
        report.devices = ends.last.len() as u64;
        self.check_heads(&reader, &ends, &mut report)?;
        if report.faults.is_empty() {
            let scratch = replay::Scratch::make(self)?;
            scratch.attach(&reader)?;
            scratch.replay(&reader, &self.database().schema(), &mut report)?;
        }
        report.ok = report.faults.is_empty();
        Ok(report)
    }

    /// A head is kept only once its signature has been checked: one whose signature does not hold any more was altered.
    fn check_heads(&self, reader: &Connection, ends: &Ends, report: &mut LogReport) -> Result<(), ReplicaError> {
        let mut statement = reader.prepare("SELECT device_id, version, hash, signature FROM main.sync_heads")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            report.signatures += 1;
            let head = match crate::peers::signed_head(row) {
                Ok(head) => head,
                Err(error) => {
                    report.fault(format!("signature {} can't be read: {error}", report.signatures));
                    continue;
                }
            };
            let (device_id, version) = (head.device_id, head.version);
            let known = devices::get(reader, self.identity().device_id, device_id)?;
            let keys = known.map(|device| devices::keys_of(reader, &device)).transpose()?.flatten();
            let fault = match keys {
                None => Some("is of a device that is not known, or whose key is not right".to_owned()),
                Some(keys) if !keys.vouch_for(&head) => Some("was not made by its key".to_owned()),
                Some(_) => match ends.hashes.get(&(device_id, version)) {
                    Some(hash) if *hash == head.hash => None,
                    // What came with it may have been refused then.
                    None if ends.last.get(&device_id).is_none_or(|last| *last < version) => None,
                    _ => Some("is of another history".to_owned()),
                },
            };
            if let Some(fault) = fault {
                report.fault(format!("device {device_id}: the signature over version {version} {fault}"));
            }
        }
        Ok(())
    }
}
