//! The end of a run: all faults are over, all who belong together talk until nothing moves.
//!
//! Enters: a world after its last operation. Leaves: nothing, or what is not as it must be: devices that do not come to rest or end different, a write that
//! was acknowledged and is nowhere, a log that does not verify.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    judge::View,
    plan::Fault,
    world::{Outcome, World, difference},
};

/// After how many rounds the devices must be at rest.
const ROUNDS: usize = 24;

impl World<'_> {
    /// All faults end; all who belong together talk until nothing moves; then they must be equal, and owe nobody anything.
    pub(super) fn settle(&mut self) -> Outcome {
        (self.sides, self.tampered) = (0, false);
        self.waiting.clear();
        let step = self.plan.ops.len();
        let members: Vec<usize> = (0..self.devices.len())
            .filter(|d| self.devices[*d].is_joined && !self.devices[*d].is_forked && !self.shut_out.contains(d))
            .collect();
        let Some(hub) = members.get(usize::try_from(self.plan.seed).unwrap_or(0) % members.len().max(1)).copied() else { return Ok(()) };
        let (mut rounds, mut full) = (0, false);
        loop {
            let before: Vec<_> = members.iter().map(|d| self.devices[*d].replica().held()).collect();
            // All to one and from it to all; then all with all, who may not know the one yet.
            let star = || members.iter().map(|d| (hub, *d)).chain(members.iter().map(|d| (*d, hub)));
            let all = || members.iter().flat_map(|to| members.iter().map(|from| (*to, *from)));
            let pairs: Vec<(usize, usize)> = if full { all().collect() } else { star().collect() };
            for (to, from) in pairs {
                self.now_ms += 1;
                self.pull(to, from, Fault::None)?;
            }
            let after: Vec<_> = members.iter().map(|d| self.devices[*d].replica().held()).collect();
            if before == after && full {
                break;
            }
            full = before == after;
            rounds += 1;
            if rounds > ROUNDS {
                return Err("the devices do not come to rest".to_owned());
            }
        }
        // Whom only a device invited that was shut out is a stranger to the others.
        let friends = |a: usize, b: usize| a == b || (self.admits(a, b) && self.admits(b, a));
        let members: Vec<usize> = members.iter().copied().filter(|d| self.shut_out.is_empty() || friends(members[0], *d)).collect();
        let mut views = Vec::new();
        for device in &members {
            views.push(self.judge(*device, step)?);
        }
        if self.plan.forks {
            return Ok(());
        }
        for (device, view) in members.iter().zip(&views).skip(1) {
            if *view != views[0] {
                return Err(format!("devices {} and {device} end different: {}", members[0], difference(&views[0], view)));
            }
        }
        self.nothing_acknowledged_is_missing(&members, &views)?;
        self.log_verifies(&members)
    }

    fn nothing_acknowledged_is_missing(&self, members: &[usize], views: &[View]) -> Outcome {
        let authors: BTreeSet<Uuid> = members.iter().map(|d| self.devices[*d].id).collect();
        let Some(view) = views.first() else { return Ok(()) };
        let missing = self.truth.acknowledged.iter().find(|entry| authors.contains(&entry.0) && !view.entries.contains(*entry));
        missing.map_or(Ok(()), |(device, version, _)| Err(format!("version {version} of {device} was acknowledged and is nowhere")))
    }

    fn log_verifies(&self, members: &[usize]) -> Outcome {
        let Some(device) = members.get(usize::try_from(self.plan.seed % 7).expect("a small number") % members.len().max(1)) else {
            return Ok(());
        };
        if !self.plan.seed.is_multiple_of(4) {
            return Ok(());
        }
        let report = self.devices[*device].replica().verify_log().map_err(|e| format!("log verify: {e}"))?;
        if report.ok { Ok(()) } else { Err(format!("log verify of device {device}: {}", report.faults.join("; "))) }
    }
}
