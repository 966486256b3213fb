//! Schema changes of peers.
//!
//! Enters: a change of the log that is a [`SchemaChange`], and what its author had not seen. Leaves: the schema changed; or a fault where the
//! change can't be made beside another one that its author had not seen: then its transaction waits, and the contradiction is a conflict.
//!
//! A change whose author had seen all schema changes held is made by its own ready statements. Any other one makes the database follow the
//! world of all of them ([`reconcile`](super::reconcile)).

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{
    blocked,
    definitions::{Definitions, Target},
    fault::Fault,
    lost,
    place::{Loose, Placer},
    reconcile, record, review,
    rows::RowTable,
    sight::Sight,
    unique,
};
use crate::{
    clock::DeviceId,
    commit::{Transaction as WriteTransaction, enforce},
    conflicts::{self, RecordKey},
    log::{Change, LogError, Operation, RowImage, SchemaChange, Transaction, changes_of_table, transaction_at},
    merge::{Found, Kind, Side, WriteId, schema::Contradiction},
    schema::Object,
    store::StoreError,
};

/// Makes a schema change; answers how many conflicts are new.
pub(super) fn apply(
    transaction: &mut WriteTransaction,
    me: DeviceId,
    entry: &Transaction,
    change: &Change,
    sight: &Sight,
    loose: &mut Loose,
) -> Result<u64, Fault> {
    let made = schema_change(change)?;
    let (device, version) = (entry.device_id, change.version);
    let blocked = blocked::versions(transaction.connection())?;
    let left = |id: WriteId| {
        blocked.contains(&id) && !(id.device == device && id.version >= entry.first_version && id.version <= entry.last_version)
    };
    // Later transactions of the same author are in the tables already where this one waited.
    let own = |id: WriteId, from: u64| id.device == device && id.version >= from && id.version <= entry.last_version;
    let before = Definitions::without(transaction.connection(), |id| left(id) || own(id, version))?;
    if sight.sees_schema(transaction.connection())? && before.world.waiting.is_empty() && before.world.left_out.is_empty() {
        unique::make_room(transaction, &made.objects, sight, loose)?;
        transaction.define_logged(&made)?;
    } else {
        let after = Definitions::without(transaction.connection(), |id| left(id) || own(id, version + 1))?;
        if let Some(reason) = after.world.waiting.get(&(device, entry.first_version)) {
            return Err(Fault::Blocked(format!("\"{}\" can't be made: {reason}", made.statement.trim())));
        }
        reconcile::follow(transaction, me, &before, &after, &made.statement, loose)?;
    }
    met(transaction, me, &made, sight, loose)
}

/// Makes a change by its ready statements: its author had seen all that is held, and all of that is made.
pub(super) fn apply_ready(transaction: &mut WriteTransaction, change: &Change) -> Result<(), Fault> {
    transaction.define_logged(&schema_change(change)?)?;
    Ok(())
}

/// Whether anybody chose between schema changes.
pub(super) fn any_choice(connection: &Connection) -> Result<bool, StoreError> {
    Ok(changes_of_table(connection, conflicts::DECISIONS)?
        .iter()
        .any(|logged| logged.change.data.as_ref().is_some_and(|data| data.contains_key("chosen"))))
}

fn schema_change(change: &Change) -> Result<SchemaChange, LogError> {
    let data = change.data.as_ref().ok_or_else(|| LogError::Malformed("a schema change has no data".to_owned()))?;
    SchemaChange::from_image(data)
}

/// Records that the change meets: written by others while its author did not know.
fn met(transaction: &WriteTransaction, me: DeviceId, made: &SchemaChange, sight: &Sight, loose: &mut Loose) -> Result<u64, Fault> {
    if sight.is_whole() {
        return Ok(0);
    }
    let connection = transaction.connection();
    let definitions = Definitions::held(connection)?;
    let touched: BTreeSet<String> = made
        .objects
        .iter()
        .filter(|object| matches!(object, Object::Table(_)))
        .map(|object| object.name().to_string())
        .chain(made.removed.iter().map(|(_, name)| name.to_string()))
        .collect();
    let mut found = 0;
    for unseen in sight.unseen_rows(connection)? {
        let target = definitions.target(unseen.device_id, unseen.change.version, &unseen.context, &unseen.change.table_name);
        let Change { table_name, record_id, .. } = unseen.change;
        match target {
            Target::Gone(origin) => found += lost::table_row(connection, me, &definitions, origin, &record_id)?,
            Target::Here(here) if touched.contains(&here.log_name) || touched.contains(&table_name) => {
                let Some(table) = RowTable::find(&transaction.schema(), &transaction.layouts(), &here.log_name) else { continue };
                let settled = record::settle(connection, me, &table, &record_id, None)?;
                found += settled.found;
                let key = (here.log_name, record_id);
                if settled.homeless {
                    loose.homeless.insert(key.clone());
                }
                loose.came.insert(key);
            }
            Target::Here(_) | Target::LeftOut(_) | Target::Nowhere => {}
        }
    }
    Ok(found)
}

/// Shows the contradictions that stand and closes those that do no more; answers how many are new.
pub(super) fn record_contradictions(transaction: &WriteTransaction, me: DeviceId) -> Result<u64, StoreError> {
    let connection = transaction.connection();
    let definitions = Definitions::held(connection)?;
    let mut new = 0;
    for contradiction in &definitions.world.contradictions {
        let Some(found) = described(&definitions, contradiction) else { continue };
        new += conflicts::open(connection, me, RecordKey { table_name: "", record_id: &contradiction.subject }, &found)?;
    }
    let standing: BTreeSet<&str> = definitions.world.contradictions.iter().map(|contradiction| contradiction.id.as_str()).collect();
    conflicts::close_others(connection, Kind::Schema, &standing)?;
    Ok(new)
}

fn described(definitions: &Definitions, contradiction: &Contradiction) -> Option<Found> {
    let side = |id: WriteId| {
        let definition = definitions.definition(id)?;
        let data = RowImage::from_iter([("statement".to_owned(), definition.change.statement.clone().into())]);
        Some(Side { id, clock: definition.clock, data: Some(data) })
    };
    Some(Found {
        id: contradiction.id.clone(),
        kind: Kind::Schema,
        columns: Vec::new(),
        shown: side(contradiction.shown)?,
        kept: side(contradiction.kept)?,
        ancestor: None,
    })
}

/// A decision about a schema change came in or was made here: the database follows.
pub(super) fn decided(transaction: &mut WriteTransaction, me: DeviceId, decision: WriteId, loose: &mut Loose) -> Result<(), Fault> {
    let blocked = blocked::versions(transaction.connection())?;
    let own = |id: WriteId| id.device == decision.device && id.version >= decision.version;
    let before = Definitions::without(transaction.connection(), |id| blocked.contains(&id) || own(id))?;
    let after = Definitions::without(transaction.connection(), |id| blocked.contains(&id))?;
    reconcile::follow(transaction, me, &before, &after, "-- A contradiction was settled", loose)
}

/// Transactions that were made, and wait since something earlier came: noted with those that wait, with what was written to their tables.
pub(super) fn note_waiting(transaction: &WriteTransaction) -> Result<bool, StoreError> {
    let connection = transaction.connection();
    let definitions = Definitions::held(connection)?;
    let mut noted = false;
    for ((device, first), reason) in &definitions.world.waiting {
        if blocked::is_noted(connection, *device, *first)? {
            continue;
        }
        let Some((position, entry)) = transaction_at(connection, *device, *first)? else { continue };
        blocked::note(connection, position, &entry, reason)?;
        noted = true;
        for table in tables_made(&entry) {
            for logged in changes_of_table(connection, &table)? {
                let (device, version) = (logged.device_id, logged.change.version);
                if !matches!(definitions.target(device, version, &logged.context, &table), Target::Nowhere) {
                    continue;
                }
                if let Some((position, entry)) = transaction_at(connection, device, version)? {
                    blocked::note(connection, position, &entry, "its table waits")?;
                }
            }
        }
    }
    Ok(noted)
}

/// What the log calls the tables that a transaction made.
fn tables_made(entry: &Transaction) -> Vec<String> {
    let changes = entry.changes.iter().filter(|change| change.operation == Operation::Ddl).filter_map(|change| schema_change(change).ok());
    let tables = changes.flat_map(|change| change.objects).filter(|object| matches!(object, Object::Table(_)));
    tables.map(|table| table.name().to_string()).collect()
}

/// Whether what is decided against gives way with its whole transaction, since both can't be; or why it can't be decided so now.
pub(crate) fn gives_way(connection: &Connection, chosen: WriteId, against: WriteId) -> Result<Result<bool, String>, StoreError> {
    let definitions = Definitions::held(connection)?;
    let world = &definitions.world;
    let unit = |id: WriteId| definitions.definition(id).map(|by| (by.id.device, by.first_version));
    let waits = |id: WriteId| unit(id).is_some_and(|unit| world.waiting.contains_key(&unit));
    if unit(chosen).is_some() {
        return Ok(Ok(waits(chosen) || waits(against)));
    }
    // A row's change was chosen: its table or column comes back, if its name is free.
    let mut back = world.gone.values().filter(|gone| gone.by == against).map(|gone| (gone.last.object.class(), gone.last.object.name()));
    Ok(match back.find(|key| world.objects.contains_key(key)) {
        Some((class, name)) => Err(format!("there is another {} \"{}\" by now: rename it first", class.noun(), name.name)),
        None => Ok(true),
    })
}

/// As [`decided`], at the end of the transaction of this device that decided: the last entry of its log.
pub(crate) fn follow_decision(transaction: &mut WriteTransaction) -> Result<(), StoreError> {
    let me = transaction.log_state().device;
    let decisions = changes_of_table(transaction.connection(), conflicts::DECISIONS)?;
    let Some(last) = decisions.iter().rev().find(|logged| logged.device_id == me) else { return Ok(()) };
    let decision = WriteId { device: me, version: last.first_version };
    conflicts::note_decision(transaction.connection(), me, &last.change)?;
    enforce(transaction.connection(), false)?;
    let mut loose = Loose::default();
    let followed = decided(transaction, me, decision, &mut loose);
    let followed = followed.and_then(|()| review::review(transaction, me, &mut loose).map(drop)).and_then(|()| {
        let placer = Placer::new(transaction.connection(), me, transaction.schema(), transaction.layouts());
        placer.place(&mut loose, true).map(drop)
    });
    enforce(transaction.connection(), true)?;
    if let Err(fault) = followed {
        return Err(StoreError::Corrupt(format!("the choice can't be followed: {}", fault.reason()?)));
    }
    note_waiting(transaction)?;
    record_contradictions(transaction, me).map(drop)
}
