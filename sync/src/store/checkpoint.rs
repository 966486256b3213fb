//! The thread that moves the WAL's pages into the database file, so that no commit pays for it, and that syncs what
//! `synchronous_commit = off` left unsynced.
//!
//! Enters: the number of frames after each commit. Leaves: a WAL that begins anew before it takes more room than it may keep: overwriting a file
//! costs a sync half of what growing it does. A checkpoint syncs both files, and its syncs hold up those of commits, so there are as few as can be.
//! Passive ones never wait for anyone; under steady traffic they never reach the end either, so then the write lock is taken for a RESTART, after
//! which the next commit begins the file anew.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::{
    LockWait, Setup, StoreError,
    connection::{self, Role},
    flush::Flusher,
    lock::WriteLock,
};

/// Frames (pages of 4 KiB) from which on a checkpoint is made: 48 MiB, so that what commits add meanwhile fits into the `journal_size_limit`.
const ENOUGH_FRAMES: u32 = 12_000;
/// By how many frames the WAL grows before the next try, where a reader's snapshot kept it from beginning anew.
const RETRY_FRAMES: u32 = 4_000;
/// How long an unsynced commit of `synchronous_commit = off` may stay so: PostgreSQL promises three times `wal_writer_delay` (200 ms).
const LAZY_SYNC: Duration = Duration::from_millis(200);

/// See the file's head.
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    signals: Mutex<Signals>,
    wake: Condvar,
    /// Spares commits the mutex while the thread knows already.
    told: AtomicBool,
    /// Frames from which on the next checkpoint is made.
    due: AtomicU32,
}

#[derive(Clone, Copy, Default)]
struct Signals {
    frames: u32,
    unsynced: bool,
    stop: bool,
}

impl Checkpointer {
    /// Starts the thread.
    pub(crate) fn start(path: &Path, setup: &Setup, lock: Arc<WriteLock>, flusher: Arc<Flusher>) -> Result<Self, StoreError> {
        let connection = connection::open(path, Role::Checkpointer, setup)?;
        let shared = Arc::new(Shared {
            signals: Mutex::default(),
            wake: Condvar::new(),
            told: AtomicBool::new(false),
            due: AtomicU32::new(ENOUGH_FRAMES),
        });
        let work = Work { shared: Arc::clone(&shared), connection, path: path.to_owned(), lock, flusher };
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || work.run())
            .map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
        Ok(Checkpointer { shared, thread: Some(thread) })
    }

    /// Tells of a commit: the WAL's length, and whether nobody waits for its sync.
    pub(crate) fn committed(&self, frames: u32, unsynced: bool) {
        if (frames >= self.shared.due.load(Ordering::Acquire) || unsynced) && !self.shared.told.swap(true, Ordering::AcqRel) {
            let mut signals = self.shared.signals.lock();
            signals.frames = frames;
            signals.unsynced |= unsynced;
            self.shared.wake.notify_one();
        }
    }

    /// Ends the thread.
    pub(crate) fn stop(&mut self) {
        self.shared.signals.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread had ended with a panic");
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    connection: Connection,
    path: PathBuf,
    lock: Arc<WriteLock>,
    flusher: Arc<Flusher>,
}

impl Work {
    fn run(self) {
        loop {
            let mut signals = self.shared.signals.lock();
            while !signals.stop && signals.frames == 0 && !signals.unsynced {
                self.shared.wake.wait(&mut signals);
            }
            if signals.unsynced && !signals.stop {
                self.shared.wake.wait_for(&mut signals, LAZY_SYNC);
            }
            let now = std::mem::take(&mut *signals);
            drop(signals);
            self.shared.told.store(false, Ordering::Release);
            if now.unsynced {
                self.flusher.wait(self.flusher.sequence());
            }
            if now.stop {
                return;
            }
            if now.frames >= self.shared.due.load(Ordering::Acquire) {
                let due = if self.checkpoint() { ENOUGH_FRAMES } else { now.frames.saturating_add(RETRY_FRAMES) };
                self.shared.due.store(due, Ordering::Release);
                self.forget_frames();
            }
        }
    }

    /// What commits told during a checkpoint is no longer so.
    fn forget_frames(&self) {
        let mut signals = self.shared.signals.lock();
        signals.frames = 0;
        if !signals.unsynced {
            self.shared.told.store(false, Ordering::Release);
        }
    }

    /// Answers whether the WAL begins anew.
    fn checkpoint(&self) -> bool {
        // The first copies nearly all, the second what came meanwhile, and writers wait only for what came during that.
        self.pragma("PRAGMA wal_checkpoint(PASSIVE)");
        self.pragma("PRAGMA wal_checkpoint(PASSIVE)");
        if self.lock.acquire(&LockWait::default()).is_err() {
            return false;
        }
        let done = self.pragma("PRAGMA wal_checkpoint(RESTART)");
        self.lock.release();
        done
    }

    /// Answers whether nobody was in the way.
    fn pragma(&self, pragma: &str) -> bool {
        let busy = self.connection.query_row(pragma, [], |row| row.get::<_, bool>(0));
        busy.map(|busy| !busy).unwrap_or_else(|error| {
            tracing::warn!(%error, database = %self.path.display(), "{pragma} failed; it is tried again after later commits");
            false
        })
    }
}
