//! A bound on how often something may happen.
//!
//! Enters: an attempt. Leaves: allowed or not. A bucket of tokens that refills evenly; one for all callers, since addresses can be had for nothing.

use std::time::Instant;

use parking_lot::Mutex;

/// So many attempts at once, refilled over so many seconds.
#[derive(Debug)]
pub struct RateLimit {
    capacity: f64,
    per_second: f64,
    state: Mutex<(f64, Instant)>,
}

impl RateLimit {
    /// `count` attempts in `seconds`.
    pub fn new(count: u32, seconds: u32) -> RateLimit {
        let capacity = f64::from(count);
        RateLimit { capacity, per_second: capacity / f64::from(seconds.max(1)), state: Mutex::new((capacity, Instant::now())) }
    }

    /// Whether one more is allowed now.
    pub fn allow(&self) -> bool {
        let mut state = self.state.lock();
        let now = Instant::now();
        let refilled = state.0 + now.duration_since(state.1).as_secs_f64() * self.per_second;
        let tokens = refilled.min(self.capacity);
        let allowed = tokens >= 1.0;
        *state = (if allowed { tokens - 1.0 } else { tokens }, now);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_bound_is_refused() {
        let limit = RateLimit::new(3, 3600);
        assert_eq!((0..5).filter(|_| limit.allow()).count(), 3);
        assert!(!limit.allow());
    }
}
