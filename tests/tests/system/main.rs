//! The whole system, in real processes: nodes that sync, crash and are refused, driven by psql and the command line.

mod audit;
mod crash;
mod fleet;
mod line;
mod peers;
mod refusals;
mod safety;
mod two_devices;
