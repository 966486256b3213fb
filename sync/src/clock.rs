//! Versions, version vectors and the hybrid logical clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A device's identifier.
pub type DeviceId = Uuid;

/// A device's own counter of changes, from 1, with no gap.
pub type Version = u64;

/// A hybrid logical clock reading: 48 bits of milliseconds since 1970, 16 of counter (Kulkarni et al., "Logical Physical Clocks", 2014).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Clock(pub u64);

/// For each device, the last version known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionVector(pub BTreeMap<DeviceId, Version>);
