//! The Chinook sample database: 11 tables, 15,607 rows.

use crate::node::Node;

const SCRIPT: &str = include_str!("../data/chinook.sql");

/// The script's tables and rows, without its making of a database of its own.
///
/// # Panics
/// If the script no longer changes to its database.
pub fn tables() -> &'static str {
    SCRIPT.split_once("\\c chinook_serial;").expect("the script changes to its database").1
}

/// Loads it through psql into the replicated database.
///
/// # Panics
/// If any statement fails.
pub fn load(node: &Node) {
    node.psql(tables()).expect_success("chinook");
}
