//! What happens in a run, as data: a list of operations that a seed gives, and that can be shortened and played again.
//!
//! Enters: a seed. Leaves: a [`Plan`]. Whatever an operation chooses further (which rows, which values) comes from a number of its own, so
//! that leaving out one does not change the others.

/// What the network does to one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The request is lost.
    LoseRequest,
    /// It is done, but nobody hears of it.
    LoseAnswer,
    /// It comes twice.
    Twice,
    /// It comes later.
    Delay,
    /// Whoever carries it changes it; the number says how.
    Tamper(u64),
}

/// One step of a run. Devices are counted from 0; an operation that makes no sense where it stands does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// A transaction.
    Write {
        /// Where.
        device: usize,
        /// What.
        seed: u64,
    },
    /// A schema change.
    Define {
        /// Where.
        device: usize,
        /// What.
        seed: u64,
    },
    /// A device asks another one for news.
    Pull {
        /// Who asks.
        to: usize,
        /// Whom.
        from: usize,
        /// What goes wrong.
        fault: Fault,
    },
    /// A device hands its news to another one.
    Push {
        /// Who hands over.
        from: usize,
        /// To whom.
        to: usize,
        /// What goes wrong.
        fault: Fault,
    },
    /// A message that was held up arrives.
    Deliver {
        /// Which, counted around.
        index: usize,
    },
    /// A device's clock is set to so many milliseconds off.
    SetClock {
        /// Whose.
        device: usize,
        /// By how much it is wrong from now on.
        offset_ms: i64,
    },
    /// The machine dies while a transaction is written.
    CrashWriting {
        /// Whose.
        device: usize,
        /// What is written, and where it is cut.
        seed: u64,
    },
    /// The machine dies while it takes in what another one has.
    CrashTaking {
        /// Whose.
        device: usize,
        /// Whom it asked.
        from: usize,
        /// Where it is cut.
        seed: u64,
    },
    /// The process ends and starts again.
    Restart {
        /// Whose.
        device: usize,
    },
    /// Who can reach whom: devices of equal bits.
    Partition {
        /// A bit for each device.
        sides: u8,
    },
    /// A device that was alone joins the others.
    Join {
        /// Whose invitation.
        inviter: usize,
        /// Who.
        joiner: usize,
    },
    /// A device is shut out.
    Revoke {
        /// By whom.
        by: usize,
        /// Who.
        whom: usize,
    },
    /// A device that was shut out is let in again.
    Readmit {
        /// By whom.
        by: usize,
        /// Who.
        whom: usize,
    },
    /// The log is pruned as far as it may be.
    Prune {
        /// Where.
        device: usize,
    },
    /// A person decides about a conflict.
    Decide {
        /// Where.
        device: usize,
        /// Which, and how.
        seed: u64,
    },
    /// The data directory is copied, and the copy runs beside it.
    Clone {
        /// Whose.
        device: usize,
    },
    /// The data directory is set back to what it was at the last copy.
    SetBack {
        /// Whose.
        device: usize,
    },
}

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Gives schema, identities and strategies.
    pub seed: u64,
    /// How many devices.
    pub devices: usize,
    /// Whether identities may be doubled: then devices need not end equal.
    pub forks: bool,
    /// Whether schema changes come in.
    pub defines: bool,
    /// Whether devices decide conflicts by themselves, each in its way.
    pub strategies: bool,
    /// What happens.
    pub ops: Vec<Op>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Plan {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0x5EED_0001);
        let devices = [2, 2, 2, 3, 3, 3, 4, 5, 7][rng.usize(0..9)];
        let forks = rng.u32(0..12) == 0;
        let defines = rng.u32(0..3) == 0;
        let strategies = rng.u32(0..4) == 0;
        let mut plan = Plan { seed, devices, forks, defines, strategies, ops: Vec::new() };
        let length = rng.usize(8..45);
        let quiet = rng.u32(0..4) == 0;
        while plan.ops.len() < length {
            let op = plan.random(&mut rng, quiet);
            plan.ops.extend(op);
        }
        plan
    }

    fn random(&self, rng: &mut fastrand::Rng, quiet: bool) -> Option<Op> {
        let device = rng.usize(0..self.devices);
        let other = (device + rng.usize(1..self.devices.max(2))) % self.devices;
        let seed = rng.u64(..);
        let fault = if quiet { Fault::None } else { fault(rng) };
        Some(match rng.u32(0..100) {
            0..=39 => Op::Write { device, seed },
            40..=56 => Op::Pull { to: device, from: other, fault },
            57..=73 => Op::Push { from: device, to: other, fault },
            74..=78 => Op::Deliver { index: rng.usize(0..8) },
            79..=81 => Op::SetClock { device, offset_ms: offset(rng) },
            82..=83 => Op::CrashWriting { device, seed },
            84..=85 => Op::CrashTaking { device, from: other, seed },
            86 => Op::Restart { device },
            87..=88 => Op::Partition { sides: if rng.bool() { 0 } else { rng.u8(..) } },
            89 => Op::Join { inviter: device, joiner: other },
            90 if rng.u32(0..3) == 0 => Op::Revoke { by: device, whom: other },
            91 => Op::Readmit { by: device, whom: other },
            92..=93 => Op::Prune { device },
            94..=96 => Op::Decide { device, seed },
            97 if self.forks => Op::Clone { device },
            98 if self.forks => Op::SetBack { device },
            99 if self.defines => Op::Define { device, seed },
            97..=98 if self.defines => Op::Define { device, seed },
            _ => return None,
        })
    }
}

fn fault(rng: &mut fastrand::Rng) -> Fault {
    match rng.u32(0..16) {
        0 => Fault::LoseRequest,
        1 => Fault::LoseAnswer,
        2 => Fault::Twice,
        3 | 4 => Fault::Delay,
        5 => Fault::Tamper(rng.u64(..)),
        _ => Fault::None,
    }
}

/// Mostly a few seconds, at times up to ten years either way.
fn offset(rng: &mut fastrand::Rng) -> i64 {
    const TEN_YEARS_MS: i64 = 10 * 365 * 86_400_000;
    match rng.u32(0..4) {
        0 => 0,
        1 => rng.i64(-5_000..5_000),
        2 => rng.i64(-3_600_000..3_600_000),
        _ => rng.i64(-TEN_YEARS_MS..TEN_YEARS_MS),
    }
}
