//! `pg_attrdef`: defaults and generated columns' expressions, as PostgreSQL text, which `pg_get_expr` answers as it is.

use super::{
    super::{
        derived::default_oid,
        segment::{Segment, row},
    },
    world::World,
};

/// The defaults of this database.
pub(super) fn rows(world: &World<'_>, out: &mut Segment) {
    for (oid, table) in world.tables() {
        for column in &table.columns {
            if let Some(expression) = column.default.as_ref().or(column.generated.as_ref()) {
                out.push(row![default_oid(oid, column.number), oid, column.number, expression]);
            }
        }
    }
}
