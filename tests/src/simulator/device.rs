//! A simulated device: a real replica on a directory of its own, whose clock, identity and end are the simulation's to give.
//!
//! Enters: a number and a seed. Leaves: an open [`Replica`], a second connection by which the judge looks at the file, and the ways in which a
//! device can end: at once, in the middle of a write, as a copy.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use peergres_sync::{
    clock::tell_time,
    conflicts::Strategies,
    identity::DeviceKey,
    manager::Replica,
    store::{Node, no_setup},
};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

const FILE: &str = "app.db";
const WAL: &str = "app.db-wal";

/// See the file's head.
pub(crate) struct Device {
    home: TempDir,
    /// None only while it restarts.
    replica: Option<Arc<Replica>>,
    eye: Option<Connection>,
    /// Its identifier.
    pub(crate) id: uuid::Uuid,
    /// What decides its conflicts.
    pub(crate) strategies: Strategies,
    /// By how much its clock is wrong.
    pub(crate) offset_ms: i64,
    /// Whether it belongs to the others.
    pub(crate) is_joined: bool,
    /// Whether two directories bear its identity.
    pub(crate) is_forked: bool,
    /// A copy that it may be set back to.
    pub(crate) copy: Option<Files>,
}

/// A database's files at some moment.
#[derive(Clone)]
pub(crate) struct Files {
    database: Vec<u8>,
    wal: Vec<u8>,
}

impl Files {
    fn read(directory: &Path) -> Files {
        Files { database: fs::read(directory.join(FILE)).unwrap_or_default(), wal: fs::read(directory.join(WAL)).unwrap_or_default() }
    }

    /// Length of the log that SQLite writes ahead.
    pub(crate) fn wal_bytes(&self) -> usize {
        self.wal.len()
    }

    /// Whether both logs were written one after the other, so that the shorter is the beginning of the longer.
    pub(crate) fn continues(&self, earlier: &Files) -> bool {
        earlier.wal.len() <= self.wal.len() && self.wal.get(..32) == earlier.wal.get(..32) && self.database == earlier.database
    }

    /// What is left when the machine dies with so many bytes of the log on disk.
    pub(crate) fn cut(mut self, bytes: usize) -> Files {
        self.wal.truncate(bytes);
        self
    }
}

/// Where the directories lie: in memory where there is such a place.
fn place() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

fn home() -> TempDir {
    tempfile::Builder::new().prefix("peergres-simulator-").tempdir_in(place()).expect("a directory can be made")
}

/// The files of a fresh database, made once.
fn fresh() -> &'static Files {
    static FRESH: OnceLock<Files> = OnceLock::new();
    FRESH.get_or_init(|| {
        let home = home();
        drop(Node::open(home.path(), "app", no_setup()).expect("a fresh directory opens"));
        Files::read(home.path())
    })
}

/// The key of the device of that number, in PEM.
fn key(number: usize) -> String {
    static KEYS: OnceLock<Vec<String>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let make = |number: u8| DeviceKey::from_seed(&[number + 1; 32]).to_pem().expect("a key has a text form").to_string();
        (0..16).map(make).collect()
    });
    keys[number % keys.len()].clone()
}

fn write_private(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).expect("a file can be made");
    std::io::Write::write_all(&mut file, text.as_bytes()).expect("a file can be written");
}

impl Device {
    /// A device in a fresh directory.
    pub(crate) fn new(number: usize, id: uuid::Uuid, strategies: Strategies) -> Device {
        let home = home();
        fs::write(home.path().join(FILE), &fresh().database).expect("a file can be written");
        let connection = Connection::open(home.path().join(FILE)).expect("the file opens");
        connection
            .execute("UPDATE peergres_meta SET value = ?1 WHERE key = 'device_id'", [id.as_bytes()])
            .expect("the identifier can be set");
        drop(connection);
        write_private(&home.path().join("device.key"), &key(number));
        write_private(&home.path().join("device.json"), &format!("{{\"device_id\": \"{id}\", \"device_name\": \"d{number}\"}}"));
        write_private(&home.path().join("admin.token"), "a token that nobody needs");
        let mut device =
            Device { home, replica: None, eye: None, id, strategies, offset_ms: 0, is_joined: false, is_forked: false, copy: None };
        device.open();
        device
    }

    fn open(&mut self) {
        let node = Node::open(self.home.path(), "app", no_setup()).expect("the directory opens");
        self.replica = Some(Replica::open(&node, None, self.strategies.clone()).expect("the replica opens"));
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        self.eye = Some(Connection::open_with_flags(self.home.path().join(FILE), flags).expect("the file can be read"));
    }

    fn close(&mut self) {
        self.eye = None;
        self.replica = None;
    }

    /// From now on it is that late on this device.
    pub(crate) fn at(&self, now_ms: i64) {
        tell_time(Some((now_ms + self.offset_ms).max(1) * 1000));
    }

    /// The replica.
    ///
    /// # Panics
    /// While it restarts, which is never seen from outside.
    pub(crate) fn replica(&self) -> &Arc<Replica> {
        self.replica.as_ref().expect("it is open")
    }

    /// A connection that only reads.
    ///
    /// # Panics
    /// While it restarts, which is never seen from outside.
    pub(crate) fn eye(&self) -> &Connection {
        self.eye.as_ref().expect("it is open")
    }

    /// Its files as they are now.
    pub(crate) fn files(&self) -> Files {
        Files::read(self.home.path())
    }

    /// Ends the process and starts it again.
    pub(crate) fn restart(&mut self) {
        self.close();
        self.open();
    }

    /// Ends the process, puts these files in place, and starts it again.
    pub(crate) fn restart_with(&mut self, files: &Files) {
        self.close();
        for name in [FILE, WAL, "app.db-shm"] {
            let _ = fs::remove_file(self.home.path().join(name));
        }
        fs::write(self.home.path().join(FILE), &files.database).expect("a file can be written");
        fs::write(self.home.path().join(WAL), &files.wal).expect("a file can be written");
        self.open();
    }

    /// A second device with the same files.
    pub(crate) fn double(&self) -> Device {
        let home = home();
        for name in ["device.key", "device.json", "admin.token"] {
            fs::copy(self.home.path().join(name), home.path().join(name)).expect("a file can be copied");
        }
        let files = self.files();
        fs::write(home.path().join(FILE), &files.database).expect("a file can be written");
        fs::write(home.path().join(WAL), &files.wal).expect("a file can be written");
        let mut device = Device {
            home,
            replica: None,
            eye: None,
            id: self.id,
            strategies: self.strategies.clone(),
            offset_ms: self.offset_ms,
            is_joined: self.is_joined,
            is_forked: true,
            copy: None,
        };
        device.open();
        device
    }
}
