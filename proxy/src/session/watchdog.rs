//! The clock behind `statement_timeout`: a deadline and a session enter; when it passes first, the session's statement is interrupted.
//! One thread for the whole server, asleep until the next deadline.

use std::{collections::BTreeMap, sync::Arc, thread, time::Instant};

use parking_lot::{Condvar, Mutex};

use super::registry::{Handle, Interrupt};

#[derive(Default)]
struct Deadlines {
    queue: BTreeMap<(Instant, u64), Arc<Handle>>,
    next: u64,
    running: bool,
}

/// All deadlines.
#[derive(Default)]
pub struct Watchdog {
    deadlines: Mutex<Deadlines>,
    changed: Condvar,
}

/// A deadline that is being watched; dropping it calls it off.
pub struct Watched<'w> {
    watchdog: &'w Watchdog,
    key: (Instant, u64),
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.watchdog.deadlines.lock().queue.remove(&self.key);
    }
}

impl Watchdog {
    /// Interrupts the session's statement at the deadline, unless the answer is dropped before.
    pub fn watch(self: &Arc<Self>, deadline: Instant, handle: &Arc<Handle>) -> Watched<'_> {
        let mut deadlines = self.deadlines.lock();
        deadlines.next += 1;
        let key = (deadline, deadlines.next);
        deadlines.queue.insert(key, handle.clone());
        if !deadlines.running {
            deadlines.running = true;
            let this = self.clone();
            let started = thread::Builder::new().name("statement timeout".to_owned()).spawn(move || this.run());
            deadlines.running = started.is_ok();
        }
        self.changed.notify_one();
        Watched { watchdog: self, key }
    }

    fn run(&self) {
        let mut deadlines = self.deadlines.lock();
        loop {
            match deadlines.queue.first_key_value().map(|(key, _)| *key) {
                None => self.changed.wait(&mut deadlines),
                Some((deadline, _)) if deadline > Instant::now() => _ = self.changed.wait_until(&mut deadlines, deadline),
                // Interrupted under the lock: a deadline that was called off never strikes the next statement.
                Some(key) => {
                    if let Some(handle) = deadlines.queue.remove(&key) {
                        handle.interrupt(Interrupt::Timeout);
                    }
                }
            }
        }
    }
}
