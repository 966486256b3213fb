//! How fast a device that was away takes in what another one wrote meanwhile, beside PostgreSQL 15's logical replication: two nodes and two
//! PostgreSQL servers; the first of each pair writes while the second is away, then the second one catches up (the node's own start is
//! counted). Both are durable; the node verifies signatures and hashes, and keeps the whole log. Prints rows per second, the ratio, and the
//! nodes' memory at its highest.
//!
//! `cargo run --release -p peergres-tests --bin catch_up -- --rows 100000 --rounds 3`

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use peergres_tests::{
    command::run,
    fleet::{join, sync},
    node::{Node, binary, psql},
    oracle::Oracle,
};

/// Catching up: a node with a node, PostgreSQL with PostgreSQL.
#[derive(Parser)]
struct Options {
    /// Rows of each kind of work.
    #[arg(long, default_value_t = 100_000)]
    rows: u32,
    /// Runs of each kind of work; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

const TABLE: &str = "CREATE TABLE t (id integer PRIMARY KEY, a text, b bigint)";

/// A kind of work: its name, and its script for so many rows.
type Work = (&'static str, fn(u32) -> String);

const WORKS: &[Work] = &[
    ("inserts, one transaction", |rows| {
        format!("TRUNCATE t; INSERT INTO t SELECT i, 'some text of a usual length', i * 7 FROM generate_series(1, {rows}) AS i;")
    }),
    ("updates, one transaction", |_| "UPDATE t SET b = b + 1;".to_owned()),
    ("updates, transactions of ten", |rows| {
        let one = |first: u32| format!("UPDATE t SET b = b + 1 WHERE id BETWEEN {first} AND {};\n", first + 9);
        let all: String = (1..=rows).step_by(10).map(one).collect();
        format!("SET synchronous_commit = off;\n{all}SET synchronous_commit = on;\nUPDATE t SET b = b WHERE id = 1;\n")
    }),
];

/// Something that writes, and something that catches up.
trait Pair {
    fn write(&mut self, script: &str);
    /// Returns when all is there.
    fn catch_up(&mut self);
}

struct Nodes {
    author: Node,
    reader: Node,
}

impl Pair for Nodes {
    fn write(&mut self, script: &str) {
        self.reader.stop();
        self.author.psql(script).expect_success("writing on the node");
    }

    fn catch_up(&mut self) {
        self.reader.restart();
        // It begins by itself; the round that is asked for waits for the one that runs.
        sync(&self.reader, &self.author);
    }
}

struct Servers {
    author: Oracle,
    reader: Oracle,
}

impl Servers {
    fn start() -> Servers {
        let author = Oracle::start(&["wal_level=logical"]);
        let reader = Oracle::start(&[]);
        let servers = Servers { author, reader };
        servers.on(&servers.author, TABLE);
        servers.on(&servers.author, "CREATE PUBLICATION all_of_it FOR TABLE t");
        servers.on(&servers.reader, TABLE);
        let subscription = format!("CREATE SUBSCRIPTION s CONNECTION '{}' PUBLICATION all_of_it", servers.author.url("postgres"));
        servers.on(&servers.reader, &subscription);
        servers.on(&servers.reader, "ALTER SUBSCRIPTION s DISABLE");
        servers
    }

    fn on(&self, server: &Oracle, script: &str) -> String {
        psql(&server.url("postgres"), script).expect_success(script)
    }
}

impl Pair for Servers {
    fn write(&mut self, script: &str) {
        self.on(&self.author, script);
    }

    fn catch_up(&mut self) {
        self.on(&self.reader, "ALTER SUBSCRIPTION s ENABLE");
        let end = self.on(&self.author, "SELECT pg_current_wal_lsn()").trim().to_owned();
        let question = format!("SELECT coalesce(bool_and(flush_lsn >= '{end}'), false) FROM pg_stat_replication");
        while self.on(&self.author, &question).trim() != "t" {
            thread::sleep(Duration::from_millis(2));
        }
        self.on(&self.reader, "ALTER SUBSCRIPTION s DISABLE");
    }
}

fn rate(pair: &mut dyn Pair, script: &str, rows: u32) -> f64 {
    pair.write(script);
    let start = Instant::now();
    pair.catch_up();
    f64::from(rows) / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The most memory that a process has held, in MB.
fn peak(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() {
    let options = Options::parse();
    if std::env::var_os("PEERGRES_BINARY").is_none() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "--release", "-p", "peergres"]).status().expect("cargo runs");
        assert!(built.success(), "the node does not build");
    }
    println!("{}", run(Command::new(binary()).arg("--version"), "", Duration::from_secs(60)).expect_success("--version").trim());
    let by_hand = ["--sync-interval", "1h"];
    let mut nodes = Nodes { author: Node::start("author", &by_hand), reader: Node::start("reader", &by_hand) };
    join(&nodes.author, &nodes.reader);
    nodes.write(TABLE);
    nodes.catch_up();
    let mut servers = Servers::start();
    println!("{:<30} {:>12} {:>12} {:>7} {:>15}", "work", "Peergres/s", "PostgreSQL/s", "ratio", "memory MB");
    for (name, script) in WORKS {
        let script = script(options.rows);
        let mut speeds = [Vec::new(), Vec::new()];
        for _ in 0..options.rounds {
            speeds[0].push(rate(&mut nodes, &script, options.rows));
            speeds[1].push(rate(&mut servers, &script, options.rows));
        }
        let ratio = median(speeds[0].iter().zip(&speeds[1]).map(|(ours, theirs)| ours / theirs).collect());
        let [ours, theirs] = speeds.map(median);
        let memory = format!("{} / {}", peak(&nodes.author), peak(&nodes.reader));
        println!("{name:<30} {ours:>12.0} {theirs:>12.0} {:>7} {memory:>15}", format!("×{ratio:.2}"));
    }
}
