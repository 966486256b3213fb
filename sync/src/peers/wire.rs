//! What peers say to each other: the JSON of push, pull, register and join.
//!
//! Enters and leaves: transactions as a flat list of changes, each with the fields of the original specification and what a chain needs
//! besides. The first change of a transaction carries its author's context; all carry its extent, clock and hash.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    clock::{Clock, VersionVector},
    devices::{acknowledgements::Acknowledgement, membership::Entry},
    identity::SignedHead,
    log::{Change, Operation, Transaction, hash_from_hex, hash_to_hex},
};

/// A change on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WireChange {
    /// `schema.name`, the schema left out where it is `public`; empty for a schema change.
    pub table_name: String,
    /// The primary key in text form.
    pub record_id: String,
    /// `INSERT`, `UPDATE`, `DELETE` or `DDL`.
    #[schema(value_type = String)]
    pub operation: Operation,
    /// INSERT: the whole row. UPDATE: the changed columns. DELETE: none.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Map<String, Json>>,
    /// UPDATE: the changed columns before. DELETE: the whole row.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub old_data: Option<Map<String, Json>>,
    /// The author's counter of changes.
    #[serde(deserialize_with = "crate::clock::read_version")]
    pub version: u64,
    /// The clock's time in RFC 3339, for people; the clock is what counts.
    #[serde(default)]
    pub timestamp: String,
    /// The transaction's hash, hex.
    pub hash: String,
    /// Author.
    pub device_id: Uuid,
    /// First and last version of the transaction.
    pub transaction: Extent,
    /// The author's hybrid logical clock: 48 bits of milliseconds since 1970, 16 of counter.
    pub clock: u64,
    /// The version vector that the author knew; on the first change of a transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub context: Option<VersionVector>,
    /// The conflict that this change resolves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolves: Option<String>,
}

/// First and last version of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Extent {
    /// Version of its first change.
    #[serde(deserialize_with = "crate::clock::read_version")]
    pub first: u64,
    /// Version of its last change.
    #[serde(deserialize_with = "crate::clock::read_version")]
    pub last: u64,
}

/// `POST /sync/push`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PushRequest {
    /// Who pushes.
    pub device_id: Uuid,
    /// Whole transactions in causal order.
    #[serde(default)]
    pub changes: Vec<WireChange>,
    /// The authors' signatures over the ends of their chains.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub heads: Vec<SignedHead>,
    /// What devices are known to hold, each signed by the device itself.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub acknowledgements: Vec<Acknowledgement>,
    /// Devices of which the receiver has no change yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub members: Vec<Entry>,
}

/// Answer to a push.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PushAnswer {
    /// Changes that were new.
    pub accepted: u64,
    /// Conflicts that they made.
    pub conflicts: u64,
    /// Versions that must come first.
    #[schema(value_type = Object)]
    pub missing: VersionVector,
    /// What was refused, a line per author.
    pub refused: Vec<String>,
    /// What the answering device holds now.
    #[schema(value_type = Object)]
    pub known: VersionVector,
    /// The same as its signed word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub acknowledgement: Option<Acknowledgement>,
}

/// `POST /sync/pull`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PullRequest {
    /// Who pulls.
    pub device_id: Uuid,
    /// A position in the answering device's log: what came after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_version: Option<i64>,
    /// Or what the pulling device holds: what it lacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub known: Option<VersionVector>,
    /// The newest heads that the pulling device has: differing ones show a fork.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub heads: Vec<SignedHead>,
    /// At most about so many changes; a transaction is never cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// What devices are known to hold, each signed by the device itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub acknowledgements: Vec<Acknowledgement>,
}

/// Answer to a pull.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PullAnswer {
    /// Whole transactions in causal order.
    pub changes: Vec<WireChange>,
    /// The position after the last of these changes: the next `since_version`.
    pub latest_version: i64,
    /// Whether there is more.
    pub more: bool,
    /// The authors' signatures over the ends of their chains, and the newest of every chain.
    #[schema(value_type = Vec<Object>)]
    pub heads: Vec<SignedHead>,
    /// What the answering device holds.
    #[schema(value_type = Object)]
    pub known: VersionVector,
    /// What devices are known to hold, each signed by the device itself.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub acknowledgements: Vec<Acknowledgement>,
    /// Devices of which the receiver has no change yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub members: Vec<Entry>,
}

/// `POST /devices/register`; the request is signed with the key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// The device's id.
    pub device_id: Uuid,
    /// Its name.
    pub device_name: String,
    /// Its Ed25519 key: 32 bytes in base64 or hex, or PEM.
    pub public_key: String,
    /// Its address in the tailnet.
    #[serde(default)]
    pub tailscale_ip: Option<String>,
    /// Where its HTTP API is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Answer to a registration.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RegisterAnswer {
    /// The device registered.
    pub device_id: Uuid,
    /// False until a person authorizes it.
    pub is_authorized: bool,
    /// The answering device, so that it can be authorized in turn.
    pub device: Introduction,
}

/// Who a device is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Introduction {
    /// Its id.
    pub device_id: Uuid,
    /// Its name.
    pub device_name: String,
    /// Its key, base64.
    pub public_key: String,
    /// Its slot.
    pub slot: u32,
}

/// `POST /devices/join`; the request is signed with the joiner's key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JoinRequest {
    /// The joining device, as for a registration.
    #[serde(flatten)]
    pub device: RegisterRequest,
    /// HMAC-SHA256 with the invitation's secret over both keys, base64.
    pub proof: String,
}

/// Answer to a join.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JoinAnswer {
    /// The inviter.
    pub device: Introduction,
    /// The joiner's slot.
    pub slot: u32,
    /// HMAC-SHA256 with the invitation's secret over both keys, the other way round, base64.
    pub proof: String,
}

/// Transactions as changes on the wire.
pub fn to_wire(transactions: Vec<Transaction>) -> Vec<WireChange> {
    let mut changes = Vec::new();
    for transaction in transactions {
        let Transaction { device_id, first_version, last_version, clock, context, changes: own, hash } = transaction;
        let hash = hash_to_hex(&hash);
        let mut context = Some(context);
        for change in own {
            changes.push(WireChange {
                table_name: change.table_name,
                record_id: change.record_id,
                operation: change.operation,
                data: change.data,
                old_data: change.old_data,
                version: change.version,
                timestamp: rfc3339(clock),
                hash: hash.clone(),
                device_id,
                transaction: Extent { first: first_version, last: last_version },
                clock: clock.0,
                context: context.take(),
                resolves: change.resolves,
            });
        }
    }
    changes
}

/// Changes on the wire as transactions; what does not make whole ones is refused with a line that says where.
pub fn from_wire(changes: Vec<WireChange>) -> Result<Vec<Transaction>, String> {
    let mut transactions: Vec<Transaction> = Vec::new();
    for wire in changes {
        let place = format!("change {} of device {}", wire.version, wire.device_id);
        let continues = transactions.last().is_some_and(|t| t.device_id == wire.device_id && t.first_version == wire.transaction.first);
        if !continues {
            let hash = hash_from_hex(&wire.hash).ok_or_else(|| format!("{place}: hash is not 64 hex digits"))?;
            transactions.push(Transaction {
                device_id: wire.device_id,
                first_version: wire.transaction.first,
                last_version: wire.transaction.last,
                clock: Clock(wire.clock),
                context: wire.context.ok_or_else(|| format!("{place}: the first change of a transaction carries its context"))?,
                changes: Vec::new(),
                hash,
            });
        }
        let transaction = transactions.last_mut().expect("one was pushed, or is continued");
        if transaction.first_version.checked_add(transaction.changes.len() as u64) != Some(wire.version)
            || wire.version > transaction.last_version
        {
            return Err(format!("{place}: out of order, or not of transaction {}-{}", wire.transaction.first, wire.transaction.last));
        }
        transaction.changes.push(Change {
            version: wire.version,
            table_name: wire.table_name,
            record_id: wire.record_id,
            operation: wire.operation,
            data: wire.data,
            old_data: wire.old_data,
            resolves: wire.resolves,
        });
    }
    match transactions.iter().find(|t| t.last_version - t.first_version != t.changes.len() as u64 - 1) {
        Some(t) => Err(format!("transaction {}-{} of device {} is not whole", t.first_version, t.last_version, t.device_id)),
        None => Ok(transactions),
    }
}

fn rfc3339(clock: Clock) -> String {
    let millis = i64::try_from(clock.millis()).unwrap_or(0);
    chrono::DateTime::from_timestamp_millis(millis).map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(first: u64, count: u64) -> Transaction {
        let change = |version| Change {
            version,
            table_name: "t".to_owned(),
            record_id: version.to_string(),
            operation: Operation::Insert,
            data: Some(Map::from_iter([("id".to_owned(), Json::from(version))])),
            old_data: None,
            resolves: None,
        };
        Transaction {
            device_id: Uuid::from_u128(5),
            first_version: first,
            last_version: first + count - 1,
            clock: Clock(1_700_000_000_000 << 16),
            context: VersionVector([(Uuid::from_u128(6), 3)].into()),
            changes: (first..first + count).map(change).collect(),
            hash: [9; 32],
        }
    }

    #[test]
    fn transactions_survive_the_wire() {
        let transactions = vec![transaction(1, 3), transaction(4, 1)];
        let text = serde_json::to_string(&to_wire(transactions.clone())).unwrap();
        assert!(text.contains(r#""timestamp":"2023-11-14T22:13:20.000Z""#), "{text}");
        assert_eq!(from_wire(serde_json::from_str(&text).unwrap()).unwrap(), transactions);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = to_wire(vec![transaction(1, 3)]);
        type Damage = fn(&mut Vec<WireChange>);
        let cases: [(&str, Damage); 5] = [
            ("not whole", |w| drop(w.pop())),
            ("carries its context", |w| drop(w.remove(0))),
            ("out of order", |w| w.swap(1, 2)),
            ("hex", |w| w[0].hash = "zz".repeat(32)),
            ("out of order", |w| w[2].version = 9),
        ];
        for (expected, damage) in cases {
            let mut wire = whole.clone();
            damage(&mut wire);
            let error = from_wire(wire).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
