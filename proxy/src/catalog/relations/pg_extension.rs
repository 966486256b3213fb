//! `pg_extension`: extensions by name; what they offer is built in.

use peergres_sync::schema::Object;

use super::{
    super::segment::{Cell, Segment, row},
    world::{OWNER, PEERGRES, World},
};

/// `peergres`, which holds the schema of that name, and those that users made. Extensions whose OID is below the first of users' objects
/// come with the server: `pg_dump` leaves them out, and all that belongs to them.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    let namespace = world.namespace("peergres");
    out.push(row![PEERGRES, "peergres", OWNER, namespace, false, env!("CARGO_PKG_VERSION"), Cell::Null, Cell::Null]);
    for (oid, object) in &world.schema.objects {
        if let Object::Extension(extension) = &**object {
            let namespace = world.namespace(&extension.schema);
            out.push(row![*oid, &extension.name, OWNER, namespace, true, &extension.version, Cell::Null, Cell::Null]);
        }
    }
}
