//! The devices that this one knows: pending, authorized, revoked; their keys and slots; what each has acknowledged.
//!
//! Enters: registrations, decisions of the person in charge, membership entries of the log. Leaves: rows of `sync_devices`, and entries
//! of the log that carry each decision to every device ([`membership`]).

pub mod acknowledgements;
mod keys;
pub mod membership;
mod registry;
pub mod slots;

pub use keys::TABLE as KEYS_TABLE;
pub(crate) use keys::{attach as attach_rotations, of as keys_of, record as record_rotation, rotations};
pub use registry::{
    MAX_PENDING, Registration, author, authorize, authorize_in, find, list, put_fork, refresh, register, revoke, revoke_in, saw,
};
pub(crate) use registry::{
    author_or, forked, get, introduce_self, introduce_self_in, last_of, refresh_if_any, show_self, succeed, take_slot,
};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    clock::{DeviceId, Version},
    store::StoreError,
};

/// A device as `sync_devices`, the API and the command line show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// Its id.
    pub device_id: Uuid,
    /// Its name.
    pub device_name: String,
    /// Its Ed25519 key, base64.
    pub public_key: String,
    /// What people compare.
    pub fingerprint: String,
    /// Its address in the tailnet, where known.
    pub tailscale_ip: Option<String>,
    /// Whether its requests and its changes are accepted.
    pub is_authorized: bool,
    /// Whether it was shut out.
    pub is_revoked: bool,
    /// The last version that is accepted of a revoked device.
    pub accepted_until: Option<Version>,
    /// The number by which the keys it makes stay apart.
    pub slot: Option<u32>,
    /// Whether two histories bear this identity; nothing more is accepted of it.
    pub is_forked: bool,
    /// Whether it is this device.
    pub is_self: bool,
    /// When it was first known here, microseconds since 1970.
    pub registered_at: i64,
    /// Where its HTTP API was last seen.
    pub url: Option<String>,
    /// Causal length of its membership: odd is in, even is out, 0 is pending.
    pub standing: u64,
    /// When it was last in touch, microseconds since 1970, to the minute.
    pub last_seen: Option<i64>,
    /// How far its clock was ahead when it was found off, in milliseconds.
    pub clock_ahead_ms: Option<i64>,
}

/// Why a device can't be registered, authorized or revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No such device.
    #[error("there is no device {0}")]
    NotFound(String),
    /// A name or prefix that fits several.
    #[error("{0} is the beginning or the name of several devices; give the whole id")]
    Ambiguous(String),
    /// The id is taken by another key.
    #[error("device {0} is registered with another key")]
    KeyDiffers(DeviceId),
    /// Shut out.
    #[error("device {0} was revoked; it can't be registered again under that id")]
    Revoked(DeviceId),
    /// The device itself.
    #[error("this is the device itself: it can't revoke itself; run the command on another device")]
    Own,
    /// Too many wait.
    #[error("{MAX_PENDING} devices wait to be authorized already; authorize or revoke some first")]
    TooManyPending,
    /// A field is not what it should be.
    #[error("{0}")]
    Invalid(String),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for DeviceError {
    fn from(error: rusqlite::Error) -> Self {
        DeviceError::Store(StoreError::Sqlite(error))
    }
}

#[cfg(test)]
mod tests;
