//! The judge: whether a device is as the entries that it holds say, read from its file with plain SQL.
//!
//! Enters: a device's file, the tables, the truth. Leaves: nothing, or one line that says what is wrong. Every rule here follows from DESIGN's
//! promises; none calls the code under test.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::Connection;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    schema::TableSpec,
    truth::{Entry, EntryId, Truth, held},
};

mod conflicts;
mod merge;
mod place;
mod rows;

pub(crate) use conflicts::Standing;

/// What a device holds and shows, to be compared with others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    /// The entries.
    pub(crate) entries: BTreeSet<EntryId>,
    /// Table, row as text, sorted.
    pub(crate) rows: Vec<String>,
    /// Open conflicts: id, kind, status.
    pub(crate) open: BTreeSet<(String, String, String)>,
    /// Changes that wait.
    pub(crate) blocked: BTreeSet<(Uuid, u64)>,
}

/// Judges a device; answers what it holds and shows.
///
/// # Errors
/// One line that says what is wrong.
pub(crate) fn judge(eye: &Connection, tables: &[TableSpec], truth: &Truth) -> Result<View, String> {
    let entries = held(eye).map_err(|e| e.to_string())?;
    let known = really_written(&entries, truth)?;
    in_causal_order(&known)?;
    constraints_hold(eye)?;
    let blocked = blocked(eye)?;
    let standing = Standing::read(eye)?;
    let applied: Vec<&Arc<Entry>> =
        known.iter().filter(|entry| !blocked.iter().any(|(d, v)| *d == entry.device && (entry.first..=entry.last).contains(v))).collect();
    whole_or_waiting(&known, &blocked)?;
    let waiting: BTreeSet<(String, String)> = known
        .iter()
        .filter(|entry| !applied.iter().any(|other| Arc::ptr_eq(other, entry)))
        .flat_map(|entry| entry.changes.iter().map(|change| (change.table.clone(), change.record.clone())))
        .collect();
    let shown = rows::read(eye, tables)?;
    let records = rows::records(&applied, &waiting);
    rows::check(&records, &shown, &standing, tables)?;
    conflicts::check(&records, &standing, &known)?;
    Ok(View { entries: entries.into_iter().collect(), rows: shown.lines(), open: standing.open(), blocked })
}

/// Nothing is held that nobody wrote.
fn really_written(entries: &[EntryId], truth: &Truth) -> Result<Vec<Arc<Entry>>, String> {
    let known = |id: &EntryId| truth.get(id).cloned().ok_or_else(|| format!("version {} of {} was never written so", id.1, id.0));
    entries.iter().map(known).collect()
}

/// Every entry comes after all that its author had seen, and the versions of an author have no gap.
fn in_causal_order(entries: &[Arc<Entry>]) -> Result<(), String> {
    let mut reach: BTreeMap<Uuid, u64> = BTreeMap::new();
    for entry in entries {
        let before = reach.get(&entry.device).copied().unwrap_or(0);
        if entry.first != before + 1 || entry.changes.len() as u64 != entry.last - entry.first + 1 {
            return Err(format!("version {} of {} follows {before}", entry.first, entry.device));
        }
        for (device, version) in &entry.context {
            if reach.get(device).copied().unwrap_or(0) < *version {
                return Err(format!(
                    "version {} of {} came before version {version} of {device}, which it had seen",
                    entry.first, entry.device
                ));
            }
        }
        reach.insert(entry.device, entry.last);
    }
    Ok(())
}

fn constraints_hold(eye: &Connection) -> Result<(), String> {
    let ask = |sql: &str| -> Result<Vec<String>, String> {
        let mut statement = eye.prepare_cached(sql).map_err(|e| e.to_string())?;
        let rows = statement.query_map([], |row| row.get(0)).map_err(|e| e.to_string())?;
        rows.collect::<rusqlite::Result<_>>().map_err(|e| e.to_string())
    };
    let integrity = ask("SELECT * FROM pragma_integrity_check")?;
    if integrity != ["ok"] {
        return Err(format!("integrity: {}", integrity.join("; ")));
    }
    let foreign = ask("SELECT \"table\" || ' ' || coalesce(rowid, '?') || ' lacks its ' || parent FROM pragma_foreign_key_check")?;
    if foreign.is_empty() { Ok(()) } else { Err(format!("foreign key: {}", foreign.join("; "))) }
}

fn blocked(eye: &Connection) -> Result<BTreeSet<(Uuid, u64)>, String> {
    let mut statement = eye.prepare_cached("SELECT device_id, version FROM sync_blocked").map_err(|e| e.to_string())?;
    let rows = statement.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?))).map_err(|e| e.to_string())?;
    rows.collect::<rusqlite::Result<_>>().map_err(|e| e.to_string())
}

/// A transaction waits as one.
fn whole_or_waiting(entries: &[Arc<Entry>], blocked: &BTreeSet<(Uuid, u64)>) -> Result<(), String> {
    for entry in entries {
        let waiting = (entry.first..=entry.last).filter(|version| blocked.contains(&(entry.device, *version))).count() as u64;
        if waiting != 0 && waiting != entry.last - entry.first + 1 {
            return Err(format!("of version {} of {} a part waits", entry.first, entry.device));
        }
    }
    Ok(())
}

/// A value as text, for comparing.
fn text(value: &Json) -> String {
    match value {
        Json::String(text) => format!("'{text}'"),
        other => other.to_string(),
    }
}
