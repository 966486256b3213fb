//! Conflicts: listing, showing, resolving, ignoring and reopening them; the strategies that decide without a person.
//!
//! Enters: a conflict's id and what a person or a strategy wants. Leaves: a change in the log like any other, marked as the
//! resolution, that travels and closes the conflict on every device. What conflicts, and its id, comes from [`crate::merge`].
//!
//! **Local and remote.** A conflict has two sides, each the write of one device. On a device that wrote one of the two, that side is
//! `local` and the other is `remote`. On every other device (a relay, a newcomer) `local` is the side that is shown and `remote` the
//! one that is kept. So the words mean the same to the person in front of each screen, though the id is the same everywhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use crate::merge::Kind;
use crate::{
    clock::{Clock, DeviceId},
    log::RowImage,
    store::StoreError,
};

mod decide;
mod record;
mod settle;
mod settled;
mod store;

pub(crate) use decide::decide;
pub(crate) use record::{
    DECISIONS, OWN_TABLES, RecordKey, any_open, close_others, close_placed, is_open, note_decision, open, record_found,
    records_in_question, renamed,
};
pub use settle::{ignore, ignore_in, reopen, reopen_in, resolve, resolve_in};
pub use store::{list, list_on, show};

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

impl Status {
    /// All of them.
    pub const ALL: [Status; 3] = [Status::Pending, Status::Ignored, Status::Resolved];

    /// As it stands in `sync_conflicts`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Ignored => "ignored",
            Status::Resolved => "resolved",
        }
    }
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

impl Winner {
    /// As it stands in `sync_conflicts`.
    pub fn as_str(self) -> &'static str {
        match self {
            Winner::Local => "local",
            Winner::Remote => "remote",
        }
    }

    fn other(self) -> Winner {
        match self {
            Winner::Local => Winner::Remote,
            Winner::Remote => Winner::Local,
        }
    }
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

impl Strategies {
    /// The strategy of a table.
    pub fn of(&self, table_name: &str) -> Strategy {
        self.tables.get(table_name).copied().unwrap_or(self.default)
    }
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
