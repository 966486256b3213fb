//! The thread that files the journal ([`crate::log::journal`]), so that no commit pays for the log's indexes.
//!
//! Enters: how many changes each commit left in the journal. Leaves: a short journal. It works in slices, each a turn in the queue for the write
//! lock, so that writers wait for a few milliseconds at most; and on the shared writer, whose warm cache another connection's commits would empty.
//! Filing changes nothing that anybody can read: it takes no commit number, and needs no sync, since what is lost of it is in the journal still.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;

use super::{LockWait, lock::WriteLock};
use crate::{commit::Writer, log};

/// Changes from which on filing begins: few enough to be read through in no time, since the journal has no index.
const ENOUGH: u64 = 1_024;
/// Changes filed in one turn.
const SLICE: u32 = 256;

/// See the file's head.
pub(crate) struct Filer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Changes in the journal; those that somebody else filed are counted until the next turn.
    waiting: AtomicU64,
    stop: AtomicBool,
    idle: Mutex<()>,
    wake: Condvar,
}

impl Filer {
    /// Starts the thread for a journal that holds so many changes.
    pub(crate) fn start(waiting: u64, lock: Arc<WriteLock>, writer: Arc<Mutex<Option<Writer>>>) -> std::io::Result<Filer> {
        let shared = Arc::new(Shared { waiting: AtomicU64::new(waiting), ..Shared::default() });
        let work = Work { shared: Arc::clone(&shared), lock, writer };
        let thread = std::thread::Builder::new().name("filer".to_owned()).spawn(move || work.run())?;
        Ok(Filer { shared, thread: Some(thread) })
    }

    /// Tells of a commit that left so many changes in the journal.
    pub(crate) fn committed(&self, changes: u64) {
        let before = self.shared.waiting.fetch_add(changes, Ordering::AcqRel);
        if before < ENOUGH && before + changes >= ENOUGH {
            let _idle = self.shared.idle.lock();
            self.shared.wake.notify_one();
        }
    }

    /// Ends the thread; the journal stays as it is.
    pub(crate) fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        drop(self.shared.idle.lock());
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the filing thread had ended with a panic");
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    lock: Arc<WriteLock>,
    writer: Arc<Mutex<Option<Writer>>>,
}

impl Work {
    fn run(self) {
        while self.wait() {
            let mut more = true;
            while more && !self.shared.stop.load(Ordering::Acquire) {
                more = self.turn();
            }
        }
    }

    /// Waits for work; false at the end.
    fn wait(&self) -> bool {
        let mut idle = self.shared.idle.lock();
        loop {
            if self.shared.stop.load(Ordering::Acquire) {
                return false;
            }
            if self.shared.waiting.load(Ordering::Acquire) >= ENOUGH {
                return true;
            }
            self.shared.wake.wait(&mut idle);
        }
    }

    /// Files a slice; answers whether there may be another.
    fn turn(&self) -> bool {
        if self.lock.acquire(&LockWait::default()).is_err() {
            return false;
        }
        let writer = self.writer.lock().take().expect("whoever holds the lock finds the writer at home");
        let filed = file(&writer.connection);
        // Under the lock nobody adds to the journal.
        let left = log::journal::waiting(&writer.connection).unwrap_or(0);
        *self.writer.lock() = Some(writer);
        self.shared.waiting.store(if filed.is_ok() { left } else { 0 }, Ordering::Release);
        self.lock.release();
        filed.unwrap_or_else(|error| {
            tracing::warn!(%error, "the journal could not be filed; it is tried again after later commits");
            false
        })
    }
}

fn file(connection: &Connection) -> rusqlite::Result<bool> {
    let run = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    run("BEGIN IMMEDIATE")?;
    let filed = log::journal::file_some(connection, SLICE).and_then(|more| run("COMMIT").map(|_| more));
    if filed.is_err() && !connection.is_autocommit() {
        run("ROLLBACK")?;
    }
    filed
}
