//! Store, capture, change log, merge and peer-to-peer sync of Peergres.
//!
//! What enters: statements' effects on SQLite, and signed entries of peers. What leaves: the log, merged tables, conflicts.
//! This crate knows nothing of PostgreSQL's wire or dialect; `proxy` stands above it, `migrations` below.

pub mod api;
pub mod apply;
pub mod backup;
mod capture;
pub mod clock;
pub mod commit;
pub mod conflicts;
pub mod devices;
pub mod identity;
pub mod log;
pub mod manager;
pub mod merge;
pub mod peers;
pub mod schema;
mod snapshot;
pub mod store;
pub mod value;

pub use conflicts::Winner;
pub use manager::{
    ChangeTracker, ConflictResolution, ConflictResolver, DeviceManager, ServeError, ServeOptions, Server, SyncError, SyncManager,
    SyncOperation, serve,
};

/// Keys, for programs that keep their own.
pub mod crypto {
    use zeroize::Zeroizing;

    use crate::identity::{DeviceKey, KeyError};

    /// A new Ed25519 key pair from the operating system's randomness.
    pub fn generate_keypair() -> Result<DeviceKey, KeyError> {
        DeviceKey::generate()
    }

    /// The public key in base64, as `register_device` takes it.
    pub fn export_public_key(key: &DeviceKey) -> String {
        key.public().to_base64()
    }

    /// The private key in PKCS #8 PEM; the text is zeroed when dropped. Whoever has it is the device.
    pub fn export_secret_key(key: &DeviceKey) -> Result<Zeroizing<String>, KeyError> {
        key.to_pem()
    }
}
