//! One schema change: what it did to the objects that its author saw, done to the objects as they are.
//!
//! Enters: a world, a change, and the worlds that its author saw before and after it where they were not this one. Leaves: the next world, or
//! what is in the way.

use std::{collections::BTreeMap, sync::Arc};

use super::{Clash, ColumnOrigin, Definition, Gone, Held, Key, Origin, World, contradiction_id, names::Names};
use crate::{
    merge::WriteId,
    schema::{Column, Object, TypeDefinition},
};

/// What a change did to one object.
enum Effect {
    Drop(Origin),
    Alter(Origin, Object, Object),
    Create(usize, Object),
}

/// A change on its way into a world.
pub(super) struct Step<'a> {
    pub(super) by: &'a Definition,
    /// The author's names and the ones here.
    pub(super) names: Option<Names<'a>>,
    pub(super) base: Option<&'a World>,
    pub(super) decided: &'a BTreeMap<String, WriteId>,
}

impl World {
    /// Makes a change. `sight` are the worlds before and after it as its author saw them, none where they are this one. What comes before a
    /// clash is made all the same: the caller has kept the world as it was.
    pub(super) fn step(
        &mut self,
        by: &Definition,
        sight: Option<(&World, &World)>,
        decided: &BTreeMap<String, WriteId>,
    ) -> Result<(), Clash> {
        self.first_versions.insert(by.id, by.first_version);
        for effect in effects(sight.map_or(&*self, |(base, _)| base), by) {
            // Names follow what was renamed so far, by this change too.
            let here = sight.map(|_| self.clone());
            let names = sight.zip(here.as_ref()).map(|((_, after), here)| Names { theirs: after, here });
            let step = Step { by, names, base: sight.map(|(base, _)| base), decided };
            match effect {
                Effect::Drop(origin) => self.drop_object(&step, origin)?,
                Effect::Alter(origin, from, to) => self.alter(&step, origin, &from, &to)?,
                Effect::Create(index, object) => self.create(&step, index, object)?,
            }
        }
        Ok(())
    }

    fn create(&mut self, step: &Step<'_>, index: usize, object: Object) -> Result<(), Clash> {
        let by = step.by.id;
        let origin = (by, index);
        let columns = columns_of(&object, by);
        let object = step.names.as_ref().map_or_else(|| object.clone(), |names| names.follow(object.clone()));
        let key = (object.class(), object.name());
        let there = self.objects.get(&key).cloned();
        let twin = there.clone().filter(|held| same_object(&held.created, &object) || same_object(&held.object, &object));
        if let Some(held) = twin.or_else(|| self.made_apart(step, &object)) {
            self.is_one(origin, &held, columns.into_keys());
            return Ok(());
        }
        let Some(held) = there else {
            if let Object::Table(table) = &object {
                self.names.entry(origin).or_default().insert(table.name.clone());
            }
            let columns_made = made_of(&object, by);
            let changed = BTreeMap::from([(String::new(), by)]);
            self.insert(Held { created: object.clone(), object, origin, columns, columns_made, changed, done: BTreeMap::new() });
            return Ok(());
        };
        let soft = matches!(
            (&object, &held.object),
            (Object::View(_), Object::View(_))
                | (Object::Function(_), Object::Function(_))
                | (Object::Namespace(_), Object::Namespace(_))
                | (Object::Extension(_), Object::Extension(_))
        );
        if !soft {
            let reason = format!("{} \"{}\" is there already, and another one", key.0.noun(), key.1.name);
            return Err(Clash { with: held.changed.get("").copied(), subject: key.1, reason });
        }
        self.is_one(origin, &held, columns.into_keys());
        let mut held = Held::clone(&held);
        let (former, mut facets) = (held.created.clone(), held.facets());
        self.soft(step, &key.1, &mut facets, "definition", &former, &object, &mut held.object);
        held.put_facets(facets);
        self.insert(held);
        Ok(())
    }

    /// The object that another author made alike, whatever became of it: by the same steps run on two devices it is one. A dropped one
    /// only where its name was used again.
    fn made_apart(&self, step: &Step<'_>, object: &Object) -> Option<Arc<Held>> {
        let key = (object.class(), object.name());
        let twin = |held: &&Arc<Held>| {
            !step.by.saw(held.origin.0)
                && held.origin.0.device != step.by.id.device
                && (held.created.class(), held.created.name()) == key
                && same_object(&held.created, object)
        };
        let used_again = self.objects.contains_key(&key);
        let gone = self.gone.values().map(|gone| &gone.last).filter(|_| used_again);
        self.objects.values().chain(gone).find(twin).cloned()
    }

    /// What another author made is what is here.
    fn is_one(&mut self, theirs: Origin, held: &Held, columns: impl Iterator<Item = ColumnOrigin>) {
        self.same.insert(theirs, held.origin);
        for column in columns {
            let made = held.columns_made.keys().find(|(by, name)| *by == held.origin.0 && *name == column.1).cloned();
            if let Some(mine) = made.filter(|mine| *mine != column) {
                self.same_columns.insert(column, mine);
            }
        }
    }

    fn drop_object(&mut self, step: &Step<'_>, origin: Origin) -> Result<(), Clash> {
        let origin = self.origin(origin);
        if let Some(gone) = self.gone.get_mut(&origin) {
            gone.also.push(step.by.id);
            return Ok(());
        }
        let Some(key) = self.at.get(&origin).cloned() else { return self.refuse_waiting(step, origin) };
        let Some(held) = self.objects.get(&key).cloned() else { return Ok(()) };
        for (facet, changer) in &held.changed {
            if !facet.is_empty() && *changer != step.by.id && !step.by.saw(*changer) {
                self.lost(step, &key, step.by.id, *changer);
            }
        }
        self.take(&key);
        self.gone.insert(origin, Gone { last: held, by: step.by.id, also: Vec::new() });
        Ok(())
    }

    /// A change that a DROP makes void; a person may want it otherwise.
    pub(super) fn lost(&mut self, step: &Step<'_>, key: &Key, dropped: WriteId, changed: WriteId) {
        match step.decided.get(&contradiction_id(dropped, changed)) {
            Some(chosen) if *chosen == changed => {
                self.unwanted.insert((dropped.device, self.first_version(step, dropped)));
            }
            Some(_) => {}
            None => drop(self.contradict(&key.1, dropped, changed)),
        }
    }

    fn first_version(&self, step: &Step<'_>, id: WriteId) -> u64 {
        if step.by.id == id { step.by.first_version } else { self.first_versions.get(&id).copied().unwrap_or(id.version) }
    }

    /// What is changed is not there: it was dropped, or what makes it waits.
    fn refuse_waiting(&self, step: &Step<'_>, origin: Origin) -> Result<(), Clash> {
        if self.gone.contains_key(&origin) {
            return Ok(());
        }
        let subject =
            step.by.change.objects.first().map(Object::name).or_else(|| step.by.change.removed.first().map(|(_, name)| name.clone()));
        let reason = "it follows on a schema change that waits".to_owned();
        Err(Clash {
            with: None,
            subject: subject.unwrap_or(crate::schema::QualifiedName { schema: String::new(), name: String::new() }),
            reason,
        })
    }

    fn alter(&mut self, step: &Step<'_>, origin: Origin, from: &Object, to: &Object) -> Result<(), Clash> {
        let theirs = origin;
        let origin = self.origin(origin);
        let Some(key) = self.at.get(&origin).cloned() else {
            if let Some(gone) = self.gone.get(&origin) {
                let (by, key) = (gone.by, (to.class(), gone.last.object.name()));
                self.lost(step, &key, by, step.by.id);
                return Ok(());
            }
            return self.refuse_waiting(step, origin);
        };
        let Some(held) = self.objects.get(&key).cloned() else { return Ok(()) };
        let mut held = Held::clone(&held);
        match (from, to) {
            (Object::Table(from), Object::Table(to)) if held.table().is_some() => {
                let base = step.base.unwrap_or(self).by_origin(theirs).cloned();
                let base = base.unwrap_or_else(|| Arc::new(held.clone()));
                self.alter_table(step, &mut held, &base, from, to)?;
            }
            _ => self.alter_other(step, &mut held, from, to),
        }
        let now = (held.object.class(), held.object.name());
        if now != key && self.objects.contains_key(&now) {
            let with = self.objects.get(&now).and_then(|other| other.changed.get("name").or_else(|| other.changed.get("")).copied());
            return Err(Clash { with, reason: format!("the name \"{}\" is taken by another object", now.1.name), subject: now.1 });
        }
        self.take(&key);
        if let (Object::Table(table), Object::Table(to)) = (&held.object, to) {
            // The author's name for it too: its own changes come under that.
            self.names.entry(origin).or_default().extend([table.name.clone(), to.name.clone()]);
        }
        self.insert(held);
        Ok(())
    }

    pub(super) fn insert(&mut self, held: Held) {
        let key = (held.object.class(), held.object.name());
        self.at.insert(held.origin, key.clone());
        self.objects.insert(key, Arc::new(held));
    }

    pub(super) fn take(&mut self, key: &Key) {
        if let Some(held) = self.objects.remove(key) {
            self.at.remove(&held.origin);
        }
    }
}

fn columns_of(object: &Object, by: WriteId) -> BTreeMap<(WriteId, String), i16> {
    match object {
        Object::Table(table) => table.columns.iter().map(|column| ((by, column.name.clone()), column.number)).collect(),
        _ => BTreeMap::new(),
    }
}

fn made_of(object: &Object, by: WriteId) -> BTreeMap<ColumnOrigin, Column> {
    match object {
        Object::Table(table) => table.columns.iter().map(|column| ((by, column.name.clone()), column.clone())).collect(),
        _ => BTreeMap::new(),
    }
}

/// What a change did, given the objects that its author saw.
fn effects(base: &World, by: &Definition) -> Vec<Effect> {
    let change = &by.change;
    let mut removed: Vec<Arc<Held>> = change.removed.iter().filter_map(|(class, name)| base.get(*class, name).cloned()).collect();
    let is_removed = |removed: &[Arc<Held>], object: &Object| {
        removed.iter().position(|held| (held.object.class(), held.object.name()) == (object.class(), object.name()))
    };
    let fresh: Vec<&Object> = change
        .objects
        .iter()
        .filter(|object| base.get(object.class(), &object.name()).is_none() || is_removed(&removed, object).is_some())
        .collect();
    let (mut alters, mut creates) = (Vec::new(), Vec::new());
    for (index, object) in change.objects.iter().enumerate() {
        let former = base.get(object.class(), &object.name()).filter(|_| is_removed(&removed, object).is_none()).cloned();
        let former = former.or_else(|| renamed(&mut removed, object, &fresh));
        match former {
            Some(held) if held.object == *object => {}
            Some(held) => alters.push(Effect::Alter(held.origin, held.object.clone(), object.clone())),
            None => creates.push(Effect::Create(index, object.clone())),
        }
    }
    let is_table = |effect: &Effect| matches!(effect, Effect::Alter(_, _, Object::Table(_)));
    // A table before what names it.
    alters.sort_by_key(|effect| !is_table(effect));
    removed.into_iter().map(|held| Effect::Drop(held.origin)).chain(alters).chain(creates).collect()
}

/// As the catalog tells a renaming from a removal beside a creation: of the same kind, and of the same name in another schema or the only
/// one of its kind on both sides.
fn renamed(removed: &mut Vec<Arc<Held>>, object: &Object, fresh: &[&Object]) -> Option<Arc<Held>> {
    let kind = std::mem::discriminant(object);
    let same_kind = |other: &Object| std::mem::discriminant(other) == kind;
    let moved = removed.iter().position(|old| same_kind(&old.object) && old.object.name().name == object.name().name);
    let only = || {
        let one =
            removed.iter().filter(|old| same_kind(&old.object)).count() == 1 && fresh.iter().filter(|new| same_kind(new)).count() == 1;
        one.then(|| removed.iter().position(|old| same_kind(&old.object))).flatten()
    };
    let index = moved.or_else(only)?;
    Some(removed.swap_remove(index))
}

/// Whether two devices made one object; where natural numbering ended is each device's own matter.
pub(super) fn same_object(a: &Object, b: &Object) -> bool {
    match (a, b) {
        (Object::Sequence(a), Object::Sequence(b)) => {
            let (mut a, mut b) = (a.clone(), b.clone());
            (a.natural_until, b.natural_until) = (None, None);
            a == b
        }
        (a, b) => a == b,
    }
}

/// Labels that were added to an enum, put behind the same neighbours.
pub(super) fn add_labels(from: &TypeDefinition, to: &TypeDefinition, here: &mut TypeDefinition) -> bool {
    let (TypeDefinition::Enum { labels: from }, TypeDefinition::Enum { labels: to }, TypeDefinition::Enum { labels: here }) =
        (from, to, here)
    else {
        return false;
    };
    if from.iter().any(|label| !to.contains(label)) {
        return false;
    }
    for (at, label) in to.iter().enumerate().filter(|(_, label)| !from.contains(label)) {
        if here.contains(label) {
            continue;
        }
        let before = to[..at].iter().rev().find_map(|former| here.iter().position(|known| known == former));
        here.insert(before.map_or(0, |position| position + 1), label.clone());
    }
    true
}
