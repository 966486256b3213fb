//! `pg_description`: what COMMENT ON said.

use peergres_sync::schema::{Object, Table};

use super::{
    super::{
        derived::oid_in,
        segment::{Segment, row},
    },
    world::{World, class},
};
use crate::types::Oid;

/// The comments of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        let (of, comment) = match &**object {
            Object::Namespace(namespace) => (class::NAMESPACE, &namespace.comment),
            Object::Table(table) => {
                of_table(*oid, table, out);
                (class::RELATION, &table.comment)
            }
            Object::Index(index) => (class::RELATION, &index.comment),
            Object::Sequence(sequence) => (class::RELATION, &sequence.comment),
            Object::View(view) => (class::RELATION, &view.comment),
            Object::Type(made) => (class::TYPE, &made.comment),
            Object::Function(function) => (class::FUNCTION, &function.comment),
            Object::Trigger(trigger) => (class::TRIGGER, &trigger.comment),
            Object::Extension(_) => continue,
        };
        if let Some(comment) = comment {
            out.push(row![*oid, of, 0, comment]);
        }
    }
}

fn of_table(oid: Oid, table: &Table, out: &mut Segment) {
    for column in &table.columns {
        if let Some(comment) = &column.comment {
            out.push(row![oid, class::RELATION, column.number, comment]);
        }
    }
    for (at, constraint) in table.constraints.iter().enumerate() {
        if let Some(comment) = &constraint.comment {
            out.push(row![oid_in(oid, at), class::CONSTRAINT, 0, comment]);
        }
    }
}
