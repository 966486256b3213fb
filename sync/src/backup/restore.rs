//! Restoring a backup into a data directory.
//!
//! Enters: a backup, its passphrase, a directory that holds no data. Leaves: the directory, with a new identity, or nothing at all: everything is
//! unpacked beside its place and verified first (hashes, SQLite's integrity check, every chain and signature of the log, and that the log gives
//! the tables), and only then moved there.
//!
//! The old identity becomes another device, whose changes are held: what it wrote after the backup comes back from the devices that have it.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use rusqlite::Connection;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{BackupError, FORMAT, FileEntry, MANIFEST, Manifest, Passphrase, Progress, io_error};
use crate::{
    conflicts::Strategies,
    devices,
    log::hash_to_hex,
    manager::Replica,
    store::{Node, Setup},
};

/// How the name of a directory begins in which a backup is unpacked.
const UNPACKED: &str = "restore-";
/// A manifest is short.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// What was restored.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// The new device.
    pub device_id: Uuid,
    /// Its key's fingerprint.
    pub fingerprint: String,
    /// The device that was backed up.
    pub former_device_id: Uuid,
    /// Its name.
    pub former_device_name: String,
    /// Whether it was paired with others, which the new device has to join.
    pub was_paired: bool,
    /// When the backup was made, microseconds since 1970.
    pub created_at: i64,
    /// The replicated database.
    pub database: String,
    /// The databases' files.
    pub files: usize,
    /// Changes in the log that were verified.
    pub changes: u64,
}

/// Restores `file` into `directory`. `name` is the new device's, the old one's by default.
pub fn restore(
    file: &Path,
    passphrase: &Passphrase,
    directory: &Path,
    name: Option<&str>,
    setup: Setup,
    progress: Progress<'_>,
) -> Result<Restored, BackupError> {
    refuse_data(directory)?;
    let existed = directory.is_dir();
    fs::create_dir_all(directory).map_err(io_error(directory))?;
    let result = restore_into(file, passphrase, directory, name, setup, progress);
    if result.is_err() && !existed {
        // A directory that something else has been put into stays.
        let _ = fs::remove_dir(directory);
    }
    result
}

fn refuse_data(directory: &Path) -> Result<(), BackupError> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    let holds = |name: &str| name.ends_with(".db") || ["device.key", "device.json", "admin.token"].contains(&name);
    match entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(holds)) {
        true => Err(BackupError::NotEmpty(directory.to_owned())),
        false => Ok(()),
    }
}

fn restore_into(
    file: &Path,
    passphrase: &Passphrase,
    directory: &Path,
    name: Option<&str>,
    setup: Setup,
    progress: Progress<'_>,
) -> Result<Restored, BackupError> {
    let home = tempfile::Builder::new().prefix(UNPACKED).tempdir_in(directory).map_err(io_error(directory))?;
    let manifest = unpack(file, passphrase, home.path(), progress)?;
    for entry in &manifest.files {
        progress(&format!("checking {}", entry.name), 0, entry.bytes);
        check_integrity(file, &home.path().join(&entry.name), &setup)?;
    }
    let was_paired = give_new_identity(home.path(), &manifest)?;
    let node = Node::open(home.path(), &manifest.database, setup)?;
    let replica = Replica::open(&node, Some(name.unwrap_or(&manifest.device_name)), Strategies::default())?;
    devices::succeed(replica.database(), replica.identity(), manifest.device_id, was_paired)?;
    progress("verifying the log", 0, 0);
    let report = replica.verify_log()?;
    if let Some(fault) = report.faults.first() {
        let reason = format!("its log does not verify ({} faults): {fault}", report.faults.len());
        return Err(BackupError::Damaged { path: file.to_owned(), reason });
    }
    let restored = Restored {
        device_id: replica.identity().device_id,
        fingerprint: replica.identity().fingerprint().to_string(),
        former_device_id: manifest.device_id,
        former_device_name: manifest.device_name.clone(),
        was_paired,
        created_at: manifest.created_at,
        database: manifest.database.clone(),
        files: manifest.files.len(),
        changes: report.changes,
    };
    drop(replica);
    drop(node);
    move_into(home.path(), directory)?;
    Ok(restored)
}

/// Decrypts and unpacks; every file is one that the manifest names, whole and unaltered.
fn unpack(file: &Path, passphrase: &Passphrase, home: &Path, progress: Progress<'_>) -> Result<Manifest, BackupError> {
    let damaged = |reason: String| BackupError::Damaged { path: file.to_owned(), reason };
    let bytes = fs::metadata(file).map_err(io_error(file))?.len();
    let source = BufReader::with_capacity(1 << 18, File::open(file).map_err(io_error(file))?);
    let decryptor = age::Decryptor::new_buffered(source).map_err(|_| damaged("this is not a peergres backup".to_owned()))?;
    let key = age::scrypt::Identity::new(passphrase.clone());
    let plain = decryptor.decrypt(std::iter::once(&key as &dyn age::Identity)).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => BackupError::Passphrase(file.to_owned()),
        other => damaged(other.to_string()),
    })?;
    let mut archive = tar::Archive::new(GzDecoder::new(plain));
    let (mut manifest, mut files) = (None, Vec::new());
    for entry in archive.entries().map_err(|e| damaged(e.to_string()))? {
        let mut entry = entry.map_err(|e| damaged(e.to_string()))?;
        let name = entry.path().ok().and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_default();
        if name == MANIFEST {
            let read: Manifest = serde_json::from_reader(entry.take(MAX_MANIFEST_BYTES)).map_err(|e| damaged(e.to_string()))?;
            manifest = Some(read);
            continue;
        }
        // Only plain names of databases: nothing is ever written elsewhere.
        if !name.ends_with(".db") || name.contains(['/', '\\']) || !entry.header().entry_type().is_file() {
            return Err(damaged(format!("it holds {name:?}, which is no database")));
        }
        progress(&format!("unpacking {name}"), 0, bytes);
        files.push(unpack_one(&mut entry, name, home).map_err(|e| damaged(e.to_string()))?);
    }
    let manifest = manifest.ok_or_else(|| damaged("it is not whole".to_owned()))?;
    if manifest.peergres_backup != FORMAT {
        return Err(damaged(format!("it has format {}, made by a newer peergres ({})", manifest.peergres_backup, manifest.made_by)));
    }
    if manifest.files != files {
        return Err(damaged("its files are not those that it was made of".to_owned()));
    }
    Ok(manifest)
}

fn unpack_one(entry: &mut impl io::Read, name: String, home: &Path) -> io::Result<FileEntry> {
    let mut out = crate::snapshot::create_private(&home.join(&name))?;
    let (mut hasher, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match entry.read(&mut buffer)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                io::Write::write_all(&mut out, &buffer[..count])?;
                bytes += count as u64;
            }
        }
    }
    out.sync_all()?;
    let digest: [u8; 32] = hasher.finalize().into();
    Ok(FileEntry { name, bytes, sha256: hash_to_hex(&digest) })
}

fn check_integrity(file: &Path, database: &Path, setup: &Setup) -> Result<(), BackupError> {
    let connection = Connection::open(database)?;
    setup(&connection)?;
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let name = database.file_name().unwrap_or_default().to_string_lossy();
    match said.as_str() {
        "ok" => Ok(()),
        fault => Err(BackupError::Damaged { path: file.to_owned(), reason: format!("{name}: {fault}") }),
    }
}

/// Takes the old identity out of the database, so that the next start makes a new one; answers whether the old one was paired.
fn give_new_identity(home: &Path, manifest: &Manifest) -> Result<bool, BackupError> {
    let connection = Connection::open(home.join(format!("{}.db", manifest.database)))?;
    connection.execute("DELETE FROM peergres_meta WHERE key IN ('device_id', 'slot')", [])?;
    let sql = "SELECT EXISTS (SELECT 1 FROM sync_devices WHERE device_id = ?1 AND standing > 0)";
    let was_paired = connection.query_row(sql, [manifest.device_id.as_bytes()], |row| row.get(0))?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(was_paired)
}

/// Moves what was made to its place, the identity last: a directory without it is not taken for a whole one.
fn move_into(home: &Path, directory: &Path) -> Result<(), BackupError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(home).map_err(io_error(home))? {
        files.push(entry.map_err(io_error(home))?.path());
    }
    files.sort_by_key(|path| path.extension().is_none_or(|extension| extension != "db"));
    for file in files.iter().filter(|path| path.is_file()) {
        let name = file.file_name().expect("a file has a name");
        fs::rename(file, directory.join(name)).map_err(io_error(file))?;
    }
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(io_error(directory))?;
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(io_error(directory))
}
