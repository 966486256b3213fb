//! The change log's entries.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::clock::{Clock, DeviceId, Version, VersionVector};

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
}

/// Column values by logical name, in the log's JSON forms ([`crate::value`]).
pub type RowImage = Map<String, Json>;

/// One row inserted, updated or deleted by one transaction of one device: the net effect of the transaction on that row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its version.
    pub version: Version,
    /// `schema.name`, the schema left out where it is `public`; empty for a schema change.
    pub table_name: String,
    /// The primary key in text form, key parts as a JSON array where there are several; the hidden id where there is no key.
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
