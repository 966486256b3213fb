//! Pairing in one step each: an invitation made on one device, a join on the other, and both are authorized on both.
//!
//! Enters: a request to invite; a code. Leaves: a one-time code that carries the inviter's address, the fingerprint of its key and a secret; and
//! two devices that know each other's keys. Nobody in between can take part: the joiner knows the inviter's key by its fingerprint, the
//! inviter knows that the joiner holds the secret, and neither sends the secret itself.

use std::{path::PathBuf, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::{
    client::PeerError,
    round::{Round, registration, sync_round},
    wire::{Introduction, JoinAnswer, JoinRequest},
};
use crate::{
    clock, devices,
    identity::{Fingerprint, IdentityError, KeyError, PublicKey, write_private},
    manager::{Replica, ReplicaError},
};

/// How long a code is good.
pub const CODE_SECONDS: i64 = 600;
/// How many codes may be open.
const MAX_OPEN: usize = 64;
const PREFIX: &str = "peergres1-";

/// What a code carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Where the inviter's HTTP API is.
    pub url: String,
    /// Its key's fingerprint.
    pub fingerprint: Fingerprint,
    /// 128 random bits.
    pub secret: [u8; 16],
}

impl Invitation {
    /// As text that survives a chat message, and a double click.
    pub fn to_code(&self) -> String {
        let mut bytes = self.fingerprint.0.to_vec();
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(self.url.as_bytes());
        bytes.extend_from_slice(&Sha256::digest(&bytes)[..3]);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a code; a mistyped one is told from a wrong one.
    pub fn from_code(code: &str) -> Result<Invitation, PeerError> {
        let bad = || PeerError::Local("this is not an invitation code, or it was not copied whole".to_owned());
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = URL_SAFE_NO_PAD.decode(code.strip_prefix(PREFIX).ok_or_else(bad)?).map_err(|_| bad())?;
        let (content, check) = bytes.split_at_checked(bytes.len().saturating_sub(3)).ok_or_else(bad)?;
        if content.len() < 33 || Sha256::digest(content)[..3] != *check {
            return Err(bad());
        }
        Ok(Invitation {
            fingerprint: Fingerprint(content[..16].try_into().expect("16 bytes")),
            secret: content[16..32].try_into().expect("16 bytes"),
            url: String::from_utf8(content[32..].to_vec()).map_err(|_| bad())?,
        })
    }
}

/// HMAC-SHA256 with the secret over a role and both keys: each side proves that it holds the secret, and for which keys.
fn proof(secret: &[u8; 16], role: &str, inviter: &PublicKey, joiner: &PublicKey) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(b"peergres pairing 1\n");
    mac.update(role.as_bytes());
    mac.update(inviter.as_bytes());
    mac.update(joiner.as_bytes());
    mac
}

/// Why an invitation can't be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedeemError {
    /// No open invitation has that secret.
    #[error("the invitation is not known, used up, or over; ask for a new one")]
    Unknown,
    /// Too many are open.
    #[error("{MAX_OPEN} invitations are open already; they end within ten minutes")]
    TooMany,
    /// They can't be kept.
    #[error(transparent)]
    File(#[from] IdentityError),
}

#[derive(Clone, Serialize, Deserialize)]
struct Open {
    secret: String,
    expires_at: i64,
}

/// The open invitations, in a file that only the owner can read, so that a code made while the server is down is good when it is up.
#[derive(Debug)]
pub struct Invitations {
    path: PathBuf,
    lock: Mutex<()>,
}

impl Invitations {
    /// Those of a data directory.
    pub fn new(directory: &std::path::Path) -> Invitations {
        Invitations { path: directory.join("invitations.json"), lock: Mutex::new(()) }
    }

    fn read(&self) -> Vec<Open> {
        let text = std::fs::read_to_string(&self.path).unwrap_or_default();
        let now = clock::now_micros() / 1_000_000;
        let mut open: Vec<Open> = serde_json::from_str(&text).unwrap_or_default();
        open.retain(|one| one.expires_at > now);
        open
    }

    fn write(&self, open: &[Open]) -> Result<(), IdentityError> {
        let text = serde_json::to_string(open).expect("strings and numbers are JSON");
        write_private(&self.path, text.as_bytes())
    }

    /// A new secret; answers it and when it ends, in seconds since 1970.
    pub fn open(&self) -> Result<([u8; 16], i64), RedeemError> {
        let _guard = self.lock.lock();
        let mut open = self.read();
        if open.len() >= MAX_OPEN {
            return Err(RedeemError::TooMany);
        }
        let mut secret = [0_u8; 16];
        getrandom::fill(&mut secret).map_err(|e| IdentityError::Key(KeyError::Random(e)))?;
        let expires_at = clock::now_micros() / 1_000_000 + CODE_SECONDS;
        open.push(Open { secret: STANDARD.encode(secret), expires_at });
        self.write(&open)?;
        Ok((secret, expires_at))
    }

    /// Uses up the invitation whose secret the joiner has proven to hold; answers the proof of this side.
    pub fn redeem(&self, inviter: &PublicKey, joiner: &PublicKey, given: &str) -> Result<String, RedeemError> {
        let refuse = || RedeemError::Unknown;
        let given = STANDARD.decode(given).map_err(|_| refuse())?;
        let _guard = self.lock.lock();
        let mut open = self.read();
        let secret_of = |one: &Open| <[u8; 16]>::try_from(STANDARD.decode(&one.secret).ok()?).ok();
        let found = open
            .iter()
            .position(|one| secret_of(one).is_some_and(|secret| proof(&secret, "joiner", inviter, joiner).verify_slice(&given).is_ok()));
        let secret = secret_of(&open.remove(found.ok_or_else(refuse)?)).ok_or_else(refuse)?;
        self.write(&open)?;
        Ok(STANDARD.encode(proof(&secret, "inviter", inviter, joiner).finalize().into_bytes()))
    }
}

/// The inviter's part, once the joiner has proven that it was invited: it is authorized, with a slot of its own. Answers who this device is, and the
/// slot. An invitation is a person's decision, so a device that was shut out is let in again by it.
pub fn welcome(replica: &Replica, joiner: &devices::Registration) -> Result<(Introduction, u32), ReplicaError> {
    let (database, identity) = (replica.database(), replica.identity());
    devices::introduce_self(database, identity, 0)?;
    match devices::register(database, identity, joiner) {
        Err(devices::DeviceError::Revoked(_)) => {}
        other => drop(other?),
    }
    let joiner = devices::authorize(database, identity, joiner.device_id, None)?;
    Ok((replica.introduction()?, joiner.slot.unwrap_or(0)))
}

/// The joiner's part, once the inviter has proven who it is: this device takes the slot that it was given, and authorizes the inviter.
pub fn settle_in(replica: &Replica, inviter: &devices::Registration, slot: u32, inviter_slot: u32) -> Result<(), ReplicaError> {
    let (database, identity) = (replica.database(), replica.identity());
    devices::introduce_self(database, identity, slot)?;
    match devices::register(database, identity, inviter) {
        Err(devices::DeviceError::Revoked(_)) => {}
        other => drop(other?),
    }
    devices::authorize(database, identity, inviter.device_id, Some(inviter_slot))?;
    Ok(())
}

/// Joins the devices of whoever made the code: pairs, then takes over what they hold and hands over what is here.
pub async fn join(replica: &Arc<Replica>, code: &str) -> Result<Round, PeerError> {
    let invitation = Invitation::from_code(code)?;
    let url = invitation.url.clone();
    let device_id = replica.client().identify(&url).await?;
    if device_id == replica.identity().device_id {
        return Err(PeerError::Own(url));
    }
    let own_key = replica.identity().public_key();
    // The inviter's key is not known before its answer; its fingerprint is, so the proof is made over the key the answer must show.
    let inviter_key = inviter_key(replica, &url, &invitation).await?;
    let given = proof(&invitation.secret, "joiner", &inviter_key, &own_key).finalize().into_bytes();
    let request = JoinRequest { device: registration(replica, &url), proof: STANDARD.encode(given) };
    let answer: JoinAnswer = replica.client().introduce(&url, device_id, "/devices/join", &request, |_| Some(inviter_key)).await?;
    let theirs = STANDARD.decode(&answer.proof).unwrap_or_default();
    if proof(&invitation.secret, "inviter", &inviter_key, &own_key).verify_slice(&theirs).is_err() {
        return Err(PeerError::NotAuthentic { url, device_id });
    }
    let before = replica.held();
    let inviter = devices::Registration {
        device_id,
        device_name: answer.device.device_name,
        public_key: inviter_key,
        tailscale_ip: None,
        url: Some(url.clone()),
    };
    replica.blocking(move |r| settle_in(r, &inviter, answer.slot, answer.device.slot)).await?;
    replica.schedule().add(replica, &url);
    let result = sync_round(replica, &url).await;
    replica.schedule().note(&url, &result);
    let mut round = result?;
    // The inviter may have pushed at the same time: what counts is what came, by whichever way.
    let (after, me) = (replica.held(), replica.identity().device_id);
    let others = after.0.iter().filter(|(author, _)| **author != me);
    round.pulled = others.map(|(author, version)| version - before.get(*author).min(*version)).sum();
    Ok(round)
}

/// The key behind the fingerprint, as the inviter itself shows it; a key with another fingerprint is somebody else's.
async fn inviter_key(replica: &Arc<Replica>, url: &str, invitation: &Invitation) -> Result<PublicKey, PeerError> {
    let device_id = replica.client().identify(url).await?;
    let find = |json: &Json| PublicKey::parse(json.get("device")?.get("public_key")?.as_str()?).ok();
    let answer: super::wire::RegisterAnswer =
        replica.client().introduce(url, device_id, "/devices/register", &registration(replica, url), find).await?;
    match PublicKey::parse(&answer.device.public_key) {
        Ok(key) if key.fingerprint() == invitation.fingerprint => Ok(key),
        _ => Err(PeerError::NotAuthentic { url: url.to_owned(), device_id }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::DeviceKey;

    #[test]
    fn a_code_survives_and_a_damaged_one_is_told() {
        let invitation = Invitation { url: "http://127.0.0.1:8080".to_owned(), fingerprint: Fingerprint([3; 16]), secret: [9; 16] };
        let code = invitation.to_code();
        assert_eq!(Invitation::from_code(&format!(" {code}\n")).unwrap(), invitation);
        let mut damaged = code.clone().into_bytes();
        damaged[20] = if damaged[20] == b'A' { b'B' } else { b'A' };
        for bad in ["", "peergres1-", "peergres1-AAAA", &code[..code.len() - 1], std::str::from_utf8(&damaged).unwrap()] {
            assert!(Invitation::from_code(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_invitation_is_good_once_and_for_who_holds_its_secret() {
        let directory = tempfile::tempdir().unwrap();
        let invitations = Invitations::new(directory.path());
        let (inviter, joiner) = (DeviceKey::generate().unwrap().public(), DeviceKey::generate().unwrap().public());
        let (secret, _) = invitations.open().unwrap();
        let given = |secret: &[u8; 16], role| STANDARD.encode(proof(secret, role, &inviter, &joiner).finalize().into_bytes());
        for wrong in [given(&[0; 16], "joiner"), given(&secret, "inviter"), String::new(), "?".to_owned()] {
            assert!(invitations.redeem(&inviter, &joiner, &wrong).is_err());
        }
        assert!(invitations.redeem(&joiner, &inviter, &given(&secret, "joiner")).is_err(), "the keys are part of the proof");
        let answer = invitations.redeem(&inviter, &joiner, &given(&secret, "joiner")).unwrap();
        assert_eq!(answer, given(&secret, "inviter"));
        assert!(invitations.redeem(&inviter, &joiner, &given(&secret, "joiner")).is_err(), "used up");
    }
}
