//! Signed heads of hash chains, and [`Verified`]: entries whose chain and signature have been checked.
//!
//! Enters: transactions as a peer handed them out, the heads that their authors signed, and what is known of each author. Leaves:
//! [`Verified`], or which author's chain is wrong and how. A relay need not be trusted: it can leave out, but not alter or invent.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    key::{DeviceKey, PublicKey},
    rotation::{Keys, Rotation},
};
use crate::{
    clock::{DeviceId, Version},
    log::Transaction,
};

/// An author's word for its own chain up to a version. It vouches for everything before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// Whose chain.
    pub device_id: DeviceId,
    /// The last version of its last transaction.
    #[serde(deserialize_with = "crate::clock::read_version")]
    pub version: Version,
    /// That transaction's hash, in hex.
    #[serde(with = "hex_32")]
    pub hash: [u8; 32],
    /// Ed25519 over the three, in base64.
    pub signature: String,
    /// How the author's key came about, where it was ever replaced: for those who know only an older one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rotations: Vec<Rotation>,
}

impl SignedHead {
    /// Signs the head of one's own chain.
    pub fn sign(key: &DeviceKey, device_id: DeviceId, version: Version, hash: [u8; 32]) -> SignedHead {
        let signature = STANDARD.encode(SignedHead::signature_of(key, device_id, version, hash));
        SignedHead { device_id, version, hash, signature, rotations: Vec::new() }
    }

    /// The bytes of the signature that [`SignedHead::sign`] gives.
    pub(crate) fn signature_of(key: &DeviceKey, device_id: DeviceId, version: Version, hash: [u8; 32]) -> [u8; 64] {
        key.sign(&signed_bytes(device_id, version, &hash))
    }

    /// Whether the author's key signed it.
    pub fn verifies(&self, key: &PublicKey) -> bool {
        let Ok(signature) = STANDARD.decode(&self.signature) else { return false };
        key.verifies(&signed_bytes(self.device_id, self.version, &self.hash), &signature)
    }
}

fn signed_bytes(device_id: DeviceId, version: Version, hash: &[u8; 32]) -> Vec<u8> {
    let mut bytes = b"peergres head 1\n".to_vec();
    bytes.extend_from_slice(device_id.as_bytes());
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes.extend_from_slice(hash);
    bytes
}

/// What is known of an author before its transactions are looked at.
#[derive(Clone, Debug)]
pub struct Author {
    /// Its keys.
    pub keys: Keys,
    /// The last version of it that is held; 0 if none.
    pub version: Version,
    /// The hash of the transaction that ends there; zeros if none.
    pub hash: [u8; 32],
    /// The last version accepted from it, where it is revoked.
    pub accepted_until: Option<Version>,
    /// Causal length of its membership: the greater word about it counts.
    pub standing: u64,
}

impl Author {
    /// Learns of an entry about it; answers whether that changes what is accepted. Of two revocations that had not seen each other the one that
    /// accepts more counts: its author holds that much.
    fn learn(&mut self, entry: &Author) -> bool {
        if (entry.standing, entry.accepted_until) <= (self.standing, self.accepted_until) {
            return false;
        }
        (self.standing, self.accepted_until) = (entry.standing, entry.accepted_until);
        true
    }
}

/// Transactions that continue what is held, in causal order, each chain checked and vouched for by its author.
#[derive(Debug)]
pub struct Verified {
    transactions: Vec<Transaction>,
    heads: Vec<SignedHead>,
}

impl Verified {
    /// The transactions, in the order in which they came.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// The signed heads that vouch for them, to be kept and passed on.
    pub fn heads(&self) -> &[SignedHead] {
        &self.heads
    }

    /// Both, for the taking.
    pub fn into_parts(self) -> (Vec<Transaction>, Vec<SignedHead>) {
        (self.transactions, self.heads)
    }
}

/// What is wrong with a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Its author is not known here.
    #[error("device {0} is not known here")]
    UnknownAuthor(DeviceId),
    /// Versions are missing.
    #[error("device {device_id}: version {expected} was expected, {found} came")]
    Gap {
        /// Whose chain.
        device_id: DeviceId,
        /// The next version.
        expected: Version,
        /// The version found.
        found: Version,
    },
    /// A transaction's versions or hash are not right.
    #[error("device {device_id}: the transaction that begins at version {version} was altered")]
    Altered {
        /// Whose chain.
        device_id: DeviceId,
        /// Its first version.
        version: Version,
    },
    /// No valid signature of the author over the end of what came.
    #[error("device {device_id}: no valid signature over version {version}")]
    Unsigned {
        /// Whose chain.
        device_id: DeviceId,
        /// The last version that came.
        version: Version,
    },
    /// The author vouches for two different transactions of one version: a cloned disk, a copied file.
    #[error("device {device_id} is forked: it has two different histories at version {version}")]
    Forked {
        /// Whose chain.
        device_id: DeviceId,
        /// Where they differ at the latest.
        version: Version,
    },
    /// It comes after the device was revoked.
    #[error("device {device_id} was revoked at version {until}")]
    Revoked {
        /// Whose chain.
        device_id: DeviceId,
        /// The last version that is accepted.
        until: Version,
    },
}

impl VerifyError {
    /// Whose chain it is about.
    pub fn device_id(&self) -> DeviceId {
        match *self {
            VerifyError::UnknownAuthor(device_id)
            | VerifyError::Gap { device_id, .. }
            | VerifyError::Altered { device_id, .. }
            | VerifyError::Unsigned { device_id, .. }
            | VerifyError::Forked { device_id, .. }
            | VerifyError::Revoked { device_id, .. } => device_id,
        }
    }
}

/// Checks what a peer handed out. Transactions that are held already are left out. Whoever's chain is wrong is left out whole and named in
/// the second answer; the others go on. `author` tells what is held of a device; `introduced` reads from a checked transaction what it says
/// of devices (membership entries): a device can be introduced and speak in one page, and what one that was shut out had written before is accepted
/// as soon as somebody who holds it says so, since that word had seen it and could not be taken first.
pub fn verify(
    transactions: Vec<Transaction>,
    heads: &[SignedHead],
    author: impl FnMut(DeviceId) -> Option<Author>,
    introduced: impl Fn(&Transaction) -> Vec<(DeviceId, Author)>,
) -> (Verified, Vec<VerifyError>) {
    let mut chains: BTreeMap<DeviceId, Chain> = BTreeMap::new();
    for (position, transaction) in transactions.into_iter().enumerate() {
        chains.entry(transaction.device_id).or_default().push((position, transaction));
    }
    let mut known = Known { held: author, told: HashMap::new() };
    let (mut accepted, mut kept): (BTreeMap<DeviceId, Chain>, BTreeMap<DeviceId, Vec<SignedHead>>) = Default::default();
    let mut errors: BTreeMap<DeviceId, VerifyError> = BTreeMap::new();
    let mut due: BTreeSet<DeviceId> = chains.keys().copied().collect();
    while let Some(device_id) = due.pop_first() {
        let (Some(chain), Some(from)) = (chains.get(&device_id), known.author(device_id)) else { continue };
        match verify_chain(device_id, chain, heads, &from) {
            Ok((chain, head)) => {
                for (device, entry) in chain.iter().flat_map(|(_, transaction)| introduced(transaction)) {
                    if known.learn(device, entry) {
                        due.insert(device);
                    }
                }
                errors.remove(&device_id);
                accepted.insert(device_id, chain);
                kept.insert(device_id, head);
            }
            Err(error) => {
                accepted.remove(&device_id);
                kept.remove(&device_id);
                errors.insert(device_id, error);
            }
        }
    }
    let strangers = chains.keys().filter(|id| !accepted.contains_key(*id) && !errors.contains_key(*id));
    let unknown: Vec<VerifyError> = strangers.map(|id| VerifyError::UnknownAuthor(*id)).collect();
    let mut transactions: Chain = accepted.into_values().flatten().collect();
    transactions.sort_by_key(|(position, _)| *position);
    let transactions = transactions.into_iter().map(|(_, transaction)| transaction).collect();
    let errors = errors.into_values().chain(unknown).collect();
    (Verified { transactions, heads: kept.into_values().flatten().collect() }, errors)
}

/// What is known of authors: what is held, and what the page has told so far.
struct Known<F> {
    held: F,
    told: HashMap<DeviceId, Option<Author>>,
}

impl<F: FnMut(DeviceId) -> Option<Author>> Known<F> {
    fn author(&mut self, id: DeviceId) -> Option<Author> {
        let held = &mut self.held;
        self.told.entry(id).or_insert_with(|| held(id)).clone()
    }

    /// Learns of an entry; answers whether it changes what is accepted of the device.
    fn learn(&mut self, id: DeviceId, entry: Author) -> bool {
        self.author(id);
        match self.told.get_mut(&id) {
            Some(Some(author)) => author.learn(&entry),
            _ => self.told.insert(id, Some(entry)).is_some(),
        }
    }
}

type Chain = Vec<(usize, Transaction)>;

/// Checks one author's part: no gap, hashes recomputed, its end signed.
fn verify_chain(device_id: DeviceId, chain: &Chain, heads: &[SignedHead], from: &Author) -> Result<(Chain, Vec<SignedHead>), VerifyError> {
    let of_author = || heads.iter().filter(|head| head.device_id == device_id);
    let keys = from.keys.with(device_id, of_author().flat_map(|head| &head.rotations));
    let signed = |version: Version, hash: &[u8; 32]| of_author().find(|h| h.version == version && &h.hash == hash && keys.vouch_for(h));
    // The author's own word for another history at a version that is held here is the proof of a fork.
    let mut here = of_author().filter(|h| h.version == from.version && from.version > 0);
    if here.any(|head| head.hash != from.hash && head.verifies(&keys.current)) {
        return Err(VerifyError::Forked { device_id, version: from.version });
    }
    let (mut version, mut hash) = (from.version, from.hash);
    let mut new: Chain = Vec::new();
    let mut kept = Vec::new();
    for (position, transaction) in chain {
        if transaction.last_version <= from.version {
            continue;
        }
        if transaction.first_version != version + 1 {
            return Err(VerifyError::Gap { device_id, expected: version + 1, found: transaction.first_version });
        }
        if let Some(until) = from.accepted_until.filter(|until| transaction.last_version > *until) {
            // What came before the revocation is still accepted.
            if new.is_empty() {
                return Err(VerifyError::Revoked { device_id, until });
            }
            break;
        }
        let numbered = transaction.changes.iter().map(|c| c.version).eq(transaction.first_version..=transaction.last_version);
        if !numbered || transaction.computed_hash(&hash) != transaction.hash {
            return Err(VerifyError::Altered { device_id, version: transaction.first_version });
        }
        (version, hash) = (transaction.last_version, transaction.hash);
        kept.extend(signed(version, &hash).cloned());
        new.push((*position, transaction.clone()));
    }
    if !new.is_empty() && kept.last().is_none_or(|head: &SignedHead| head.version != version) {
        return Err(VerifyError::Unsigned { device_id, version });
    }
    Ok((new, kept))
}

/// `[u8; 32]` as hex in JSON.
mod hex_32 {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::log::{hash_from_hex, hash_to_hex};

    pub(super) fn serialize<S: Serializer>(hash: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hash_to_hex(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        hash_from_hex(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("a hash has 64 hex digits"))
    }
}

#[cfg(test)]
mod tests;
