//! Snapshots: the whole database at one version vector, as a file that a newcomer downloads piece by piece instead of asking for page after page.
//!
//! Enters: the log as this device holds it, pruned entries as the hashes that are left of them. Leaves: a compressed file of lines of JSON: a
//! [`Header`], [`Part`]s in causal order, each ending where its authors signed, and an [`End`]. A snapshot holds no tables: what is left
//! of a pruned log still gives them, so that whoever takes it verifies every row against its author's signature and need not trust whoever made
//! it. It is taken in like any page; a piece that is lost is asked for again, and one that was altered is refused.
//!
//! - [`make`]: the file is written by a thread of its own, and pieces of it are handed out while it grows.
//! - [`fetch`]: the other side: downloading with resumption, and taking in.
//! - [`recover`]: what a device does that holds whole what its peers have pruned: one that was restored from a backup, or let in again.

mod fetch;
mod make;
mod recover;
#[cfg(test)]
mod tests;

pub(crate) use fetch::take_if_wanted;
pub(crate) use make::{Snapshots, TakeError, create_private};
pub(crate) use recover::note as note_recovery;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    clock::VersionVector,
    devices::{acknowledgements::Acknowledgement, membership::Entry},
    identity::SignedHead,
    peers::wire::WireChange,
};

/// The format that this version writes and reads.
const FORMAT: u32 = 1;
/// How the name of a snapshot begins that is handed out.
const MADE: &str = "snapshot-";
/// How the name of a snapshot begins that is being downloaded.
const INCOMING: &str = "incoming-";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The format.
    peergres_snapshot: u32,
    /// Who made it.
    device_id: Uuid,
    /// What it holds.
    known: VersionVector,
    /// The devices whose changes it holds.
    members: Vec<Entry>,
    /// What devices are known to hold, each signed by the device itself.
    acknowledgements: Vec<Acknowledgement>,
}

/// A line in the middle.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    /// Whole transactions in causal order.
    changes: Vec<WireChange>,
    /// The signatures that vouch for them.
    heads: Vec<SignedHead>,
}

/// The last line: without it the snapshot is not whole.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    /// How many changes it holds.
    end: u64,
}

/// Any line but the first.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Part(Part),
    End(End),
}
