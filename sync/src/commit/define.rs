//! Schema changes inside a transaction.
//!
//! Enters: a [`SchemaChange`]. Leaves: SQLite's tables, `peergres_objects`, the transaction's schema and layouts, all changed alike.

use std::sync::Arc;

use rusqlite::Connection;

use super::Transaction;
use crate::{
    log::SchemaChange,
    schema::{Object, ObjectClass, QualifiedName, Schema},
    store::StoreError,
};

impl Transaction {
    /// Whether the change travels: in the replicated database everything but temporary objects, tables that are not replicated, and
    /// what belongs to them.
    pub(super) fn is_replicated(&self, change: &SchemaChange) -> bool {
        if !self.database.is_replicated() {
            return false;
        }
        let put = change.objects.iter().any(|object| travels(object, &self.schema, &change.objects));
        let removed = |(class, name)| self.schema.get(class, name).is_some_and(|object| travels(object, &self.schema, &[]));
        put || change.removed.iter().any(|(class, name)| removed((*class, name)))
    }

    pub(super) fn change_schema(&mut self, change: &SchemaChange) -> Result<Vec<u32>, StoreError> {
        self.without_capture(|transaction| run_all(transaction.connection(), &change.sqlite))?;
        let mut schema = Schema::clone(&self.schema);
        let oids = schema.change(self.connection(), &change.objects, &change.removed)?;
        let mut layouts = Arc::clone(&self.layouts);
        if self.database.is_replicated() {
            let layouts = Arc::make_mut(&mut layouts);
            for (class, name) in &change.removed {
                if let Some(Object::Table(table)) = self.schema.get(*class, name).map(Arc::as_ref) {
                    layouts.remove(&table.physical);
                }
            }
            for object in &change.objects {
                if let Object::Table(table) = object
                    && !object.is_temporary()
                {
                    layouts.refresh(self.connection(), table)?;
                }
            }
        }
        if self.database.is_replicated() {
            self.tell_renamed(&schema, &change.removed)?;
        }
        self.schema = Arc::new(schema);
        self.layouts = Arc::clone(&layouts);
        self.writer().capture.lock().set_layouts(layouts);
        Ok(oids)
    }
}

impl Transaction {
    /// What is told of the records of a table follows its name.
    fn tell_renamed(&self, now: &Schema, removed: &[(ObjectClass, QualifiedName)]) -> Result<(), StoreError> {
        for (class, name) in removed.iter().filter(|(class, _)| *class == ObjectClass::Relation) {
            let renamed = self.schema.oid(*class, name).and_then(|oid| now.objects.get(&oid)).filter(|object| object.name() != *name);
            if let Some(Object::Table(table)) = renamed.map(Arc::as_ref) {
                crate::conflicts::renamed(self.connection(), &name.to_string(), &table.name.to_string())?;
            }
        }
        Ok(())
    }
}

fn run_all(connection: &Connection, sqlite: &[String]) -> Result<(), StoreError> {
    sqlite.iter().try_for_each(|statement| Ok(connection.execute_batch(statement)?))
}

/// Whether an object travels; an index goes with its table, and so does a sequence that a column owns.
fn travels(object: &Object, schema: &Schema, together: &[Object]) -> bool {
    if object.is_temporary() {
        return false;
    }
    let goes_with = |owner: &QualifiedName| {
        let beside = together.iter().find_map(|other| match other {
            Object::Table(table) if table.name == *owner => Some(table),
            _ => None,
        });
        beside.or_else(|| schema.table(owner)).is_none_or(|table| table.replicated)
    };
    match object {
        Object::Table(table) => table.replicated,
        Object::Index(index) => goes_with(&index.table),
        Object::Sequence(sequence) => sequence.owned_by.as_ref().is_none_or(|(table, _)| goes_with(table)),
        _ => true,
    }
}
