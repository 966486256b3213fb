//! `pg_sequence`: what sequences are made of. Where they stand is not in the catalog.

use peergres_sync::schema::Object;

use super::{
    super::segment::{Segment, row},
    world::World,
};

/// The sequences of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        if let Object::Sequence(sequence) = &**object {
            out.push(row![
                *oid,
                world.type_named(&sequence.type_name).oid,
                sequence.start,
                sequence.increment,
                sequence.max,
                sequence.min,
                sequence.cache,
                sequence.cycle,
            ]);
        }
    }
}
