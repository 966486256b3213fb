//! Making a snapshot and handing out its pieces.
//!
//! Enters: a replica, and a request for the piece of a snapshot that begins at an offset. Leaves: [`Piece`]. One snapshot serves all who ask within
//! some minutes; its file outlives a restart, so that a download can go on after one.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use parking_lot::Mutex;
use serde::Serialize;

use super::{End, FORMAT, Header, MADE, Part};
use crate::{
    devices::membership,
    manager::{Replica, ReplicaError},
    peers::{Since, exchange::PAGE, outgoing_within, wire},
};

/// The size of a piece, at most.
pub(crate) const PIECE_BYTES: usize = if cfg!(test) { 2_000 } else { 4 << 20 };
/// For how long a snapshot is handed to whoever asks for a new one: what has been written since, the first round brings.
const FRESH: Duration = Duration::from_secs(60);
/// For how long a file is kept that nobody asks for.
const KEPT: Duration = Duration::from_secs(3600);

/// Why there is no piece.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// That snapshot is gone.
    #[error("there is no such snapshot any more; begin with a new one")]
    Gone,
    /// It could not be made.
    #[error("the snapshot could not be made: {0}")]
    Failed(String),
}

/// A piece of a snapshot.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Which snapshot.
    pub(crate) id: String,
    /// The bytes from the offset on; none where it has not grown so far yet, or where the offset is its end.
    pub(crate) bytes: Vec<u8>,
    /// Its size, once it is whole.
    pub(crate) total: Option<u64>,
}

/// The snapshots that are handed out.
#[derive(Debug)]
pub(crate) struct Snapshots {
    directory: PathBuf,
    newest: Mutex<Option<Arc<Making>>>,
}

/// A snapshot that is being made, or was made by this process.
#[derive(Debug)]
struct Making {
    id: String,
    began: Instant,
    written: Arc<AtomicU64>,
    /// None while it is being made.
    done: Mutex<Option<Result<(), String>>>,
}

impl Snapshots {
    /// The snapshots of a data directory. What was left half made goes.
    pub(crate) fn new(directory: &Path) -> Snapshots {
        for (path, _) in files(directory).into_iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "part")) {
            // One that can't be removed takes some room, and no more.
            let _ = fs::remove_file(path);
        }
        let snapshots = Snapshots { directory: directory.to_owned(), newest: Mutex::new(None) };
        snapshots.tidy();
        snapshots
    }

    /// Removes the files that nobody has asked for in a while.
    pub(crate) fn tidy(&self) {
        for (path, _) in files(&self.directory).into_iter().filter(|(_, age)| *age > KEPT) {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, file = %path.display(), "an old snapshot could not be removed");
            }
        }
    }

    fn path(&self, id: &str, whole: bool) -> PathBuf {
        self.directory.join(format!("{MADE}{id}.{}", if whole { "gz" } else { "part" }))
    }

    /// The piece at an offset, of the snapshot asked for, or of a new one, which `fresh` means to the letter. Blocks for a moment where it has not grown so far.
    pub(crate) fn piece(&self, replica: &Arc<Replica>, id: Option<&str>, offset: u64, fresh: bool) -> Result<Piece, TakeError> {
        let making = match id {
            Some(id) => self.newest.lock().clone().filter(|making| making.id == id),
            None => Some(self.newest(replica, fresh)?),
        };
        let Some(making) = making else { return self.of_file(id.unwrap_or_default(), offset) };
        let end = Instant::now() + Duration::from_secs(2);
        loop {
            let done = making.done.lock().clone();
            let written = making.written.load(Ordering::Acquire);
            match done {
                Some(Err(reason)) => return Err(TakeError::Failed(reason)),
                Some(Ok(())) => return self.of_file(&making.id, offset),
                None if written > offset || Instant::now() > end => {
                    let path = self.path(&making.id, false);
                    // It may become whole, and get its other name, just now.
                    let bytes = read_piece(&path, offset, written).or_else(|_| read_piece(&self.path(&making.id, true), offset, written));
                    return Ok(Piece { id: making.id.clone(), bytes: bytes.map_err(|_| TakeError::Gone)?, total: None });
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn of_file(&self, id: &str, offset: u64) -> Result<Piece, TakeError> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TakeError::Gone);
        }
        let path = self.path(id, true);
        let total = fs::metadata(&path).map_err(|_| TakeError::Gone)?.len();
        let bytes = read_piece(&path, offset, total).map_err(|_| TakeError::Gone)?;
        // Whoever still reads it keeps it.
        let _ = File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Ok(Piece { id: id.to_owned(), bytes, total: Some(total) })
    }

    /// The newest one, or a new one where that is too old, or where it must be of now.
    fn newest(&self, replica: &Arc<Replica>, fresh: bool) -> Result<Arc<Making>, TakeError> {
        let mut newest = self.newest.lock();
        let good = |making: &&Arc<Making>| !fresh && making.began.elapsed() < FRESH && !matches!(*making.done.lock(), Some(Err(_)));
        if let Some(making) = newest.as_ref().filter(good) {
            return Ok(Arc::clone(making));
        }
        self.tidy();
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|e| TakeError::Failed(e.to_string()))?;
        let making = Arc::new(Making {
            id: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            began: Instant::now(),
            written: Arc::default(),
            done: Mutex::new(None),
        });
        let (part, whole) = (self.path(&making.id, false), self.path(&making.id, true));
        let (worker, replica) = (Arc::clone(&making), Arc::clone(replica));
        let work = move || {
            let result = write(&replica, &part, &worker.written).and_then(|()| fs::rename(&part, &whole).map_err(io_error(&whole)));
            if let Err(error) = &result {
                tracing::warn!(%error, "a snapshot could not be made");
                let _ = fs::remove_file(&part);
            }
            *worker.done.lock() = Some(result.map_err(|error| error.to_string()));
        };
        let spawned = std::thread::Builder::new().name("snapshot".to_owned()).spawn(work);
        spawned.map_err(|e| TakeError::Failed(e.to_string()))?;
        *newest = Some(Arc::clone(&making));
        Ok(making)
    }
}

/// The snapshots in a directory, whole or not, and how long ago each was used.
fn files(directory: &Path) -> Vec<(PathBuf, Duration)> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let made = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(MADE)));
    let age = |entry: &fs::DirEntry| entry.metadata().ok()?.modified().ok()?.elapsed().ok();
    made.map(|entry| (entry.path(), age(&entry).unwrap_or_default())).collect()
}

fn read_piece(path: &Path, offset: u64, end: u64) -> io::Result<Vec<u8>> {
    let length = end.saturating_sub(offset).min(PIECE_BYTES as u64);
    let mut bytes = vec![0; usize::try_from(length).expect("a piece is small")];
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> ReplicaError {
    let path = path.to_owned();
    move |source| ReplicaError::Store(crate::store::StoreError::Io { path: path.clone(), source })
}

/// Counts what is in the file.
struct Counted {
    file: File,
    written: Arc<AtomicU64>,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written.fetch_add(count as u64, Ordering::Release);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn write(replica: &Arc<Replica>, path: &Path, written: &Arc<AtomicU64>) -> Result<(), ReplicaError> {
    let failed = io_error(path);
    let file = create_private(path).map_err(&failed)?;
    let buffered = BufWriter::with_capacity(1 << 18, Counted { file, written: Arc::clone(written) });
    let mut out = GzEncoder::new(buffered, Compression::fast());
    let database = replica.database();
    database.flush();
    let bound = database.durable().position;
    let header = Header {
        peergres_snapshot: FORMAT,
        device_id: replica.identity().device_id,
        known: database.log_state().held(),
        members: membership::held(&*database.glance()?)?,
        acknowledgements: replica.acknowledgements()?,
    };
    line(&mut out, &header).map_err(&failed)?;
    let (mut position, mut count) = (0, 0);
    loop {
        let page = outgoing_within(database, replica.identity(), Since::Position(position), PAGE, bound)?;
        if page.transactions.is_empty() {
            break;
        }
        let part = Part { changes: wire::to_wire(page.transactions), heads: page.heads };
        count += part.changes.len() as u64;
        line(&mut out, &part).map_err(&failed)?;
        position = page.position;
        if !page.more {
            break;
        }
    }
    line(&mut out, &End { end: count }).map_err(&failed)?;
    let counted = out.finish().and_then(|buffered| buffered.into_inner().map_err(io::IntoInnerError::into_error)).map_err(&failed)?;
    counted.file.sync_all().map_err(&failed)
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A new file that only its owner can read.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}
