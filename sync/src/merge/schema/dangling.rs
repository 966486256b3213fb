//! What stands on something that went while its author did not know: indexes, keys and expressions over columns and tables that are gone.
//!
//! Enters: a world whose changes are made. Leaves: a world of which every object can be: what has lost its ground is taken out. Views are
//! told as contradictions, since they were somebody's work; the rest is part of what was dropped.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Gone, Held, World,
    names::{mentions, reads},
};
use crate::schema::{Constraint, ConstraintRule, Index, Object, QualifiedName, Table};

/// See the file's head.
pub(super) fn sweep(world: &mut World) {
    if world.is_plain() {
        return;
    }
    let gone: BTreeSet<String> = world.gone_columns.values().map(|gone| gone.last.name.clone()).collect();
    for held in world.objects.values().cloned().collect::<Vec<_>>() {
        let kept = match &held.object {
            Object::Table(table) => {
                let bare = without_ground(world, table, &gone);
                if bare != *table {
                    world.insert(Held { object: Object::Table(bare), ..Held::clone(&held) });
                }
                continue;
            }
            Object::Index(index) => index_stands(world, index, &gone),
            Object::Sequence(sequence) => sequence.owned_by.as_ref().is_none_or(|(table, _)| table_of(world, table).is_some()),
            Object::Trigger(trigger) => world.get(crate::schema::ObjectClass::Relation, &trigger.table).is_some(),
            _ => true,
        };
        if !kept {
            world.take(&(held.object.class(), held.object.name()));
        }
    }
    views(world);
}

fn table_of<'w>(world: &'w World, name: &QualifiedName) -> Option<&'w Table> {
    world.get(crate::schema::ObjectClass::Relation, name).and_then(|held| held.table())
}

fn has(table: &Table, column: &str) -> bool {
    table.columns.iter().any(|known| known.name == column)
}

/// Whether an expression over the table speaks of a column that went.
fn is_lost(table: &Table, text: &str, gone: &BTreeSet<String>) -> bool {
    gone.iter().any(|column| !has(table, column) && mentions(text, column))
}

fn without_ground(world: &World, table: &Table, gone: &BTreeSet<String>) -> Table {
    let mut bare = table.clone();
    bare.constraints.retain(|constraint| constraint_stands(world, table, constraint, gone));
    for column in &mut bare.columns {
        if column.generated.as_ref().is_some_and(|text| is_lost(table, text, gone)) {
            (column.generated, column.generated_sqlite) = (None, None);
        }
    }
    bare
}

fn constraint_stands(world: &World, table: &Table, constraint: &Constraint, gone: &BTreeSet<String>) -> bool {
    match &constraint.rule {
        ConstraintRule::PrimaryKey { columns } | ConstraintRule::Unique { columns, .. } => columns.iter().all(|column| has(table, column)),
        ConstraintRule::Check { expression, .. } => !is_lost(table, expression, gone),
        ConstraintRule::ForeignKey { columns, references, referenced_columns, .. } => {
            let parent = if *references == table.name { Some(table) } else { table_of(world, references) };
            columns.iter().all(|column| has(table, column))
                && parent.is_some_and(|parent| referenced_columns.iter().all(|column| has(parent, column)))
        }
    }
}

fn index_stands(world: &World, index: &Index, gone: &BTreeSet<String>) -> bool {
    let Some(table) = table_of(world, &index.table) else { return false };
    let served = index.constraint.as_ref().is_none_or(|name| table.constraints.iter().any(|constraint| constraint.name == *name));
    served
        && index.include.iter().all(|column| has(table, column))
        && index.predicate.as_ref().is_none_or(|predicate| !is_lost(table, &predicate.text, gone))
        && index.keys.iter().all(|key| {
            key.column.as_ref().is_none_or(|column| has(table, column))
                && key.expression.as_ref().is_none_or(|expression| !is_lost(table, &expression.text, gone))
        })
}

/// Views over what was dropped meanwhile, and views over those.
fn views(world: &mut World) {
    let mut lost: Vec<(QualifiedName, super::WriteId)> = world
        .gone
        .values()
        .filter(|gone| world.get(crate::schema::ObjectClass::Relation, &gone.last.object.name()).is_none())
        .map(|gone| (gone.last.object.name(), gone.by))
        .collect();
    while let Some((name, by)) = lost.pop() {
        let over = |held: &&Arc<Held>| matches!(&held.object, Object::View(view) if reads(&view.query, &name));
        for held in world.objects.values().filter(over).cloned().collect::<Vec<_>>() {
            let (view, origin) = (held.object.name(), held.origin);
            world.take(&(held.object.class(), view.clone()));
            world.contradict(&view, by, origin.0);
            world.gone.insert(origin, Gone { last: held, by, also: Vec::new() });
            lost.push((view, by));
        }
    }
}
