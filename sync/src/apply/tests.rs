//! Peers that exchange their logs in one process.
