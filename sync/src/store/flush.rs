//! Durability: commits wait for one shared fdatasync of the WAL.
//!
//! SQLite commits with `synchronous=NORMAL`: the frames are written, not synced. Whoever then waits and finds nobody syncing becomes the
//! leader: it syncs for every commit that was done before it began; the others wait for it. A lone commit so syncs at once.
//! Enters: numbers of commits, in order. Leaves: the number up to which all is on disk. A failed sync ends the process: after it nobody
//! knows what the kernel still holds (see fsync(2), and PostgreSQL's `data_sync_retry`).

use std::{
    fs::File,
    io,
    path::Path,
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

/// What is durable: the commit's number, and the log's position at that commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    /// Number of the last commit on disk.
    pub commit: u64,
    /// The last position of the change log on disk.
    pub position: i64,
}

/// See the file's head.
pub(crate) struct Flusher {
    wal: File,
    committed: AtomicU64,
    position: AtomicI64,
    state: Mutex<State>,
    done: Condvar,
    news: watch::Sender<Durable>,
}

struct State {
    durable: Durable,
    syncing: bool,
}

impl Flusher {
    /// Opens the `-wal` file, which SQLite has made and never takes away again; all in it counts as durable once synced here.
    pub(crate) fn open(wal: &Path, position: i64) -> io::Result<Self> {
        let file = File::options().read(true).open(wal)?;
        file.sync_data()?;
        let durable = Durable { commit: 0, position };
        Ok(Flusher {
            wal: file,
            committed: AtomicU64::new(0),
            position: AtomicI64::new(position),
            state: Mutex::new(State { durable, syncing: false }),
            done: Condvar::new(),
            news: watch::Sender::new(durable),
        })
    }

    /// Takes the next number for a commit that SQLite has just made; called under the write lock.
    pub(crate) fn committed(&self, position: i64) -> u64 {
        self.position.store(position, Ordering::Release);
        self.committed.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Number of the last commit.
    pub(crate) fn sequence(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// What is on disk.
    pub(crate) fn durable(&self) -> Durable {
        self.state.lock().durable
    }

    /// Tells of each new durable commit.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Durable> {
        self.news.subscribe()
    }

    /// Returns when the commit of that number is on disk.
    pub(crate) fn wait(&self, commit: u64) {
        let mut state = self.state.lock();
        while state.durable.commit < commit {
            if state.syncing {
                self.done.wait(&mut state);
                continue;
            }
            state.syncing = true;
            drop(state);
            let target = self.target();
            self.sync();
            state = self.state.lock();
            state.syncing = false;
            state.durable = target;
            self.done.notify_all();
            self.news.send_replace(target);
        }
    }

    /// What the next sync covers: both were stored after SQLite had written the frames.
    fn target(&self) -> Durable {
        Durable { commit: self.sequence(), position: self.position.load(Ordering::Acquire) }
    }

    fn sync(&self) {
        if let Err(error) = self.wal.sync_data() {
            tracing::error!(%error, "the write-ahead log could not be synced to disk; ending at once, since what is durable is no longer known");
            eprintln!("peergres: the write-ahead log could not be synced to disk ({error}); ending at once");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn waiting_returns_with_all_that_was_committed_before() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let flusher = Arc::new(Flusher::open(file.path(), 5).unwrap());
        let mut news = flusher.subscribe();
        let numbers: Vec<_> = (1..=4).map(|n| flusher.committed(5 + n)).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(flusher.durable(), Durable { commit: 0, position: 5 });
        let threads: Vec<_> = numbers
            .into_iter()
            .map(|number| {
                let flusher = Arc::clone(&flusher);
                std::thread::spawn(move || flusher.wait(number))
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(flusher.durable(), Durable { commit: 4, position: 9 });
        assert!(news.has_changed().unwrap());
        assert_eq!(news.borrow_and_update().position, 9);
    }
}
