//! Shortening a plan that fails.
//!
//! Enters: a plan and its failure. Leaves: a plan that fails and from which no operation can be left out, and how it fails. Operations are left
//! out in ever smaller pieces (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002); faults are taken away.

use super::{
    Failure,
    plan::{Fault, Op, Plan},
    play,
};

/// At most so many runs.
const RUNS_MAX: usize = 600;

/// Shortens.
pub fn shrink(mut plan: Plan, mut failure: Failure) -> (Plan, Failure) {
    let mut runs = 0;
    let mut attempt = |ops: Vec<Op>, plan: &mut Plan, failure: &mut Failure| -> bool {
        runs += 1;
        let shorter = Plan { ops, ..plan.clone() };
        match play(&shorter) {
            Err(new) if runs < RUNS_MAX => {
                (*plan, *failure) = (shorter, new);
                true
            }
            _ => false,
        }
    };
    let mut size = plan.ops.len().div_ceil(2).max(1);
    loop {
        let mut start = 0;
        let mut helped = false;
        while start < plan.ops.len() {
            let mut ops = plan.ops.clone();
            ops.drain(start..(start + size).min(ops.len()));
            if attempt(ops, &mut plan, &mut failure) {
                helped = true;
            } else {
                start += size;
            }
        }
        if size == 1 && !helped {
            break;
        }
        size = (size / 2).max(1);
        if plan.ops.is_empty() {
            break;
        }
    }
    for index in 0..plan.ops.len() {
        let mut ops = plan.ops.clone();
        if let Op::Pull { fault, .. } | Op::Push { fault, .. } = &mut ops[index]
            && *fault != Fault::None
        {
            *fault = Fault::None;
            attempt(ops, &mut plan, &mut failure);
        }
    }
    (plan, failure)
}
