//! `pg_enum`: the labels of enums, in their order.

use peergres_sync::schema::{Object, TypeDefinition};

use super::{
    super::{
        derived::oid_in,
        segment::{Segment, row},
    },
    world::World,
};

/// The labels of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        let Object::Type(made) = &**object else { continue };
        let TypeDefinition::Enum { labels } = &made.definition else { continue };
        for (at, label) in labels.iter().enumerate() {
            out.push(row![oid_in(*oid, at), *oid, (at + 1) as f64, label]);
        }
    }
}
