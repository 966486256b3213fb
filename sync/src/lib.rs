//! Store, capture, change log, merge and peer-to-peer sync of Peergres.
//!
//! What enters: statements' effects on SQLite, and signed entries of peers. What leaves: the log, merged tables, conflicts.
//! This crate knows nothing of PostgreSQL's wire or dialect; `proxy` stands above it, `migrations` below.

pub mod api;
pub mod apply;
mod capture;
pub mod clock;
pub mod commit;
pub mod conflicts;
pub mod devices;
pub mod identity;
pub mod log;
pub mod manager;
pub mod peers;
pub mod schema;
pub mod store;
pub mod value;

pub use manager::{ServeError, ServeOptions, Server, serve};
