//! How fast a node is beside PostgreSQL 15: starts both, fills both with `pgbench -i`, runs pgbench's built-in scripts on them in turns, and
//! prints medians and ratios. Both are durable; the node captures every change.
//!
//! `cargo run --release -p peergres-tests --bin pgbench_ratio -- --seconds 5 --rounds 3 --modes simple,extended,prepared`

use std::{process::Command, time::Duration};

use clap::Parser;
use peergres_tests::{
    command::run,
    node::Node,
    oracle::{self, Oracle},
};

/// pgbench on a node and on PostgreSQL 15, in turns.
#[derive(Parser)]
struct Options {
    /// Length of one run.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Runs of each cell; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// pgbench's scale.
    #[arg(long, default_value_t = 1)]
    scale: u32,
    /// Built-in scripts.
    #[arg(long, value_delimiter = ',', default_value = "select-only,tpcb-like")]
    scripts: Vec<String>,
    /// Query modes: simple, extended, prepared.
    #[arg(long, value_delimiter = ',', default_value = "prepared")]
    modes: Vec<String>,
    /// Numbers of clients.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    clients: Vec<u32>,
}

/// Transactions per second of one run.
fn measure(url: &str, script: &str, mode: &str, clients: u32, seconds: u32) -> f64 {
    let mut pgbench = Command::new(oracle::bin().join("pgbench"));
    pgbench.args(["-n", "-b", script, "-M", mode, "-c", &clients.to_string(), "-j", &clients.min(2).to_string()]);
    // The PostgreSQL that is started here offers no TLS, so neither side is measured with it.
    pgbench.args(["-T", &seconds.to_string(), url]).env("PGSSLMODE", "disable");
    let said = run(&mut pgbench, "", Duration::from_secs(u64::from(seconds) + 60)).expect_success("pgbench");
    assert!(said.contains("number of failed transactions: 0 "), "transactions failed:\n{said}");
    let line = said.lines().find_map(|line| line.strip_prefix("tps = ")).expect("pgbench says how fast it was");
    line.split(' ').next().and_then(|number| number.parse().ok()).expect("a number of transactions per second")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

fn main() {
    let options = Options::parse();
    if std::env::var_os("PEERGRES_BINARY").is_none() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "--release", "-p", "peergres"]).status().expect("cargo runs");
        assert!(built.success(), "the node does not build");
    }
    let oracle = Oracle::start(&[]);
    let node = Node::start("benchmark", &[]);
    let urls = [node.url("app"), oracle.url("postgres")];
    for url in &urls {
        let mut fill = Command::new(oracle::bin().join("pgbench"));
        run(fill.args(["-i", "-q", "-s", &options.scale.to_string(), url]), "", Duration::from_secs(600)).expect_success("pgbench -i");
    }
    println!("{:<13} {:<9} {:>7} {:>12} {:>12} {:>7}", "script", "mode", "clients", "Peergres/s", "PostgreSQL/s", "ratio");
    for script in &options.scripts {
        for mode in &options.modes {
            for clients in &options.clients {
                let mut speeds = [Vec::new(), Vec::new()];
                for round in 0..options.rounds {
                    // Who begins changes, so that what drifts favours neither.
                    for turn in 0..2 {
                        let which = (turn + round) % 2;
                        speeds[which].push(measure(&urls[which], script, mode, *clients, options.seconds));
                    }
                }
                let ratio = median(speeds[0].iter().zip(&speeds[1]).map(|(ours, theirs)| ours / theirs).collect());
                let [ours, theirs] = speeds.map(median);
                println!("{script:<13} {mode:<9} {clients:>7} {ours:>12.0} {theirs:>12.0} {:>7}", format!("×{ratio:.2}"));
            }
        }
    }
}
