//! The replay: all transactions of the log, applied to a fresh database, must give the tables as they are.
//!
//! Enters: a snapshot with a scratch database attached to it. Leaves: faults by table and record. The scratch database is another device,
//! to which every transaction comes from a peer: so the merged state is made anew from the log alone, by the same pure functions.

use std::sync::Arc;

use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::{super::replica::Replica, LogReport};
use crate::{
    apply,
    conflicts::Strategies,
    log::{PageLimit, page_after},
    manager::ReplicaError,
    schema::{Layout, Layouts, Schema},
    store::{Database, SCRATCH, StoreError},
};

/// Faults of one table beyond these are not listed.
const MAX_ROWS: usize = 5;

/// A database to replay into, in a directory that goes away with it.
pub(super) struct Scratch {
    database: Arc<Database>,
    /// Declared last: the files go after they were closed.
    _home: TempDir,
}

impl Scratch {
    /// Beside the data directory's own files: what is as large as they are has its place there.
    pub(super) fn make(replica: &Replica) -> Result<Scratch, ReplicaError> {
        let directory = replica.node().directory();
        let failed = |source| StoreError::Io { path: directory.to_owned(), source };
        let home = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(directory).map_err(failed)?;
        Ok(Scratch { database: replica.node().scratch(home.path())?, _home: home })
    }

    /// Makes it readable as `scratch`.
    pub(super) fn attach(&self, reader: &Connection) -> Result<(), ReplicaError> {
        let path = self.database.path().to_str().ok_or_else(|| StoreError::Corrupt("the path is not UTF-8".to_owned()))?;
        reader.execute("ATTACH ?1 AS scratch", [path])?;
        Ok(())
    }

    /// Replays the log and compares.
    pub(super) fn replay(&self, reader: &Connection, schema: &Schema, report: &mut LogReport) -> Result<(), ReplicaError> {
        let mut position = 0;
        loop {
            let page = page_after(reader, position, i64::MAX - 1, PageLimit::default())?;
            let applied = apply::apply(&self.database, page.transactions, &Strategies::default())?;
            if !applied.missing.0.is_empty() || !applied.forked.is_empty() {
                report.fault(format!("the transactions after position {position} can't be applied in their order"));
                return Ok(());
            }
            position = page.position;
            if !page.more {
                break;
            }
        }
        report.replayed = true;
        self.compare_objects(schema, report);
        let layouts = Layouts::load(reader, schema)?;
        for table in schema.tables().filter(|table| table.replicated) {
            let made = self.database.schema().table(&table.name).is_some_and(|made| made == table);
            if let (true, Some(layout)) = (made, layouts.get(table.physical.as_bytes())) {
                compare_table(reader, layout, report)?;
            }
        }
        Ok(())
    }

    /// Every object that the log makes is here as the log makes it, and every replicated table here is made by the log.
    fn compare_objects(&self, schema: &Schema, report: &mut LogReport) {
        let made = self.database.schema();
        for object in made.objects.values() {
            let name = object.name();
            match schema.get(object.class(), &name) {
                None => report.fault(format!("{} {name}: the log makes it, but it is not here", object.class().noun())),
                Some(held) if held == object => {}
                Some(_) => report.fault(format!("{} {name}: it is not as the log makes it", object.class().noun())),
            }
        }
        for table in schema.tables().filter(|table| table.replicated && made.table(&table.name).is_none()) {
            report.fault(format!("table {}: it is here, but the log does not make it", table.name));
        }
    }
}

/// Compares a table row by row. Values are compared as SQLite writes them, so that no collation makes two spellings equal.
fn compare_table(reader: &Connection, layout: &Layout, report: &mut LogReport) -> Result<(), ReplicaError> {
    let name = quote(&layout.physical);
    let key: Vec<String> = layout.key.iter().map(|position| quote(&layout.columns[*position].physical)).collect();
    let joined = key.iter().map(|column| format!("a.{column} = b.{column}")).collect::<Vec<_>>().join(" AND ");
    let columns = layout.columns.iter().map(|column| quote(&column.physical));
    let differs = columns.map(|column| format!("quote(a.{column}) IS NOT quote(b.{column})")).collect::<Vec<_>>().join(" OR ");
    let shown = key.iter().map(|column| format!("quote(a.{column})")).collect::<Vec<_>>().join(" || ', ' || ");
    let absent = |from: &str, other: &str| {
        format!("SELECT {shown} FROM {from}.{name} AS a WHERE NOT EXISTS (SELECT 1 FROM {other}.{name} AS b WHERE {joined})")
    };
    let different = format!("SELECT {shown} FROM main.{name} AS a JOIN scratch.{name} AS b ON {joined} WHERE {differs}");
    let checks = [
        (absent("main", "scratch"), "the log knows nothing of it"),
        (absent("scratch", "main"), "the log has it, but it is missing"),
        (different, "it is not what the log says"),
    ];
    for (sql, words) in checks {
        let mut statement = reader.prepare(&format!("{sql} LIMIT ?1"))?;
        let mut rows = statement.query(params![MAX_ROWS])?;
        while let Some(row) = rows.next()? {
            report.fault(format!("table {}, row {}: {words}", layout.log_name, row.get::<_, String>(0)?));
        }
    }
    report.tables += 1;
    report.rows += reader.query_row(&format!("SELECT count(*) FROM main.{name}"), [], |row| row.get::<_, u64>(0))?;
    Ok(())
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
