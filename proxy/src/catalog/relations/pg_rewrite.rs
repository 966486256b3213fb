//! `pg_rewrite`: the rule that each view is, materialized ones included.

use peergres_sync::schema::{Object, Table};

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
        let query = match &**object {
            Object::View(view) => &view.query,
            Object::Table(Table { materialized: Some(view), .. }) => &view.query,
            _ => continue,
        };
        out.push(row![rule_oid(*oid), "_RETURN", *oid, '1', 'O', true, "<>", query]);
    }
}
