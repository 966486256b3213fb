//! [`Transaction`]: the only way that a row is ever written. It holds the write lock and the writer connection, collects what the
//! preupdate hook saw, and at commit writes the log rows in the same SQLite transaction.

use std::sync::Arc;

use rusqlite::Connection;

use crate::{
    schema::{Object, QualifiedName, Schema},
    store::StoreError,
};

/// When COMMIT returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After an fdatasync of the WAL that began after the commit (shared by all who wait).
    Wait,
    /// At once (`synchronous_commit = off`).
    NoWait,
}

/// A place in the transaction that it can be cut back to: SQLite savepoint, capture buffer, schema.
#[derive(Debug)]
pub struct Mark {}

/// An open write transaction. Dropping it rolls it back.
pub struct Transaction {}

impl Transaction {
    /// The writer connection. Statements run here are captured, unless [`Transaction::without_capture`] is in force.
    pub fn connection(&self) -> &Connection {
        unimplemented!("commit")
    }

    /// The schema as this transaction sees it.
    pub fn schema(&self) -> Arc<Schema> {
        unimplemented!("commit")
    }

    /// Opens a SQLite savepoint and remembers the capture buffer's length and the schema. Cheap: also taken around each statement that could fail half-way.
    pub fn mark(&mut self) -> Result<Mark, StoreError> {
        unimplemented!("commit")
    }

    /// Undoes all since the mark and keeps the mark open (`ROLLBACK TO`).
    pub fn rewind(&mut self, mark: &Mark) -> Result<(), StoreError> {
        let _ = mark;
        unimplemented!("commit")
    }

    /// Closes the mark and all later ones, keeping what was done (`RELEASE`).
    pub fn release(&mut self, mark: Mark) -> Result<(), StoreError> {
        let _ = mark;
        unimplemented!("commit")
    }

    /// One schema change: runs the ready SQLite statements uncaptured, then puts and removes objects, and logs it all as one DDL change
    /// (`statement` is PostgreSQL text for people) if any object is replicated. Answers the new objects' OIDs in order.
    pub fn define(
        &mut self,
        statement: &str,
        sqlite: &[String],
        put: Vec<Object>,
        remove: Vec<(ObjectClass, QualifiedName)>,
    ) -> Result<Vec<u32>, StoreError> {
        let _ = (statement, sqlite, put, remove);
        unimplemented!("commit")
    }

    /// Commits; the log rows, the sequence positions and the schema go with it. Answers the commit's number. On error everything is rolled back.
    pub fn commit(self, durability: Durability) -> Result<u64, StoreError> {
        let _ = durability;
        unimplemented!("commit")
    }

    /// Rolls back, and gives back the connection that the session brought.
    pub fn rollback(self) -> Option<Connection> {
        unimplemented!("commit")
    }
}

/// The name spaces of objects, as PostgreSQL divides them: relations (tables, indexes, sequences, views) share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectClass {
    /// Schemas.
    Namespace,
    /// Tables, indexes, sequences, views.
    Relation,
    /// Types.
    Type,
    /// Functions.
    Function,
    /// Extensions.
    Extension,
}
