//! Wire transcripts: messages in, messages out, against a server in the same process.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod client;
mod encryption;
mod protocol;
mod startup;
mod transaction;
