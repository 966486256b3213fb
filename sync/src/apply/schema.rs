//! Schema changes of peers.
//!
//! Enters: a change of the log that is a [`SchemaChange`], and what its author had not seen. Leaves: the schema changed, or left as it is where
//! the same change was made here already; or a fault. Two changes of one object that had not seen each other and are not the same
//! contradict: the later to arrive waits, and the contradiction is shown as a conflict.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{fault::Fault, sight::Sight};
use crate::{
    clock::Clock,
    commit::Transaction as WriteTransaction,
    conflicts::Contradiction,
    log::{Change, LogError, Operation, RowImage, SchemaChange, Transaction},
    merge::{Side, WriteId},
    schema::{Object, ObjectClass, QualifiedName, Schema},
    store::StoreError,
};

/// A schema change that is held.
struct Held {
    id: WriteId,
    clock: u64,
    change: SchemaChange,
}

/// What one schema change means where others were made that its author had not seen.
enum Meeting {
    /// It is to be made.
    New,
    /// It was made here already, by itself or as part of what is there.
    Same,
    /// Another change of the same object is in the way.
    Contradicts(Box<Held>),
}

/// Makes a schema change.
pub(super) fn apply(transaction: &mut WriteTransaction, change: &Change, sight: &Sight) -> Result<(), Fault> {
    let change = schema_change(change)?;
    match meet(transaction.connection(), &transaction.schema(), &change, sight)? {
        Meeting::Same => Ok(()),
        Meeting::Contradicts(held) => {
            Err(Fault::Blocked(format!("\"{}\" contradicts \"{}\"", change.statement.trim(), held.change.statement.trim())))
        }
        Meeting::New => {
            transaction.define_logged(&change)?;
            Ok(())
        }
    }
}

/// The contradiction because of which a transaction waits, if that is why.
pub(super) fn contradiction(
    connection: &Connection,
    schema: &Schema,
    entry: &Transaction,
    sight: &Sight,
) -> Result<Option<Contradiction>, StoreError> {
    for change in entry.changes.iter().filter(|change| change.operation == Operation::Ddl) {
        let Ok(theirs) = schema_change(change) else { continue };
        let Meeting::Contradicts(held) = meet(connection, schema, &theirs, sight)? else { continue };
        let id = WriteId { device: entry.device_id, version: change.version };
        return Ok(Some(Contradiction {
            subject: theirs.subject(),
            made: Side { id: held.id, clock: Clock(held.clock), data: Some(statement(&held.change)) },
            waiting: Side { id, clock: entry.clock, data: Some(statement(&theirs)) },
        }));
    }
    Ok(None)
}

fn statement(change: &SchemaChange) -> RowImage {
    RowImage::from_iter([("statement".to_owned(), change.statement.clone().into())])
}

fn schema_change(change: &Change) -> Result<SchemaChange, LogError> {
    let data = change.data.as_ref().ok_or_else(|| LogError::Malformed("a schema change has no data".to_owned()))?;
    SchemaChange::from_image(data)
}

fn meet(connection: &Connection, schema: &Schema, change: &SchemaChange, sight: &Sight) -> Result<Meeting, StoreError> {
    if sight.is_whole() {
        return Ok(Meeting::New);
    }
    let names = names(change);
    let mut in_the_way = None;
    for (id, clock, data) in sight.schema_changes(connection)? {
        let Some(held) = serde_json::from_str(&data).ok().and_then(|image| SchemaChange::from_image(&image).ok()) else { continue };
        if names.is_disjoint(&self::names(&held)) {
            continue;
        }
        if same_effect(&held, change) {
            return Ok(Meeting::Same);
        }
        in_the_way = Some(Held { id, clock, change: held });
    }
    Ok(match in_the_way {
        None => Meeting::New,
        Some(_) if is_there(schema, change) => Meeting::Same,
        Some(held) => Meeting::Contradicts(Box::new(held)),
    })
}

/// All objects that a change makes, replaces or removes.
fn names(change: &SchemaChange) -> BTreeSet<(ObjectClass, QualifiedName)> {
    let put = change.objects.iter().map(|object| (object.class(), object.name()));
    put.chain(change.removed.iter().cloned()).collect()
}

fn same_effect(a: &SchemaChange, b: &SchemaChange) -> bool {
    a.removed == b.removed && a.objects.len() == b.objects.len() && a.objects.iter().zip(&b.objects).all(|(a, b)| same_object(a, b))
}

/// Whether the schema is already as the change would make it.
fn is_there(schema: &Schema, change: &SchemaChange) -> bool {
    let held = |object: &Object| schema.get(object.class(), &object.name()).is_some_and(|held| same_object(held, object));
    let put = |class: ObjectClass, name: &QualifiedName| change.objects.iter().any(|o| o.class() == class && o.name() == *name);
    change.objects.iter().all(held) && change.removed.iter().all(|(class, name)| put(*class, name) || schema.get(*class, name).is_none())
}

/// Whether two devices made one object; where natural numbering ended is each device's own matter.
fn same_object(a: &Object, b: &Object) -> bool {
    match (a, b) {
        (Object::Sequence(a), Object::Sequence(b)) => {
            let (mut a, mut b) = (a.clone(), b.clone());
            (a.natural_until, b.natural_until) = (None, None);
            a == b
        }
        (a, b) => a == b,
    }
}
