//! The thread that moves the WAL's pages into the database file, so that no commit pays for it, and that syncs what
//! `synchronous_commit = off` left unsynced.
//!
//! Enters: the number of frames after each commit. Leaves: a short WAL. A passive checkpoint never waits for anyone; under steady
//! traffic it never reaches the end either, so when the WAL has grown far beyond that the write lock is taken for a RESTART, after which
//! the next commit begins the file anew.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
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

/// Frames (pages of 4 KiB) from which on a passive checkpoint is worth its syncs.
const PASSIVE_FRAMES: u32 = 2_000;
/// Frames from which on the writers are held up for a moment, so that the WAL can begin anew.
const RESTART_FRAMES: u32 = 16_000;
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
        let shared = Arc::new(Shared { signals: Mutex::default(), wake: Condvar::new(), told: AtomicBool::new(false) });
        let work = Work { shared: Arc::clone(&shared), connection, path: path.to_owned(), lock, flusher };
        let thread = std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || work.run())
            .map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
        Ok(Checkpointer { shared, thread: Some(thread) })
    }

    /// Tells of a commit: the WAL's length, and whether nobody waits for its sync.
    pub(crate) fn committed(&self, frames: u32, unsynced: bool) {
        if (frames >= PASSIVE_FRAMES || unsynced) && !self.shared.told.swap(true, Ordering::AcqRel) {
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
            if now.frames >= PASSIVE_FRAMES {
                self.checkpoint(now.frames);
            }
        }
    }

    fn checkpoint(&self, frames: u32) {
        self.pragma("PRAGMA wal_checkpoint(PASSIVE)");
        if frames < RESTART_FRAMES {
            return;
        }
        // Most pages are copied by now; what is left is copied while writers wait.
        if self.lock.acquire(&LockWait::default()).is_ok() {
            self.pragma("PRAGMA wal_checkpoint(RESTART)");
            self.lock.release();
        }
    }

    fn pragma(&self, pragma: &str) {
        if let Err(error) = self.connection.query_row(pragma, [], |_| Ok(())) {
            tracing::warn!(%error, database = %self.path.display(), "{pragma} failed; it is tried again after later commits");
        }
    }
}
