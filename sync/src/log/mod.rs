//! The change log: its entries, their canonical encoding and hash chain, and how they are appended, read and verified.
//!
//! Enters: captured changes at commit, verified transactions of peers. Leaves: pages of whole transactions in causal order, a record's
//! history, a report of what is wrong.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{
    clock::{Clock, DeviceId, Version, VersionVector},
    schema::{Object, ObjectClass, QualifiedName},
    value::ValueError,
};

mod append;
mod canonical;
mod history;
mod image;
pub(crate) mod journal;
mod prune;
mod read;
mod state;

pub use append::Appended;
pub(crate) use append::{Written, append_local, append_remote};
pub(crate) use canonical::{ChangeText, Header, hash_from_hex, hash_to_hex};
pub use canonical::{canonical_json, change_hash};
pub use history::{HistoryEntry, history};
pub use image::{key_values, record_id};
pub use journal::FILE_ALL;
pub(crate) use prune::empty_like;
pub use prune::{Pruned, empty_pruned, prune};
pub use read::{
    LoggedChange, Page, PageLimit, changes_of_record, changes_of_table, contested_record_ids, context_of, hash_at, last_position_of,
    last_schema_change, page_after, page_beyond, record_ids, row_changes_between, schema_changes, transaction_at,
};
pub use state::{Head, LogState};
pub(crate) use state::{LAST_VERSION, held};

/// What happened to a row, or to the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// A row came.
    Insert,
    /// A row's columns changed.
    Update,
    /// A row went.
    Delete,
    /// A schema change; `data` is a [`SchemaChange`].
    Ddl,
    /// A change that was pruned: nothing is known of it but its hash, which is all that the chain needs. `data` is `{"hash": hex}`.
    Pruned,
}

impl Operation {
    /// As it stands in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Insert => "INSERT",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Ddl => "DDL",
            Operation::Pruned => "PRUNED",
        }
    }

    /// The reverse of [`Operation::as_str`].
    pub fn from_name(name: &str) -> Option<Operation> {
        let all = [Operation::Insert, Operation::Update, Operation::Delete, Operation::Ddl, Operation::Pruned];
        all.into_iter().find(|operation| operation.as_str() == name)
    }
}

/// Column values by logical name, in the log's JSON forms ([`crate::value`]). The hidden key is not among them: it is the record's id.
pub type RowImage = Map<String, Json>;

/// One row inserted, updated or deleted by one transaction of one device: the net effect of the transaction on that row. (A record
/// that is touched before and after a schema change in one transaction has a change for each.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its version.
    pub version: Version,
    /// `schema.name`, the schema left out where it is `public`; empty for a schema change.
    pub table_name: String,
    /// The primary key in text form, key parts as a JSON array where there are several; the hidden id where there is no key. Of a schema
    /// change the name of its first object.
    pub record_id: String,
    /// What happened.
    pub operation: Operation,
    /// INSERT: the whole row. UPDATE: the changed columns. DELETE: none.
    pub data: Option<RowImage>,
    /// INSERT: none. UPDATE: the changed columns before. DELETE: the whole row.
    pub old_data: Option<RowImage>,
    /// The conflict that this change resolves, where it is a resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolves: Option<String>,
}

/// The `data` of a schema change: structure with its ready SQLite statements, so that applying it needs no SQL pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaChange {
    /// PostgreSQL text, for people.
    pub statement: String,
    /// Objects made or replaced, in order.
    pub objects: Vec<Object>,
    /// Objects removed.
    pub removed: Vec<(ObjectClass, QualifiedName)>,
    /// SQLite statements, run in order before the objects change.
    pub sqlite: Vec<String>,
}

impl SchemaChange {
    /// As a change's `data`.
    pub fn to_image(&self) -> RowImage {
        match serde_json::to_value(self) {
            Ok(Json::Object(image)) => image,
            _ => unreachable!("a struct of strings and plain data is a JSON object"),
        }
    }

    /// From a change's `data`.
    pub fn from_image(image: &RowImage) -> Result<SchemaChange, LogError> {
        serde_json::from_value(Json::Object(image.clone())).map_err(|e| LogError::Malformed(format!("schema change: {e}")))
    }

    /// The name that stands as the change's `record_id`.
    pub fn subject(&self) -> String {
        let removed = || self.removed.first().map(|(_, name)| name.to_string());
        self.objects.first().map(|object| object.name().to_string()).or_else(removed).unwrap_or_default()
    }
}

/// The changes of one committed SQL transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// Author.
    pub device_id: DeviceId,
    /// Version of the first change; the others follow without a gap.
    pub first_version: Version,
    /// Version of the last change.
    pub last_version: Version,
    /// Reading of the author's clock.
    pub clock: Clock,
    /// What the author knew of the other devices when it wrote.
    pub context: VersionVector,
    /// The changes, by version.
    pub changes: Vec<Change>,
    /// SHA-256 over the previous transaction's hash and this one's canonical encoding.
    pub hash: [u8; 32],
}

/// Why an entry does not fit the log, or can't be read from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Earlier versions of the device are missing.
    #[error("device {device_id}: version {first_version} can't follow version {held}")]
    Gap {
        /// Author.
        device_id: DeviceId,
        /// First version of the entry.
        first_version: Version,
        /// Last version held.
        held: Version,
    },
    /// The author had seen what is not held here.
    #[error("device {device_id}: version {first_version} was written in sight of version {needed} of device {of}, which is missing")]
    MissingContext {
        /// Author.
        device_id: DeviceId,
        /// First version of the entry.
        first_version: Version,
        /// The device seen.
        of: DeviceId,
        /// The version seen.
        needed: Version,
    },
    /// What the author says it had seen is not all that one can see who has seen that.
    #[error(
        "device {device_id}: version {first_version} claims to have seen version {version} of device {of}, but not all that this one had seen"
    )]
    OpenContext {
        /// Author.
        device_id: DeviceId,
        /// First version of the entry.
        first_version: Version,
        /// The device seen.
        of: DeviceId,
        /// The version seen.
        version: Version,
    },
    /// One version, two histories.
    #[error("device {device_id} is forked: it has two different histories at version {version}")]
    Fork {
        /// Author.
        device_id: DeviceId,
        /// A version at which they differ.
        version: Version,
    },
    /// An entry says that this device wrote it, which it did not.
    #[error("version {version} bears this device's identity but was not written here")]
    NotWrittenHere {
        /// First version of the entry.
        version: Version,
    },
    /// The hash is not that of the content.
    #[error("device {device_id}: the transaction at version {first_version} does not have the hash that it bears")]
    WrongHash {
        /// Author.
        device_id: DeviceId,
        /// First version of the entry.
        first_version: Version,
    },
    /// It is not built as an entry is.
    #[error("malformed log entry: {0}")]
    Malformed(String),
}

impl From<ValueError> for LogError {
    fn from(error: ValueError) -> Self {
        LogError::Malformed(error.to_string())
    }
}
