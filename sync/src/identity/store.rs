//! The identity's files: `device.key` (PKCS #8 PEM, mode 0600), `device.json` (id and name), and while the key is being replaced `device.key.next`.
//!
//! Enters: the data directory. Leaves: an [`Identity`], made where there is none. A key that others could read is refused.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    key::{DeviceKey, Fingerprint, KeyError, PublicKey},
    rotation::{Keys, Rotation},
};
use crate::clock::DeviceId;

/// What can be wrong with the identity's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file can't be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others may read the key.
    #[error("{path} is readable by others (mode {mode:o}); make it private: chmod 600 {path}")]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Its contents are not what they should be.
    #[error("{path}: {reason}")]
    Contents {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A new key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// This device: its id, its name and its key.
#[derive(Debug)]
pub struct Identity {
    /// The device's id.
    pub device_id: DeviceId,
    device_name: RwLock<String>,
    key: RwLock<Arc<DeviceKey>>,
    /// How it came about.
    rotations: RwLock<Vec<Rotation>>,
    /// Where the name is kept.
    about_path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct DeviceFile {
    device_id: DeviceId,
    device_name: String,
}

impl Identity {
    /// Reads the directory's identity, or makes one named `name` (the host's name by default) for the device whose id the database
    /// bears. A name given later replaces the stored one. A key beside another device's database is refused: a copied directory.
    pub fn open(directory: &Path, device_id: DeviceId, name: Option<&str>) -> Result<Identity, IdentityError> {
        let (key_path, about_path) = (directory.join("device.key"), directory.join("device.json"));
        let about = read_optional(&about_path)?;
        let pem = read_key(&key_path)?;
        let contents = |reason: String, path: &Path| IdentityError::Contents { path: path.to_owned(), reason };
        let (device_name, key, new) = match (about, pem) {
            (Some(about), Some(pem)) => {
                let about: DeviceFile = serde_json::from_str(&about).map_err(|e| contents(e.to_string(), &about_path))?;
                let key = DeviceKey::from_pem(&pem).map_err(|e| contents(e.to_string(), &key_path))?;
                if about.device_id != device_id {
                    let reason = format!(
                        "it belongs to device {}, but the database to {device_id}: files of two devices were mixed",
                        about.device_id
                    );
                    return Err(contents(reason, &about_path));
                }
                (about.device_name, key, false)
            }
            (None, None) => (name.map_or_else(host_name, str::to_owned), DeviceKey::generate()?, true),
            // The key is written first: a crash in between leaves a key that has never been used.
            (None, Some(pem)) => (name.map_or_else(host_name, str::to_owned), DeviceKey::from_pem(&pem)?, true),
            (Some(_), None) => {
                let reason = "the device's private key is missing; restore the file, or restore a backup as a new device".to_owned();
                return Err(contents(reason, &key_path));
            }
        };
        if new {
            write_private(&key_path, key.to_pem()?.as_bytes())?;
        }
        let (key, rotations) = (RwLock::new(Arc::new(key)), RwLock::default());
        let identity = Identity { device_id, device_name: RwLock::new(device_name), key, rotations, about_path };
        if new || name.is_some_and(|name| name != identity.device_name()) {
            let name = name.map_or_else(|| identity.device_name(), str::to_owned);
            identity.rename(&name)?;
        }
        Ok(identity)
    }

    /// The name people know it by.
    pub fn device_name(&self) -> String {
        self.device_name.read().clone()
    }

    /// Gives it another name.
    pub fn rename(&self, name: &str) -> Result<(), IdentityError> {
        let about = DeviceFile { device_id: self.device_id, device_name: name.to_owned() };
        let text = serde_json::to_string_pretty(&about).expect("two strings are JSON");
        write_private(&self.about_path, text.as_bytes())?;
        name.clone_into(&mut self.device_name.write());
        Ok(())
    }

    /// The key that signs.
    pub fn key(&self) -> Arc<DeviceKey> {
        Arc::clone(&self.key.read())
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        self.key.read().public()
    }

    /// What people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        self.public_key().fingerprint()
    }

    /// How the key came about, where it was ever replaced.
    pub fn rotations(&self) -> Vec<Rotation> {
        self.rotations.read().clone()
    }

    fn next_path(&self) -> PathBuf {
        self.about_path.with_file_name("device.key.next")
    }

    fn key_path(&self) -> PathBuf {
        self.about_path.with_file_name("device.key")
    }

    /// Makes the next key and keeps it beside the present one, until the log names it.
    pub(crate) fn prepare_key(&self) -> Result<DeviceKey, IdentityError> {
        let next = DeviceKey::generate()?;
        write_private(&self.next_path(), next.to_pem()?.as_bytes())?;
        Ok(next)
    }

    /// The key that was prepared is the one from now on.
    pub(crate) fn take_key(&self, next: DeviceKey, rotations: Vec<Rotation>) -> Result<(), IdentityError> {
        let path = self.key_path();
        write_private(&path, next.to_pem()?.as_bytes())?;
        *self.rotations.write() = rotations;
        *self.key.write() = Arc::new(next);
        let next = self.next_path();
        fs::remove_file(&next).map_err(|error| file_error(&next, error))
    }

    /// At the start: which key the log names. A rotation that was interrupted is completed where the log has it, else forgotten.
    pub(crate) fn follow(&self, rotations: Vec<Rotation>) -> Result<(), IdentityError> {
        let named = Keys::follow(self.device_id, self.public_key(), &rotations).current;
        let next = read_key(&self.next_path())?.map(|pem| DeviceKey::from_pem(&pem)).transpose();
        if named == self.public_key() {
            *self.rotations.write() = rotations;
            return match next {
                Ok(None) => Ok(()),
                _ => fs::remove_file(self.next_path()).map_err(|error| file_error(&self.next_path(), error)),
            };
        }
        match next?.filter(|next| next.public() == named) {
            Some(next) => self.take_key(next, rotations),
            None => {
                let reason = "it was replaced by a newer key, which is missing; restore a backup as a new device".to_owned();
                Err(IdentityError::Contents { path: self.key_path(), reason })
            }
        }
    }
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname")).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "device".to_owned() } else { name.to_owned() }
}

fn file_error(path: &Path, error: io::Error) -> IdentityError {
    IdentityError::File { path: path.to_owned(), error }
}

fn read_optional(path: &Path) -> Result<Option<String>, IdentityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(path, error)),
    }
}

fn read_key(path: &Path) -> Result<Option<Zeroizing<String>>, IdentityError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(path, error)),
        Ok(about) if about.permissions().mode() & 0o077 != 0 => {
            return Err(IdentityError::Exposed { path: path.to_owned(), mode: about.permissions().mode() & 0o777 });
        }
        Ok(_) => {}
    }
    Ok(read_optional(path)?.map(Zeroizing::new))
}

/// Writes a file that only its owner can read, whole or not at all: a new file of mode 0600, synced, then renamed into place.
pub fn write_private(path: &Path, contents: &[u8]) -> Result<(), IdentityError> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| file_error(path, error))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const DEVICE: DeviceId = Uuid::from_u128(7);

    #[test]
    fn an_identity_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let first = Identity::open(directory.path(), DEVICE, Some("laptop")).unwrap();
        let again = Identity::open(directory.path(), DEVICE, None).unwrap();
        assert_eq!((first.device_id, first.public_key()), (again.device_id, again.public_key()));
        assert_eq!(again.device_name(), "laptop");
        assert_eq!(Identity::open(directory.path(), DEVICE, Some("desk")).unwrap().device_name(), "desk");
        let mode = fs::metadata(directory.path().join("device.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_and_so_is_a_missing_one() {
        let directory = tempfile::tempdir().unwrap();
        Identity::open(directory.path(), DEVICE, None).unwrap();
        let key = directory.path().join("device.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Identity::open(directory.path(), DEVICE, None), Err(IdentityError::Exposed { .. })));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Identity::open(directory.path(), Uuid::nil(), None), Err(IdentityError::Contents { .. })));
        fs::remove_file(&key).unwrap();
        assert!(matches!(Identity::open(directory.path(), DEVICE, None), Err(IdentityError::Contents { .. })));
    }
}
