//! `pg_trigger`: the triggers that users made. Foreign keys, which are triggers in PostgreSQL, are none here.

use peergres_sync::schema::{Object, ObjectClass, QualifiedName, Trigger};

use super::{
    super::segment::{Cell, Segment, row},
    world::{World, numbers, vector},
};

/// Bits of `tgtype`.
const ROW: i32 = 1;
const BEFORE: i32 = 2;
const EVENTS: &[(char, i32)] = &[('i', 4), ('d', 8), ('u', 16)];

/// The triggers of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        if let Object::Trigger(trigger) = &**object {
            out.push(of_trigger(world, *oid, trigger));
        }
    }
}

fn of_trigger(world: &World<'_>, oid: u32, trigger: &Trigger) -> Vec<Cell> {
    let events: i32 = EVENTS.iter().filter(|(event, _)| trigger.events.contains(*event)).map(|(_, bit)| bit).sum();
    let kind = events + if trigger.row { ROW } else { 0 } + if trigger.before { BEFORE } else { 0 };
    let function = QualifiedName { schema: trigger.function.schema.clone(), name: format!("{}()", trigger.function.name) };
    let columns = world.schema.table(&trigger.table).map(|table| numbers(table, &trigger.columns)).unwrap_or_default();
    // Each argument ends in a NUL, as bytea in storage form.
    let arguments: Vec<u8> = trigger.arguments.iter().flat_map(|argument| argument.bytes().chain([0])).collect();
    row![
        oid,
        world.relation(&trigger.table),
        0, // tgparentid
        &trigger.name,
        world.schema.oid(ObjectClass::Function, &function).unwrap_or(0),
        kind,
        if trigger.enabled { 'O' } else { 'D' },
        false, // tgisinternal
        0,     // tgconstrrelid
        0,     // tgconstrindid
        0,     // tgconstraint
        false, // tgdeferrable
        false, // tginitdeferred
        trigger.arguments.len(),
        vector(&columns),
        Cell::Blob(arguments.into()),
        trigger.when.as_ref(),
        Cell::Null,
        Cell::Null,
    ]
}
