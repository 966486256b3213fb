//! Foreign keys between rows that came from different devices.
//!
//! Enters: rows that came or went. Leaves: which of them lack a parent, which are still referred to, and who refers to them. Foreign keys sleep
//! while peers' changes are applied, since cascades came along as changes; here they are looked at once all is in its place.

use rusqlite::{Connection, OptionalExtension, params_from_iter, types::Value};
use serde_json::Value as Json;

use super::{fault::Fault, rows::quote};
use crate::{
    log::{RowImage, key_values, record_id},
    schema::{ConstraintRule, Layout, Layouts, QualifiedName, Schema, Table},
    value::from_json,
};

/// One foreign key.
pub(super) struct Reference<'a> {
    pub(super) child: &'a Table,
    pub(super) parent: &'a Table,
    columns: &'a [String],
    pub(super) referenced: &'a [String],
}

/// The foreign keys of a table.
pub(super) fn outgoing<'a>(schema: &'a Schema, table: &'a Table) -> Vec<Reference<'a>> {
    let reference = |rule: &'a ConstraintRule| match rule {
        ConstraintRule::ForeignKey { columns, references, referenced_columns, .. } => {
            let parent = schema.table(references).filter(|parent| parent.replicated)?;
            Some(Reference { child: table, parent, columns, referenced: referenced_columns })
        }
        _ => None,
    };
    table.constraints.iter().filter_map(|constraint| reference(&constraint.rule)).collect()
}

/// The foreign keys that refer to a table.
pub(super) fn incoming<'a>(schema: &'a Schema, parent: &QualifiedName) -> Vec<Reference<'a>> {
    schema
        .tables()
        .filter(|table| table.replicated)
        .flat_map(|table| outgoing(schema, table))
        .filter(|r| r.parent.name == *parent)
        .collect()
}

fn physical(table: &Table, name: &str) -> String {
    quote(table.columns.iter().find(|column| column.name == name).map_or(name, |column| &column.physical))
}

impl Reference<'_> {
    /// The key that the child's row refers to, where no parent has it.
    pub(super) fn missing(&self, connection: &Connection, layout: &Layout, record: &str) -> Result<Option<Vec<Value>>, Fault> {
        let columns: Vec<String> = self.columns.iter().map(|name| format!("c.{}", physical(self.child, name))).collect();
        let known: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
        let pairs: Vec<String> =
            self.referenced.iter().zip(&columns).map(|(name, column)| format!("p.{} = {column}", physical(self.parent, name))).collect();
        let key: Vec<String> = layout.key.iter().map(|position| format!("c.{} = ?", quote(&layout.columns[*position].physical))).collect();
        let sql = format!(
            "SELECT {} FROM {} AS c WHERE {} AND {} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})",
            columns.join(", "),
            quote(&self.child.physical),
            key.join(" AND "),
            known.join(" AND "),
            quote(&self.parent.physical),
            pairs.join(" AND ")
        );
        let read = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|column| row.get(column)).collect::<rusqlite::Result<Vec<Value>>>();
        Ok(connection.prepare_cached(&sql)?.query_row(params_from_iter(key_values(layout, record)?), read).optional()?)
    }

    /// The children that refer to a key which no parent has; `row` is the parent's row that had it. At most `limit`, by key.
    pub(super) fn left_behind(&self, connection: &Connection, layout: &Layout, row: &RowImage, limit: i64) -> Result<Vec<String>, Fault> {
        let Some(values) = self.values(row)? else { return Ok(Vec::new()) };
        let wanted: Vec<String> = self.columns.iter().zip(1..).map(|(name, n)| format!("{} = ?{n}", physical(self.child, name))).collect();
        let had: Vec<String> = self.referenced.iter().zip(1..).map(|(name, n)| format!("{} = ?{n}", physical(self.parent, name))).collect();
        let key: Vec<String> = layout.key.iter().map(|position| quote(&layout.columns[*position].physical)).collect();
        let sql = format!(
            "SELECT {key} FROM {} WHERE {} AND NOT EXISTS (SELECT 1 FROM {} WHERE {}) ORDER BY {key} LIMIT {limit}",
            quote(&self.child.physical),
            wanted.join(" AND "),
            quote(&self.parent.physical),
            had.join(" AND "),
            key = key.join(", "),
        );
        self.records(connection, layout, &sql, values)
    }

    /// The first child, by key, that refers to the parent's row.
    pub(super) fn first_child(&self, connection: &Connection, layout: &Layout, row: &RowImage) -> Result<Option<String>, Fault> {
        let Some(values) = self.values(row)? else { return Ok(None) };
        let wanted: Vec<String> = self.columns.iter().zip(1..).map(|(name, n)| format!("{} = ?{n}", physical(self.child, name))).collect();
        let key: Vec<String> = layout.key.iter().map(|position| quote(&layout.columns[*position].physical)).collect();
        let key = key.join(", ");
        let sql = format!("SELECT {key} FROM {} WHERE {} ORDER BY {key} LIMIT 1", quote(&self.child.physical), wanted.join(" AND "));
        Ok(self.records(connection, layout, &sql, values)?.pop())
    }

    fn records(&self, connection: &Connection, layout: &Layout, sql: &str, values: Vec<Value>) -> Result<Vec<String>, Fault> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let key = (0..layout.key.len()).map(|part| row.get_ref(part)).collect::<rusqlite::Result<Vec<_>>>()?;
            records.push(record_id(layout, &key)?);
        }
        Ok(records)
    }

    /// The referenced values of a parent's row; none where one is NULL or not known.
    fn values(&self, row: &RowImage) -> Result<Option<Vec<Value>>, Fault> {
        let mut values = Vec::with_capacity(self.referenced.len());
        for name in self.referenced {
            let column = self.parent.columns.iter().find(|column| column.name == *name);
            let (Some(column), Some(json)) = (column, row.get(name)) else { return Ok(None) };
            if *json == Json::Null {
                return Ok(None);
            }
            values.push(from_json(column.storage, json)?);
        }
        Ok(Some(values))
    }

    /// The records of the parent's table that had a key and were deleted.
    pub(super) fn deleted_parents(&self, connection: &Connection, layouts: &Layouts, wanted: &[Value]) -> Result<Vec<String>, Fault> {
        let Some(layout) = layouts.get(self.parent.physical.as_bytes()) else { return Ok(Vec::new()) };
        if layout.key.iter().map(|position| &layout.columns[*position].name).eq(self.referenced) {
            let key: Vec<_> = wanted.iter().map(Into::into).collect();
            return Ok(vec![record_id(layout, &key)?]);
        }
        let mut statement = connection
            .prepare_cached("SELECT record_id, old_data FROM sync_log WHERE table_name = ?1 AND operation = 'DELETE' ORDER BY record_id")?;
        let mut rows = statement.query([&layout.log_name])?;
        let mut records: Vec<String> = Vec::new();
        while let Some(row) = rows.next()? {
            let (record, old): (String, Option<String>) = (row.get(0)?, row.get(1)?);
            let old: RowImage = old.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            if self.values(&old).ok().flatten().is_some_and(|values| values == wanted) && records.last() != Some(&record) {
                records.push(record);
            }
        }
        Ok(records)
    }
}
