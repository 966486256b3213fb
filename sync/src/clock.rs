//! Versions, version vectors and the hybrid logical clock; the only reader of time.
//!
//! Enters: wall time, and readings of other devices. Leaves: a reading that is ahead of all that was seen (Kulkarni et al., "Logical
//! Physical Clocks", 2014), which no other device can push forward by more than a minute.

use std::{
    cell::Cell,
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A device's identifier.
pub type DeviceId = Uuid;

/// A device's own counter of changes, from 1, with no gap.
pub type Version = u64;

/// The greatest version: SQLite counts with 63 bits.
pub const MAX_VERSION: Version = (1 << 63) - 1;

/// How far ahead of our wall clock another device's reading may move ours, in milliseconds.
pub const MAX_AHEAD_MS: u64 = 60_000;

/// A hybrid logical clock reading: 48 bits of milliseconds since 1970, 16 of counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Clock(pub u64);

impl Clock {
    /// The first reading of a millisecond.
    pub fn from_millis(millis: u64) -> Clock {
        Clock(millis << 16)
    }

    /// Its milliseconds since 1970.
    pub fn millis(self) -> u64 {
        self.0 >> 16
    }

    /// Its time in microseconds since 1970: the log's `timestamp`.
    pub fn micros(self) -> i64 {
        i64::try_from(self.millis() * 1000).expect("48 bits of milliseconds are microseconds within 63 bits")
    }

    /// The next reading of a device whose last one this is.
    #[must_use]
    pub fn tick(self, now_ms: u64) -> Clock {
        Clock((self.0 + 1).max(now_ms << 16))
    }

    /// This device's reading after it has seen another's, and by how many milliseconds the other was ahead of what is allowed.
    #[must_use]
    pub fn observe(self, other: Clock, now_ms: u64) -> (Clock, Option<u64>) {
        let bound = Clock::from_millis(now_ms + MAX_AHEAD_MS);
        let excess = other.millis().checked_sub(bound.millis()).filter(|ms| *ms > 0);
        (self.max(other.min(bound)), excess)
    }
}

thread_local! {
    /// The wall time that this thread is told, in microseconds since 1970.
    static TOLD: Cell<Option<i64>> = const { Cell::new(None) };
}

/// From now on wall time on this thread is what it is told, in microseconds since 1970, until it is told none: for simulations, whose
/// runs are repeated to the letter.
pub fn tell_time(micros: Option<i64>) {
    TOLD.set(micros);
}

/// Wall time in milliseconds since 1970.
pub fn now_millis() -> u64 {
    // A clock set before 1970 counts as 1970: the counter then does all the work.
    u64::try_from(now_micros() / 1000).unwrap_or(0).min((1 << 47) - 1)
}

/// Wall time in microseconds since 1970, as timestamps are stored.
pub fn now_micros() -> i64 {
    let read = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    TOLD.get().unwrap_or_else(read)
}

/// For each device, the last version known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<DeviceId, Version>", into = "BTreeMap<DeviceId, Version>")]
pub struct VersionVector(pub BTreeMap<DeviceId, Version>);

impl TryFrom<BTreeMap<DeviceId, Version>> for VersionVector {
    type Error = String;

    fn try_from(versions: BTreeMap<DeviceId, Version>) -> Result<VersionVector, String> {
        match versions.values().find(|version| **version > MAX_VERSION) {
            Some(version) => Err(format!("{version} is no version: those have 63 bits")),
            None => Ok(VersionVector(versions)),
        }
    }
}

impl From<VersionVector> for BTreeMap<DeviceId, Version> {
    fn from(vector: VersionVector) -> Self {
        vector.0
    }
}

/// Reads a version that a peer sent.
pub(crate) fn read_version<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    let version = Version::deserialize(deserializer)?;
    if version > MAX_VERSION {
        return Err(serde::de::Error::custom(format!("{version} is no version: those have 63 bits")));
    }
    Ok(version)
}

impl VersionVector {
    /// The last version known of a device, 0 where none is.
    pub fn get(&self, device: DeviceId) -> Version {
        self.0.get(&device).copied().unwrap_or(0)
    }

    /// Whether a version of a device is known.
    pub fn contains(&self, device: DeviceId, version: Version) -> bool {
        version <= self.get(device)
    }

    /// Whether all that the other knows is known here.
    pub fn covers(&self, other: &VersionVector) -> bool {
        other.0.iter().all(|(device, version)| self.contains(*device, *version))
    }

    /// Learns of a version.
    pub fn raise(&mut self, device: DeviceId, version: Version) {
        let known = self.0.entry(device).or_default();
        *known = version.max(*known);
    }

    /// Learns all that the other knows.
    pub fn merge(&mut self, other: &VersionVector) {
        other.0.iter().for_each(|(device, version)| self.raise(*device, *version));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_rises_whatever_wall_time_does() {
        let mut clock = Clock::default();
        for now in [1000, 1000, 5, 2000, 0] {
            let next = clock.tick(now);
            assert!(next > clock && next >= Clock::from_millis(now));
            clock = next;
        }
    }

    #[test]
    fn another_device_moves_it_by_a_minute_at_most() {
        let (near, flagged) = Clock::from_millis(1000).observe(Clock::from_millis(50_000), 2000);
        assert_eq!((near, flagged), (Clock::from_millis(50_000), None));
        let (far, flagged) = Clock::from_millis(1000).observe(Clock(u64::MAX), 2000);
        assert_eq!(far, Clock::from_millis(62_000));
        assert!(flagged.is_some());
        assert!(far.tick(2000) > far);
        assert_eq!(Clock::from_millis(9000).observe(Clock::from_millis(1), 0), (Clock::from_millis(9000), None));
    }

    #[test]
    fn vectors_learn_and_compare() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut one = VersionVector::default();
        one.raise(a, 3);
        one.raise(a, 2);
        let mut two = one.clone();
        two.raise(b, 1);
        assert!(two.covers(&one) && !one.covers(&two) && one.contains(a, 3) && !one.contains(a, 4));
        one.merge(&two);
        assert_eq!(one, two);
    }
}
