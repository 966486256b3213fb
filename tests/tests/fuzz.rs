//! A fixed budget of the differential fuzzer: random expressions and queries agree with PostgreSQL 15. `peergres_tests::fuzz` says how;
//! the binary `fuzz` runs it for longer.

use peergres_tests::{
    fuzz::{Fuzzer, Report},
    node::Node,
    oracle::Oracle,
};

/// First seed, and how many follow it.
const SEEDS: (u64, u64) = (1, 4000);

#[test]
fn random_statements_answer_as_postgresql_does() {
    let oracle = Oracle::start(&["fsync=off"]);
    let node = Node::start("fuzz", &[]);
    let mut report = Report::default();
    Fuzzer::start(&node.url("app"), &oracle.url("postgres")).run(SEEDS.0, SEEDS.1, &mut report);
    assert!(report.answered * 4 > report.asked, "too few statements were answered for the run to mean anything: {report:?}");
    let records: Vec<String> = report.differences.iter().map(|difference| difference.record()).collect();
    assert!(records.is_empty(), "{} statements differ\n{}", records.len(), records.join("\n"));
}
