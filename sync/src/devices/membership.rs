//! Membership as entries of the replicated log, and the pure rule by which the set of entries gives each device's standing.
//!
//! Enters: the entries held, in any order. Leaves: who is authorized, and up to which version a revoked device is accepted.
//!
//! An entry is a change of the table [`TABLE`], which is never a user's table. Its `standing` is a causal length (Yu and Rostad, "A Low-Cost
//! Set CRDT Based on Causal Lengths", 2020): odd is in, even is out, and whoever changes a device's standing writes the next number. The greatest wins,
//! so a re-authorization that had seen the revocation stands, and one that had not does not.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    clock::{DeviceId, Version, VersionVector},
    identity::{Author, Keys, PublicKey},
    log::{Change, Operation, RowImage},
};

/// The name under which membership stands in the log: schema `peergres` holds no user's table.
pub const TABLE: &str = "peergres.sync_devices";

/// What one entry says of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whom it is about.
    pub device_id: DeviceId,
    /// Its name.
    pub device_name: String,
    /// Its key, base64.
    pub public_key: String,
    /// Its address in the tailnet, where known.
    #[serde(default)]
    pub tailscale_ip: Option<String>,
    /// Its slot ([`super::slots`]).
    pub slot: u32,
    /// Causal length: odd is in, even is out.
    pub standing: u64,
    /// The last version that is accepted of it, in a revocation.
    #[serde(default)]
    pub accepted_until: Option<Version>,
}

impl Entry {
    /// Whether it is an authorization.
    pub fn is_authorized(&self) -> bool {
        self.standing % 2 == 1
    }

    /// The device as an author of whom nothing is held yet.
    pub fn author(&self) -> Option<Author> {
        let key = PublicKey::parse(&self.public_key).ok()?;
        let accepted_until = if self.is_authorized() { None } else { Some(self.accepted_until.unwrap_or(0)) };
        Some(Author { keys: Keys::of(key), version: 0, hash: [0; 32], accepted_until, standing: self.standing })
    }

    /// As a change of the log; the version is given by the log.
    pub fn to_change(&self) -> Change {
        let Ok(Json::Object(data)) = serde_json::to_value(self) else { unreachable!("a struct of plain fields is a JSON object") };
        Change {
            version: 0,
            table_name: TABLE.to_owned(),
            record_id: self.device_id.to_string(),
            operation: if self.standing == 1 { Operation::Insert } else { Operation::Update },
            data: Some(data),
            old_data: if self.standing == 1 { None } else { Some(RowImage::new()) },
            resolves: None,
        }
    }

    /// Reads a change of the log; none if it is about something else, or is not an entry that this version understands.
    pub fn from_change(change: &Change) -> Option<Entry> {
        if change.table_name != TABLE {
            return None;
        }
        Entry::from_data(change.data.as_ref()?)
    }

    /// Reads a change's data.
    pub fn from_data(data: &RowImage) -> Option<Entry> {
        let entry: Entry = serde_json::from_value(Json::Object(data.clone())).ok()?;
        PublicKey::parse(&entry.public_key).ok()?;
        Some(entry)
    }
}

/// The standing of each device: for each the entry of greatest standing. Among authorizations of one standing the least name, key and
/// slot stands, among revocations the greatest `accepted_until`: what any honest device had accepted before it knew is kept by all.
pub fn members(entries: impl IntoIterator<Item = Entry>) -> BTreeMap<DeviceId, Entry> {
    let mut members: BTreeMap<DeviceId, Entry> = BTreeMap::new();
    for entry in entries {
        match members.get_mut(&entry.device_id) {
            None => {
                members.insert(entry.device_id, entry);
            }
            Some(held) => {
                if rank(&entry) > rank(held) {
                    *held = entry;
                }
            }
        }
    }
    members
}

/// The entries that stand, by the log.
pub fn held(connection: &Connection) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached("SELECT data FROM sync_log WHERE table_name = ?1")?;
    let texts: Vec<Option<String>> = statement.query_map([TABLE], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let entries = texts.iter().flatten().filter_map(|text| serde_json::from_str::<RowImage>(text).ok());
    Ok(members(entries.filter_map(|data| Entry::from_data(&data))).into_values().collect())
}

/// Those of [`held`] of whom somebody who knows `known` has no change.
pub(crate) fn unknown_to(connection: &Connection, known: &VersionVector) -> rusqlite::Result<Vec<Entry>> {
    if crate::log::held(connection)?.0.keys().all(|author| known.get(*author) > 0) {
        return Ok(Vec::new());
    }
    let mut entries = held(connection)?;
    entries.retain(|entry| known.get(entry.device_id) == 0);
    Ok(entries)
}

type Rank<'a> = (u64, Option<Version>, std::cmp::Reverse<(&'a str, &'a str, u32, Option<&'a str>)>);

fn rank(entry: &Entry) -> Rank<'_> {
    let text = (entry.device_name.as_str(), entry.public_key.as_str(), entry.slot, entry.tailscale_ip.as_deref());
    (entry.standing, entry.accepted_until, std::cmp::Reverse(text))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::identity::DeviceKey;

    fn entry(standing: u64, accepted_until: Option<Version>, name: &str) -> Entry {
        Entry {
            device_id: Uuid::from_u128(1),
            device_name: name.to_owned(),
            public_key: DeviceKey::from_seed(&[7; 32]).public().to_base64(),
            tailscale_ip: None,
            slot: 1,
            standing,
            accepted_until,
        }
    }

    #[test]
    fn the_standing_does_not_depend_on_the_order_of_entries() {
        let entries = [entry(1, None, "a"), entry(1, None, "b"), entry(2, Some(10), "a"), entry(2, Some(15), "a"), entry(2, Some(12), "c")];
        let expected = members(entries.clone());
        assert_eq!(expected[&Uuid::from_u128(1)].accepted_until, Some(15));
        for rotation in 0..entries.len() {
            let mut turned = entries.to_vec();
            turned.rotate_left(rotation);
            assert_eq!(members(turned.clone()), expected);
            turned.reverse();
            assert_eq!(members(turned), expected);
        }
    }

    #[test]
    fn a_revocation_stands_against_an_authorization_that_had_not_seen_it() {
        let state = |entries: &[Entry]| members(entries.to_vec())[&Uuid::from_u128(1)].is_authorized();
        assert!(state(&[entry(1, None, "a")]));
        assert!(!state(&[entry(2, Some(3), "a"), entry(1, None, "a")]));
        assert!(state(&[entry(2, Some(3), "a"), entry(3, None, "a")]));
    }

    #[test]
    fn an_entry_survives_the_log() {
        for one in [entry(1, None, "a"), entry(2, Some(9), "b")] {
            assert_eq!(Entry::from_change(&one.to_change()), Some(one));
        }
        let mut foreign = entry(1, None, "a").to_change();
        foreign.table_name = "sync_devices".to_owned();
        assert_eq!(Entry::from_change(&foreign), None, "a user's table of that name is not ours");
    }
}
