//! Advisory locks (`pg_advisory_lock` and its kin): keys enter, waiting or an answer leaves. They live in the server's memory, as in PostgreSQL.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::report::LockReport;
use crate::error::{Result, SqlError, SqlState};

/// A lock's key: the database's name, and one bigint or two integers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Database; keys of different databases have nothing to do with each other.
    pub database: String,
    /// The key, two integers packed into one.
    pub number: i64,
    /// Whether it was given as two integers, which is another key space.
    pub pair: bool,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Shared or exclusive.
    pub shared: bool,
    /// Until the transaction's end, or the session's.
    pub transaction: bool,
}

#[derive(Clone, Debug)]
struct Grant {
    pid: i32,
    hold: Hold,
    count: u32,
}

/// All advisory locks.
#[derive(Default)]
pub struct Locks {
    grants: Mutex<Table>,
    released: Condvar,
}

#[derive(Default)]
struct Table {
    held: HashMap<Key, Vec<Grant>>,
    waits_for: HashMap<i32, Key>,
}

impl Table {
    fn blockers(&self, key: &Key, pid: i32, shared: bool) -> impl Iterator<Item = i32> {
        let grants = self.held.get(key).map(Vec::as_slice).unwrap_or_default();
        grants.iter().filter(move |g| g.pid != pid && !(shared && g.hold.shared)).map(|g| g.pid)
    }

    fn grant(&mut self, key: &Key, pid: i32, hold: Hold) {
        let grants = self.held.entry(key.clone()).or_default();
        match grants.iter_mut().find(|g| g.pid == pid && g.hold == hold) {
            Some(grant) => grant.count += 1,
            None => grants.push(Grant { pid, hold, count: 1 }),
        }
    }

    /// Whether waiting for `key` would close a circle back to `pid`.
    fn would_deadlock(&self, key: &Key, pid: i32, shared: bool) -> bool {
        let mut seen = Vec::new();
        let mut queue: Vec<i32> = self.blockers(key, pid, shared).collect();
        while let Some(next) = queue.pop() {
            if next == pid {
                return true;
            }
            if !seen.contains(&next) {
                seen.push(next);
                if let Some(wanted) = self.waits_for.get(&next) {
                    queue.extend(self.held.get(wanted).into_iter().flatten().map(|g| g.pid).filter(|p| *p != next));
                }
            }
        }
        false
    }

    fn release(&mut self, keep: impl Fn(&Grant) -> bool) {
        self.held.retain(|_, grants| {
            grants.retain(&keep);
            !grants.is_empty()
        });
    }
}

impl Locks {
    /// All that are held, and all that are waited for.
    pub fn reports(&self) -> Vec<LockReport> {
        let table = self.grants.lock();
        let report = |key: &Key, pid: i32, shared: bool, granted: bool| LockReport {
            database: key.database.clone(),
            number: key.number,
            pair: key.pair,
            pid,
            shared,
            granted,
        };
        let held = table.held.iter().flat_map(|(key, grants)| grants.iter().map(move |g| report(key, g.pid, g.hold.shared, true)));
        let awaited = table.waits_for.iter().map(|(pid, key)| report(key, *pid, false, false));
        held.chain(awaited).collect()
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self, key: &Key, pid: i32, hold: Hold) -> bool {
        let mut table = self.grants.lock();
        let free = table.blockers(key, pid, hold.shared).next().is_none();
        if free {
            table.grant(key, pid, hold);
        }
        free
    }

    /// Waits for the lock; `cancelled` and the deadline of `lock_timeout` end the wait.
    pub fn lock(&self, key: &Key, pid: i32, hold: Hold, cancelled: &AtomicBool, deadline: Option<Instant>) -> Result<()> {
        let mut table = self.grants.lock();
        let outcome = loop {
            if table.blockers(key, pid, hold.shared).next().is_none() {
                table.grant(key, pid, hold);
                break Ok(());
            }
            if table.would_deadlock(key, pid, hold.shared) {
                break Err(SqlError::new(SqlState::DEADLOCK_DETECTED, "deadlock detected"));
            }
            if cancelled.load(Ordering::SeqCst) {
                break Err(super::registry::Interrupt::User.error());
            }
            if deadline.is_some_and(|d| Instant::now() >= d) {
                break Err(SqlError::new(SqlState::LOCK_NOT_AVAILABLE, "canceling statement due to lock timeout"));
            }
            table.waits_for.insert(pid, key.clone());
            // A cancel request sets a flag only; looking up twenty times a second is soon enough.
            self.released.wait_for(&mut table, Duration::from_millis(50));
        };
        table.waits_for.remove(&pid);
        outcome
    }

    /// Gives back one hold of the session; false where there is none.
    pub fn unlock(&self, key: &Key, pid: i32, shared: bool) -> bool {
        let mut table = self.grants.lock();
        let Some(grants) = table.held.get_mut(key) else { return false };
        let hold = Hold { shared, transaction: false };
        let Some(at) = grants.iter().position(|g| g.pid == pid && g.hold == hold) else { return false };
        grants[at].count -= 1;
        if grants[at].count == 0 {
            grants.remove(at);
            if grants.is_empty() {
                table.held.remove(key);
            }
            self.released.notify_all();
        }
        true
    }

    /// `pg_advisory_unlock_all`.
    pub fn unlock_all(&self, pid: i32) {
        self.grants.lock().release(|g| g.pid != pid || g.hold.transaction);
        self.released.notify_all();
    }

    /// The end of a transaction.
    pub fn release_transaction(&self, pid: i32) {
        let mut table = self.grants.lock();
        if !table.held.is_empty() {
            table.release(|g| g.pid != pid || !g.hold.transaction);
            self.released.notify_all();
        }
    }

    /// The end of a session.
    pub fn release_session(&self, pid: i32) {
        self.grants.lock().release(|g| g.pid != pid);
        self.released.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: i64) -> Key {
        Key { database: "app".to_owned(), number, pair: false }
    }

    #[test]
    fn locks_exclude_count_and_end() {
        let locks = Locks::default();
        let exclusive = Hold { shared: false, transaction: false };
        let shared = Hold { shared: true, transaction: false };
        assert!(locks.try_lock(&key(1), 1, exclusive) && locks.try_lock(&key(1), 1, exclusive));
        assert!(!locks.try_lock(&key(1), 2, shared) && locks.try_lock(&key(2), 2, shared) && locks.try_lock(&key(2), 1, shared));
        assert!(locks.unlock(&key(1), 1, false) && !locks.try_lock(&key(1), 2, exclusive));
        assert!(locks.unlock(&key(1), 1, false) && !locks.unlock(&key(1), 1, false));
        assert!(locks.try_lock(&key(1), 2, Hold { shared: false, transaction: true }));
        locks.release_transaction(2);
        assert!(locks.try_lock(&key(1), 1, exclusive));
        locks.release_session(1);
        assert!(locks.try_lock(&key(1), 2, exclusive));
    }

    #[test]
    fn a_circle_is_a_deadlock_and_a_flag_ends_a_wait() {
        let locks = Locks::default();
        let hold = Hold { shared: false, transaction: false };
        locks.try_lock(&key(1), 1, hold);
        locks.try_lock(&key(2), 2, hold);
        locks.grants.lock().waits_for.insert(2, key(1));
        let flag = AtomicBool::new(false);
        assert_eq!(locks.lock(&key(2), 1, hold, &flag, None).unwrap_err().state(), "40P01");
        flag.store(true, Ordering::SeqCst);
        assert_eq!(locks.lock(&key(1), 3, hold, &flag, None).unwrap_err().state(), "57014");
    }
}
