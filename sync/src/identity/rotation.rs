//! A new key in the place of the old one: what makes others believe it, and which key vouches for which part of a chain.
//!
//! Enters: a device's key as it is known, and [`Rotation`]s, each signed by the key before. Leaves: [`Keys`]. A rotation stands in the log of its device
//! and travels like any entry; until it has arrived, requests, answers and heads carry it, and convince by themselves.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    head::SignedHead,
    key::{DeviceKey, PublicKey},
};
use crate::clock::{DeviceId, Version};

/// The header in which a device shows how its key came about.
pub const ROTATIONS_HEADER: &str = "peergres-rotations";
/// As many are shown, the newest; a device that has seen none of them must be paired anew.
const MAX_SHOWN: usize = 16;
/// As many are followed.
const MAX_FOLLOWED: usize = 1_000;

/// A device's word, by its former key, for its next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Whose.
    pub device_id: DeviceId,
    /// The key that signs, base64.
    pub former_key: String,
    /// The key that comes after it, base64.
    pub key: String,
    /// The last version that the former key may vouch for.
    pub until: Version,
    /// Ed25519 by the former key over all of it, base64.
    pub signature: String,
}

impl Rotation {
    /// The former key's word for the next one.
    pub fn sign(former: &DeviceKey, device_id: DeviceId, next: &PublicKey, until: Version) -> Rotation {
        let signature = STANDARD.encode(former.sign(&signed_bytes(device_id, &former.public(), next, until)));
        Rotation { device_id, former_key: former.public().to_base64(), key: next.to_base64(), until, signature }
    }

    /// Both keys, if the former one signed it.
    fn verified(&self) -> Option<(PublicKey, PublicKey)> {
        let (former, next) = (PublicKey::parse(&self.former_key).ok()?, PublicKey::parse(&self.key).ok()?);
        let signature = STANDARD.decode(&self.signature).ok()?;
        former.verifies(&signed_bytes(self.device_id, &former, &next, self.until), &signature).then_some((former, next))
    }
}

fn signed_bytes(device_id: DeviceId, former: &PublicKey, next: &PublicKey, until: Version) -> Vec<u8> {
    let mut bytes = b"peergres rotation 1\n".to_vec();
    bytes.extend_from_slice(device_id.as_bytes());
    bytes.extend_from_slice(former.as_bytes());
    bytes.extend_from_slice(next.as_bytes());
    bytes.extend_from_slice(&until.to_be_bytes());
    bytes
}

/// A device's key, and those before it with the last version that each vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The one that signs now.
    pub current: PublicKey,
    /// The ones before.
    former: Vec<(PublicKey, Version)>,
}

impl Keys {
    /// A key that was never replaced.
    pub fn of(key: PublicKey) -> Keys {
        Keys { current: key, former: Vec::new() }
    }

    /// From a key that is believed, the newest that it leads to. Where one key signed for two, the least stands, the same on every device.
    pub fn follow<'a>(device_id: DeviceId, known: PublicKey, rotations: impl IntoIterator<Item = &'a Rotation>) -> Keys {
        let of_device = rotations.into_iter().filter(|rotation| rotation.device_id == device_id);
        let steps: Vec<(PublicKey, PublicKey, Version)> =
            of_device.filter_map(|rotation| rotation.verified().map(|(former, next)| (former, next, rotation.until))).collect();
        let newest = |from: PublicKey| {
            let mut key = from;
            for _ in 0..MAX_FOLLOWED {
                let next = steps.iter().filter(|(former, ..)| *former == key).map(|(_, next, _)| *next);
                match next.min_by_key(|next| *next.as_bytes()) {
                    Some(next) if next != from => key = next,
                    _ => break,
                }
            }
            key
        };
        let current = newest(known);
        let before = steps.iter().filter(|(former, ..)| *former != current && newest(*former) == current);
        Keys { current, former: before.map(|(former, _, until)| (*former, *until)).collect() }
    }

    /// The same, with what further rotations tell.
    #[must_use]
    pub fn with<'a>(&self, device_id: DeviceId, rotations: impl IntoIterator<Item = &'a Rotation>) -> Keys {
        let more = Keys::follow(device_id, self.current, rotations);
        let mut former = self.former.clone();
        former.extend(more.former.iter().filter(|key| !self.former.contains(key)));
        Keys { current: more.current, former }
    }

    /// Whether the key that may vouch for that version signed the head.
    pub fn vouch_for(&self, head: &SignedHead) -> bool {
        head.verifies(&self.current) || self.former.iter().any(|(key, until)| head.version <= *until && head.verifies(key))
    }
}

/// Rotations as a header's value; none where there are none.
pub fn show_rotations(rotations: &[Rotation]) -> Option<String> {
    let shown = &rotations[rotations.len().saturating_sub(MAX_SHOWN)..];
    (!shown.is_empty()).then(|| STANDARD.encode(serde_json::to_vec(shown).expect("rotations are plain data")))
}

/// Rotations from a header's value; what is not understood is as good as not sent.
pub fn read_rotations(value: Option<&axum::http::HeaderValue>) -> Vec<Rotation> {
    let bytes = value.and_then(|value| STANDARD.decode(value.as_bytes()).ok()).unwrap_or_default();
    let rotations: Vec<Rotation> = serde_json::from_slice(&bytes).unwrap_or_default();
    rotations.into_iter().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const DEVICE: DeviceId = Uuid::from_u128(5);

    fn key(seed: u8) -> DeviceKey {
        DeviceKey::from_seed(&[seed; 32])
    }

    #[test]
    fn a_chain_of_rotations_is_followed_from_any_of_its_keys() {
        let rotations = [
            Rotation::sign(&key(2), DEVICE, &key(3).public(), 20),
            Rotation::sign(&key(1), DEVICE, &key(2).public(), 10),
            Rotation::sign(&key(9), DEVICE, &key(8).public(), 10),
        ];
        for known in [1, 2, 3] {
            let keys = Keys::follow(DEVICE, key(known).public(), &rotations);
            assert_eq!(keys.current, key(3).public());
            let head = |signer: u8, version| SignedHead::sign(&key(signer), DEVICE, version, [7; 32]);
            assert!(keys.vouch_for(&head(3, 5)) && keys.vouch_for(&head(3, 50)));
            assert!(keys.vouch_for(&head(1, 10)) && !keys.vouch_for(&head(1, 11)), "the first key had its time");
            assert!(keys.vouch_for(&head(2, 20)) && !keys.vouch_for(&head(2, 21)));
            assert!(!keys.vouch_for(&head(9, 1)) && !keys.vouch_for(&head(8, 1)), "strangers stay strangers");
        }
        assert_eq!(Keys::follow(Uuid::nil(), key(1).public(), &rotations).current, key(1).public(), "of another device");
    }

    #[test]
    fn only_the_former_key_may_name_the_next() {
        let mut forged = Rotation::sign(&key(4), DEVICE, &key(5).public(), 10);
        forged.former_key = key(1).public().to_base64();
        assert_eq!(Keys::follow(DEVICE, key(1).public(), [&forged]), Keys::of(key(1).public()));
        let mut altered = Rotation::sign(&key(1), DEVICE, &key(2).public(), 10);
        altered.until = 1_000;
        assert_eq!(Keys::follow(DEVICE, key(1).public(), [&altered]), Keys::of(key(1).public()));
    }

    #[test]
    fn two_rotations_of_one_key_and_circles_come_to_rest() {
        let both = [Rotation::sign(&key(1), DEVICE, &key(2).public(), 10), Rotation::sign(&key(1), DEVICE, &key(3).public(), 10)];
        let mut turned = both.clone();
        turned.reverse();
        assert_eq!(Keys::follow(DEVICE, key(1).public(), &both).current, Keys::follow(DEVICE, key(1).public(), &turned).current);
        let circle = [Rotation::sign(&key(1), DEVICE, &key(2).public(), 10), Rotation::sign(&key(2), DEVICE, &key(1).public(), 20)];
        let _ = Keys::follow(DEVICE, key(1).public(), &circle);
    }

    #[test]
    fn rotations_survive_a_header() {
        let rotations = vec![Rotation::sign(&key(1), DEVICE, &key(2).public(), 10)];
        let shown = axum::http::HeaderValue::from_str(&show_rotations(&rotations).unwrap()).unwrap();
        assert_eq!(read_rotations(Some(&shown)), rotations);
        assert_eq!(show_rotations(&[]), None);
        assert!(read_rotations(None).is_empty());
    }
}
