//! Runs the differential fuzzer for as long as one likes: `fuzz PEERGRES_URL POSTGRESQL_URL [SEED] [COUNT]`, both databases fresh.
//! Prints each difference as an `.slt` record, then what was asked; exits with 1 where anything differs.

use std::process::ExitCode;

use peergres_tests::fuzz::{Fuzzer, Report};

/// Statements after which what was found is printed.
const STEP: usize = 50;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ours, theirs, rest @ ..] = &arguments[..] else {
        eprintln!("usage: fuzz PEERGRES_URL POSTGRESQL_URL [SEED] [COUNT]");
        return ExitCode::from(2);
    };
    let number = |n: usize, otherwise: u64| rest.get(n).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (first, count) = (number(0, 1), number(1, 1000));
    let mut fuzzer = Fuzzer::start(ours, theirs);
    let mut report = Report::default();
    for seed in (first..first + count).step_by(STEP) {
        let shown = report.differences.len();
        fuzzer.run(seed, (STEP as u64).min(first + count - seed), &mut report);
        for difference in &report.differences[shown..] {
            println!("{}", difference.record());
        }
    }
    for (words, count) in &report.unsupported {
        println!("# {count} × {words}");
    }
    println!("# {} asked, {} answered with rows by both, {} differ", report.asked, report.answered, report.differences.len());
    if report.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
