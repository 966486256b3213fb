//! `sync_conflicts`: which must be open, and what they keep.
//!
//! Enters: a file, the records as they must be, the entries held. Leaves: [`Standing`]; nothing, or what is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{Connection, Row};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    super::truth::{Entry, Image},
    merge::{Expected, Id, Write},
    rows::Record,
};

/// A conflict as the table shows it.
#[derive(Debug)]
struct Conflict {
    id: String,
    record: Record,
    kind: String,
    status: String,
    sides: [Option<Image>; 2],
    writers: [Id; 2],
}

/// All conflicts of a device.
#[derive(Debug)]
pub(crate) struct Standing(Vec<Conflict>);

fn conflict(row: &Row<'_>) -> rusqlite::Result<Conflict> {
    let image = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    let writer = |device: usize, version: usize| -> rusqlite::Result<Id> { Ok((Uuid::from_bytes(row.get(device)?), row.get(version)?)) };
    Ok(Conflict {
        id: row.get(0)?,
        record: (row.get(1)?, row.get(2)?),
        kind: row.get(3)?,
        status: row.get(4)?,
        sides: [image(row.get(5)?), image(row.get(6)?)],
        writers: [writer(7, 8)?, writer(9, 10)?],
    })
}

impl Standing {
    /// Reads them.
    pub(crate) fn read(eye: &Connection) -> Result<Standing, String> {
        let sql = "SELECT id, table_name, record_id, kind, status, local_data, remote_data, local_device, local_version, remote_device,
                   remote_version FROM sync_conflicts";
        let mut statement = eye.prepare_cached(sql).map_err(|e| e.to_string())?;
        let rows = statement.query_map([], conflict).map_err(|e| e.to_string())?;
        Ok(Standing(rows.collect::<rusqlite::Result<_>>().map_err(|e| e.to_string())?))
    }

    /// The open ones: id, kind, status.
    pub(crate) fn open(&self) -> BTreeSet<(String, String, String)> {
        let open = self.0.iter().filter(|conflict| conflict.status != "resolved");
        open.map(|conflict| (conflict.id.clone(), conflict.kind.clone(), conflict.status.clone())).collect()
    }

    fn of<'a>(&'a self, record: &'a Record) -> impl Iterator<Item = &'a Conflict> {
        self.0.iter().filter(move |conflict| conflict.record == *record)
    }

    /// Whether an open conflict of one of these kinds is about the record.
    pub(crate) fn explains(&self, record: &Record, kinds: &[&str]) -> bool {
        self.of(record).any(|conflict| conflict.status != "resolved" && kinds.contains(&conflict.kind.as_str()))
    }

    /// Whether a conflict of the record keeps that value of that column.
    pub(crate) fn keeps(&self, record: &Record, column: &str, value: &Json) -> bool {
        self.of(record).any(|conflict| conflict.sides.iter().flatten().any(|side| side.get(column) == Some(value)))
    }

    /// Whether a conflict of the record has a side on which it is gone.
    pub(crate) fn keeps_deletion(&self, record: &Record) -> bool {
        self.of(record).any(|conflict| conflict.sides.iter().any(Option::is_none))
    }

    /// Whether a conflict keeps that whole row.
    pub(crate) fn keeps_row(&self, record: &Record, row: &Image) -> bool {
        let holds = |side: &Image| row.iter().all(|(column, value)| value.is_null() || side.get(column) == Some(value));
        self.of(record).any(|conflict| conflict.status != "resolved" && conflict.sides.iter().flatten().any(holds))
    }
}

/// Of the records that are judged, exactly the conflicts of the definition are open; and each has the status of its last decision.
pub(crate) fn check(records: &BTreeMap<Record, Expected>, standing: &Standing, known: &[Arc<Entry>]) -> Result<(), String> {
    for (record, expected) in records {
        // Columns that are fine each but not together are shown another way.
        if standing.explains(record, &["check"]) {
            continue;
        }
        let open: BTreeSet<(Id, Id, bool)> = standing
            .of(record)
            .filter(|conflict| {
                conflict.status != "resolved" && ["update_update", "delete_update", "insert_insert"].contains(&conflict.kind.as_str())
            })
            .map(|c| (c.writers[0].min(c.writers[1]), c.writers[0].max(c.writers[1]), c.kind != "update_update"))
            .collect();
        if open != expected.conflicts {
            let writes = expected.writes.join("\n");
            return Err(format!("{} {}: open conflicts {open:?}, by its writes {:?}\n{writes}", record.0, record.1, expected.conflicts));
        }
    }
    // What ended a conflict is an entry of its own; only whether one that is open was set aside by a person is asked here.
    let decisions = decisions(known);
    for conflict in standing.0.iter().filter(|conflict| conflict.status != "resolved") {
        let ignored = decisions.get(conflict.id.as_str()).is_some_and(|writes| last(writes) == Some("ignored"));
        if ignored != (conflict.status == "ignored") {
            return Err(format!("conflict {} is {}, which is not what was decided last", conflict.id, conflict.status));
        }
    }
    Ok(())
}

/// The decisions about each conflict.
fn decisions(known: &[Arc<Entry>]) -> BTreeMap<&str, Vec<Write>> {
    let mut decisions: BTreeMap<&str, Vec<Write>> = BTreeMap::new();
    for entry in known {
        for (index, change) in entry.changes.iter().enumerate().filter(|(_, change)| change.table == "peergres.sync_conflicts") {
            decisions.entry(&change.record).or_default().push(Write::new(entry, index));
        }
    }
    decisions
}

/// The status that the greatest of the decisions gives which no other had seen.
fn last(writes: &[Write]) -> Option<&str> {
    let heads = writes.iter().filter(|write| !writes.iter().any(|other| other.saw(write)));
    heads.max_by_key(|write| write.rank())?.change().data.get("status")?.as_str()
}
