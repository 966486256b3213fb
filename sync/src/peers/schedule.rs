//! When to sync: every so often with each peer, at once when something was written here or the peer says that it has news, and ever more
//! rarely while a peer does not answer.
//!
//! Enters: peers' addresses, news of durable commits, peers' events. Leaves: rounds, and a [`PeerStatus`] of each peer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{sync::Notify, task::JoinHandle};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    client::PeerError,
    round::{Round, recognize, sync_round},
};
use crate::{clock, manager::Replica};

/// The longest pause between two attempts.
const MAX_PAUSE: Duration = Duration::from_secs(120);
/// Writes that follow each other this closely go in one round.
const GATHER: Duration = Duration::from_millis(5);

/// How a peer is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PeerStatus {
    /// Its address.
    pub url: String,
    /// Its device, once known.
    pub device_id: Option<Uuid>,
    /// The last round that went well, microseconds since 1970.
    pub last_contact: Option<i64>,
    /// Why the last round failed; none if it went well.
    pub last_error: Option<String>,
    /// Rounds that failed since.
    pub failures: u32,
    /// What all rounds moved.
    pub moved: Round,
    /// The snapshot that is being taken over from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotProgress>,
}

/// How far a snapshot has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SnapshotProgress {
    /// Bytes downloaded.
    pub bytes: u64,
    /// Its size, once known.
    pub total: Option<u64>,
    /// Changes taken in.
    pub changes: u64,
}

struct Peer {
    status: PeerStatus,
    wake: Arc<Notify>,
    tasks: Vec<JoinHandle<()>>,
}

/// The peers that are synced with by themselves.
#[derive(Default)]
pub struct Schedule {
    peers: Mutex<BTreeMap<String, Peer>>,
    interval: Mutex<Option<Duration>>,
    turns: Mutex<BTreeMap<Uuid, Arc<tokio::sync::Mutex<()>>>>,
}

impl std::fmt::Debug for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.status()).finish()
    }
}

impl Schedule {
    /// How each peer is doing.
    pub fn status(&self) -> Vec<PeerStatus> {
        self.peers.lock().values().map(|peer| peer.status.clone()).collect()
    }

    /// Begins to sync by itself with every peer known and yet to come. Call it within a tokio runtime.
    pub fn start(&self, replica: &Arc<Replica>, interval: Duration) {
        *self.interval.lock() = Some(interval);
        let urls: Vec<String> = self.peers.lock().keys().cloned().collect();
        for url in urls {
            self.run(replica, &url, interval);
        }
    }

    /// Adds a peer; it is synced with by itself once [`Schedule::start`] was called.
    pub fn add(&self, replica: &Arc<Replica>, url: &str) {
        let url = url.trim_end_matches('/');
        let status = PeerStatus { url: url.to_owned(), ..PeerStatus::default() };
        self.peers.lock().entry(url.to_owned()).or_insert_with(|| Peer { status, wake: Arc::default(), tasks: Vec::new() });
        let interval = *self.interval.lock();
        if let Some(interval) = interval {
            self.run(replica, url, interval);
        }
    }

    /// A peer has spoken: it is added where it is new, and tried again now where it could not be reached.
    pub fn heard_from(&self, replica: &Arc<Replica>, url: &str) {
        let url = url.trim_end_matches('/');
        let known = self.peers.lock().get(url).map(|peer| (peer.status.failures, Arc::clone(&peer.wake)));
        match known {
            None => self.add(replica, url),
            Some((0, _)) => {}
            Some((_, wake)) => wake.notify_one(),
        }
    }

    /// Notes which device is at an address.
    pub(super) fn recognized(&self, url: &str, device: Uuid) {
        if let Some(peer) = self.peers.lock().get_mut(url.trim_end_matches('/')) {
            peer.status.device_id = Some(device);
        }
    }

    /// Notes how far a snapshot has come; none when it is over.
    pub(crate) fn note_snapshot(&self, url: &str, progress: Option<SnapshotProgress>) {
        if let Some(peer) = self.peers.lock().get_mut(url.trim_end_matches('/')) {
            peer.status.snapshot = progress;
        }
    }

    /// Whose turn it is to sync with a device.
    pub(super) fn turn(&self, device: Uuid) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.turns.lock().entry(device).or_default())
    }

    /// The peers' addresses.
    pub fn urls(&self) -> Vec<String> {
        self.peers.lock().keys().cloned().collect()
    }

    /// Ends all syncing by itself.
    pub fn stop(&self) {
        *self.interval.lock() = None;
        for peer in self.peers.lock().values_mut() {
            peer.tasks.drain(..).for_each(|task| task.abort());
        }
    }

    fn run(&self, replica: &Arc<Replica>, url: &str, interval: Duration) {
        let mut peers = self.peers.lock();
        let Some(peer) = peers.get_mut(url).filter(|peer| peer.tasks.is_empty()) else { return };
        let rounds = tokio::spawn(keep_syncing(Arc::downgrade(replica), url.to_owned(), interval, Arc::clone(&peer.wake)));
        let events = tokio::spawn(keep_listening(Arc::downgrade(replica), url.to_owned(), interval, Arc::clone(&peer.wake)));
        peer.tasks.extend([rounds, events]);
    }

    /// Notes how a round went.
    pub(crate) fn note(&self, url: &str, result: &Result<Round, PeerError>) {
        let mut peers = self.peers.lock();
        let Some(peer) = peers.get_mut(url.trim_end_matches('/')) else { return };
        match result {
            Ok(round) => {
                peer.status.moved += *round;
                peer.status.last_contact = Some(clock::now_micros());
                peer.status.last_error = None;
                peer.status.failures = 0;
            }
            Err(error) => {
                let words = error.to_string();
                if peer.status.last_error.as_ref() != Some(&words) {
                    tracing::warn!(url, error = %words, "sync failed");
                }
                peer.status.last_error = Some(words);
                peer.status.failures = peer.status.failures.saturating_add(1);
            }
        }
    }

    fn failures(&self, url: &str) -> u32 {
        self.peers.lock().get(url).map_or(0, |peer| peer.status.failures)
    }
}

/// Rounds with one peer, for ever, or until the node is gone.
async fn keep_syncing(replica: Weak<Replica>, url: String, interval: Duration, wake: Arc<Notify>) {
    let Some(mut news) = replica.upgrade().map(|r| r.database().subscribe()) else { return };
    loop {
        let Some(alive) = replica.upgrade() else { return };
        news.borrow_and_update();
        let before = alive.held_of_self();
        let result = sync_round(&alive, &url).await;
        alive.schedule().note(&url, &result);
        let failures = alive.schedule().failures(&url);
        drop(alive);
        let pause = jitter(pause_after(interval, failures));
        let deadline = tokio::time::sleep(pause);
        tokio::pin!(deadline);
        loop {
            tokio::select! {
                () = &mut deadline => break,
                () = wake.notified() => break,
                changed = news.changed(), if failures == 0 => {
                    if changed.is_err() { return }
                    // Only what was written here wakes a peer's round: what came from peers, they have.
                    let written = replica.upgrade().is_some_and(|r| r.held_of_self() != before);
                    if written {
                        tokio::time::sleep(GATHER).await;
                        break;
                    }
                }
            }
        }
    }
}

/// Listens to a peer's events and wakes its rounds.
async fn keep_listening(replica: Weak<Replica>, url: String, interval: Duration, wake: Arc<Notify>) {
    let mut failures = 0_u32;
    loop {
        let Some(alive) = replica.upgrade() else { return };
        let response = match recognize(&alive, &url).await {
            Ok(peer) => alive.client().listen(&peer, "/sync/events").await,
            Err(error) => Err(error),
        };
        drop(alive);
        if let Ok(response) = response {
            failures = 0;
            let mut pieces = response.bytes_stream();
            while let Some(Ok(piece)) = pieces.next().await {
                // A comment keeps the connection alive; anything else is news, whatever it says: the round will find out.
                if piece.starts_with(b"event") || piece.starts_with(b"data") {
                    wake.notify_one();
                }
            }
        }
        failures = failures.saturating_add(1);
        tokio::time::sleep(jitter(pause_after(interval, failures))).await;
    }
}

/// The interval, doubled with each failure.
fn pause_after(interval: Duration, failures: u32) -> Duration {
    let doubled = interval.max(Duration::from_millis(10)).saturating_mul(1 << failures.min(10));
    if failures == 0 { interval.max(Duration::from_millis(10)) } else { doubled.min(MAX_PAUSE.max(interval)) }
}

/// Up to a quarter more or less, so that devices that began together do not stay in step.
fn jitter(pause: Duration) -> Duration {
    let mut byte = [128_u8];
    // Without randomness the pause is just the pause.
    let _ = getrandom::fill(&mut byte);
    pause.mul_f64(0.75 + f64::from(byte[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_does_not_answer_is_asked_ever_more_rarely() {
        let interval = Duration::from_secs(5);
        let pauses: Vec<u64> = (0..8).map(|failures| pause_after(interval, failures).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 120, 120, 120]);
        assert_eq!(pause_after(Duration::from_secs(600), 9), Duration::from_secs(600));
        for _ in 0..100 {
            let jittered = jitter(interval);
            assert!(jittered >= interval.mul_f64(0.75) && jittered <= interval.mul_f64(1.25));
        }
    }
}
