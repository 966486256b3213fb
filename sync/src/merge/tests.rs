//! Laws of the merge: it depends on the set alone, agrees with its naive definition, and loses nothing.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::{oracle::expected, *};

const DEVICES: usize = 3;

/// What happens in a small fleet around one record.
#[derive(Clone, Debug)]
enum Step {
    /// A device writes: which columns, which value, how its clock jumps.
    Write { device: usize, columns: u8, value: u8, jump: i8, delete: bool },
    /// A device gets all that another one has; perhaps it can't put it into its table yet.
    Sync { from: usize, to: usize, waits: bool },
    /// What waits at a device goes in.
    Drain { device: usize },
    /// A device settles the first conflict that it sees.
    Resolve { device: usize, shown: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..DEVICES, 0u8..8, 0u8..3, -3i8..4, prop::bool::weighted(0.2))
            .prop_map(|(device, columns, value, jump, delete)| Step::Write { device, columns, value, jump, delete }),
        3 => (0..DEVICES, 0..DEVICES, prop::bool::weighted(0.2)).prop_map(|(from, to, waits)| Step::Sync { from, to, waits }),
        1 => (0..DEVICES).prop_map(|device| Step::Drain { device }),
        1 => (0..DEVICES, any::<bool>()).prop_map(|(device, shown)| Step::Resolve { device, shown }),
    ]
}

/// A device of the fleet: the writes that it holds, in the order in which it got them.
#[derive(Default)]
struct Peer {
    held: Vec<Write>,
    clock: u64,
    /// What waits of it.
    waiting: BTreeSet<WriteId>,
}

fn id(device: usize) -> DeviceId {
    Uuid::from_u128(1 + device as u128)
}

impl Peer {
    fn known(&self) -> VersionVector {
        let mut known = VersionVector::default();
        self.held.iter().for_each(|write| known.raise(write.id.device, write.id.version));
        known
    }

    fn merged(&self) -> Merged {
        let placed: Vec<Write> = self.held.iter().filter(|write| !self.waiting.contains(&write.id)).cloned().collect();
        merge("1", &placed)
    }

    fn write(&mut self, device: usize, jump: i8, action: Action, data: RowImage, resolves: Option<String>) {
        let known = self.known();
        let mut context = known.clone();
        context.0.remove(&id(device));
        let merged = self.merged();
        let old = match action {
            Action::Delete => merged.row.clone().unwrap_or_default(),
            _ => data.keys().filter_map(|c| merged.row.as_ref()?.get(c).map(|v| (c.clone(), v.clone()))).collect(),
        };
        // Clocks of devices that jump back are below what the device has seen: honesty of clocks is not assumed.
        self.clock = self.clock.saturating_add_signed(i64::from(jump)).max(1);
        let write_id = WriteId { device: id(device), version: known.get(id(device)) + 1 };
        self.held.push(Write {
            id: write_id,
            clock: Clock(self.clock),
            context: Arc::new(context),
            action,
            data,
            old,
            resolves,
            unseen: self.waiting.clone(),
        });
    }
}

fn columns(bits: u8, value: u8) -> RowImage {
    let names = ["a", "b", "c"].iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    names.map(|(_, name)| ((*name).to_owned(), json!(value))).collect()
}

/// Plays the steps; the writes of all devices, each once.
fn play(steps: &[Step]) -> Vec<Write> {
    let mut peers: Vec<Peer> = (0..DEVICES).map(|_| Peer::default()).collect();
    for step in steps {
        match *step {
            Step::Write { device, columns: bits, value, jump, delete } => {
                let shown = peers[device].merged().row.is_some();
                let (action, data) = match (shown, delete) {
                    (false, _) => (Action::Insert, columns(7, value)),
                    (true, true) => (Action::Delete, RowImage::new()),
                    (true, false) => (Action::Update, columns(bits.max(1), value)),
                };
                peers[device].write(device, jump, action, data, None);
            }
            Step::Drain { device } => peers[device].waiting.clear(),
            Step::Sync { from, to, waits } => {
                let news: Vec<Write> = {
                    let known = peers[to].known();
                    peers[from].held.iter().filter(|w| !known.contains(w.id.device, w.id.version)).cloned().collect()
                };
                let clock = news.iter().map(|w| w.clock.0).max().unwrap_or(0);
                peers[to].clock = peers[to].clock.max(clock.min(peers[to].clock + 2));
                for write in news {
                    // What follows on a write that waits, waits too.
                    if waits || peers[to].waiting.iter().any(|waiting| write.saw_id(*waiting)) {
                        peers[to].waiting.insert(write.id);
                    }
                    peers[to].held.push(write);
                }
            }
            Step::Resolve { device, shown } => {
                let merged = peers[device].merged();
                let Some(found) = merged.conflicts.first() else { continue };
                let side = if shown { &found.shown } else { &found.kept };
                let (action, data) = match &side.data {
                    Some(data) => (Action::Update, data.clone()),
                    None => (Action::Delete, RowImage::new()),
                };
                peers[device].write(device, 1, action, data, Some(found.id.clone()));
            }
        }
    }
    let mut all: BTreeMap<WriteId, Write> = BTreeMap::new();
    peers.into_iter().flat_map(|peer| peer.held).for_each(|write| drop(all.insert(write.id, write)));
    all.into_values().collect()
}

fn assert_as_defined(writes: &[Write]) {
    let merged = merge("1", writes);
    let expected = expected(writes);
    assert_eq!(merged.row.clone().map(|row| row.into_iter().collect::<BTreeMap<_, _>>()), expected.row, "{writes:#?}");
    let found: BTreeSet<_> = merged
        .conflicts
        .iter()
        .map(|c| {
            let columns = (c.kind == Kind::UpdateUpdate).then(|| c.columns.iter().cloned().collect::<BTreeSet<_>>());
            (c.shown.id, c.kept.id, columns)
        })
        .collect();
    assert_eq!(found, expected.conflicts, "{writes:#?}");
}

/// Each write's values are shown, superseded by a write that had seen it, or kept in a conflict.
fn assert_nothing_lost(writes: &[Write]) {
    let merged = merge("1", writes);
    let incarnations = incarnations::assign("1", writes);
    for (index, write) in writes.iter().enumerate() {
        // A write of another incarnation that had seen this one, or an insert or delete, replaces the whole row.
        let superseded = writes.iter().enumerate().any(|(other, later)| {
            let whole = later.action != Action::Update || write.action != Action::Update || incarnations[other] != incarnations[index];
            later.saw(write) && whole
        });
        let is_side = |side: &Side| side.id == write.id || writes.iter().any(|w| w.id == side.id && w.saw(write));
        let kept = merged.conflicts.iter().any(|c| is_side(&c.shown) || is_side(&c.kept));
        // A resolution that lost to a later one of the same conflict was told so by design.
        let outvoted = writes.iter().any(|w| w.id != write.id && w.resolves.is_some() && w.resolves == write.resolves);
        let shown = |column: &String, value: &Json| {
            let later = writes.iter().any(|w| w.saw(write) && w.data.contains_key(column));
            later || merged.row.as_ref().is_some_and(|row| row.get(column) == Some(value))
        };
        let visible = match write.action {
            Action::Delete => merged.row.is_none(),
            _ => write.data.iter().all(|(column, value)| shown(column, value)),
        };
        assert!(superseded || kept || outvoted || visible, "lost: {write:#?}\nof {writes:#?}\n{merged:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_any_duplicates_give_the_same(steps in prop::collection::vec(step(), 1..24), seed in any::<u64>()) {
        let writes = play(&steps);
        let merged = merge("1", &writes);
        let mut shuffled: Vec<Write> = writes.iter().chain(writes.iter().take(3)).cloned().collect();
        let mut random = seed;
        for index in (1..shuffled.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(index, (random >> 33) as usize % (index + 1));
        }
        prop_assert_eq!(&merge("1", &shuffled), &merged);
    }

    #[test]
    fn the_merge_is_as_its_definition_reads(steps in prop::collection::vec(step(), 1..24)) {
        assert_as_defined(&play(&steps));
    }

    #[test]
    fn nothing_is_lost(steps in prop::collection::vec(step(), 1..24)) {
        assert_nothing_lost(&play(&steps));
    }
}

/// A write by hand.
fn written(device: usize, version: u64, clock: u64, saw: &[(usize, u64)], action: Action, data: Json) -> Write {
    let context = VersionVector(saw.iter().map(|(of, version)| (id(*of), *version)).collect());
    let Json::Object(data) = data else { panic!("an object") };
    let write_id = WriteId { device: id(device), version };
    Write {
        id: write_id,
        clock: Clock(clock),
        context: Arc::new(context),
        action,
        data,
        old: RowImage::new(),
        resolves: None,
        unseen: BTreeSet::new(),
    }
}

/// Every order of a few writes that had been tried by nobody gives one state.
#[test]
fn every_order_of_six_writes_gives_one_state() {
    let all = [
        written(0, 1, 10, &[], Action::Insert, json!({"a": 1, "b": 1})),
        written(1, 1, 11, &[(0, 1)], Action::Update, json!({"a": 2})),
        written(2, 1, 5, &[(0, 1)], Action::Update, json!({"a": 3, "b": 3})),
        written(0, 2, 12, &[(1, 1)], Action::Update, json!({"b": 4})),
        written(1, 2, 13, &[(0, 1), (2, 1)], Action::Delete, json!({})),
        written(2, 2, 20, &[(0, 1)], Action::Update, json!({"a": 5})),
    ];
    let expected = merge("1", &all);
    assert_as_defined(&all);
    let mut order: Vec<usize> = (0..all.len()).collect();
    let mut count = 0;
    permute(&mut order, 0, &mut |order| {
        let writes: Vec<Write> = order.iter().map(|index| all[*index].clone()).collect();
        assert_eq!(merge("1", &writes), expected, "{order:?}");
        count += 1;
    });
    assert_eq!(count, 720);
}

fn permute(order: &mut Vec<usize>, from: usize, visit: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        visit(order);
        return;
    }
    for index in from..order.len() {
        order.swap(from, index);
        permute(order, from + 1, visit);
        order.swap(from, index);
    }
}

#[test]
fn a_resolution_leaves_alone_what_it_did_not_decide_about() {
    let mut writes = vec![
        written(0, 1, 1, &[], Action::Insert, json!({"a": 0})),
        written(1, 1, 2, &[(0, 1)], Action::Update, json!({"a": 1})),
        written(2, 1, 3, &[(0, 1)], Action::Update, json!({"a": 2})),
        written(0, 2, 4, &[], Action::Update, json!({"a": 3})),
    ];
    let found = merge("1", &writes).conflicts;
    assert_eq!(found.len(), 2);
    let (settled, other) = if found[0].kept.id.device == id(1) { (&found[0], &found[1]) } else { (&found[1], &found[0]) };
    let mut resolution = written(0, 3, 5, &[(1, 1), (2, 1)], Action::Update, json!({"a": 1}));
    resolution.resolves = Some(settled.id.clone());
    writes.push(resolution);
    let merged = merge("1", &writes);
    assert_eq!(merged.row.as_ref().and_then(|row| row.get("a")), Some(&json!(1)));
    let sides: Vec<WriteId> = merged.conflicts.iter().map(|conflict| conflict.kept.id).collect();
    assert_eq!(sides, [other.kept.id], "the third value is still there to be chosen");
    assert_as_defined(&writes);
    writes.push(written(1, 2, 6, &[(0, 3), (2, 1)], Action::Update, json!({"a": 9})));
    assert_eq!(merge("1", &writes).conflicts, [], "a plain write replaces all that it had seen");
}

#[test]
fn what_waited_when_a_write_was_made_stands_beside_it() {
    let mut later = written(1, 1, 9, &[(0, 2)], Action::Update, json!({"a": 2}));
    let writes = [written(0, 1, 1, &[], Action::Insert, json!({"a": 0})), written(0, 2, 2, &[], Action::Update, json!({"a": 1}))];
    later.unseen = BTreeSet::from([writes[1].id]);
    let writes = [writes[0].clone(), writes[1].clone(), later];
    assert_eq!(merge("1", &writes).conflicts.len(), 1);
    assert_as_defined(&writes);
}

#[test]
fn a_conflicts_id_depends_on_its_sides_and_nothing_else() {
    let (a, b) = (WriteId { device: id(0), version: 1 }, WriteId { device: id(1), version: 1 });
    let one = conflict_id("1", "row", a, b);
    assert_eq!(one, conflict_id("1", "row", b, a));
    assert_eq!(one.len(), 32);
    for other in [conflict_id("2", "row", a, b), conflict_id("1", "columns", a, b), conflict_id("1", "row", a, a)] {
        assert_ne!(one, other);
    }
}
