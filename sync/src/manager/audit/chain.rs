//! The chains: each row of the log as it lies, field by field, against its hash; each transaction against its rows and the one before.
//!
//! Enters: a snapshot. Leaves: faults by position, device and version; the ends of the chains. Nothing that is read is believed: a field that
//! can't be read is a fault like any other, and what follows it is checked all the same.

use std::{collections::BTreeMap, iter::Peekable};

use rusqlite::{
    Connection, Row, Rows,
    types::{FromSql, Value},
};
use uuid::Uuid;

use super::{Ends, LogReport};
use crate::{
    clock::{Clock, DeviceId, Version, VersionVector},
    devices::acknowledgements,
    log::{ChangeText, Header, Operation, RowImage, canonical_json},
    store::StoreError,
};

/// A row of `sync_transactions`, as far as it can be read.
struct Extent {
    position: i64,
    device_id: DeviceId,
    first_version: Version,
    last_version: Version,
    clock: Clock,
    context: Option<String>,
    hash: [u8; 32],
}

fn extent(row: &Row<'_>) -> rusqlite::Result<Extent> {
    Ok(Extent {
        position: row.get(0)?,
        device_id: Uuid::from_bytes(row.get(1)?),
        first_version: row.get(2)?,
        last_version: row.get(3)?,
        clock: Clock(row.get(4)?),
        context: row.get(5)?,
        hash: row.get(6)?,
    })
}

/// What is known of a device's chain so far.
#[derive(Default)]
struct Chain {
    version: Version,
    /// The stored hash of the last transaction, and the one that its content gives: where they differ, either continues the chain.
    hashes: [[u8; 32]; 2],
    context: VersionVector,
}

const EXTENTS: &str =
    "SELECT position, device_id, first_version, last_version, clock, context, hash FROM main.sync_transactions ORDER BY position";
const CHANGES: &str = "SELECT position, device_id, version, table_name, record_id, operation, data, old_data, timestamp, hash, is_synced,
    transaction_first, clock, resolves, pruned FROM main.sync_log ORDER BY position";

/// As many columns as [`CHANGES`] has.
const CHANGE_COLUMNS: usize = 15;

/// Checks all chains of the snapshot.
pub(super) fn check(connection: &Connection, me: DeviceId, report: &mut LogReport) -> Result<Ends, StoreError> {
    let mut extents = connection.prepare(EXTENTS)?;
    let mut changes = connection.prepare(CHANGES)?;
    let mut extents = Extents(extents.query([])?).peekable();
    let mut walk = Walk {
        rows: Entries(changes.query([])?).peekable(),
        position: 1,
        horizon: acknowledgements::marked(connection)?,
        chains: BTreeMap::new(),
        ends: Ends::default(),
        report,
    };
    if !acknowledgements::horizon(connection, me)?.covers(&walk.horizon) {
        walk.report.fault("more is marked as synced than devices have acknowledged".to_owned());
    }
    while let Some(extent) = extents.next() {
        match extent {
            Ok(extent) => walk.transaction(&extent, next_position(&mut extents))?,
            Err(error) => walk.report.fault(format!("a transaction near position {} can't be read: {error}", walk.position)),
        }
    }
    if walk.rows.next().transpose()?.is_some() {
        walk.report.fault(format!("position {}: rows that belong to no transaction", walk.position));
    }
    Ok(walk.ends)
}

fn next_position(extents: &mut Peekable<Extents<'_>>) -> i64 {
    match extents.peek() {
        Some(Ok(extent)) => extent.position,
        _ => i64::MAX,
    }
}

struct Extents<'s>(Rows<'s>);

impl Iterator for Extents<'_> {
    type Item = rusqlite::Result<Extent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().and_then(|row| row.map(extent).transpose()).transpose()
    }
}

/// A row of the log as it lies, column by column.
struct Entry(Vec<Value>);

struct Entries<'s>(Rows<'s>);

impl Iterator for Entries<'_> {
    type Item = rusqlite::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = |row: &Row<'_>| (0..CHANGE_COLUMNS).map(|column| row.get(column)).collect::<Result<_, _>>().map(Entry);
        self.0.next().and_then(|row| row.map(entry).transpose()).transpose()
    }
}

/// The walk along the log.
struct Walk<'s, 'r> {
    rows: Peekable<Entries<'s>>,
    /// The next position.
    position: i64,
    horizon: VersionVector,
    chains: BTreeMap<DeviceId, Chain>,
    ends: Ends,
    report: &'r mut LogReport,
}

impl Walk<'_, '_> {
    /// Checks one transaction: the rows up to the next one's position are its own.
    fn transaction(&mut self, extent: &Extent, next: i64) -> Result<(), StoreError> {
        let name = format!("device {}, transaction at version {} (position {})", extent.device_id, extent.first_version, extent.position);
        if extent.position != self.position {
            self.report.fault(format!("{name}: position {} was expected", self.position));
            self.position = extent.position;
        }
        let mut hashes = Vec::new();
        let mut whole = true;
        while let Some(entry) = self.rows.next_if(|entry| entry.as_ref().map_or(true, |e| e.get(0).is_none_or(|p: i64| p < next))) {
            let version = extent.first_version.wrapping_add(hashes.len() as u64);
            let (hash, faults) = entry?.check(extent, version, self.position, &self.horizon);
            for fault in faults {
                whole = false;
                self.report.fault(format!("device {}, version {version} (position {}): {fault}", extent.device_id, self.position));
            }
            hashes.push(hash);
            self.position += 1;
            self.report.changes += 1;
        }
        if extent.last_version.checked_sub(extent.first_version).map(|n| n + 1) != Some(hashes.len() as u64) {
            self.report.fault(format!(
                "{name}: versions {} to {}, but {} changes",
                extent.first_version,
                extent.last_version,
                hashes.len()
            ));
            whole = false;
        }
        self.chain(extent, &hashes, &name, whole);
        Ok(())
    }

    /// Checks that a transaction continues its device's chain.
    fn chain(&mut self, extent: &Extent, hashes: &[[u8; 32]], name: &str, whole: bool) {
        let held: VersionVector = VersionVector(self.chains.iter().map(|(device, chain)| (*device, chain.version)).collect());
        let chain = self.chains.entry(extent.device_id).or_default();
        if extent.first_version != chain.version + 1 {
            self.report.fault(format!("{name}: version {} was expected", chain.version + 1));
        }
        if let Some(text) = &extent.context {
            match serde_json::from_str::<VersionVector>(text) {
                Ok(context) if serde_json::to_string(&context).ok().as_ref() == Some(text) => chain.context = context,
                _ => self.report.fault(format!("{name}: its context is not one")),
            }
        }
        let mut seen = chain.context.clone();
        seen.0.remove(&extent.device_id);
        if !held.covers(&seen) {
            self.report.fault(format!("{name}: it was written in sight of what does not come before it"));
        }
        let header = Header {
            device_id: extent.device_id,
            first_version: extent.first_version,
            last_version: extent.last_version,
            clock: extent.clock,
            context: &chain.context,
        };
        let computed = chain.hashes.map(|previous| header.hash(&previous, hashes.iter().copied()));
        // Where a change is at fault already, the transaction's hash can't be right: one line is enough.
        if whole && !computed.contains(&extent.hash) {
            self.report.fault(format!("{name}: its hash is not that of what it holds"));
        }
        chain.hashes = [extent.hash, if whole { computed[0] } else { extent.hash }];
        chain.version = extent.last_version;
        self.ends.hashes.insert((extent.device_id, extent.last_version), extent.hash);
        self.ends.last.insert(extent.device_id, extent.last_version);
    }
}

impl Entry {
    fn get<T: FromSql>(&self, column: usize) -> Option<T> {
        T::column_result((&self.0[column]).into()).ok()
    }

    fn text(&self, column: usize) -> Result<Option<&str>, String> {
        match &self.0[column] {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(format!("a {} stands where a text belongs", other.data_type())),
        }
    }

    /// The hash of its content (of a pruned one, the stored hash), and what is wrong with it.
    fn check(&self, extent: &Extent, version: Version, position: i64, horizon: &VersionVector) -> ([u8; 32], Vec<String>) {
        let mut faults = Vec::new();
        let stored: [u8; 32] = self.get(9).unwrap_or_default();
        match self.content_hash(&stored) {
            Ok(hash) if hash == stored => {}
            Ok(_) => faults.push("its content is not what its hash says".to_owned()),
            Err(fault) => faults.push(fault),
        }
        let expected = [
            (0, Some(position), "position"),
            (2, i64::try_from(version).ok(), "version"),
            (8, Some(extent.clock.micros()), "timestamp"),
            (10, Some(i64::from(horizon.contains(extent.device_id, version))), "is_synced"),
            (11, i64::try_from(extent.first_version).ok(), "transaction_first"),
            (12, i64::try_from(extent.clock.0).ok(), "clock"),
        ];
        for (column, value, name) in expected {
            let found: Option<i64> = self.get(column);
            if found != value {
                let found = found.map_or_else(|| "unreadable".to_owned(), |n| n.to_string());
                faults.push(format!("its {name} is {found}, not {}", value.unwrap_or_default()));
            }
        }
        if self.get(1) != Some(extent.device_id.into_bytes()) {
            faults.push("it bears another device's id".to_owned());
        }
        let empty = self.text(5) == Ok(Some(Operation::Pruned.as_str()));
        if !matches!((self.get::<i64>(14), empty), (Some(0), false) | (Some(1), _)) {
            faults.push("it is marked as pruned wrongly".to_owned());
        }
        (stored, faults)
    }

    /// The hash of what the row holds.
    fn content_hash(&self, stored: &[u8; 32]) -> Result<[u8; 32], String> {
        let required = |column: usize| self.text(column)?.ok_or_else(|| "a text is missing".to_owned());
        let operation = required(5)?;
        let known = Operation::from_name(operation).ok_or_else(|| format!("there is no operation {operation}"))?;
        let (table_name, record_id) = (required(3)?, required(4)?);
        let (data, old_data, resolves) = (self.text(6)?, self.text(7)?, self.text(13)?);
        if known == Operation::Pruned {
            let bare = table_name.is_empty() && record_id.is_empty() && data.is_none() && old_data.is_none() && resolves.is_none();
            return if bare { Ok(*stored) } else { Err("it is pruned, but not empty".to_owned()) };
        }
        for image in [data, old_data].into_iter().flatten() {
            let parsed: RowImage = serde_json::from_str(image).map_err(|_| "an image is not a JSON object".to_owned())?;
            if canonical_json(&parsed) != image {
                return Err("an image is not in its one spelling".to_owned());
            }
        }
        let version = self.get(2).ok_or_else(|| "its version can't be read".to_owned())?;
        Ok(ChangeText { version, table_name, record_id, operation, data, old_data, resolves }.hash())
    }
}
