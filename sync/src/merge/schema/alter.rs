//! Properties of objects: what one author changed, put over what others did.
//!
//! Enters: a property as the author saw it and as it left it, and as it is here. Leaves: the property here. Two who set it apart contradict:
//! the later in the common order shows, until a person decides.

use std::{collections::BTreeMap, fmt::Debug};

use super::{
    Held, World, contradiction_id,
    step::{Step, add_labels, same_object},
};
use crate::{
    merge::WriteId,
    schema::{Object, QualifiedName, physical_name},
};

/// Who set an object's properties: who last, and each change of each.
pub(super) struct Facets {
    pub(super) changed: BTreeMap<String, WriteId>,
    pub(super) done: BTreeMap<String, Vec<(WriteId, String)>>,
}

impl Facets {
    /// Notes a change, and answers whether another author had made the very same one apart: steps run on two devices are one.
    pub(super) fn is_done(&mut self, step: &Step<'_>, facet: &str, from: &impl Debug, to: &impl Debug) -> bool {
        let change = format!("{from:?} -> {to:?}");
        let known = self.done.entry(facet.to_owned()).or_default();
        let done = known.iter().any(|(by, other)| *by != step.by.id && !step.by.saw(*by) && *other == change);
        known.push((step.by.id, change));
        done
    }
}

impl Held {
    pub(super) fn facets(&mut self) -> Facets {
        Facets { changed: std::mem::take(&mut self.changed), done: std::mem::take(&mut self.done) }
    }

    pub(super) fn put_facets(&mut self, facets: Facets) {
        (self.changed, self.done) = (facets.changed, facets.done);
    }
}

impl World {
    /// One property that may be set by several.
    #[expect(clippy::too_many_arguments, reason = "one property: who, where, which, and its three values")]
    pub(super) fn soft<T: PartialEq + Clone + Debug>(
        &mut self,
        step: &Step<'_>,
        subject: &QualifiedName,
        facets: &mut Facets,
        facet: &str,
        from: &T,
        to: &T,
        here: &mut T,
    ) {
        if from == to || facets.is_done(step, facet, from, to) || here == to {
            return;
        }
        let by = step.by.id;
        if here != from
            && let Some(other) = facets.changed.get(facet).copied().filter(|other| !step.by.saw(*other) && *other != by)
        {
            match step.decided.get(&contradiction_id(by, other)) {
                Some(chosen) if *chosen == other => return,
                Some(_) => {}
                None => drop(self.contradict(subject, by, other)),
            }
        }
        here.clone_from(to);
        facets.changed.insert(facet.to_owned(), by);
    }

    /// Anything but a table.
    pub(super) fn alter_other(&mut self, step: &Step<'_>, held: &mut Held, from: &Object, to: &Object) {
        let follow = |object: &Object| step.names.as_ref().map_or_else(|| object.clone(), |names| names.follow(object.clone()));
        let (from, to) = (follow(from), follow(to));
        let subject = held.object.name();
        let mut facets = held.facets();
        let mut name = held.object.name();
        self.soft(step, &subject, &mut facets, "name", &from.name(), &to.name(), &mut name);
        let (from, mut to) = (named(from, &name), named(to, &name));
        let mut here = named(held.object.clone(), &name);
        if let (Object::Type(from), Object::Type(to), Object::Type(here)) = (&from, &to, &mut here)
            && add_labels(&from.definition, &to.definition, &mut here.definition)
        {
            let mut comment = here.comment.clone();
            self.soft(step, &subject, &mut facets, "comment", &from.comment, &to.comment, &mut comment);
            here.comment = comment;
        } else if let (true, Object::Sequence(to), Object::Sequence(here)) = (same_object(&from, &to), &to, &mut here) {
            // Where natural numbering ended is the last word of whoever paired last.
            here.natural_until = to.natural_until;
        } else if from == to || facets.is_done(step, "definition", &from, &to) {
            // Nothing but its name, or done already.
        } else if same_object(&here, &from) || same_object(&here, &to) {
            if let (Object::Sequence(to), Object::Sequence(here)) = (&mut to, &here) {
                to.natural_until = to.natural_until.or(here.natural_until);
            }
            here = to;
            facets.changed.insert("definition".to_owned(), step.by.id);
        } else {
            self.soft(step, &subject, &mut facets, "definition", &from, &to, &mut here);
        }
        held.put_facets(facets);
        held.object = here;
    }
}

/// The object under a name.
fn named(mut object: Object, name: &QualifiedName) -> Object {
    match &mut object {
        Object::Index(index) => {
            if index.name != *name && !index.physical.is_empty() {
                index.physical = physical_name(&name.schema, &name.name);
            }
            index.name.clone_from(name);
        }
        Object::Sequence(sequence) => sequence.name.clone_from(name),
        Object::View(view) => view.name.clone_from(name),
        Object::Type(user_type) => user_type.name.clone_from(name),
        // Their names are more than a name; a table has its own way.
        Object::Function(_) | Object::Table(_) | Object::Namespace(_) | Object::Extension(_) | Object::Trigger(_) => {}
    }
    object
}
