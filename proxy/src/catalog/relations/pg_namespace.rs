//! `pg_namespace`: schemas.

use peergres_sync::schema::Object;

use super::{
    super::segment::{Cell, Segment, row},
    world::{OWNER, World},
};

/// The schemas that users made. Schema `peergres` is not listed, and nothing in it: no introspection takes it for the application's.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        if let Object::Namespace(namespace) = &**object {
            out.push(row![*oid, &namespace.name, OWNER, Cell::Null]);
        }
    }
}
