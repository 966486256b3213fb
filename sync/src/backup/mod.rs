//! Backups: all databases of a data directory as one encrypted file, and a data directory made of it again.
//!
//! Enters: a data directory, served or not; a file; a passphrase. Leaves: a file ([`write()`]), or a directory with a new identity ([`restore`]).
//!
//! The file is an age file (age-encryption.org/v1, passphrase) that holds a gzip-compressed tar: each database as a SQLite file, then
//! `manifest.json`. Other tools can open it: `age -d FILE | tar -xz`. Neither the device's private key nor the admin token is in it: a restored device is
//! a new one, because the old one may have gone on after the backup, and its versions must never be used twice.

mod restore;
mod schedule;
mod write;

pub use restore::{Restored, restore};
pub use schedule::Schedule;
pub use write::{copy_database, write};

use std::{io, path::PathBuf};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    devices::DeviceError,
    identity::{DeviceKey, IdentityError, SignedHead},
    manager::ReplicaError,
    store::StoreError,
};

/// The format that this version writes and reads.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";

/// What a backup is encrypted with; its memory is zeroed when dropped.
pub type Passphrase = age::secrecy::SecretString;

/// A passphrase's text.
pub fn expose(passphrase: &Passphrase) -> &str {
    age::secrecy::ExposeSecret::expose_secret(passphrase)
}

/// Told how far the work has come: what is being done, bytes done, bytes in all.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64, u64);

/// Why a backup could not be made or restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file is there.
    #[error("{} is there already; choose another name, or remove it first", .0.display())]
    Exists(PathBuf),
    /// The directory is not empty.
    #[error("{} holds data already; restore into a directory that does not exist yet", .0.display())]
    NotEmpty(PathBuf),
    /// It is no data directory.
    #[error("{} is not a data directory: it has no database", .0.display())]
    NoData(PathBuf),
    /// A file can't be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The passphrase is not the one.
    #[error("{}: the passphrase is wrong", .0.display())]
    Passphrase(PathBuf),
    /// It is something else, or damaged.
    #[error("{}: {reason}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How.
        reason: String,
    },
    /// SQLite said no.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The node that was made of it.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        BackupError::Replica(error.into())
    }
}

impl From<DeviceError> for BackupError {
    fn from(error: DeviceError) -> Self {
        BackupError::Replica(error.into())
    }
}

impl From<IdentityError> for BackupError {
    fn from(error: IdentityError) -> Self {
        BackupError::Replica(error.into())
    }
}

/// What a backup says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The format.
    pub peergres_backup: u32,
    /// The program's version.
    pub made_by: String,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Whose it is.
    pub device_id: Uuid,
    /// Its name.
    pub device_name: String,
    /// The replicated database.
    pub database: String,
    /// The files.
    pub files: Vec<FileEntry>,
}

/// A database in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The file's name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash, hex.
    pub sha256: String,
}

fn io_error(path: &std::path::Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { path: path.clone(), source }
}

/// Puts this device's word for its own chain into a copy: it is not kept in the original, where it is given anew whenever the chain is handed out, and
/// without it nobody would take these changes from the restored device.
fn sign_own_head(copy: &Connection, device: Uuid, key: &DeviceKey) -> rusqlite::Result<()> {
    use rusqlite::OptionalExtension as _;
    let own = copy
        .prepare(
            "SELECT last_version, hash, first_version FROM sync_transactions WHERE device_id = ?1 ORDER BY first_version DESC LIMIT 1",
        )?
        .query_row([device.as_bytes()], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, [u8; 32]>(1)?)))
        .optional()?;
    if let Some((version, hash)) = own {
        let signature = SignedHead::signature_of(key, device, version, hash);
        copy.execute(
            "INSERT OR REPLACE INTO sync_heads (device_id, version, hash, signature) VALUES (?1, ?2, ?3, ?4)",
            rusqlite::params![device.as_bytes(), version, hash, signature],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
