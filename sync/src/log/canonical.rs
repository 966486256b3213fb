//! The canonical encoding of entries, and the hash chain over it.
//!
//! Enters: an entry. Leaves: SHA-256 hashes that any other implementation can compute:
//!
//! ```text
//! text   = byte length (u64) · UTF-8 bytes
//! option = 0x00, or 0x01 · text
//! change = SHA-256( "peergres change 1\n" · version (u64) · text table_name · text record_id · text operation
//!                   · option data · option old_data · option resolves )
//! hash   = SHA-256( "peergres transaction 1\n" · hash of the device's transaction before, or 32 zero bytes
//!                   · device_id (16 bytes) · first_version (u64) · last_version (u64) · clock (u64)
//!                   · number of entries of the context (u64) · for each, by device_id: device_id (16 bytes) · version (u64)
//!                   · for each change, by version: its hash )
//! ```
//!
//! Numbers are big-endian. `data` and `old_data` are hashed in one spelling, whatever the spelling in transit: JSON without spaces, the
//! members of every object in the order of their names' UTF-8 bytes, strings escaped only where JSON demands it, floating-point numbers with
//! the fewest digits that read back as the same value. Changes have hashes of their own so that a pruned log, which keeps only them,
//! can still be verified.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{Change, Operation, RowImage, Transaction};
use crate::{
    clock::{Clock, DeviceId, Version, VersionVector},
    value::push_string,
};

/// A change's fields with its images already in their one spelling.
pub(crate) struct ChangeText<'a> {
    pub(crate) version: Version,
    pub(crate) table_name: &'a str,
    pub(crate) record_id: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) data: Option<&'a str>,
    pub(crate) old_data: Option<&'a str>,
    pub(crate) resolves: Option<&'a str>,
}

impl ChangeText<'_> {
    /// The change's hash.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut sha = Sha256::new();
        sha.update(b"peergres change 1\n");
        sha.update(self.version.to_be_bytes());
        for text in [self.table_name, self.record_id, self.operation] {
            update_text(&mut sha, text);
        }
        for option in [self.data, self.old_data, self.resolves] {
            match option {
                None => sha.update([0]),
                Some(text) => {
                    sha.update([1]);
                    update_text(&mut sha, text);
                }
            }
        }
        sha.finalize().into()
    }
}

fn update_text(sha: &mut Sha256, text: &str) {
    sha.update((text.len() as u64).to_be_bytes());
    sha.update(text.as_bytes());
}

/// A transaction's fields beside its changes.
pub(crate) struct Header<'a> {
    pub(crate) device_id: DeviceId,
    pub(crate) first_version: Version,
    pub(crate) last_version: Version,
    pub(crate) clock: Clock,
    pub(crate) context: &'a VersionVector,
}

impl Header<'_> {
    /// The transaction's hash, over that of the device's one before.
    pub(crate) fn hash(&self, previous: &[u8; 32], changes: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
        let mut sha = Sha256::new();
        sha.update(b"peergres transaction 1\n");
        sha.update(previous);
        sha.update(self.device_id.as_bytes());
        for number in [self.first_version, self.last_version, self.clock.0, self.context.0.len() as u64] {
            sha.update(number.to_be_bytes());
        }
        for (device, version) in &self.context.0 {
            sha.update(device.as_bytes());
            sha.update(version.to_be_bytes());
        }
        changes.into_iter().for_each(|hash| sha.update(hash));
        sha.finalize().into()
    }
}

/// A change's hash; of a pruned one the hash that is left of it.
pub fn change_hash(change: &Change) -> [u8; 32] {
    if change.operation == Operation::Pruned {
        // Whatever is no hash is none of what was signed.
        return kept_hash(change).unwrap_or([0; 32]);
    }
    let data = change.data.as_ref().map(canonical_json);
    let old_data = change.old_data.as_ref().map(canonical_json);
    ChangeText {
        version: change.version,
        table_name: &change.table_name,
        record_id: &change.record_id,
        operation: change.operation.as_str(),
        data: data.as_deref(),
        old_data: old_data.as_deref(),
        resolves: change.resolves.as_deref(),
    }
    .hash()
}

/// The hash that is left of a pruned change.
pub(super) fn kept_hash(change: &Change) -> Option<[u8; 32]> {
    hash_from_hex(change.data.as_ref()?.get("hash")?.as_str()?)
}

/// A hash as 64 hex digits.
pub(crate) fn hash_to_hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The reverse of [`hash_to_hex`].
pub(crate) fn hash_from_hex(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect();
    bytes?.try_into().ok()
}

/// What a pruned change has for data.
pub(super) fn pruned_data(hash: &[u8; 32]) -> RowImage {
    RowImage::from_iter([("hash".to_owned(), Json::from(hash_to_hex(hash)))])
}

impl Transaction {
    /// The hash that this transaction must bear if the device's transaction before it (none: zeros) bears `previous`.
    pub fn computed_hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        self.header().hash(previous, self.changes.iter().map(change_hash))
    }

    pub(crate) fn header(&self) -> Header<'_> {
        Header {
            device_id: self.device_id,
            first_version: self.first_version,
            last_version: self.last_version,
            clock: self.clock,
            context: &self.context,
        }
    }
}

/// An image in its one spelling.
pub fn canonical_json(image: &RowImage) -> String {
    let mut out = String::new();
    push_object(image, &mut out);
    out
}

fn push_object(object: &RowImage, out: &mut String) {
    let mut members: Vec<(&String, &Json)> = object.iter().collect();
    members.sort_unstable_by_key(|(name, _)| name.as_bytes());
    out.push('{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_string(name, out);
        out.push(':');
        push_value(value, out);
    }
    out.push('}');
}

fn push_value(value: &Json, out: &mut String) {
    match value {
        Json::Object(object) => push_object(object, out),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_value(item, out);
            }
            out.push(']');
        }
        Json::String(text) => push_string(text, out),
        scalar => out.push_str(&scalar.to_string()),
    }
}
