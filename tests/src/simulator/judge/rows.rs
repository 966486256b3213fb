//! Rows: what each table shows against what the records' writes say.
//!
//! Enters: a file and the entries that count. Leaves: nothing, or what is wrong. A row that does not show although its writes say so, or the other way
//! round, must be explained by an open conflict that holds it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{Connection, types::ValueRef};
use serde_json::Value as Json;

use super::{
    super::{
        schema::TableSpec,
        truth::{Entry, Image},
    },
    conflicts::Standing,
    merge::{Expected, Write, expected},
    place, text,
};

/// Table and record.
pub(crate) type Record = (String, String);

/// The rows that show, by record.
pub(crate) struct Shown(pub(crate) BTreeMap<Record, Image>);

impl Shown {
    /// A line for each row.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.iter().map(|((table, record), row)| format!("{table} {record} {}", bare(row))).collect()
    }
}

/// A row as text, without what is NULL: a column that was added later is NULL in rows written before.
pub(crate) fn bare(row: &Image) -> String {
    let cells: BTreeMap<&String, &Json> = row.iter().filter(|(_, value)| !value.is_null()).collect();
    cells.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
}

/// Reads the tables that are there.
pub(crate) fn read(eye: &Connection, tables: &[TableSpec]) -> Result<Shown, String> {
    let mut shown = BTreeMap::new();
    for table in tables {
        let exists: bool = eye
            .query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)", [&table.name], |row| row.get(0))
            .map_err(|e| e.to_string())?;
        if exists {
            read_table(eye, table, &mut shown).map_err(|e| e.to_string())?;
        }
    }
    Ok(Shown(shown))
}

fn read_table(eye: &Connection, table: &TableSpec, shown: &mut BTreeMap<Record, Image>) -> rusqlite::Result<()> {
    let mut statement = eye.prepare(&format!("SELECT * FROM \"{}\"", table.name))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (mut image, mut hidden) = (Image::new(), String::new());
        for (index, name) in names.iter().enumerate() {
            let value = match row.get_ref(index)? {
                ValueRef::Null => Json::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
                ValueRef::Blob(bytes) => {
                    hidden = uuid::Uuid::from_slice(bytes).unwrap_or_default().to_string();
                    continue;
                }
                ValueRef::Real(number) => number.to_string().into(),
            };
            image.insert(name.clone(), value);
        }
        let record = record_of(table, &image, hidden);
        shown.insert((table.name.clone(), record), image);
    }
    Ok(())
}

/// A record's name: its key as text; several parts as a JSON array.
fn record_of(table: &TableSpec, row: &Image, hidden: String) -> String {
    match table.key.as_slice() {
        [] => hidden,
        [one] => row[one].as_str().map_or_else(|| row[one].to_string(), str::to_owned),
        several => Json::Array(several.iter().map(|name| row[name].clone()).collect()).to_string(),
    }
}

/// What each record must be; those with changes that wait are nobody's to judge.
pub(crate) fn records(applied: &[&Arc<Entry>], waiting: &BTreeSet<Record>) -> BTreeMap<Record, Expected> {
    let mut writes: BTreeMap<Record, Vec<Write>> = BTreeMap::new();
    for entry in applied {
        for (index, change) in entry.changes.iter().enumerate() {
            let of_user = !change.table.is_empty() && !change.table.starts_with("peergres.");
            let record = (change.table.clone(), change.record.clone());
            if of_user && !waiting.contains(&record) {
                writes.entry(record).or_default().push(Write::new(entry, index));
            }
        }
    }
    writes.into_iter().map(|(record, writes)| (record, expected(&writes))).collect()
}

/// Compares.
pub(crate) fn check(records: &BTreeMap<Record, Expected>, shown: &Shown, standing: &Standing, tables: &[TableSpec]) -> Result<(), String> {
    for (record, expected) in records {
        let is = shown.0.get(record);
        let must = expected.row.as_ref();
        let name = format!("{} {}", record.0, record.1);
        if is.map(bare) != must.map(bare) {
            let told =
                || format!("{name} shows {:?}, its writes say {:?}\n{}\n   ", is.map(bare), must.map(bare), expected.writes.join("\n"));
            match (is, must) {
                (None, Some(row)) => {
                    place::set_aside(record, row, expected, records, shown, standing, tables).map_err(|e| format!("{}: {e}", told()))?
                }
                (Some(row), None) => place::came_back(record, row, shown, standing, tables).map_err(|e| format!("{}: {e}", told()))?,
                _ => standing.explains(record, &["check"]).then_some(()).ok_or_else(told)?,
            }
        }
        nothing_is_lost(&name, record, expected, is, standing)?;
    }
    Ok(())
}

/// Every value that nobody replaced shows, or is kept in a conflict of its record.
fn nothing_is_lost(name: &str, record: &Record, expected: &Expected, is: Option<&Image>, standing: &Standing) -> Result<(), String> {
    for ((device, version), column, value) in &expected.owed {
        let seen = match column {
            Some(column) => is.is_some_and(|row| row.get(column).unwrap_or(&Json::Null) == value) || standing.keeps(record, column, value),
            None => is.is_none() || standing.keeps_deletion(record),
        };
        if !seen {
            let column = column.as_deref().unwrap_or("(deleted)");
            let writes = expected.writes.join("\n");
            let shows = is.map(bare);
            return Err(format!(
                "{name}: {column} = {} by version {version} of {device} is neither shown nor kept; {shows:?}\n{writes}",
                text(value)
            ));
        }
    }
    Ok(())
}
