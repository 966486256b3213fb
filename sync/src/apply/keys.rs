//! Unique keys of a table: which row has the key that another one wants, and who claimed it first.
//!
//! Enters: a table's unique indexes and a row that is not in the table. Leaves: the rows that are in its way. What is equal is SQLite's to
//! say: the index's own expressions are computed over the row that waits, and looked for.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{fault::Fault, rows::quote};
use crate::{
    log::{RowImage, record_id},
    merge::{Merged, Rank},
    schema::{Index, IndexKey, Layout, Object, Schema, Table},
    value::from_json,
};

/// A table's unique keys.
pub(super) struct Keys<'a> {
    table: &'a Table,
    layout: &'a Layout,
    indexes: Vec<&'a Index>,
}

impl<'a> Keys<'a> {
    pub(super) fn of(schema: &'a Schema, table: &'a Table, layout: &'a Layout) -> Keys<'a> {
        let of_table = |object: &'a Object| match object {
            Object::Index(index) if index.unique && index.table == table.name && !index.physical.is_empty() => Some(index),
            _ => None,
        };
        Keys { table, layout, indexes: schema.objects.values().filter_map(|object| of_table(object)).collect() }
    }

    /// One of them.
    pub(super) fn only(table: &'a Table, layout: &'a Layout, index: &'a Index) -> Keys<'a> {
        Keys { table, layout, indexes: vec![index] }
    }

    /// The rows that share a key of an index that is not there.
    pub(super) fn shared(&self, connection: &Connection, index: &Index) -> Result<Vec<String>, Fault> {
        let keys: Vec<String> = index.keys.iter().map(|key| self.collated(key)).collect();
        let mut conditions: Vec<String> = index.predicate.iter().map(|predicate| format!("({})", predicate.sqlite)).collect();
        if !index.nulls_not_distinct {
            conditions.extend(index.keys.iter().map(|key| format!("{} IS NOT NULL", self.expression(key))));
        }
        let condition = if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
        let id: Vec<String> = self.layout.key.iter().map(|position| quote(&self.layout.columns[*position].physical)).collect();
        let named: Vec<String> = id.iter().zip(0..).map(|(column, n)| format!("{column} AS k{n}")).collect();
        let names: Vec<String> = (0..id.len()).map(|n| format!("k{n}")).collect();
        let sql = format!(
            "SELECT {} FROM (SELECT {}, count(*) OVER (PARTITION BY {}) AS n FROM {} WHERE {condition}) WHERE n > 1",
            names.join(", "),
            named.join(", "),
            keys.join(", "),
            quote(&self.layout.physical),
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let key = (0..id.len()).map(|part| row.get_ref(part)).collect::<rusqlite::Result<Vec<_>>>()?;
            records.push(record_id(self.layout, &key)?);
        }
        Ok(records)
    }

    /// A key's expression with the equality of its type.
    fn collated(&self, key: &IndexKey) -> String {
        let column = key.column.as_ref().and_then(|name| self.table.columns.iter().find(|column| column.name == *name));
        let collation = column.and_then(|column| column.collation.as_ref());
        collation.map_or_else(|| self.expression(key), |collation| format!("{} COLLATE {}", self.expression(key), quote(collation)))
    }

    /// When a row came by its keys: the latest of the writes that gave it a column of one.
    pub(super) fn claim(&self, merged: &Merged) -> Rank {
        let of_a_key = |column: &str| {
            self.indexes.iter().any(|index| {
                let in_text = |text: &str| text.contains(column);
                index
                    .keys
                    .iter()
                    .any(|key| key.column.as_deref() == Some(column) || key.expression.as_ref().is_some_and(|e| in_text(&e.text)))
                    || index.predicate.as_ref().is_some_and(|predicate| in_text(&predicate.text))
            })
        };
        let ranks = merged.ranks.iter().filter(|(column, _)| !column.is_empty() && of_a_key(column)).map(|(_, rank)| *rank);
        ranks.max().or_else(|| merged.ranks.get("").copied()).unwrap_or_default()
    }

    /// The rows that have a key of the row given, and the columns of that key.
    pub(super) fn holders(&self, connection: &Connection, row: &RowImage) -> Result<Vec<(String, Vec<String>)>, Fault> {
        let mut holders: Vec<(String, Vec<String>)> = Vec::new();
        for index in &self.indexes {
            let Some(values) = self.values(connection, index, row)? else { continue };
            for holder in self.with_values(connection, index, values)? {
                if !holders.iter().any(|(known, _)| *known == holder) {
                    holders.push((holder, index.keys.iter().filter_map(|key| key.column.clone()).collect()));
                }
            }
        }
        Ok(holders)
    }

    fn expression(&self, key: &IndexKey) -> String {
        let column = key.column.as_ref().and_then(|name| self.table.columns.iter().find(|column| column.name == *name));
        match (column, &key.expression) {
            (Some(column), _) => quote(&column.physical),
            (None, Some(expression)) => format!("({})", expression.sqlite),
            (None, None) => "NULL".to_owned(),
        }
    }

    /// The key's values of a row that is not in the table; none where it has none.
    fn values(&self, connection: &Connection, index: &Index, row: &RowImage) -> Result<Option<Vec<Value>>, Fault> {
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for position in &self.layout.by_name {
            let column = &self.layout.columns[*position];
            columns.push(format!("? AS {}", quote(&column.physical)));
            values.push(row.get(&column.name).map_or(Ok(Value::Null), |json| from_json(column.storage, json))?);
        }
        let keys: Vec<String> = index.keys.iter().map(|key| self.expression(key)).collect();
        let predicate = index.predicate.as_ref().map_or("TRUE", |predicate| predicate.sqlite.as_str());
        let sql = format!("SELECT {} FROM (SELECT {}) WHERE {predicate}", keys.join(", "), columns.join(", "));
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let values: Vec<Value> = (0..keys.len()).map(|key| row.get(key)).collect::<rusqlite::Result<_>>()?;
        let unknown = values.contains(&Value::Null) && !index.nulls_not_distinct;
        Ok((!unknown).then_some(values))
    }

    fn with_values(&self, connection: &Connection, index: &Index, values: Vec<Value>) -> Result<Vec<String>, Fault> {
        let mut conditions: Vec<String> = index.keys.iter().map(|key| format!("{} IS ?", self.expression(key))).collect();
        conditions.extend(index.predicate.as_ref().map(|predicate| format!("({})", predicate.sqlite)));
        let key: Vec<String> = self.layout.key.iter().map(|position| quote(&self.layout.columns[*position].physical)).collect();
        let sql = format!("SELECT {} FROM {} WHERE {}", key.join(", "), quote(&self.layout.physical), conditions.join(" AND "));
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut holders = Vec::new();
        while let Some(row) = rows.next()? {
            let key = (0..self.layout.key.len()).map(|part| row.get_ref(part)).collect::<rusqlite::Result<Vec<_>>>()?;
            holders.push(record_id(self.layout, &key)?);
        }
        Ok(holders)
    }
}
