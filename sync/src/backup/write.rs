//! Writing a backup.
//!
//! Enters: a data directory, whether or not a server has it. Leaves: the file, complete or not there at all. Each database is copied at one moment by
//! SQLite's online backup while others read and write; what the copy holds is on disk in the original before the backup is called done, so that
//! the original can't lose what the backup has.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{BackupError, FORMAT, FileEntry, MANIFEST, Manifest, Passphrase, Progress, io_error, sign_own_head};
use crate::{clock, identity::Identity, store::StoreError};

/// How the name of a directory begins that copies lie in for a while.
const COPIES: &str = "backup-";
/// Pages copied between two reports.
const STEP: i32 = 1024;
/// For how long the copies of a backup that was killed are left, in case it is still at work.
const STALE: Duration = Duration::from_secs(86_400);

/// Writes a backup of all databases in `directory`, encrypted with the passphrase.
pub fn write(directory: &Path, file: &Path, passphrase: &Passphrase, progress: Progress<'_>) -> Result<Manifest, BackupError> {
    if file.exists() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    remove_stale(directory);
    let copies = tempfile::Builder::new().prefix(COPIES).tempdir_in(directory).map_err(io_error(directory))?;
    let manifest = copy_all(directory, &copies, progress)?;
    // Beside its place, so that a backup that was killed is never taken for a whole one.
    let mut partial = file.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let written = pack(&partial, &copies, &manifest, passphrase, progress);
    let done = written.and_then(|()| fs::rename(&partial, file).map_err(io_error(file)));
    if done.is_err() {
        // What is left of it says by its name that it is not whole.
        let _ = fs::remove_file(&partial);
    }
    done.map(|()| manifest)
}

fn remove_stale(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|about| about.modified()).ok().and_then(|time| time.elapsed().ok());
        if entry.file_name().to_string_lossy().starts_with(COPIES) && age.is_some_and(|age| age > STALE) {
            // What can't be removed takes some room, and no more.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn copy_all(directory: &Path, copies: &TempDir, progress: Progress<'_>) -> Result<Manifest, BackupError> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(directory).map_err(io_error(directory))? {
        let name = entry.map_err(io_error(directory))?.file_name();
        names.extend(name.to_str().filter(|name| name.ends_with(".db")).map(str::to_owned));
    }
    names.sort();
    let (mut replicated, mut files) = (None, Vec::new());
    for name in names {
        let copy = copies.path().join(&name);
        copy_database(&directory.join(&name), &copy, &mut |done, all| progress(&format!("copying {name}"), done, all))?;
        let connection = Connection::open(&copy)?;
        if peergres_migrations::is_replicated(&connection)? {
            let identity = own_identity(directory, &connection)?;
            sign_own_head(&connection, identity.device_id, &identity.key())?;
            replicated = Some((identity.device_id, identity.device_name(), name.trim_end_matches(".db").to_owned()));
        }
        // Back to one file: what was written here lies in it, not beside it.
        connection.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)?;
        let (bytes, sha256) = hash(&copy)?;
        files.push(FileEntry { name, bytes, sha256 });
    }
    let (device_id, device_name, database) = replicated.ok_or_else(|| BackupError::NoData(directory.to_owned()))?;
    let made_by = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Manifest { peergres_backup: FORMAT, made_by, created_at: clock::now_micros(), device_id, device_name, database, files })
}

fn own_identity(directory: &Path, copy: &Connection) -> Result<Identity, BackupError> {
    let id: [u8; 16] = copy.query_row("SELECT value FROM peergres_meta WHERE key = 'device_id'", [], |row| row.get(0))?;
    Ok(Identity::open(directory, uuid::Uuid::from_bytes(id), None)?)
}

/// Copies a database at one moment, while others read and write. What the copy holds is durable in the original when this returns.
pub fn copy_database(source: &Path, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), BackupError> {
    let from = Connection::open_with_flags(source, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let from = from.map_err(|error| StoreError::Open { path: source.to_owned(), source: error })?;
    from.busy_timeout(Duration::from_secs(10))?;
    // An open snapshot: the copying goes on from page to page of it, however much is written meanwhile.
    from.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    crate::snapshot::create_private(target).map_err(io_error(target))?;
    let mut to = Connection::open(target)?;
    to.execute_batch("PRAGMA synchronous = OFF")?;
    let page: u64 = from.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let backup = Backup::new(&from, &mut to)?;
    loop {
        let step = backup.step(STEP)?;
        let about = backup.progress();
        let (all, left) = (u64::try_from(about.pagecount).unwrap_or(0), u64::try_from(about.remaining).unwrap_or(0));
        progress((all - left.min(all)) * page, all * page);
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    drop(backup);
    let mut wal = source.as_os_str().to_owned();
    wal.push("-wal");
    let wal = PathBuf::from(wal);
    match File::open(&wal) {
        Ok(log) => log.sync_data().map_err(io_error(&wal))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(&wal)(error)),
    }
    Ok(())
}

fn hash(path: &Path) -> Result<(u64, String), BackupError> {
    let mut file = File::open(path).map_err(io_error(path))?;
    let (mut hasher, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(io_error(path))? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
    let digest: [u8; 32] = hasher.finalize().into();
    Ok((bytes, crate::log::hash_to_hex(&digest)))
}

/// Tells of what went through.
struct Counted<'a, R> {
    inner: R,
    done: u64,
    all: u64,
    progress: &'a mut dyn FnMut(&str, u64, u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        (self.progress)("writing", self.done, self.all);
        Ok(count)
    }
}

fn pack(file: &Path, copies: &TempDir, manifest: &Manifest, passphrase: &Passphrase, progress: Progress<'_>) -> Result<(), BackupError> {
    let failed = io_error(file);
    let out = BufWriter::with_capacity(1 << 18, crate::snapshot::create_private(file).map_err(&failed)?);
    let encrypted = age::Encryptor::with_user_passphrase(passphrase.clone()).wrap_output(out).map_err(&failed)?;
    let mut archive = tar::Builder::new(GzEncoder::new(encrypted, Compression::default()));
    let (all, mut done) = (manifest.files.iter().map(|entry| entry.bytes).sum(), 0);
    for entry in &manifest.files {
        let path = copies.path().join(&entry.name);
        let inner = File::open(&path).map_err(io_error(&path))?;
        let source = Counted { inner, done, all, progress: &mut *progress };
        archive.append_data(&mut header(entry.bytes, manifest), &entry.name, source).map_err(&failed)?;
        done += entry.bytes;
    }
    let text = serde_json::to_vec_pretty(manifest).expect("a manifest is plain data");
    archive.append_data(&mut header(text.len() as u64, manifest), MANIFEST, text.as_slice()).map_err(&failed)?;
    let encrypted = archive.into_inner().and_then(GzEncoder::finish).map_err(&failed)?;
    let mut out = encrypted.finish().map_err(&failed)?;
    out.flush().map_err(&failed)?;
    let plain = out.into_inner().map_err(|error| failed(error.into_error()))?;
    plain.sync_all().map_err(&failed)
}

fn header(bytes: u64, manifest: &Manifest) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(manifest.created_at / 1_000_000).unwrap_or(0));
    header
}
