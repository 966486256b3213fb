//! A node as sync sees it, and the ways to drive it: a server, a library, a command line.
//!
//! Enters: an open data directory. Leaves: [`Replica`], the one object that the API, the peers and the commands share; [`Server`]; [`Access`],
//! by which a command works whether or not a server runs; [`SyncManager`] and its kin, the library's front.

mod access;
mod audit;
mod control;
mod facade;
mod replica;
mod server;
mod status;

pub use access::{Access, AccessError};
pub use audit::LogReport;
pub use control::{Arrival, Control, ControlError, Figure, Order};
pub use facade::{ChangeTracker, ConflictResolution, ConflictResolver, DeviceManager, SyncError, SyncManager, SyncOperation};
pub(crate) use replica::now_seconds;
pub use replica::{Replica, ReplicaError};
pub use server::{LOG_RETENTION, Running, ServeError, ServeOptions, Server, serve, start};
pub use status::{Lag, Status, status};

#[cfg(test)]
pub(crate) mod tests;
