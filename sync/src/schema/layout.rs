//! Where a replicated table's columns lie in SQLite, in SQLite's order, and which of them are the key: what capture needs to read a row.
//!
//! Enters: the schema and SQLite's own table of columns. Leaves: a [`Layout`] per replicated table, by its name in SQLite.

use std::{collections::HashMap, sync::Arc};

use rusqlite::Connection;

use super::{ConstraintRule, HIDDEN_KEY, Schema, Table};
use crate::{store::StoreError, value::Storage};

/// A replicated table as capture sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Name in the log: `schema.name`, the schema left out where it is `public`.
    pub log_name: String,
    /// Name in SQLite.
    pub physical: String,
    /// The columns in SQLite's order.
    pub columns: Vec<LayoutColumn>,
    /// Positions of the key's columns, in the key's order.
    pub key: Vec<usize>,
    /// Positions of the logged columns in the order of their names, in which the log writes them.
    pub by_name: Vec<usize>,
}

/// A column of a [`Layout`].
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutColumn {
    /// Name in the log; the hidden key has its name in SQLite.
    pub name: String,
    /// Name in SQLite.
    pub physical: String,
    /// How its values lie.
    pub storage: Storage,
    /// False for the hidden key, which is the record's id, and for what SQLite computes itself.
    pub logged: bool,
    /// What rows hold that are older than it, ready for SQLite.
    pub missing: Option<String>,
    /// Its name as a JSON string with a colon.
    pub(crate) label: String,
}

/// The layouts of all replicated tables, by name in SQLite.
#[derive(Clone, Debug, Default)]
pub struct Layouts(HashMap<Arc<[u8]>, Arc<Layout>>);

impl Layouts {
    /// Reads the layouts of all replicated tables.
    pub fn load(connection: &Connection, schema: &Schema) -> Result<Layouts, StoreError> {
        let mut layouts = Layouts::default();
        for table in schema.tables() {
            layouts.refresh(connection, table)?;
        }
        Ok(layouts)
    }

    /// Reads one table's layout anew.
    pub fn refresh(&mut self, connection: &Connection, table: &Table) -> Result<(), StoreError> {
        if table.replicated {
            self.0.insert(Arc::from(table.physical.as_bytes()), Arc::new(read(connection, table)?));
        } else {
            self.remove(&table.physical);
        }
        Ok(())
    }

    /// Forgets a table.
    pub fn remove(&mut self, physical: &str) {
        self.0.remove(physical.as_bytes());
    }

    /// A table's layout, none where it is not replicated.
    pub fn get(&self, physical: &[u8]) -> Option<&Arc<Layout>> {
        self.0.get(physical)
    }
}

fn read(connection: &Connection, table: &Table) -> Result<Layout, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT name, hidden <> 0 FROM pragma_table_xinfo(?1) WHERE hidden IN (0, 2, 3) ORDER BY cid")?;
    let physical: Vec<(String, bool)> =
        statement.query_map([&table.physical], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let missing = |what: &str| StoreError::Corrupt(format!("table {}: {what}", table.name));
    let columns = physical
        .into_iter()
        .map(|(physical, computed)| match table.columns.iter().find(|column| column.physical == physical) {
            Some(column) => {
                Ok(LayoutColumn { missing: column.missing.clone(), ..layout_column(&column.name, physical, column.storage, !computed) })
            }
            None if table.hidden_key && physical == HIDDEN_KEY => Ok(layout_column(HIDDEN_KEY, physical, Storage::Uuid, false)),
            None => Err(missing(&format!("the catalog does not know column {physical}"))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(column) = table.columns.iter().find(|column| !columns.iter().any(|c| c.physical == column.physical)) {
        return Err(missing(&format!("SQLite does not know column {}", column.physical)));
    }
    let position = |name: &str| columns.iter().position(|c| c.name == name).ok_or_else(|| missing(&format!("no key column {name}")));
    let key = if table.hidden_key {
        vec![position(HIDDEN_KEY)?]
    } else {
        let key = table.constraints.iter().find_map(|constraint| match &constraint.rule {
            ConstraintRule::PrimaryKey { columns } => Some(columns),
            _ => None,
        });
        key.ok_or_else(|| missing("neither a primary key nor a hidden one"))?.iter().map(|name| position(name)).collect::<Result<_, _>>()?
    };
    let mut by_name: Vec<usize> = (0..columns.len()).filter(|position| columns[*position].logged).collect();
    by_name.sort_by(|a, b| columns[*a].name.cmp(&columns[*b].name));
    Ok(Layout { log_name: table.name.to_string(), physical: table.physical.clone(), columns, key, by_name })
}

fn layout_column(name: &str, physical: String, storage: Storage, logged: bool) -> LayoutColumn {
    let label = format!("{}:", serde_json::Value::from(name));
    LayoutColumn { name: name.to_owned(), physical, storage, logged, missing: None, label }
}
