//! Several nodes as one fleet: joining, syncing until nothing moves, and telling whether all hold the same.
//!
//! Enters: running nodes. Leaves: their tables and logs as text to compare, and panics that say which table of which node differs.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value as Json;

use crate::node::Node;

/// Every table with its rows in a fixed order, as text.
pub type Contents = BTreeMap<String, Vec<String>>;

/// Makes `joiner` one of `inviter`'s devices. The joiner may be running or not; the inviter runs.
///
/// # Panics
/// If either command fails.
pub fn join(inviter: &Node, joiner: &Node) {
    let code = inviter.json(&["invite"]);
    let code = code["code"].as_str().expect("invite prints a code").to_owned();
    joiner.command(&["join", &code, "--name", joiner.name()]).expect_success("join");
}

/// One round of a node with another one: pushed, pulled, conflicts.
///
/// # Panics
/// If the command fails or prints other members.
pub fn sync(node: &Node, peer: &Node) -> [u64; 3] {
    let round = node.json(&["sync", "--peer", &peer.http()]);
    ["pushed", "pulled", "conflicts"].map(|member| round[member].as_u64().unwrap_or_else(|| panic!("sync printed {round}")))
}

/// Rounds of each node with the next one of the line until none of them moves anything.
///
/// # Panics
/// If they have not come to rest after ten turns.
pub fn settle(line: &[&Node]) {
    for _ in 0..10 {
        let moved: u64 = line.windows(2).map(|pair| sync(pair[0], pair[1])).map(|[pushed, pulled, _]| pushed + pulled).sum();
        if moved == 0 {
            return;
        }
    }
    let logs: String = line.iter().map(|node| node.said()).collect();
    panic!("the nodes do not come to rest:\n{logs}");
}

/// The tables of schema public of a node's replicated database.
///
/// # Panics
/// If psql fails.
pub fn contents(node: &Node) -> Contents {
    let names = node.rows("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' ORDER BY tablename");
    let mut script = String::new();
    for name in names.lines() {
        let _ = writeln!(script, "\\echo @{name}\nCOPY \"{name}\" TO STDOUT;");
    }
    let mut contents = Contents::new();
    let mut rows = &mut Vec::new();
    for line in node.rows(&script).lines() {
        match line.strip_prefix('@') {
            Some(name) => rows = contents.entry(name.to_owned()).or_default(),
            None => rows.push(line.to_owned()),
        }
    }
    for rows in contents.values_mut() {
        rows.sort();
    }
    contents
}

/// What a node's log holds: authors, versions, records and values. The order of arrival is a node's own.
///
/// # Panics
/// If psql fails.
pub fn log(node: &Node) -> Vec<String> {
    let query = "SELECT device_id, version, table_name, record_id, operation, data, hash FROM sync_log";
    let mut lines: Vec<String> = node.rows(query).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The pending conflicts of a node by their ids.
///
/// # Panics
/// If the command fails.
pub fn conflicts(node: &Node) -> BTreeMap<String, Json> {
    let list = node.json(&["conflicts"]);
    let list = list["conflicts"].as_array().unwrap_or_else(|| panic!("conflicts printed {list}"));
    list.iter().map(|conflict| (conflict["id"].as_str().expect("a conflict has an id").to_owned(), conflict.clone())).collect()
}

/// All nodes hold the same rows, the same log and the same pending conflicts, and their logs verify.
///
/// # Panics
/// Where they do not, with the first differences.
pub fn assert_equal(nodes: &[&Node]) {
    let (first, rest) = nodes.split_first().expect("a fleet has nodes");
    let (tables, entries, pending) = (contents(first), log(first), conflicts(first));
    verify(first);
    for node in rest {
        verify(node);
        differences("the log", &entries, &log(node), first, node);
        let other = contents(node);
        let names: Vec<_> = tables.keys().collect();
        assert_eq!(names, other.keys().collect::<Vec<_>>(), "tables of {} and {}", first.name(), node.name());
        for (name, rows) in &tables {
            differences(name, rows, &other[name], first, node);
        }
        let ids = |conflicts: &BTreeMap<String, Json>| conflicts.keys().cloned().collect::<Vec<_>>();
        differences("the conflicts", &ids(&pending), &ids(&conflicts(node)), first, node);
    }
}

fn differences(what: &str, ours: &[String], theirs: &[String], first: &Node, second: &Node) {
    if ours == theirs {
        return;
    }
    let only = |these: &[String], those: &[String]| {
        these.iter().filter(|line| !those.contains(line)).take(5).map(|line| format!("    {line}\n")).collect::<String>()
    };
    panic!(
        "{what} differs: {} lines and {}\n  only {}:\n{}  only {}:\n{}",
        ours.len(),
        theirs.len(),
        first.name(),
        only(ours, theirs),
        second.name(),
        only(theirs, ours)
    );
}

/// `log verify` finds nothing wrong.
///
/// # Panics
/// With what it found.
pub fn verify(node: &Node) {
    node.command(&["log", "verify"]).expect_success(&format!("log verify of {}", node.name()));
}
