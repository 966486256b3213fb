//! The write lock: one holder, first come first served, with a deadline, a cancel flag and NOWAIT.
//!
//! Enters: a [`LockWait`]. Leaves: the lock, or why not. A release hands the lock to the first waiter directly, so nobody overtakes.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use super::{LockWait, StoreError};

/// How often a waiter looks at its cancel flag, which has no means to wake it.
const CANCEL_POLL: Duration = Duration::from_millis(20);
/// How often it asks whether the wait has become hopeless.
const HOPE_POLL: Duration = Duration::from_millis(500);

/// See the file's head.
#[derive(Default)]
pub(crate) struct WriteLock {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: bool,
    queue: VecDeque<Arc<Waiter>>,
}

#[derive(Default)]
struct Waiter {
    granted: AtomicBool,
    wake: Condvar,
}

impl WriteLock {
    /// Waits for the lock; the caller gives it back with [`WriteLock::release`].
    pub(crate) fn acquire(&self, wait: &LockWait) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if !state.held {
            state.held = true;
            return Ok(());
        }
        if wait.no_wait {
            return Err(StoreError::LockNotAvailable);
        }
        let me = Arc::new(Waiter::default());
        state.queue.push_back(Arc::clone(&me));
        let mut hoped = Instant::now();
        let refusal = loop {
            if me.granted.load(Ordering::Relaxed) {
                return Ok(());
            }
            if wait.cancelled.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                break StoreError::Cancelled;
            }
            let now = Instant::now();
            if wait.deadline.is_some_and(|deadline| deadline <= now) {
                break StoreError::LockTimeout;
            }
            if let Some(hopeless) = wait.hopeless.as_ref().filter(|_| now.duration_since(hoped) >= HOPE_POLL) {
                hoped = now;
                if hopeless() {
                    break StoreError::LockTimeout;
                }
            }
            let poll = wait.cancelled.is_some().then(|| now + CANCEL_POLL);
            let hope = wait.hopeless.is_some().then(|| now + HOPE_POLL);
            match [wait.deadline, poll, hope].into_iter().flatten().min() {
                Some(until) => drop(me.wake.wait_until(&mut state, until)),
                None => me.wake.wait(&mut state),
            }
        };
        state.queue.retain(|waiter| !Arc::ptr_eq(waiter, &me));
        Err(refusal)
    }

    /// Gives the lock back, to the first who waits.
    pub(crate) fn release(&self) {
        let mut state = self.state.lock();
        match state.queue.pop_front() {
            Some(next) => {
                next.granted.store(true, Ordering::Relaxed);
                next.wake.notify_one();
            }
            None => state.held = false,
        }
    }

    /// How many wait now.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().queue.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> LockWait {
        LockWait { deadline: Some(Instant::now() + Duration::from_millis(30)), ..LockWait::default() }
    }

    #[test]
    fn nowait_deadline_and_cancel_end_the_wait() {
        let lock = WriteLock::default();
        lock.acquire(&LockWait::default()).unwrap();
        assert!(matches!(lock.acquire(&LockWait { no_wait: true, ..LockWait::default() }), Err(StoreError::LockNotAvailable)));
        assert!(matches!(lock.acquire(&soon()), Err(StoreError::LockTimeout)));
        let hopeless = LockWait { hopeless: Some(Arc::new(|| true)), ..LockWait::default() };
        assert!(matches!(lock.acquire(&hopeless), Err(StoreError::LockTimeout)));
        let cancelled = LockWait { cancelled: Some(Arc::new(AtomicBool::new(true))), ..LockWait::default() };
        assert!(matches!(lock.acquire(&cancelled), Err(StoreError::Cancelled)));
        lock.release();
        lock.acquire(&soon()).unwrap();
    }

    #[test]
    fn waiters_are_served_in_the_order_in_which_they_came() {
        let lock = Arc::new(WriteLock::default());
        let order = Arc::new(Mutex::new(Vec::new()));
        lock.acquire(&LockWait::default()).unwrap();
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (shared, served) = (Arc::clone(&lock), Arc::clone(&order));
                let thread = std::thread::spawn(move || {
                    shared.acquire(&LockWait::default()).unwrap();
                    served.lock().push(number);
                    shared.release();
                });
                while lock.waiting() <= number {
                    std::thread::yield_now();
                }
                thread
            })
            .collect();
        lock.release();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(*order.lock(), (0..8).collect::<Vec<_>>());
    }
}
