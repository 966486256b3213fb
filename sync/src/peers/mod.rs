//! Syncing with other devices: what is handed out, what is taken in, one round, the schedule of rounds, pairing.
//!
//! Enters: peers' addresses and their messages. Leaves: signed requests; verified transactions for `apply`; how each peer is doing.

mod client;
pub(crate) mod coding;
pub mod exchange;
mod intake;
mod outbox;
pub mod pairing;
mod round;
mod schedule;
pub mod wire;

pub(crate) use client::{CHALLENGE_HEADER, Download};
pub use client::{PeerClient, PeerError, PeerIdentity};
pub(crate) use intake::take_in_from;
pub use intake::{Intake, compare_heads, take_in};
pub use outbox::{Outgoing, Since, newest_heads, outgoing};
pub(crate) use outbox::{outgoing_within, signed_head};
pub use pairing::{Invitation, join};
pub use round::{Round, sync_round};
pub use schedule::{PeerStatus, Schedule, SnapshotProgress};
