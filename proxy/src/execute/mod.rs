//! Runs plans on a SQLite connection.

pub mod plan;
