//! `pg_namespace`: schemas.

use peergres_sync::schema::Object;

use super::{
    super::segment::{Cell, Segment, row},
    world::{OWNER, World},
};

/// The schema `peergres`, and those that users made.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    out.push(row![world.namespace("peergres"), "peergres", OWNER, Cell::Null]);
    for (oid, object) in &world.schema.objects {
        if let Object::Namespace(namespace) = &**object {
            out.push(row![*oid, &namespace.name, OWNER, Cell::Null]);
        }
    }
}
