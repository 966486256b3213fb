//! A deterministic simulator of a fleet: real merge, log, membership and protocol logic over real SQLite files; simulated network, time and
//! randomness. One seed is one run.
//!
//! Enters: a seed. Leaves: nothing, or a failure with the shortest list of operations that still fails. [`plan`] says what happens, [`world`] lets it
//! happen, [`judge`] says whether what came of it is right.

mod device;
mod judge;
pub mod mutants;
pub mod plan;
mod schema;
mod settle;
mod shrink;
mod tamper;
mod truth;
mod world;
mod write;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use plan::Plan;
pub use shrink::shrink;
pub use world::Failure;

/// Plays a plan; a panic is a failure like any other.
///
/// # Errors
/// What went wrong.
pub fn play(plan: &Plan) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(|| world::play(plan))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        Err(Failure { step: usize::MAX, reason: format!("panic: {}", words.unwrap_or_default()) })
    })
}

/// Plays the run of a seed.
///
/// # Errors
/// A text with the seed, what went wrong, and the shortest list of operations with which something does.
pub fn run(seed: u64) -> Result<(), String> {
    let plan = Plan::of(seed);
    let Err(failure) = play(&plan) else { return Ok(()) };
    let (shorter, reason) = shrink(plan, failure);
    let ops: String = shorter.ops.iter().map(|op| format!("    {op:?},\n")).collect();
    Err(format!(
        "seed {seed} fails at step {}: {}\n  {} devices; forks {}, defines {}, strategies {}; after shortening:\n{ops}",
        reason.step, reason.reason, shorter.devices, shorter.forks, shorter.defines, shorter.strategies
    ))
}
