//! One order for all schema changes, and the walk along it.
//!
//! Enters: all schema changes and decisions. Leaves: the [`World`] that they make, and the world that each author saw, which is the same walk
//! over what it had seen.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
};

use super::{Clash, Decision, Definition, World, contradiction_id, dangling};
use crate::{
    clock::{Clock, DeviceId, Version, VersionVector},
    merge::{Rank, WriteId},
};

/// The changes of one transaction.
struct Unit {
    key: (DeviceId, Version),
    definitions: Vec<usize>,
    rank: Rank,
}

/// See the file's head.
pub struct Folder {
    definitions: Vec<Definition>,
    decisions: Vec<Decision>,
    units: Vec<Unit>,
    worlds: RefCell<HashMap<Seen, Rc<World>>>,
}

/// The write chosen, by contradiction.
type Decided = BTreeMap<String, WriteId>;
/// What somebody had seen: units and decisions.
type Seen = (Vec<usize>, Vec<usize>);

impl Folder {
    /// Takes schema changes and decisions, in any order.
    pub fn new(mut definitions: Vec<Definition>, mut decisions: Vec<Decision>) -> Folder {
        definitions.sort_by_key(|definition| definition.id);
        definitions.dedup_by_key(|definition| definition.id);
        decisions.sort_by_key(|decision| decision.id);
        decisions.dedup_by_key(|decision| decision.id);
        let mut by_key: BTreeMap<(DeviceId, Version), Vec<usize>> = BTreeMap::new();
        for (index, definition) in definitions.iter().enumerate() {
            by_key.entry((definition.id.device, definition.first_version)).or_default().push(index);
        }
        let mut units: Vec<Unit> = Vec::with_capacity(by_key.len());
        for (key, of) in by_key {
            let rank = (definitions[of[0]].clock, key.0, key.1);
            units.push(Unit { key, definitions: of, rank });
        }
        Folder { definitions, decisions, units, worlds: RefCell::default() }
    }

    fn first(&self, unit: usize) -> &Definition {
        &self.definitions[self.units[unit].definitions[0]]
    }

    /// How many of some units, an author's in their order, another unit's author had seen.
    fn seen_of(&self, unit: usize, chain: &[usize]) -> usize {
        let first = self.first(unit);
        let saw = |other: &usize| {
            let key = self.units[*other].key;
            key != self.units[unit].key && first.saw(WriteId { device: key.0, version: key.1 })
        };
        chain.partition_point(saw)
    }

    /// What all of it says together.
    pub fn world(&self) -> Rc<World> {
        self.world_of((0..self.units.len()).collect(), (0..self.decisions.len()).collect())
    }

    /// The schema as the author of a write saw it. `first_version` is that of the write's transaction: what it defined itself before the
    /// write is in its sight too.
    pub fn view(&self, device: DeviceId, version: Version, context: &VersionVector) -> Rc<World> {
        let saw = |id: WriteId| if id.device == device { id.version < version } else { context.contains(id.device, id.version) };
        let seen = |unit: &Unit| saw(WriteId { device: unit.key.0, version: unit.key.1 });
        let units = self.units.iter().enumerate().filter(|(_, unit)| seen(unit)).map(|(index, _)| index).collect();
        let decisions = self.decisions.iter().enumerate().filter(|(_, d)| saw(d.id)).map(|(index, _)| index).collect();
        self.world_of(units, decisions)
    }

    /// A change by its name.
    pub fn definition(&self, id: WriteId) -> Option<&Definition> {
        self.definitions.binary_search_by_key(&id, |definition| definition.id).ok().map(|index| &self.definitions[index])
    }

    fn world_of(&self, units: Vec<usize>, decisions: Vec<usize>) -> Rc<World> {
        let seen = (units, decisions);
        if let Some(known) = self.worlds.borrow().get(&seen) {
            return Rc::clone(known);
        }
        let decided = self.decided(&seen.1);
        let order = self.order(&seen.0);
        let mut left_out = self.voided(&seen.1, &decided);
        let world = loop {
            let world = self.walk(&order, &seen.1, &decided, &left_out);
            let before = left_out.len();
            left_out.extend(world.unwanted.iter().copied());
            if left_out.len() == before {
                break Rc::new(world);
            }
        };
        self.worlds.borrow_mut().insert(seen, Rc::clone(&world));
        world
    }

    /// The last word about each contradiction.
    fn decided(&self, decisions: &[usize]) -> Decided {
        let mut last: BTreeMap<&str, &Decision> = BTreeMap::new();
        let saw = |a: &Decision, b: &Decision| {
            if a.id.device == b.id.device { b.id.version < a.id.version } else { a.context.contains(b.id.device, b.id.version) }
        };
        let mut decisions: Vec<&Decision> = decisions.iter().map(|index| &self.decisions[*index]).collect();
        decisions.sort_by_key(|decision| (decision.clock, decision.id));
        for decision in decisions {
            if !last.get(decision.conflict.as_str()).is_some_and(|known| saw(known, decision)) {
                last.insert(&decision.conflict, decision);
            }
        }
        last.into_iter().map(|(conflict, decision)| (conflict.to_owned(), decision.chosen)).collect()
    }

    /// The transactions that give way by the last word about what they contradict.
    fn voided(&self, decisions: &[usize], decided: &Decided) -> BTreeSet<(DeviceId, Version)> {
        let last = |decision: &&Decision| decided.get(&decision.conflict) == Some(&decision.chosen);
        let void = decisions.iter().map(|index| &self.decisions[*index]).filter(|decision| decision.void).filter(last);
        void.filter_map(|decision| self.definition(decision.against)).map(|by| (by.id.device, by.first_version)).collect()
    }

    /// Whether somebody who decided against a change had seen a write.
    pub fn was_seen_by_who_left_out(&self, unit: (DeviceId, Version), write: WriteId) -> bool {
        let saw = |decision: &Decision| {
            if decision.id.device == write.device {
                write.version < decision.id.version
            } else {
                decision.context.contains(write.device, write.version)
            }
        };
        let against = |decision: &Decision| self.definition(decision.against).is_some_and(|by| (by.id.device, by.first_version) == unit);
        self.decisions.iter().any(|decision| against(decision) && saw(decision))
    }

    /// Causes before effects, else by clock and device; with each unit, how many of the others its author had seen.
    fn order(&self, units: &[usize]) -> Vec<(usize, usize)> {
        let mut chains: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
        units.iter().for_each(|unit| chains.entry(self.units[*unit].key.0).or_default().push(*unit));
        let chains: Vec<Vec<usize>> = chains.into_values().collect();
        let mut done = vec![0; chains.len()];
        let mut order = Vec::with_capacity(units.len());
        while order.len() < units.len() {
            let heads = chains.iter().zip(&done).filter_map(|(chain, done)| chain.get(*done).copied());
            let mut ready: Vec<(Rank, usize, usize)> = Vec::new();
            for head in heads {
                let seen: Vec<usize> = chains.iter().map(|chain| self.seen_of(head, chain)).collect();
                if seen.iter().zip(&done).all(|(seen, done)| seen <= done) {
                    ready.push((self.units[head].rank, head, seen.iter().sum()));
                }
            }
            // Contexts are closed, so that something is always ready; what claims otherwise goes last.
            let Some((_, unit, seen)) = ready.into_iter().min() else { break };
            let chain = chains.iter().position(|chain| chain.contains(&unit)).expect("it came from a chain");
            done[chain] += 1;
            order.push((unit, seen));
        }
        order
    }

    fn walk(&self, order: &[(usize, usize)], decisions: &[usize], decided: &Decided, left_out: &BTreeSet<(DeviceId, Version)>) -> World {
        let mut world = World::default();
        let mut waiting: Vec<(usize, Clash)> = Vec::new();
        let mut made = 0;
        for &(unit, seen) in order {
            if left_out.contains(&self.units[unit].key) {
                world.left_out.insert(self.units[unit].key);
                world.apart = true;
                continue;
            }
            let all_made = waiting.is_empty() && world.left_out.is_empty() && world.is_whole();
            if all_made && made == seen && self.saw_all(unit, decisions) {
                self.made_in_sight(&mut world, unit, decided);
                made += 1;
                continue;
            }
            world.apart = true;
            match self.make(&world, unit, decided) {
                Ok(next) => (world, made) = (next, made + 1),
                Err(clash) => waiting.push((unit, clash)),
            }
        }
        // What waited for a name may find it free by now.
        let mut moved = true;
        while std::mem::take(&mut moved) {
            let mut still = Vec::new();
            for (unit, _) in waiting {
                match self.make(&world, unit, decided) {
                    Ok(next) => (world, moved) = (next, true),
                    Err(clash) => still.push((unit, clash)),
                }
            }
            waiting = still;
        }
        for (unit, clash) in waiting {
            self.wait(&mut world, unit, clash, decided);
        }
        dangling::sweep(&mut world);
        world
    }

    /// Changes whose author had seen all that is made so far, which therefore come one after the other.
    fn made_in_sight(&self, world: &mut World, unit: usize, decided: &Decided) {
        for index in &self.units[unit].definitions {
            if let Err(clash) = world.step(&self.definitions[*index], None, decided) {
                // An author that contradicts itself: what can be made is made.
                tracing::warn!(reason = clash.reason, "a schema change does not fit what its author had seen");
            }
        }
    }

    fn saw_all(&self, unit: usize, decisions: &[usize]) -> bool {
        let first = self.first(unit);
        decisions.iter().all(|decision| first.saw(self.decisions[*decision].id))
    }

    /// The world with a unit's changes made.
    fn make(&self, world: &World, unit: usize, decided: &Decided) -> Result<World, Clash> {
        let first = self.first(unit);
        let mut next = world.clone();
        let mut base = World::clone(&self.view(first.id.device, first.first_version, &first.context));
        for index in &self.units[unit].definitions {
            let definition = &self.definitions[*index];
            let mut after = base.clone();
            after.step(definition, None, &Decided::new())?;
            next.step(definition, Some((&base, &after)), decided)?;
            base = after;
        }
        Ok(next)
    }

    fn wait(&self, world: &mut World, unit: usize, clash: Clash, decided: &Decided) {
        let Clash { with, subject, reason } = clash;
        let key = self.units[unit].key;
        if let Some(with) = with {
            let own = self.units[unit].definitions.iter().map(|index| self.definitions[*index].id).find(|id| {
                self.definition(*id).is_some_and(|d| {
                    d.change.objects.iter().any(|o| o.name() == subject) || d.change.removed.iter().any(|(_, n)| *n == subject)
                })
            });
            let own = own.unwrap_or(self.first(unit).id);
            match decided.get(&contradiction_id(with, own)) {
                Some(chosen) if *chosen == own => {
                    if let Some(other) = self.definition(with) {
                        world.unwanted.insert((with.device, other.first_version));
                    }
                }
                Some(_) => {}
                None => drop(world.contradict(&subject, with, own)),
            }
        }
        world.waiting.insert(key, reason);
    }

    /// The clock of a change.
    pub fn clock(&self, id: WriteId) -> Clock {
        self.definition(id).map_or(Clock::default(), |definition| definition.clock)
    }
}
