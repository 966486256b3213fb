//! Conflicts: listing, showing, resolving, ignoring and reopening them; the strategies that decide without a person.
//!
//! Enters: a conflict's id and what a person or a strategy wants. Leaves: a change in the log like any other, marked as the
//! resolution, that travels and closes the conflict on every device. What conflicts, and its id, comes from [`crate::merge`].
//!
//! **Local and remote.** A conflict has two sides, each the write of one device. On a device that wrote one of the two, that side is
//! `local` and the other is `remote`. On every other device (a relay, a newcomer) `local` is the side that is shown and `remote` the
//! one that is kept. So the words mean the same to the person in front of each screen, though the id is the same everywhere.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    clock::{Clock, DeviceId},
    commit::Transaction,
    log::RowImage,
    store::{Database, StoreError},
};

/// What kind of thing conflicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Two updates of one column.
    UpdateUpdate,
    /// A delete and an update of one row.
    DeleteUpdate,
    /// Two rows inserted under one primary key.
    InsertInsert,
    /// Two rows with one unique key; the later claim is set aside whole.
    Unique,
    /// A row whose parent was deleted: the parent came back, or the row is set aside because there is none.
    ForeignKey,
    /// Columns that are fine each but not together.
    Check,
    /// Schema changes that contradict.
    Schema,
}

/// Where a conflict stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Both sides stand; the greater clock shows.
    Pending,
    /// Someone decided to leave it so; it can be reopened.
    Ignored,
    /// A resolution closed it.
    Resolved,
}

/// One conflict as people and programs see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// Derived from what conflicts: the same on every device.
    pub id: String,
    /// The table, its schema left out where it is `public`.
    pub table_name: String,
    /// The row's primary key in text form.
    pub record_id: String,
    /// What kind of thing conflicts.
    pub kind: Kind,
    /// The columns that differ.
    pub columns: Vec<String>,
    /// This device's side ([module documentation](self)); none where that side deleted the row.
    pub local_data: Option<RowImage>,
    /// The other side.
    pub remote_data: Option<RowImage>,
    /// The values that both had seen last, as far as they are known.
    pub ancestor: Option<RowImage>,
    /// Who wrote the local side.
    pub local_device: DeviceId,
    /// Who wrote the remote side.
    pub remote_device: DeviceId,
    /// The local side's clock.
    pub local_clock: Clock,
    /// The remote side's clock.
    pub remote_clock: Clock,
    /// The local side's time, microseconds since 1970.
    pub local_timestamp: i64,
    /// The remote side's time, microseconds since 1970.
    pub remote_timestamp: i64,
    /// Which side the table shows now.
    pub shown: Winner,
    /// Where it stands.
    pub status: Status,
    /// When this device found it, microseconds since 1970.
    pub created_at: i64,
    /// How it was closed, in words; none while it is open.
    pub resolution: Option<String>,
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Winner {
    /// This device's side.
    Local,
    /// The other side.
    Remote,
}

/// What decides a conflict without a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strategy {
    /// A device that wrote one side decides for it.
    LocalWins,
    /// A device that wrote one side decides for the other one.
    RemoteWins,
    /// The greater clock shows, then the greater device id; the other side is kept.
    #[default]
    LatestTimestampWins,
    /// Shows what [`Strategy::LatestTimestampWins`] shows until a person decides.
    Manual,
}

/// The strategies of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Strategies {
    /// Where no table says otherwise.
    pub default: Strategy,
    /// By table name, as in the log.
    pub tables: BTreeMap<String, Strategy>,
}

/// Which conflicts to list. The default lists all that are pending.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Only those of this status; `None` means pending, unless `all`.
    pub status: Option<Status>,
    /// Every status.
    pub all: bool,
    /// Only those of this table.
    pub table_name: Option<String>,
    /// Only those of this record.
    pub record_id: Option<String>,
    /// At most so many, 1000 if none is given.
    pub limit: Option<usize>,
}

/// Why a conflict could not be read or settled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConflictError {
    /// No such conflict.
    #[error("there is no conflict {0}")]
    NotFound(String),
    /// It is closed already, or not in the state asked for.
    #[error("conflict {id} is {status}")]
    Closed {
        /// Its id.
        id: String,
        /// What it is.
        status: &'static str,
    },
    /// The data given, or the side chosen, can't be written.
    #[error("the row can't be written: {0}")]
    Invalid(String),
    /// Another conflict has to be settled first.
    #[error("{0}")]
    Blocked(String),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for ConflictError {
    fn from(error: rusqlite::Error) -> Self {
        ConflictError::Store(StoreError::Sqlite(error))
    }
}

/// The conflicts that the filter names, oldest first. `me` is this device.
pub fn list_on(connection: &Connection, me: DeviceId, filter: &Filter) -> Result<Vec<Conflict>, ConflictError> {
    let _ = (connection, me, filter);
    unimplemented!("conflicts")
}

/// As [`list_on`], on a reader of its own.
pub fn list(database: &Arc<Database>, filter: &Filter) -> Result<Vec<Conflict>, ConflictError> {
    let _ = (database, filter);
    unimplemented!("conflicts")
}

/// One conflict.
pub fn show(database: &Arc<Database>, id: &str) -> Result<Conflict, ConflictError> {
    let _ = (database, id);
    unimplemented!("conflicts")
}

/// Decides a conflict: the winner's side is shown from now on, with the columns of `data` (a JSON object) put over it. Answers the conflict as closed.
pub fn resolve(database: &Arc<Database>, id: &str, winner: Winner, data: Option<Json>) -> Result<Conflict, ConflictError> {
    let _ = (database, id, winner, data);
    unimplemented!("conflicts")
}

/// As [`resolve`], inside a transaction that is open already (the SQL function).
pub fn resolve_in(transaction: &mut Transaction, id: &str, winner: Winner, data: Option<Json>) -> Result<(), ConflictError> {
    let _ = (transaction, id, winner, data);
    unimplemented!("conflicts")
}

/// Leaves a pending conflict as it is, on every device.
pub fn ignore(database: &Arc<Database>, id: &str) -> Result<Conflict, ConflictError> {
    let _ = (database, id);
    unimplemented!("conflicts")
}

/// As [`ignore`], inside a transaction that is open already.
pub fn ignore_in(transaction: &mut Transaction, id: &str) -> Result<(), ConflictError> {
    let _ = (transaction, id);
    unimplemented!("conflicts")
}

/// Makes an ignored conflict pending again, on every device.
pub fn reopen(database: &Arc<Database>, id: &str) -> Result<Conflict, ConflictError> {
    let _ = (database, id);
    unimplemented!("conflicts")
}
