//! One round with one peer: pull, then push, page by page, whole transactions in causal order.
//!
//! Enters: a peer's address. Leaves: [`Round`]: how much went each way. What this device relays of third devices goes like its own.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    client::{PeerError, PeerIdentity},
    exchange::{ask, offer, take_answer},
    wire::{PullAnswer, PushAnswer, RegisterAnswer, RegisterRequest},
};
use crate::{
    clock::VersionVector,
    devices::{self, acknowledgements},
    identity::PublicKey,
    manager::{Replica, ReplicaError},
    snapshot::take_if_wanted,
};

/// How many pages one round takes each way; the next round goes on.
const MAX_PAGES: usize = 10_000;

/// What a round moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Round {
    /// Changes that the peer took.
    pub pushed: u64,
    /// Changes that came.
    pub pulled: u64,
    /// Conflicts that are new.
    pub conflicts: u64,
}

impl std::ops::AddAssign for Round {
    fn add_assign(&mut self, other: Round) {
        self.pushed += other.pushed;
        self.pulled += other.pulled;
        self.conflicts += other.conflicts;
    }
}

/// Syncs once with the device at an address.
pub async fn sync_round(replica: &Arc<Replica>, url: &str) -> Result<Round, PeerError> {
    let peer = recognize(replica, url).await?;
    replica.schedule().recognized(url, peer.device_id);
    // Two rounds with one device at a time would carry everything twice.
    let turn = replica.schedule().turn(peer.device_id);
    let _turn = turn.lock().await;
    let mut round = Round::default();
    take_if_wanted(replica, &peer, &mut round).await?;
    let theirs = pull(replica, &peer, &mut round).await?;
    take_if_wanted(replica, &peer, &mut round).await?;
    push(replica, &peer, theirs, &mut round).await?;
    let id = peer.device_id;
    replica.blocking(move |r| Ok(devices::saw(r.database(), id)?)).await?;
    Ok(round)
}

/// Who is there, and with which key. A device that is not known here is registered, and this one there; a person decides on both sides.
pub(crate) async fn recognize(replica: &Arc<Replica>, url: &str) -> Result<PeerIdentity, PeerError> {
    let device_id = replica.client().identify(url).await?;
    if device_id == replica.identity().device_id {
        return Err(PeerError::Own(url.to_owned()));
    }
    let known = replica.blocking(move |r| Ok(devices::find(&*r.database().glance()?, r.identity().device_id, &device_id.to_string())));
    match known.await? {
        Ok(device) if device.is_authorized => {
            let key = PublicKey::parse(&device.public_key).map_err(|e| PeerError::Local(e.to_string()))?;
            Ok(PeerIdentity { url: url.to_owned(), device_id, key })
        }
        Ok(_) => Err(PeerError::NotAuthorized { url: url.to_owned(), device_id }),
        Err(devices::DeviceError::NotFound(_)) => {
            register_both(replica, url, device_id).await?;
            Err(PeerError::NotAuthorized { url: url.to_owned(), device_id })
        }
        Err(error) => Err(PeerError::Local(error.to_string())),
    }
}

async fn register_both(replica: &Arc<Replica>, url: &str, device_id: crate::clock::DeviceId) -> Result<(), PeerError> {
    let request = registration(replica, url);
    let key = |json: &serde_json::Value| PublicKey::parse(json.get("device")?.get("public_key")?.as_str()?).ok();
    let answer: RegisterAnswer = replica.client().introduce(url, device_id, "/devices/register", &request, key).await?;
    let public_key =
        PublicKey::parse(&answer.device.public_key).map_err(|e| PeerError::NotPeergres { url: url.to_owned(), reason: e.to_string() })?;
    let registration = devices::Registration {
        device_id,
        device_name: answer.device.device_name,
        public_key,
        tailscale_ip: None,
        url: Some(url.to_owned()),
    };
    replica.blocking(move |r| Ok(devices::register(r.database(), r.identity(), &registration)?)).await?;
    Ok(())
}

/// This device's registration, as it sends it to a peer. An address at loopback means something to a peer at loopback only.
pub(crate) fn registration(replica: &Replica, peer: &str) -> RegisterRequest {
    let identity = replica.identity();
    RegisterRequest {
        device_id: identity.device_id,
        device_name: identity.device_name(),
        public_key: identity.public_key().to_base64(),
        tailscale_ip: None,
        url: replica.public_url().filter(|own| !is_loopback(own) || is_loopback(peer)),
    }
}

fn is_loopback(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Pulls until nothing more is there; answers what the peer holds.
async fn pull(replica: &Arc<Replica>, peer: &PeerIdentity, round: &mut Round) -> Result<VersionVector, PeerError> {
    for _ in 0..MAX_PAGES {
        let request = replica.blocking(|r| ask(r)).await?;
        let before = request.known.clone().unwrap_or_default();
        let answer: PullAnswer = replica.client().call(peer, "/sync/pull", &request).await?;
        let unusable = |reason: String| PeerError::Unusable { url: peer.url.clone(), reason };
        let (more, theirs) = (answer.more, answer.known.clone());
        let intake = match replica.blocking(move |r| take_answer(r, answer)).await {
            Err(ReplicaError::Message(reason)) => return Err(unusable(reason)),
            other => other?,
        };
        round.pulled += intake.applied.changes;
        round.conflicts += intake.applied.conflicts;
        if !more {
            return match intake.refused.first() {
                Some(error) if intake.applied.changes == 0 => Err(unusable(error.to_string())),
                _ => Ok(theirs),
            };
        }
        // Another round, or the peer's push, may have brought the same meanwhile.
        if intake.applied.changes == 0 && replica.blocking(|r| Ok(r.held())).await? == before {
            let reason = intake.refused.first().map_or_else(|| "nothing of a page could be used".to_owned(), ToString::to_string);
            return Err(unusable(reason));
        }
    }
    Err(PeerError::Unusable { url: peer.url.clone(), reason: "it has more pages than one round takes".to_owned() })
}

/// Pushes what the peer lacks.
async fn push(replica: &Arc<Replica>, peer: &PeerIdentity, mut theirs: VersionVector, round: &mut Round) -> Result<(), PeerError> {
    let mut acknowledge = round.pulled > 0;
    for _ in 0..MAX_PAGES {
        let known = theirs.clone();
        let (request, more) = replica.blocking(move |r| offer(r, known)).await?;
        if request.changes.is_empty() && !acknowledge {
            return Ok(());
        }
        acknowledge = false;
        let mut sent = VersionVector::default();
        request.changes.iter().for_each(|change| sent.raise(change.device_id, change.transaction.last));
        let answer: PushAnswer = replica.client().call(peer, "/sync/push", &request).await?;
        if let Some(word) = answer.acknowledgement {
            replica.blocking(move |r| Ok(acknowledgements::take(r.database(), r.identity(), &[word])?)).await?;
        }
        round.pushed += answer.accepted;
        if round.pulled == 0 {
            round.conflicts += answer.conflicts;
        }
        let stuck = sent.0.iter().any(|(device, version)| answer.known.get(*device) < *version);
        if let (true, Some(reason)) = (stuck, answer.refused.first()) {
            return Err(PeerError::Refused { url: peer.url.clone(), status: 200, detail: reason.clone() });
        }
        if stuck && answer.accepted == 0 {
            // It lacks what comes before, and knows it: the next round begins anew.
            return Ok(());
        }
        theirs = answer.known;
        if !more {
            return Ok(());
        }
    }
    Ok(())
}
