//! What the whole-system tests stand on: a throw-away PostgreSQL, throw-away Peergres nodes, and commands run to their end.

pub mod chinook;
pub mod command;
pub mod fleet;
pub mod fuzz;
pub mod node;
pub mod oracle;
pub mod ports;
pub mod regress;
pub mod relay;
pub mod simulator;
pub mod slt;
pub mod transcript;
pub mod writer;
