//! What was really written: every entry as its author committed it, read from the author's own file.
//!
//! Enters: a device that has just committed. Leaves: [`Truth`], against which every device is judged. Nothing here calls the code under test: the
//! log is read with plain SQL.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{Connection, params};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// A row's values by column.
pub(crate) type Image = Map<String, Json>;

/// One change of an entry.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Its version.
    pub(crate) version: u64,
    /// Table.
    pub(crate) table: String,
    /// Record.
    pub(crate) record: String,
    /// `INSERT`, `UPDATE`, `DELETE`, `DDL`.
    pub(crate) operation: String,
    /// Values written.
    pub(crate) data: Image,
    /// The conflict that it settles.
    pub(crate) resolves: Option<String>,
}

/// One transaction.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Author.
    pub(crate) device: Uuid,
    /// First version.
    pub(crate) first: u64,
    /// Last version.
    pub(crate) last: u64,
    /// Hybrid logical clock.
    pub(crate) clock: u64,
    /// What its author had seen of others.
    pub(crate) context: BTreeMap<Uuid, u64>,
    /// Its changes.
    pub(crate) changes: Vec<Change>,
}

/// Names an entry: author, first version, hash.
pub(crate) type EntryId = (Uuid, u64, [u8; 32]);

/// All entries that were ever committed, by name.
#[derive(Default)]
pub(crate) struct Truth {
    entries: BTreeMap<EntryId, Arc<Entry>>,
    /// Those of which the client was told that they are durable.
    pub(crate) acknowledged: BTreeSet<EntryId>,
}

/// The entries that a device holds, in its order.
///
/// # Errors
/// Where the file can't be read.
pub(crate) fn held(eye: &Connection) -> rusqlite::Result<Vec<EntryId>> {
    let mut statement = eye.prepare_cached("SELECT device_id, first_version, hash FROM sync_transactions ORDER BY position")?;
    let rows = statement.query_map([], |row| Ok((Uuid::from_bytes(row.get(0)?), row.get(1)?, row.get(2)?)))?;
    rows.collect()
}

impl Truth {
    /// Reads what the device has written beyond what is known of it; with `acknowledged`, its clients were told.
    ///
    /// # Panics
    /// Where the file can't be read.
    pub(crate) fn note(&mut self, device: Uuid, eye: &Connection, acknowledged: bool) {
        let mut statement = eye
            .prepare_cached(
                "SELECT first_version, last_version, clock, hash FROM sync_transactions WHERE device_id = ?1 ORDER BY first_version",
            )
            .expect("the log is there");
        let rows: Vec<(u64, u64, u64, [u8; 32])> = statement
            .query_map([device.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .expect("the log can be read")
            .map(|row| row.expect("a transaction can be read"))
            .collect();
        for (first, last, clock, hash) in rows {
            let id = (device, first, hash);
            if acknowledged {
                self.acknowledged.insert(id);
            }
            self.entries.entry(id).or_insert_with(|| {
                let (context, changes) = (context(eye, device, first), changes(eye, device, first, last));
                Arc::new(Entry { device, first, last, clock, context, changes })
            });
        }
    }

    /// An entry by name.
    pub(crate) fn get(&self, id: &EntryId) -> Option<&Arc<Entry>> {
        self.entries.get(id)
    }

    /// What a device lost before anybody else had it is no longer owed.
    pub(crate) fn forget(&mut self, id: &EntryId) {
        self.acknowledged.remove(id);
    }
}

fn context(eye: &Connection, device: Uuid, first: u64) -> BTreeMap<Uuid, u64> {
    let sql = "SELECT context FROM sync_transactions WHERE device_id = ?1 AND first_version <= ?2 AND context IS NOT NULL
               ORDER BY first_version DESC LIMIT 1";
    let text: Option<String> =
        eye.prepare_cached(sql).and_then(|mut s| s.query_row(params![device.as_bytes(), first], |row| row.get(0))).ok();
    text.map(|text| serde_json::from_str(&text).expect("a context is JSON")).unwrap_or_default()
}

fn changes(eye: &Connection, device: Uuid, first: u64, last: u64) -> Vec<Change> {
    let sql = "SELECT version, table_name, record_id, operation, data, resolves FROM sync_log
               WHERE device_id = ?1 AND version BETWEEN ?2 AND ?3 ORDER BY version";
    let mut statement = eye.prepare_cached(sql).expect("the log is there");
    let image =
        |text: Option<String>| -> Image { text.map(|text| serde_json::from_str(&text).expect("an image is JSON")).unwrap_or_default() };
    let rows = statement.query_map(params![device.as_bytes(), first, last], |row| {
        Ok(Change {
            version: row.get(0)?,
            table: row.get(1)?,
            record: row.get(2)?,
            operation: row.get(3)?,
            data: image(row.get(4)?),
            resolves: row.get(5)?,
        })
    });
    rows.expect("the log can be read").map(|row| row.expect("a change can be read")).collect()
}
