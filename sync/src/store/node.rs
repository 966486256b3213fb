//! The data directory: held by one process (a locked file), private to its owner, one SQLite file per database.
//!
//! Enters: a path and the replicated database's name. Leaves: databases by name.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

use super::{Database, Setup, StoreError};

/// Name of the lock file in the directory.
const LOCK_FILE: &str = "peergres.lock";
/// How the name of a directory begins that a check of the log works in.
pub(crate) const SCRATCH: &str = "verify-";
/// The local database that every client may expect.
const MAINTENANCE_DATABASE: &str = "postgres";

/// A data directory, held by this process alone (a lock file).
pub struct Node {
    directory: PathBuf,
    replicated: String,
    setup: Setup,
    /// All databases; those opened so far are there.
    databases: Mutex<BTreeMap<String, Option<Arc<Database>>>>,
    /// The lock ends with the descriptor; declared last, so that all files are closed by then.
    _lock: File,
}

impl Node {
    /// Opens the directory, making it, the device's identifier and the databases `replicated` and `postgres` where missing.
    pub fn open(directory: &Path, replicated: &str, setup: Setup) -> Result<Arc<Node>, StoreError> {
        make_private(directory)?;
        let lock = take_lock(directory)?;
        let mut databases = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(io(directory))? {
            let entry = entry.map_err(io(directory))?;
            let file_name = entry.file_name();
            if let Some(name) = file_name.to_str().and_then(database_name) {
                databases.insert(name, None);
            }
            // What a check of the log left behind when it was killed.
            if file_name.to_str().is_some_and(|name| name.starts_with(SCRATCH)) {
                fs::remove_dir_all(entry.path()).map_err(io(directory))?;
            }
        }
        if !databases.contains_key(replicated) {
            refuse_second_replicated(directory, replicated, databases.keys())?;
        }
        let database = Database::open(directory, &file_name(replicated), replicated, true, Arc::clone(&setup))?;
        databases.insert(replicated.to_owned(), Some(database));
        databases.entry(MAINTENANCE_DATABASE.to_owned()).or_insert(None);
        let node = Node {
            directory: directory.to_owned(),
            replicated: replicated.to_owned(),
            setup,
            databases: Mutex::new(databases),
            _lock: lock,
        };
        Ok(Arc::new(node))
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The replicated database.
    pub fn replicated(&self) -> Arc<Database> {
        self.database(&self.replicated).expect("the replicated database was opened with the node and can't be dropped")
    }

    /// A database by name.
    pub fn database(&self, name: &str) -> Result<Arc<Database>, StoreError> {
        let mut databases = self.databases.lock();
        let slot = databases.get_mut(name).ok_or_else(|| StoreError::NoDatabase(name.to_owned()))?;
        if let Some(database) = slot {
            return Ok(Arc::clone(database));
        }
        let database = Database::open(&self.directory, &file_name(name), name, false, Arc::clone(&self.setup))?;
        *slot = Some(Arc::clone(&database));
        Ok(database)
    }

    /// A replicated database of a node that does not exist, in a directory of its own: to replay a log into.
    pub(crate) fn scratch(&self, directory: &Path) -> Result<Arc<Database>, StoreError> {
        Database::open(directory, "scratch.db", "scratch", true, Arc::clone(&self.setup))
    }

    /// All databases' names and whether each is replicated, in order of name.
    pub fn databases(&self) -> Vec<(String, bool)> {
        self.databases.lock().keys().map(|name| (name.clone(), *name == self.replicated)).collect()
    }

    /// `CREATE DATABASE`: local, never replicated; empty, or a copy of the database `template`, which no session uses: the caller has made
    /// sure of that.
    pub fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), StoreError> {
        let source = template.map(|template| self.database(template)).transpose()?;
        let mut databases = self.databases.lock();
        if databases.contains_key(name) {
            return Err(StoreError::DatabaseExists(name.to_owned()));
        }
        if let Some(source) = source {
            // The log and the identity in it are one device's and one database's alone.
            if source.is_replicated() {
                return Err(StoreError::ReplicatedTemplate(source.name().to_owned()));
            }
            let mut copy = Connection::open(self.directory.join(file_name(name)))?;
            rusqlite::backup::Backup::new(&*source.glance()?, &mut copy)?.step(-1)?;
        }
        let database = Database::open(&self.directory, &file_name(name), name, false, Arc::clone(&self.setup))?;
        databases.insert(name.to_owned(), Some(database));
        Ok(())
    }

    /// `DROP DATABASE`; the caller has made sure that no session uses it.
    pub fn drop_database(&self, name: &str) -> Result<(), StoreError> {
        if name == self.replicated {
            return Err(StoreError::ReplicatedDatabase(name.to_owned()));
        }
        let mut databases = self.databases.lock();
        let open = databases.remove(name).ok_or_else(|| StoreError::NoDatabase(name.to_owned()))?;
        drop(open);
        let file = self.directory.join(file_name(name));
        for suffix in ["", "-wal", "-shm"] {
            let mut path = file.clone().into_os_string();
            path.push(suffix);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::Io { path: PathBuf::from(path), source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("directory", &self.directory).finish_non_exhaustive()
    }
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { path, source }
}

#[cfg(unix)]
fn make_private(directory: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if directory.is_dir() {
        let mode = fs::metadata(directory).map_err(io(directory))?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(io(directory))?;
        }
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(io(directory))
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(directory).map_err(io(directory))
}

fn take_lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK_FILE);
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(StoreError::Io { path, source }),
    }
}

/// A directory replicates one database; asking for another name would silently start a second, empty one.
fn refuse_second_replicated<'a>(directory: &Path, asked: &str, names: impl Iterator<Item = &'a String>) -> Result<(), StoreError> {
    for name in names {
        let connection = Connection::open_with_flags(directory.join(file_name(name)), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if peergres_migrations::is_replicated(&connection)? {
            return Err(StoreError::OtherReplicated { found: name.clone(), asked: asked.to_owned() });
        }
    }
    Ok(())
}

/// A database's file name: lower-case letters, digits, `_` and `-` stand as they are, any other byte as `%` and two hex digits, so that
/// every name is a file on every file system.
fn file_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 3);
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out + ".db"
}

fn database_name(file: &str) -> Option<String> {
    let mut bytes = file.strip_suffix(".db")?.bytes();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            name.push(byte);
        }
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::no_setup;

    #[test]
    fn every_name_is_a_file_name_and_back() {
        for name in ["app", "My Db", "ü/..", "%41", ""] {
            assert_eq!(database_name(&file_name(name)).as_deref(), Some(name));
        }
        assert_eq!(database_name("notes.txt"), None);
    }

    #[test]
    fn a_fresh_directory_gets_its_databases_and_stays_private() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("data");
        let node = Node::open(&directory, "app", no_setup()).unwrap();
        assert_eq!(node.databases(), [("app".to_owned(), true), ("postgres".to_owned(), false)]);
        node.create_database("Test 1", None).unwrap();
        assert!(matches!(node.create_database("Test 1", None), Err(StoreError::DatabaseExists(_))));
        assert!(matches!(node.database("nope"), Err(StoreError::NoDatabase(_))));
        assert!(matches!(node.drop_database("app"), Err(StoreError::ReplicatedDatabase(_))));
        assert!(matches!(Node::open(&directory, "app", no_setup()), Err(StoreError::InUse(_))));
        drop(node);
        assert!(matches!(Node::open(&directory, "other", no_setup()), Err(StoreError::OtherReplicated { .. })));
        let node = Node::open(&directory, "app", no_setup()).unwrap();
        assert_eq!(node.databases().len(), 3);
        assert!(matches!(node.create_database("copy", Some("app")), Err(StoreError::ReplicatedTemplate(_))));
        node.create_database("copy", Some("Test 1")).unwrap();
        node.drop_database("Test 1").unwrap();
        assert!(!directory.join("%54est%201.db").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn a_newer_format_is_refused_with_a_clear_line() {
        let home = tempfile::tempdir().unwrap();
        drop(Node::open(home.path(), "app", no_setup()).unwrap());
        Connection::open(home.path().join("app.db")).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = Node::open(home.path(), "app", no_setup()).unwrap_err().to_string();
        assert!(error.contains("version 99") && error.contains("app.db"), "{error}");
    }
}
