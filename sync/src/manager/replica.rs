//! [`Replica`]: the replicated database, this device's identity, its peers and its secrets, under one roof.
//!
//! Enters: an open [`Node`]. Leaves: what the API, the rounds and the commands work with. Whatever blocks (SQLite) runs on threads of its
//! own through [`Replica::blocking`].

use std::{path::Path, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use serde_json::Value as Json;
use subtle::ConstantTimeEq as _;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::control::{Arrival, Figure};
use crate::{
    api::RateLimit,
    clock::{self, Version, VersionVector},
    commit::Durability,
    conflicts::{self, Conflict, ConflictError, Strategies, Winner},
    devices::{
        self, Device, DeviceError,
        acknowledgements::{self, Acknowledgement},
    },
    identity::{Identity, IdentityError, NonceMemory, write_private},
    log::{self, Pruned},
    peers::{
        Intake, Invitation, PeerClient, PeerError, Round, Schedule,
        pairing::{self, Invitations, RedeemError},
        sync_round,
        wire::{Introduction, JoinAnswer, JoinRequest},
    },
    snapshot::Snapshots,
    store::{Database, LockWait, Node, StoreError},
};

/// Why a node can't take part in sync.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicaError {
    /// Its identity's files.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Its store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its devices.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Its conflicts.
    #[error(transparent)]
    Conflict(#[from] ConflictError),
    /// Its HTTP client.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Its invitations.
    #[error(transparent)]
    Redeem(#[from] RedeemError),
    /// A peer's message that is not built as it must be.
    #[error("{0}")]
    Message(String),
    /// A thread ended before its time.
    #[error("the work was interrupted")]
    Interrupted,
}

impl From<rusqlite::Error> for ReplicaError {
    fn from(error: rusqlite::Error) -> Self {
        ReplicaError::Store(StoreError::Sqlite(error))
    }
}

impl From<ReplicaError> for PeerError {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::Peer(error) => error,
            other => PeerError::Local(other.to_string()),
        }
    }
}

/// See the file's head.
pub struct Replica {
    node: Arc<Node>,
    database: Arc<Database>,
    identity: Arc<Identity>,
    strategies: Strategies,
    admin_token: Zeroizing<String>,
    client: PeerClient,
    schedule: Schedule,
    snapshots: Snapshots,
    /// Held while the key is replaced.
    rotating: Mutex<()>,
    invitations: Invitations,
    nonces: Mutex<NonceMemory>,
    strangers: RateLimit,
    guesses: RateLimit,
    public_url: Mutex<Option<String>>,
    /// Who is told of rows that came from peers.
    listeners: Mutex<Vec<Listener>>,
    /// Who has figures to show beside those of sync.
    figures: Mutex<Vec<Figures>>,
    /// True once the server is to end: streams that never end by themselves end then.
    stopping: watch::Sender<bool>,
}

/// Who is told of rows that came from peers.
pub(super) type Listener = Box<dyn Fn(&Arrival) + Send + Sync>;

/// Who has figures to show.
pub(super) type Figures = Box<dyn Fn() -> Vec<Figure> + Send + Sync>;

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replica").field("identity", &self.identity).field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

impl Replica {
    /// Makes what is missing (key, admin token) and reads the rest. A given name replaces the stored one.
    pub fn open(node: &Arc<Node>, name: Option<&str>, strategies: Strategies) -> Result<Arc<Replica>, ReplicaError> {
        let database = node.replicated();
        let directory = node.directory();
        let identity = Arc::new(Identity::open(directory, database.log_state().device, name)?);
        identity.follow(devices::rotations(&*database.glance()?, identity.device_id)?)?;
        devices::refresh_if_any(&database, &identity)?;
        devices::show_self(&database, &identity)?;
        devices::take_slot(&database, identity.device_id)?;
        let replica = Replica {
            client: PeerClient::new(Arc::clone(&identity))?,
            admin_token: admin_token(directory)?,
            invitations: Invitations::new(directory),
            schedule: Schedule::default(),
            snapshots: Snapshots::new(directory),
            rotating: Mutex::new(()),
            nonces: Mutex::new(NonceMemory::new(now_seconds())),
            strangers: RateLimit::new(30, 60),
            guesses: RateLimit::new(30, 60),
            public_url: Mutex::new(None),
            listeners: Mutex::default(),
            figures: Mutex::default(),
            stopping: watch::Sender::new(false),
            node: Arc::clone(node),
            database,
            identity,
            strategies,
        };
        let replica = Arc::new(replica);
        let known = devices::list(&*replica.database.glance()?, replica.identity.device_id)?;
        for url in known.iter().filter(|d| d.is_authorized && !d.is_self).filter_map(|d| d.url.as_deref()) {
            replica.schedule.add(&replica, url);
        }
        Ok(replica)
    }

    /// The data directory.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// The replicated database.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// This device.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What decides conflicts without a person.
    pub fn strategies(&self) -> &Strategies {
        &self.strategies
    }

    /// The HTTP client that signs as this device.
    pub fn client(&self) -> &PeerClient {
        &self.client
    }

    /// The peers.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The snapshots that are handed out.
    pub(crate) fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Where other devices reach this one's API, while it serves.
    pub fn public_url(&self) -> Option<String> {
        self.public_url.lock().clone()
    }

    pub(crate) fn set_public_url(&self, url: String) {
        *self.public_url.lock() = Some(url);
    }

    /// Tells of the server's end.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub(super) fn stop_streams(&self) {
        self.stopping.send_replace(true);
    }

    pub(super) fn on_arrival(&self, listener: Listener) {
        self.listeners.lock().push(listener);
    }

    pub(super) fn show_figures(&self, figures: Figures) {
        self.figures.lock().push(figures);
    }

    /// The figures that others show.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        self.figures.lock().iter().flat_map(|show| show()).collect()
    }

    /// Tells of what was taken in.
    pub(crate) fn announce(&self, intake: &Intake) {
        if intake.applied.changes > 0 {
            let arrival = Arrival { changes: intake.applied.changes, tables: intake.tables.iter().cloned().collect() };
            self.listeners.lock().iter().for_each(|tell| tell(&arrival));
        }
    }

    pub(crate) fn nonces(&self) -> &Mutex<NonceMemory> {
        &self.nonces
    }

    /// How often strangers may register or join.
    pub(crate) fn strangers(&self) -> &RateLimit {
        &self.strangers
    }

    /// How often the admin token may be guessed.
    pub(crate) fn guesses(&self) -> &RateLimit {
        &self.guesses
    }

    /// Whether this is the admin's token; in constant time.
    pub fn is_admin_token(&self, token: &str) -> bool {
        token.as_bytes().ct_eq(self.admin_token.as_bytes()).into()
    }

    /// What is held, and on disk.
    pub fn held(&self) -> VersionVector {
        self.database.flush();
        self.database.log_state().held()
    }

    /// The last version written here.
    pub(crate) fn held_of_self(&self) -> Version {
        self.database.log_state().held().get(self.identity.device_id)
    }

    /// This device's word for what it holds, and the others' words.
    pub fn acknowledgements(&self) -> Result<Vec<Acknowledgement>, ReplicaError> {
        let mut statements = acknowledgements::kept(&*self.database.glance()?)?;
        statements.retain(|statement| statement.device_id != self.identity.device_id);
        statements.push(self.word());
        Ok(statements)
    }

    /// This device's word for what it holds.
    pub fn word(&self) -> Acknowledgement {
        Acknowledgement::sign(&self.identity, self.held())
    }

    /// A one-time code with which another device can join. `url` is where that device reaches this one.
    pub fn invite(&self, url: &str) -> Result<(String, i64), ReplicaError> {
        let (secret, expires_at) = self.invitations.open()?;
        let invitation = Invitation { url: url.to_owned(), fingerprint: self.identity.fingerprint(), secret };
        Ok((invitation.to_code(), expires_at))
    }

    /// Takes a join: the secret is used up, the joiner authorized with a slot of its own.
    pub(crate) fn accept_join(&self, request: &JoinRequest, registration: &devices::Registration) -> Result<JoinAnswer, ReplicaError> {
        let proof = self.invitations.redeem(&self.identity.public_key(), &registration.public_key, &request.proof)?;
        let (device, slot) = pairing::welcome(self, registration)?;
        Ok(JoinAnswer { device, slot, proof })
    }

    /// Who this device is.
    pub(crate) fn introduction(&self) -> Result<Introduction, ReplicaError> {
        let own = devices::find(&*self.database.glance()?, self.identity.device_id, &self.identity.device_id.to_string());
        Ok(Introduction {
            device_id: self.identity.device_id,
            device_name: self.identity.device_name(),
            public_key: self.identity.public_key().to_base64(),
            slot: own.ok().and_then(|device| device.slot).unwrap_or(0),
        })
    }

    /// All devices known.
    pub fn devices(&self) -> Result<Vec<Device>, ReplicaError> {
        Ok(devices::list(&*self.database.glance()?, self.identity.device_id)?)
    }

    /// Authorizes the device of that id, beginning of an id, or name.
    pub fn authorize(&self, device: &str) -> Result<Device, ReplicaError> {
        let id = devices::find(&*self.database.glance()?, self.identity.device_id, device)?.device_id;
        devices::introduce_self(&self.database, &self.identity, 0)?;
        Ok(devices::authorize(&self.database, &self.identity, id, None)?)
    }

    /// Shuts out the device of that id, beginning of an id, or name.
    pub fn revoke(&self, device: &str) -> Result<Device, ReplicaError> {
        let id = devices::find(&*self.database.glance()?, self.identity.device_id, device)?.device_id;
        Ok(devices::revoke(&self.database, &self.identity, id)?)
    }

    /// Replaces this device's key: the new one is signed by the old one, travels with the log, and alone is accepted from then on.
    pub fn rotate_key(&self) -> Result<(), ReplicaError> {
        let _turn = self.rotating.lock();
        let next = self.identity.prepare_key()?;
        let rotation = devices::record_rotation(&self.database, &self.identity, &next)?;
        let mut rotations = self.identity.rotations();
        rotations.push(rotation);
        Ok(self.identity.take_key(next, rotations)?)
    }

    /// The conflict of that id, or beginning of an id.
    pub fn conflict(&self, id: &str) -> Result<Conflict, ReplicaError> {
        match conflicts::show(&self.database, id) {
            Err(ConflictError::NotFound(_)) if id.len() >= 4 => {}
            other => return Ok(other?),
        }
        let all = conflicts::list(&self.database, &conflicts::Filter { all: true, limit: Some(usize::MAX >> 1), ..Default::default() })?;
        let mut fitting = all.into_iter().filter(|conflict| conflict.id.starts_with(id));
        match (fitting.next(), fitting.next()) {
            (Some(conflict), None) => Ok(conflict),
            (None, _) => Err(ConflictError::NotFound(id.to_owned()).into()),
            _ => Err(ConflictError::Invalid(format!("{id} is the beginning of several conflicts' ids; give more of it")).into()),
        }
    }

    /// Settles a conflict.
    pub fn resolve(&self, id: &str, winner: Winner, data: Option<Json>) -> Result<Conflict, ReplicaError> {
        let id = self.conflict(id)?.id;
        Ok(conflicts::resolve(&self.database, &id, winner, data)?)
    }

    /// Leaves a conflict as it is.
    pub fn ignore(&self, id: &str) -> Result<Conflict, ReplicaError> {
        let id = self.conflict(id)?.id;
        Ok(conflicts::ignore(&self.database, &id)?)
    }

    /// Prunes the log of what every device has and what is older than `age`.
    pub fn prune_log(&self, age: Duration) -> Result<Pruned, ReplicaError> {
        let transaction = self.database.begin(&LockWait::default(), None)?;
        let horizon = acknowledgements::prunable(transaction.connection(), self.identity.device_id)?;
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        let pruned = log::prune(transaction.connection(), &horizon, clock::now_micros().saturating_sub(age))?;
        transaction.commit(Durability::Wait)?;
        Ok(pruned)
    }

    /// One round with one peer, or with all; with all, those that answer are synced with, and an error is told only if none did.
    pub async fn sync_now(self: &Arc<Self>, peer: Option<&str>) -> Result<Round, PeerError> {
        if let Some(url) = peer {
            let result = sync_round(self, url).await;
            self.schedule.note(url, &result);
            return result;
        }
        let urls = self.schedule.urls();
        if urls.is_empty() {
            return Err(PeerError::Local(
                "no peer is known: pair with one (peergres invite, peergres join CODE), or give --peer URL".to_owned(),
            ));
        }
        let (mut sum, mut first_error, mut went_well) = (Round::default(), None, false);
        for url in urls {
            let result = sync_round(self, &url).await;
            self.schedule.note(&url, &result);
            match result {
                Ok(round) => {
                    sum += round;
                    went_well = true;
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        match first_error {
            Some(error) if !went_well => Err(error),
            _ => Ok(sum),
        }
    }

    /// Runs what blocks on a thread of its own.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Replica>) -> Result<T, ReplicaError> + Send + 'static,
    ) -> Result<T, ReplicaError> {
        let replica = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&replica)).await.map_err(|_| ReplicaError::Interrupted)?
    }
}

pub(crate) fn now_seconds() -> i64 {
    clock::now_micros() / 1_000_000
}

/// The admin's token, made where there is none: 256 random bits in a file that only the owner can read.
fn admin_token(directory: &Path) -> Result<Zeroizing<String>, IdentityError> {
    let path = directory.join("admin.token");
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 16 => return Ok(Zeroizing::new(text.trim().to_owned())),
        Ok(_) => {
            let reason = "the admin token is too short; remove the file and a new one is made".to_owned();
            return Err(IdentityError::Contents { path, reason });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(IdentityError::File { path, error }),
    }
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(crate::identity::KeyError::Random)?;
    let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    write_private(&path, token.as_bytes())?;
    Ok(token)
}
