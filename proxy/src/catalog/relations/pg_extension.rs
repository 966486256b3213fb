//! `pg_extension`: extensions by name; what they offer is built in.

use peergres_sync::schema::Object;

use super::{
    super::segment::{Cell, Segment, row},
    world::{OWNER, World},
};

/// The extensions of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        if let Object::Extension(extension) = &**object {
            let namespace = world.namespace(&extension.schema);
            out.push(row![*oid, &extension.name, OWNER, namespace, true, &extension.version, Cell::Null, Cell::Null]);
        }
    }
}
