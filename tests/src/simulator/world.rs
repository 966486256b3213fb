//! The world of a run: devices, the network between them, time, and what each operation does to them.
//!
//! Enters: a [`Plan`]. Leaves: nothing, or a [`Failure`]: which step, and what is wrong.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use super::{
    device::Device,
    judge::{View, judge},
    plan::{Fault, Op, Plan},
    schema::{self, TableSpec},
    tamper::{Page, tamper},
    truth::{EntryId, Truth, held},
    write,
};
use peergres_sync::{
    clock::tell_time,
    conflicts::{self, ConflictError, Filter, Strategies, Strategy, Winner},
    devices::Registration,
    manager::ReplicaError,
    peers::{
        exchange::{answer_pull, answer_push, ask, offer, take_answer},
        pairing,
        wire::{PullAnswer, PushRequest},
    },
};
use serde_json::json;

/// Where simulated time begins, in milliseconds since 1970.
const BEGINNING_MS: i64 = 1_700_000_000_000;

/// What went wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// At which step, counted from 0.
    pub step: usize,
    /// What.
    pub reason: String,
}

/// A message on its way.
pub(super) enum Message {
    Answer(PullAnswer),
    Offer(PushRequest),
}

/// See the file's head.
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    tables: Vec<TableSpec>,
    later: Vec<TableSpec>,
    pub(super) devices: Vec<Device>,
    pub(super) truth: Truth,
    pub(super) now_ms: i64,
    pub(super) sides: u8,
    pub(super) waiting: Vec<(usize, usize, Message)>,
    views: HashMap<BTreeSet<EntryId>, (usize, View)>,
    /// Devices that were shut out at some time.
    pub(super) shut_out: BTreeSet<usize>,
    /// Whether a message was changed on its way.
    pub(super) tampered: bool,
}

/// Nothing, or what is wrong.
pub(super) type Outcome = Result<(), String>;

/// Plays a plan.
///
/// # Errors
/// What went wrong first.
pub(crate) fn play(plan: &Plan) -> Result<(), Failure> {
    let mut world = World::new(plan);
    let fail = |step: usize| move |reason: String| Failure { step, reason };
    world.begin().map_err(fail(0))?;
    for (step, op) in plan.ops.iter().enumerate() {
        world.now_ms += i64::try_from(op_pause(plan.seed, step)).expect("a short pause");
        let touched = world.step(*op).map_err(fail(step))?;
        if step % 4 == 0 || matches!(op, Op::CrashTaking { .. } | Op::CrashWriting { .. }) {
            for device in touched {
                world.judge(device, step).map_err(fail(step))?;
            }
        }
    }
    let done = world.settle().map_err(fail(plan.ops.len()));
    tell_time(None);
    done
}

/// How long nothing happens before a step: often no time at all, so that clocks are equal.
fn op_pause(seed: u64, step: usize) -> u64 {
    let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(31).wrapping_add(step as u64));
    if rng.bool() { 0 } else { rng.u64(1..3000) }
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan) -> World<'a> {
        let mut rng = fastrand::Rng::with_seed(plan.seed ^ 0x5EED_0002);
        let tables = schema::random(&mut rng);
        let later = (0..2).map(|number| schema::random_table(&mut rng, format!("u{number}"), &tables)).collect();
        tell_time(Some(BEGINNING_MS * 1000));
        let strategies = |rng: &mut fastrand::Rng| {
            let all = [Strategy::LatestTimestampWins, Strategy::LocalWins, Strategy::RemoteWins, Strategy::Manual];
            Strategies { default: if plan.strategies { all[rng.usize(0..4)] } else { Strategy::default() }, ..Strategies::default() }
        };
        let devices = (0..plan.devices)
            .map(|number| {
                let id = uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes()).into_uuid();
                Device::new(number, id, strategies(&mut rng))
            })
            .collect();
        World {
            plan,
            tables,
            later,
            devices,
            truth: Truth::default(),
            now_ms: BEGINNING_MS,
            sides: 0,
            waiting: Vec::new(),
            views: HashMap::new(),
            shut_out: BTreeSet::new(),
            tampered: false,
        }
    }

    /// The first device makes the tables; all but perhaps the last join it, or one of those that joined.
    fn begin(&mut self) -> Outcome {
        let mut rng = fastrand::Rng::with_seed(self.plan.seed ^ 0x5EED_0003);
        self.devices[0].at(self.now_ms);
        if !write::create(self.devices[0].replica().database(), &self.tables) {
            return Err("the tables can't be made".to_owned());
        }
        self.devices[0].is_joined = true;
        // One device may bring the same tables, with rows of its own.
        let last = self.devices.len() - 1;
        if rng.u32(0..4) == 0 && !self.plan.defines {
            self.devices[last].at(self.now_ms);
            write::create(self.devices[last].replica().database(), &self.tables);
            write::transaction(self.devices[last].replica().database(), &self.tables, rng.u64(..));
            self.note(last);
        }
        self.note(0);
        let late = rng.u32(0..3) == 0;
        for joiner in 1..self.devices.len() - usize::from(late) {
            self.join(rng.usize(0..joiner), joiner)?;
            self.pull(joiner, 0, Fault::None)?;
        }
        Ok(())
    }

    fn note(&mut self, device: usize) {
        let device = &self.devices[device];
        self.truth.note(device.id, device.eye(), true);
    }

    /// One operation; answers the devices that it touched.
    fn step(&mut self, op: Op) -> Result<Vec<usize>, String> {
        match op {
            Op::Write { device, seed } => {
                self.devices[device].at(self.now_ms);
                write::transaction(self.devices[device].replica().database(), &self.tables_and_later(), seed);
                self.note(device);
                return Ok(vec![device]);
            }
            Op::Define { device, seed } => {
                self.devices[device].at(self.now_ms);
                write::define(self.devices[device].replica().database(), &self.tables, &self.later, seed);
                self.note(device);
                return Ok(vec![device]);
            }
            Op::Pull { to, from, fault } => {
                self.pull(to, from, fault)?;
                return Ok(vec![to]);
            }
            Op::Push { from, to, fault } => {
                self.push(from, to, fault)?;
                return Ok(vec![to]);
            }
            Op::Deliver { index } if !self.waiting.is_empty() => {
                let (from, to, message) = self.waiting.remove(index % self.waiting.len());
                self.deliver(from, to, message)?;
                return Ok(vec![to]);
            }
            Op::Deliver { .. } => {}
            Op::SetClock { device, offset_ms } => self.devices[device].offset_ms = offset_ms,
            Op::CrashWriting { device, seed } => {
                let tables = self.tables_and_later();
                self.crash(device, seed, |world| {
                    write::transaction(world.devices[device].replica().database(), &tables, seed);
                    world.note(device);
                    Ok(())
                })?;
                return Ok(vec![device]);
            }
            Op::CrashTaking { device, from, seed } => {
                self.crash(device, seed, |world| world.pull(device, from, Fault::None))?;
                return Ok(vec![device]);
            }
            Op::Restart { device } => {
                self.devices[device].at(self.now_ms);
                self.devices[device].restart();
                return Ok(vec![device]);
            }
            Op::Partition { sides } => self.sides = sides,
            Op::Join { inviter, joiner } => self.join(inviter, joiner)?,
            Op::Revoke { by, whom } => self.revoke(by, whom)?,
            Op::Readmit { by, whom } => self.readmit(by, whom)?,
            Op::Prune { device } => {
                self.devices[device].at(self.now_ms);
                self.devices[device].replica().prune_log(Duration::ZERO).map_err(|e| format!("pruning: {e}"))?;
                return Ok(vec![device]);
            }
            Op::Decide { device, seed } => {
                self.decide(device, seed)?;
                return Ok(vec![device]);
            }
            Op::Clone { device } => self.copy(device),
            Op::SetBack { device } => self.set_back(device),
        }
        Ok(Vec::new())
    }

    /// The files are copied, and a second device runs on the copy as long as there are few.
    fn copy(&mut self, device: usize) {
        self.devices[device].copy = Some(self.devices[device].files());
        if self.devices.len() < self.plan.devices + 2 {
            let double = self.devices[device].double();
            self.devices[device].is_forked = true;
            self.devices.push(double);
        }
    }

    /// The files are what they were at the last copy.
    fn set_back(&mut self, device: usize) {
        if let Some(files) = self.devices[device].copy.clone() {
            self.devices[device].is_forked = true;
            self.devices[device].at(self.now_ms);
            self.devices[device].restart_with(&files);
        }
    }

    fn tables_and_later(&self) -> Vec<TableSpec> {
        self.tables.iter().chain(&self.later).cloned().collect()
    }

    /// The machine dies while `work` runs: of what it wrote, a beginning is on disk.
    fn crash(&mut self, device: usize, seed: u64, work: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let before = self.devices[device].files();
        let acknowledged = self.truth.acknowledged.clone();
        self.devices[device].at(self.now_ms);
        work(self)?;
        let after = self.devices[device].files();
        let mut rng = fastrand::Rng::with_seed(seed ^ 0xC4A5);
        let cut = if after.continues(&before) { rng.usize(before.wal_bytes()..=after.wal_bytes()) } else { after.wal_bytes() };
        self.devices[device].at(self.now_ms);
        self.devices[device].restart_with(&after.cut(cut));
        // What was under way when it died was promised to nobody.
        let id = self.devices[device].id;
        let kept: BTreeSet<EntryId> = held(self.devices[device].eye()).map_err(|e| e.to_string())?.into_iter().collect();
        for entry in self.truth.acknowledged.clone().iter().filter(|entry| entry.0 == id && !kept.contains(*entry)) {
            if acknowledged.contains(entry) && !self.devices[device].is_forked {
                return Err(format!("version {} of {id} was acknowledged and is gone after a crash", entry.1));
            }
            self.truth.forget(entry);
        }
        Ok(())
    }

    fn reach(&self, a: usize, b: usize) -> bool {
        a != b && (self.sides >> (a % 8)) & 1 == (self.sides >> (b % 8)) & 1
    }

    /// Whether `host` lets `guest` in.
    pub(super) fn admits(&self, host: usize, guest: usize) -> bool {
        let sql = "SELECT is_authorized AND fork IS NULL FROM sync_devices WHERE device_id = ?1";
        let known = self.devices[host]
            .eye()
            .prepare_cached(sql)
            .and_then(|mut s| s.query_row([self.devices[guest].id.as_bytes()], |row| row.get(0)));
        known.unwrap_or(false) && self.devices[host].id != self.devices[guest].id
    }

    pub(super) fn pull(&mut self, to: usize, from: usize, fault: Fault) -> Outcome {
        if !self.reach(to, from) || !self.admits(from, to) || !self.admits(to, from) {
            return Ok(());
        }
        self.devices[to].at(self.now_ms);
        let request = ask(self.devices[to].replica()).map_err(|e| format!("asking: {e}"))?;
        if fault == Fault::LoseRequest {
            return Ok(());
        }
        self.devices[from].at(self.now_ms);
        for _ in 0..u32::from(fault == Fault::Twice) {
            answer_pull(self.devices[from].replica(), request.clone()).map_err(|e| format!("answering: {e}"))?;
        }
        let mut answer = answer_pull(self.devices[from].replica(), request).map_err(|e| format!("answering: {e}"))?;
        self.note(from);
        match fault {
            Fault::LoseAnswer => return Ok(()),
            Fault::Tamper(number) => {
                self.tampered = true;
                tamper(&mut Page { changes: &mut answer.changes, heads: &mut answer.heads }, number);
            }
            Fault::Delay => {
                self.waiting.push((from, to, Message::Answer(answer)));
                return Ok(());
            }
            _ => {}
        }
        if fault == Fault::Twice {
            self.deliver(from, to, Message::Answer(answer.clone()))?;
        }
        self.deliver(from, to, Message::Answer(answer))
    }

    fn push(&mut self, from: usize, to: usize, fault: Fault) -> Outcome {
        if !self.reach(to, from) || !self.admits(from, to) || !self.admits(to, from) {
            return Ok(());
        }
        self.devices[to].at(self.now_ms);
        let theirs = self.devices[to].replica().held();
        self.devices[from].at(self.now_ms);
        let (mut request, _) = offer(self.devices[from].replica(), theirs).map_err(|e| format!("offering: {e}"))?;
        match fault {
            Fault::LoseRequest => return Ok(()),
            Fault::Tamper(number) => {
                self.tampered = true;
                tamper(&mut Page { changes: &mut request.changes, heads: &mut request.heads }, number);
            }
            Fault::Delay => {
                self.waiting.push((from, to, Message::Offer(request)));
                return Ok(());
            }
            _ => {}
        }
        if fault == Fault::Twice {
            self.deliver(from, to, Message::Offer(request.clone()))?;
        }
        self.deliver(from, to, Message::Offer(request))
    }

    /// A message arrives.
    fn deliver(&mut self, from: usize, to: usize, message: Message) -> Outcome {
        if !self.admits(to, from) {
            return Ok(());
        }
        self.devices[to].at(self.now_ms);
        let replica = self.devices[to].replica();
        let taken = match message {
            Message::Answer(answer) => take_answer(replica, answer).map(|_| ()),
            Message::Offer(request) => answer_push(replica, request).map(|_| ()),
        };
        self.note(to);
        match taken {
            Ok(()) => Ok(()),
            Err(ReplicaError::Message(_)) if self.tampered => Ok(()),
            Err(error) => Err(format!("taking in: {error}")),
        }
    }

    fn registration(&self, device: usize) -> Registration {
        let identity = self.devices[device].replica().identity();
        Registration {
            device_id: identity.device_id,
            device_name: identity.device_name(),
            public_key: identity.public_key(),
            tailscale_ip: None,
            url: None,
        }
    }

    fn join(&mut self, inviter: usize, joiner: usize) -> Outcome {
        if self.devices[joiner].is_joined || !self.devices[inviter].is_joined || !self.reach(inviter, joiner) {
            return Ok(());
        }
        let told = |e: ReplicaError| format!("joining: {e}");
        self.devices[inviter].at(self.now_ms);
        let joins = self.registration(joiner);
        let (introduction, slot) = pairing::welcome(self.devices[inviter].replica(), &joins).map_err(told)?;
        self.note(inviter);
        self.devices[joiner].at(self.now_ms);
        let invites = self.registration(inviter);
        pairing::settle_in(self.devices[joiner].replica(), &invites, slot, introduction.slot).map_err(told)?;
        self.devices[joiner].is_joined = true;
        self.note(joiner);
        Ok(())
    }

    fn revoke(&mut self, by: usize, whom: usize) -> Outcome {
        if by == whom || self.devices[by].id == self.devices[whom].id || !self.admits(by, whom) {
            return Ok(());
        }
        self.devices[by].at(self.now_ms);
        let id = self.devices[whom].id.to_string();
        self.devices[by].replica().revoke(&id).map_err(|e| format!("revoking: {e}"))?;
        self.shut_out.insert(whom);
        self.note(by);
        Ok(())
    }

    fn readmit(&mut self, by: usize, whom: usize) -> Outcome {
        let known = self.devices[by].replica().devices().map_err(|e| e.to_string())?;
        let id = self.devices[whom].id;
        if known.iter().any(|d| d.device_id == id && d.is_revoked) {
            self.devices[by].at(self.now_ms);
            self.devices[by].replica().authorize(&id.to_string()).map_err(|e| format!("letting in again: {e}"))?;
            self.note(by);
        }
        Ok(())
    }

    fn decide(&mut self, device: usize, seed: u64) -> Outcome {
        let mut rng = fastrand::Rng::with_seed(seed);
        self.devices[device].at(self.now_ms);
        let database = self.devices[device].replica().database();
        let mut all = conflicts::list(database, &Filter { all: true, ..Filter::default() }).map_err(|e| e.to_string())?;
        all.sort_by(|a, b| a.id.cmp(&b.id));
        if all.is_empty() {
            return Ok(());
        }
        let id = all[rng.usize(0..all.len())].id.clone();
        let winner = if rng.bool() { Winner::Local } else { Winner::Remote };
        let done = match rng.u32(0..5) {
            0 | 1 => conflicts::resolve(database, &id, winner, None).map(|_| ()),
            2 => conflicts::resolve(database, &id, winner, Some(json!({"b": rng.i64(0..5), "a": "own"}))).map(|_| ()),
            3 => conflicts::ignore(database, &id).map(|_| ()),
            _ => conflicts::reopen(database, &id).map(|_| ()),
        };
        self.note(device);
        match done {
            Err(ConflictError::Store(error)) => Err(format!("deciding: {error}")),
            _ => Ok(()),
        }
    }

    /// Judges a device, also against every device that ever held the same.
    pub(super) fn judge(&mut self, device: usize, step: usize) -> Result<View, String> {
        let one = &self.devices[device];
        let view = judge(one.eye(), &self.tables_and_later(), &self.truth).map_err(|e| format!("device {device}: {e}"))?;
        if self.plan.forks || !view.blocked.is_empty() {
            return Ok(view);
        }
        match self.views.get(&view.entries) {
            Some((earlier, other)) if *other != view => Err(format!(
                "device {device} holds what was held at step {earlier}, but shows something else: {}",
                difference(other, &view)
            )),
            Some(_) => Ok(view),
            None => {
                self.views.insert(view.entries.clone(), (step, view.clone()));
                Ok(view)
            }
        }
    }
}

/// What one view has and the other has not.
pub(super) fn difference(a: &View, b: &View) -> String {
    let only =
        |these: &[String], those: &[String]| these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>().join(", ");
    format!(
        "entries {} and {}; rows [{}] and [{}]; open {:?} and {:?}; waiting {:?} and {:?}",
        a.entries.len(),
        b.entries.len(),
        only(&a.rows, &b.rows),
        only(&b.rows, &a.rows),
        a.open.difference(&b.open).collect::<Vec<_>>(),
        b.open.difference(&a.open).collect::<Vec<_>>(),
        a.blocked.difference(&b.blocked).count(),
        b.blocked.difference(&a.blocked).count(),
    )
}
