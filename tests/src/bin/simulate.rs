//! Plays many seeds of the simulator: as many threads and as long as it is told, and prints the first failures, shortened.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use clap::Parser;
use peergres_tests::simulator;

#[derive(Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Ends after so many minutes, wherever it is.
    #[arg(long)]
    minutes: Option<u64>,
    /// How many failures are told before it ends.
    #[arg(long, default_value_t = 3)]
    failures: u64,
    /// Failures are told as they are, not shortened.
    #[arg(long)]
    short: bool,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let (next, failed, begun) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    let late = || arguments.minutes.is_some_and(|minutes| begun.elapsed() > Duration::from_secs(minutes * 60));
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads {
            scope.spawn(|| {
                while !late() && failed.load(Ordering::Relaxed) < arguments.failures {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.seeds {
                        return;
                    }
                    let seed = arguments.from + number;
                    let plain = || {
                        let told = |f: simulator::Failure| format!("seed {seed} fails at step {}: {}", f.step, f.reason);
                        simulator::play(&simulator::Plan::of(seed)).map_err(told)
                    };
                    if let Err(told) = if arguments.short { plain() } else { simulator::run(seed) } {
                        failed.fetch_add(1, Ordering::Relaxed);
                        println!("{told}");
                    }
                }
            });
        }
    });
    let (played, failed) = (next.load(Ordering::Relaxed).min(arguments.seeds), failed.load(Ordering::Relaxed));
    println!("{played} seeds from {}, {failed} failed, {:.1} s", arguments.from, begun.elapsed().as_secs_f64());
    if failed == 0 { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}
