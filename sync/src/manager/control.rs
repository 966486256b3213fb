//! What a session of the SQL server may ask of sync: a round now, and orders that take part in its transaction.
//!
//! Enters: a running node. Leaves: [`Control`], which blocks where it must wait and can be used from any thread; and, by
//! [`Control::on_arrival`], news of rows that came from peers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use serde_json::Value as Json;
use tokio::runtime::Handle;

use super::replica::{Replica, ReplicaError};
use crate::{
    commit::Transaction,
    conflicts::{self, ConflictError, Winner},
    devices::{self, DeviceError},
    log,
    peers::Round,
    store::StoreError,
};

/// How often a wait looks whether it is cancelled.
const POLL: Duration = Duration::from_millis(20);

/// Something to be done in a transaction that is open already.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Order {
    /// Settle a conflict.
    Resolve {
        /// Its id, or the beginning of it.
        id: String,
        /// Whose side wins.
        winner: Winner,
        /// Values of one's own over it.
        data: Option<Json>,
    },
    /// Leave a conflict as it is.
    Ignore {
        /// Its id, or the beginning of it.
        id: String,
    },
    /// Let a device in.
    Authorize {
        /// Its id, the beginning of it, or its name.
        device: String,
    },
    /// Shut a device out.
    Revoke {
        /// Its id, the beginning of it, or its name.
        device: String,
    },
    /// Give back what the rows of the log take that were marked as pruned.
    Prune,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The store.
    #[error(transparent)]
    Store(StoreError),
    /// No such device or conflict.
    #[error("{0}")]
    NotFound(String),
    /// What was given.
    #[error("{0}")]
    Invalid(String),
    /// It is not in the state that this needs.
    #[error("{0}")]
    State(String),
    /// No peer could be synced with.
    #[error("{0}")]
    Peer(String),
    /// The session would not wait.
    #[error("cancelled")]
    Cancelled,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<ReplicaError> for ControlError {
    fn from(error: ReplicaError) -> Self {
        let words = error.to_string();
        match error {
            ReplicaError::Store(error) | ReplicaError::Device(DeviceError::Store(error)) => ControlError::Store(error),
            ReplicaError::Conflict(ConflictError::Store(error)) => ControlError::Store(error),
            ReplicaError::Device(DeviceError::NotFound(_)) | ReplicaError::Conflict(ConflictError::NotFound(_)) => {
                ControlError::NotFound(words)
            }
            ReplicaError::Device(DeviceError::Ambiguous(_)) | ReplicaError::Conflict(ConflictError::Invalid(_)) => {
                ControlError::Invalid(words)
            }
            ReplicaError::Device(_) | ReplicaError::Conflict(_) => ControlError::State(words),
            ReplicaError::Peer(_) => ControlError::Peer(words),
            _ => ControlError::Other(words),
        }
    }
}

/// Rows that came from peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Arrival {
    /// How many changes.
    pub changes: u64,
    /// The tables that they are of, in order of name.
    pub tables: Vec<String>,
}

/// A figure that the SQL server adds to those of sync (`GET /metrics`). Figures of one name follow each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name, without the program's before it.
    pub name: &'static str,
    /// `gauge` or `counter`.
    pub kind: &'static str,
    /// What it says.
    pub help: &'static str,
    /// A label and its value, where there are several of the name.
    pub label: Option<(&'static str, String)>,
    /// The value now.
    pub value: f64,
}

/// See the file's head.
#[derive(Clone, Debug)]
pub struct Control {
    replica: Arc<Replica>,
    runtime: Handle,
}

impl Control {
    pub(super) fn new(replica: Arc<Replica>, runtime: Handle) -> Control {
        Control { replica, runtime }
    }

    /// Calls `tell` whenever rows have come from a peer and are committed.
    pub fn on_arrival(&self, tell: impl Fn(&Arrival) + Send + Sync + 'static) {
        self.replica.on_arrival(Box::new(tell));
    }

    /// Asks for further figures whenever they are shown.
    pub fn show_figures(&self, figures: impl Fn() -> Vec<Figure> + Send + Sync + 'static) {
        self.replica.show_figures(Box::new(figures));
    }

    /// One round with all peers; ends early when `cancelled` is set. Not from a thread of the runtime, nor with the write lock held.
    pub fn sync_now(&self, cancelled: &AtomicBool) -> Result<Round, ControlError> {
        let replica = Arc::clone(&self.replica);
        let mut round = self.runtime.spawn(async move { replica.sync_now(None).await });
        loop {
            let waited = self.runtime.block_on(async { tokio::time::timeout(POLL, &mut round).await });
            match waited {
                Ok(Ok(result)) => return result.map_err(|e| ControlError::Peer(e.to_string())),
                Ok(Err(_)) => return Err(ControlError::Other("the round was interrupted".to_owned())),
                Err(_) if cancelled.load(Ordering::Relaxed) => {
                    round.abort();
                    return Err(ControlError::Cancelled);
                }
                Err(_) => {}
            }
        }
    }

    /// Carries out an order in a transaction, with which it stands or falls.
    pub fn carry_out(&self, transaction: &mut Transaction, order: Order) -> Result<(), ControlError> {
        let identity = self.replica.identity();
        let done: Result<(), ReplicaError> = match order {
            Order::Resolve { id, winner, data } => self.conflict(&id).and_then(|id| {
                conflicts::resolve_in(transaction, &id, winner, data)?;
                Ok(())
            }),
            Order::Ignore { id } => self.conflict(&id).and_then(|id| {
                conflicts::ignore_in(transaction, &id)?;
                Ok(())
            }),
            Order::Authorize { device } => devices::find(transaction.connection(), identity.device_id, &device)
                .and_then(|found| {
                    devices::introduce_self_in(transaction, identity, 0)?;
                    devices::authorize_in(transaction, identity, found.device_id, None)
                })
                .map(drop)
                .map_err(Into::into),
            Order::Revoke { device } => devices::find(transaction.connection(), identity.device_id, &device)
                .and_then(|found| devices::revoke_in(transaction, identity, found.device_id))
                .map(drop)
                .map_err(Into::into),
            Order::Prune => log::empty_pruned(transaction.connection()).map(drop).map_err(Into::into),
        };
        Ok(done?)
    }

    fn conflict(&self, id: &str) -> Result<String, ReplicaError> {
        Ok(self.replica.conflict(id)?.id)
    }
}
