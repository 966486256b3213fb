//! `pg_rewrite`: the rule that each view is.

use peergres_sync::schema::Object;

use super::{
    super::{
        derived::rule_oid,
        segment::{Segment, row},
    },
    world::World,
};

/// The rules of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, object) in &world.schema.objects {
        if let Object::View(view) = &**object {
            out.push(row![rule_oid(*oid), "_RETURN", *oid, '1', 'O', true, "<>", &view.query]);
        }
    }
}
