//! The catalogs of a database with one object of every kind, compared row by row with PostgreSQL's: the queries of
//! `data/catalog_queries.sql`, in which names stand for OIDs, answer the same on both.
//!
//! `CATALOG=name` runs the queries whose name contains it.

use std::{collections::BTreeSet, fs, path::Path};

use peergres_tests::{node::Node, oracle::Oracle};
use postgres::{Client, NoTls, SimpleQueryMessage};

/// Makes the database and the objects, and connects to it.
fn prepared(url_of: impl Fn(&str) -> String) -> Client {
    let connect = |name: &str| Client::connect(&url_of(name), NoTls).expect("the server accepts");
    connect("postgres").batch_execute("CREATE DATABASE catalogs").expect("a database can be made");
    let mut client = connect("catalogs");
    for statement in read("catalog_objects.sql").split(";\n") {
        if let Err(error) = client.batch_execute(statement) {
            panic!("{statement}: {error}");
        }
    }
    client
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(file)).expect("the data are there")
}

/// Names and queries.
fn queries() -> Vec<(String, String)> {
    let block = |block: &str| {
        let (comments, lines): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with("--"));
        let name = comments.last()?.trim_start_matches('-').trim().to_owned();
        (!lines.is_empty()).then(|| (name, lines.join("\n")))
    };
    read("catalog_queries.sql").split("\n\n").filter_map(block).collect()
}

/// A value with the OIDs in it hidden: `twice_16400` and `2200_16384_1_not_null` name objects whose OIDs differ.
fn masked(value: &str) -> String {
    let part = |part: &str| match part.parse::<u32>() {
        Ok(oid) if oid >= 16384 => "OID".to_owned(),
        _ => part.to_owned(),
    };
    value.split('_').map(part).collect::<Vec<_>>().join("_")
}

/// The rows, as a sorted list; an error as its only row.
fn rows(client: &mut Client, sql: &str) -> Vec<String> {
    let messages = match client.simple_query(sql) {
        Ok(messages) => messages,
        Err(error) => return vec![format!("error: {}", error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned()))],
    };
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).map_or("NULL".to_owned(), masked)).collect::<Vec<_>>().join(" | "))
        }
        _ => None,
    };
    let mut rows: Vec<String> = messages.iter().filter_map(row).collect();
    rows.sort();
    rows
}

#[test]
fn catalogs_show_what_postgresql_shows() {
    let only = std::env::var("CATALOG").unwrap_or_default();
    let oracle = Oracle::start(&["fsync=off"]);
    let node = Node::start("catalogs", &[]);
    let mut theirs = prepared(|name| oracle.url(name));
    let mut ours = prepared(|name| node.url(name));
    let mut faults = Vec::new();
    for (name, sql) in queries().iter().filter(|(name, _)| name.contains(&only)) {
        let (expected, found) = (rows(&mut theirs, sql), rows(&mut ours, sql));
        if expected == found {
            assert!(!expected.iter().any(|row| row.starts_with("error:")), "{name}: {expected:?}");
            continue;
        }
        let (expected, found): (BTreeSet<&String>, BTreeSet<&String>) = (expected.iter().collect(), found.iter().collect());
        let missing: Vec<&&String> = expected.difference(&found).take(5).collect();
        let surplus: Vec<&&String> = found.difference(&expected).take(5).collect();
        faults.push(format!("{name}\n  PostgreSQL only {missing:#?}\n  ours only {surplus:#?}"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
