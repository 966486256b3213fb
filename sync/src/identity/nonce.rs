//! Which signed requests are fresh: at most a minute old, and never seen before.
//!
//! Enters: a signature's key id, creation time and nonce, and the time now. Leaves: accepted, or why not. A device whose clock is off gets
//! a challenge nonce and answers with it. Nothing is stored: requests signed before this memory began (a restart) are challenged too.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// How old a signature may be.
pub const MAX_AGE_SECONDS: i64 = 60;
/// How far ahead of ours a clock may be before its device is challenged: small, since after a restart so long a past is unknown.
const MAX_LEAD_SECONDS: i64 = 5;
/// How many nonces and challenges are remembered; beyond that requests are put off.
const CAPACITY: usize = 100_000;

/// Why a request is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NonceError {
    /// Too old or too new, or from before this memory began: repeat it with a challenge nonce.
    #[error("the signature's creation time is not within {MAX_AGE_SECONDS} seconds of this device's clock")]
    Stale,
    /// Seen before.
    #[error("this request was seen before")]
    Replayed,
    /// Too many requests in the last minute.
    #[error("too many signed requests; try again in a minute")]
    Full,
}

/// The nonces of the last minute, and the challenges given out.
#[derive(Debug)]
pub struct NonceMemory {
    began: i64,
    seen: HashMap<(String, String), i64>,
    challenges: HashMap<String, i64>,
    swept: i64,
}

impl NonceMemory {
    /// An empty memory that begins at `now` (seconds since 1970).
    pub fn new(now: i64) -> NonceMemory {
        NonceMemory { began: now, seen: HashMap::new(), challenges: HashMap::new(), swept: now }
    }

    /// Accepts a nonce once; `created` is the signature's creation time.
    pub fn accept(&mut self, key_id: &str, nonce: &str, created: i64, now: i64) -> Result<(), NonceError> {
        self.sweep(now);
        let key = (key_id.to_owned(), nonce.to_owned());
        if self.seen.contains_key(&key) {
            return Err(NonceError::Replayed);
        }
        let challenged = self.challenges.remove(nonce).is_some_and(|given| now - given <= MAX_AGE_SECONDS);
        // A request from the first seconds of this memory may be one that its predecessor has seen.
        let stale = created < now - MAX_AGE_SECONDS || created > now + MAX_LEAD_SECONDS || created <= self.began + MAX_LEAD_SECONDS;
        if stale && !challenged {
            return Err(NonceError::Stale);
        }
        if self.seen.len() >= CAPACITY {
            return Err(NonceError::Full);
        }
        self.seen.insert(key, created.max(now));
        Ok(())
    }

    /// A nonce with which a request is accepted once within a minute, whatever the clock of its sender.
    pub fn challenge(&mut self, now: i64) -> Option<String> {
        self.sweep(now);
        if self.challenges.len() >= CAPACITY {
            return None;
        }
        let nonce = fresh_nonce()?;
        self.challenges.insert(nonce.clone(), now);
        Some(nonce)
    }

    fn sweep(&mut self, now: i64) {
        if now - self.swept < MAX_AGE_SECONDS / 2 && self.seen.len() < CAPACITY && self.challenges.len() < CAPACITY {
            return;
        }
        self.swept = now;
        self.seen.retain(|_, created| *created >= now - MAX_AGE_SECONDS);
        self.challenges.retain(|_, given| *given >= now - MAX_AGE_SECONDS);
    }
}

/// 128 random bits in base64url; none if the operating system has no randomness.
pub fn fresh_nonce() -> Option<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_and_within_a_minute() {
        let mut memory = NonceMemory::new(0);
        let cases = [
            ("a", 1000, 1000, Ok(())),
            ("a", 1000, 1001, Err(NonceError::Replayed)),
            ("b", 1004, 1000, Ok(())),
            ("c", 1006, 1000, Err(NonceError::Stale)),
            ("d", 939, 1000, Err(NonceError::Stale)),
            ("e", 940, 1000, Ok(())),
            ("f", 1000, 1061, Err(NonceError::Stale)),
        ];
        for (nonce, created, now, expected) in cases {
            assert_eq!(memory.accept("k", nonce, created, now), expected, "{nonce} {created} {now}");
        }
        assert_eq!(memory.accept("other", "e", 1000, 1000), Ok(()), "nonces belong to a key");
    }

    #[test]
    fn a_challenge_stands_in_for_a_wrong_clock_once() {
        let mut memory = NonceMemory::new(0);
        let nonce = memory.challenge(1000).unwrap();
        assert_eq!(memory.accept("k", &nonce, 5, 1001), Ok(()));
        assert_eq!(memory.accept("k", &nonce, 1001, 1001), Err(NonceError::Replayed));
        let late = memory.challenge(1000).unwrap();
        assert_eq!(memory.accept("k", &late, 5, 1061), Err(NonceError::Stale));
    }

    #[test]
    fn after_a_restart_what_the_former_memory_may_have_seen_is_challenged() {
        let mut memory = NonceMemory::new(1000);
        assert_eq!(memory.accept("k", "n", 1005, 1001), Err(NonceError::Stale));
        assert_eq!(memory.accept("k", "n", 1006, 1006), Ok(()));
    }
}
