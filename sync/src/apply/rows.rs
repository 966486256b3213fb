//! Rows into tables: the ready statements of each table, and values bound from the log's JSON.
//!
//! Enters: a change, or a merged row. Leaves: the table changed. The SQL text is made once per batch and table; SQLite's statements are cached by
//! the connection.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use rusqlite::{
    Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, Value, ValueRef},
};
use serde_json::Value as Json;

use super::{
    fault::Fault,
    references::{incoming, outgoing},
};
use crate::{
    log::{RowImage, key_values},
    schema::{Layout, Layouts, Schema},
    store::StoreError,
    value::{Storage, from_json, to_json},
};

/// A table with its statements.
pub(super) struct RowTable {
    pub(super) layout: Arc<Layout>,
    /// Positions of the columns by name.
    positions: HashMap<String, usize>,
    /// Inserts all logged columns, and the hidden key last.
    insert: String,
    delete: String,
    exists: String,
    /// `"a" = ? AND "b" = ?`
    condition: String,
    has_hidden_key: bool,
    /// Whether it has foreign keys.
    pub(super) refers: bool,
    /// The columns that foreign keys refer to.
    pub(super) referred: BTreeSet<String>,
}

/// A value on its way into SQLite; texts are not copied.
enum Bound<'a> {
    Text(&'a str),
    Owned(Value),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Bound::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Bound::Owned(value) => ToSqlOutput::Borrowed(value.into()),
        })
    }
}

fn bound(storage: Storage, json: &Json) -> Result<Bound<'_>, Fault> {
    match (storage, json) {
        (Storage::Text, Json::String(text)) => Ok(Bound::Text(text)),
        _ => Ok(Bound::Owned(from_json(storage, json)?)),
    }
}

/// A name in SQL.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl RowTable {
    /// The table that the log calls so; none where there is none, or it is not replicated.
    pub(super) fn find(schema: &Schema, layouts: &Layouts, log_name: &str) -> Option<RowTable> {
        let table = schema.table_by_log_name(log_name)?;
        let mut found = RowTable::of(layouts.get(table.physical.as_bytes())?);
        found.refers = !outgoing(schema, table).is_empty();
        found.referred = incoming(schema, &table.name).iter().flat_map(|reference| reference.referenced.iter().cloned()).collect();
        Some(found)
    }

    fn of(layout: &Arc<Layout>) -> RowTable {
        let name = |position: &usize| quote(&layout.columns[*position].physical);
        let table = quote(&layout.physical);
        let hidden: Vec<&usize> = layout.key.iter().filter(|position| !layout.columns[**position].logged).collect();
        let names: Vec<String> = layout.by_name.iter().chain(hidden.iter().copied()).map(name).collect();
        let condition = layout.key.iter().map(|position| format!("{} = ?", name(position))).collect::<Vec<_>>().join(" AND ");
        RowTable {
            positions: layout.by_name.iter().map(|position| (layout.columns[*position].name.clone(), *position)).collect(),
            insert: format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), vec!["?"; names.len()].join(", ")),
            delete: format!("DELETE FROM {table} WHERE {condition}"),
            exists: format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {condition})"),
            condition,
            has_hidden_key: !hidden.is_empty(),
            refers: false,
            referred: BTreeSet::new(),
            layout: Arc::clone(layout),
        }
    }

    /// The column's position; a fault where there is none.
    fn position(&self, column: &str) -> Result<usize, Fault> {
        let unknown = || Fault::Blocked(format!("table {} has no column {column}", self.layout.log_name));
        self.positions.get(column).copied().ok_or_else(unknown)
    }

    /// Whether it has the column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.positions.contains_key(column)
    }

    /// Puts a new row in. Columns that the image does not name hold what rows hold that are older than they.
    pub(super) fn insert(&self, connection: &Connection, record_id: &str, data: &RowImage) -> Result<usize, Fault> {
        let layout = &self.layout;
        let mut values = Vec::with_capacity(data.len() + 1);
        let whole = data.len() == layout.by_name.len();
        if whole {
            for position in &layout.by_name {
                let column = &layout.columns[*position];
                let Some(json) = data.get(&column.name) else { break };
                values.push(bound(column.storage, json)?);
            }
        }
        if whole && values.len() == layout.by_name.len() {
            self.push_hidden_key(record_id, &mut values)?;
            return Ok(connection.prepare_cached(&self.insert)?.execute(params_from_iter(values))?);
        }
        values.clear();
        let mut names = Vec::with_capacity(data.len() + 1);
        for (column, json) in data {
            let column = &layout.columns[self.position(column)?];
            names.push(quote(&column.physical));
            values.push(bound(column.storage, json)?);
        }
        if self.has_hidden_key {
            names.extend(layout.key.iter().map(|position| quote(&layout.columns[*position].physical)));
            self.push_hidden_key(record_id, &mut values)?;
        }
        let mut places = vec!["?".to_owned(); names.len()];
        // The author did not know these columns: its row is as those that were there before them.
        for column in layout.columns.iter().filter(|column| column.logged && !data.contains_key(&column.name)) {
            if let Some(missing) = &column.missing {
                names.push(quote(&column.physical));
                places.push(format!("({missing})"));
            }
        }
        let sql = format!("INSERT INTO {} ({}) VALUES ({})", quote(&layout.physical), names.join(", "), places.join(", "));
        Ok(connection.prepare_cached(&sql)?.execute(params_from_iter(values))?)
    }

    fn push_hidden_key(&self, record_id: &str, values: &mut Vec<Bound<'_>>) -> Result<(), Fault> {
        if self.has_hidden_key {
            values.extend(key_values(&self.layout, record_id)?.into_iter().map(Bound::Owned));
        }
        Ok(())
    }

    /// Changes columns of a row; answers how many rows there were.
    pub(super) fn update(&self, connection: &Connection, record_id: &str, data: &RowImage) -> Result<usize, Fault> {
        let mut parts = Vec::with_capacity(data.len());
        let mut values = Vec::with_capacity(data.len() + self.layout.key.len());
        for (column, json) in data {
            let position = self.position(column)?;
            if self.layout.key.contains(&position) {
                continue;
            }
            let column = &self.layout.columns[position];
            parts.push(format!("{} = ?", quote(&column.physical)));
            values.push(bound(column.storage, json)?);
        }
        if parts.is_empty() {
            return Ok(usize::from(self.exists(connection, record_id)?));
        }
        values.extend(key_values(&self.layout, record_id)?.into_iter().map(Bound::Owned));
        let sql = format!("UPDATE {} SET {} WHERE {}", quote(&self.layout.physical), parts.join(", "), self.condition);
        Ok(connection.prepare_cached(&sql)?.execute(params_from_iter(values))?)
    }

    /// Gives the columns that the image does not name what rows hold that are older than they: another life of the row may have filled them.
    pub(super) fn forget(&self, connection: &Connection, record_id: &str, data: &RowImage) -> Result<(), Fault> {
        let untold = |position: &usize| {
            let column = &self.layout.columns[*position];
            column.logged && !data.contains_key(&column.name) && !self.layout.key.contains(position)
        };
        let columns = (0..self.layout.columns.len()).filter(untold).map(|position| &self.layout.columns[position]);
        let parts: Vec<String> =
            columns.map(|column| format!("{} = ({})", quote(&column.physical), column.missing.as_deref().unwrap_or("NULL"))).collect();
        if !parts.is_empty() {
            let sql = format!("UPDATE {} SET {} WHERE {}", quote(&self.layout.physical), parts.join(", "), self.condition);
            connection.prepare_cached(&sql)?.execute(params_from_iter(key_values(&self.layout, record_id)?))?;
        }
        Ok(())
    }

    /// Removes a row.
    pub(super) fn delete(&self, connection: &Connection, record_id: &str) -> Result<usize, Fault> {
        Ok(connection.prepare_cached(&self.delete)?.execute(params_from_iter(key_values(&self.layout, record_id)?))?)
    }

    /// Whether there is such a row.
    pub(super) fn exists(&self, connection: &Connection, record_id: &str) -> Result<bool, Fault> {
        let key = key_values(&self.layout, record_id)?;
        Ok(connection.prepare_cached(&self.exists)?.query_row(params_from_iter(key), |row| row.get(0))?)
    }
}

/// A row as it is in its table, in the log's forms.
pub(crate) fn current_row(connection: &Connection, layout: &Layout, record_id: &str) -> Result<Option<RowImage>, StoreError> {
    let names: Vec<String> = layout.by_name.iter().map(|position| quote(&layout.columns[*position].physical)).collect();
    let condition: Vec<String> = layout.key.iter().map(|position| format!("{} = ?", quote(&layout.columns[*position].physical))).collect();
    let names = if names.is_empty() { "1".to_owned() } else { names.join(", ") };
    let sql = format!("SELECT {names} FROM {} WHERE {}", quote(&layout.physical), condition.join(" AND "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(key_values(layout, record_id)?))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let mut image = RowImage::new();
    for (index, position) in layout.by_name.iter().enumerate() {
        let column = &layout.columns[*position];
        let json = to_json(column.storage, row.get_ref(index)?).map_err(|e| StoreError::Corrupt(e.to_string()))?;
        image.insert(column.name.clone(), json);
    }
    Ok(Some(image))
}
