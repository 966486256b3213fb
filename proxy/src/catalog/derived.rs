//! OIDs of what stands inside an object and has none of its own: constraints, defaults, rules, labels of enums.
//!
//! Each is computed from the object's OID and a position in it, so that it is stable across restarts, unique within its catalog relation,
//! and leads back to the object without a table.

use peergres_sync::schema::{
    Column, Constraint, Expression, FIRST_OID, FIRST_TEMPORARY_OID, OIDS_PER_OBJECT, Object, Table, TypeDefinition, UserType, View,
};

use super::Catalog;
use crate::types::Oid;

/// The first derived OID.
const FIRST: Oid = 0x1000_0000;
/// How many positions an object has: more than any table has columns or constraints.
const SPAN: Oid = 4096;
/// Objects are numbered up to here; from here on, temporary ones, whose numbers come round.
const FIRST_TEMPORARY: Oid = 0x7_0000;
const TEMPORARIES: Oid = 0x1_0000;

/// The OID of position `at` (from 0) in the object.
pub fn oid_in(object: Oid, at: usize) -> Oid {
    FIRST.wrapping_add(number(object).wrapping_mul(SPAN)).wrapping_add(at as Oid)
}

/// An object's number.
fn number(object: Oid) -> Oid {
    match object.checked_sub(FIRST_TEMPORARY_OID) {
        Some(temporary) => FIRST_TEMPORARY + temporary / OIDS_PER_OBJECT % TEMPORARIES,
        None => object.saturating_sub(FIRST_OID) / OIDS_PER_OBJECT,
    }
}

/// The `pg_rewrite` row of a view.
pub fn rule_oid(view: Oid) -> Oid {
    oid_in(view, 0)
}

/// The `pg_attrdef` row of a table's column.
pub fn default_oid(table: Oid, column: i16) -> Oid {
    oid_in(table, column as usize)
}

/// A constraint found by its OID.
#[derive(Clone, Copy)]
pub enum FoundConstraint<'a> {
    /// Of a table.
    Table(Oid, &'a Table, &'a Constraint),
    /// A CHECK of a domain, by name and expression.
    Domain(Oid, &'a UserType, &'a (String, Expression)),
}

impl Catalog {
    /// The object that a derived OID stands in, and the position there.
    fn holder(&self, derived: Oid) -> Option<(Oid, &Object, usize)> {
        let offset = derived.checked_sub(FIRST)?;
        let (wanted, at) = (offset / SPAN, (offset % SPAN) as usize);
        let oid = match wanted.checked_sub(FIRST_TEMPORARY) {
            None => FIRST_OID + wanted * OIDS_PER_OBJECT,
            Some(_) => *self.schema.objects.range(FIRST_TEMPORARY_OID..).find(|(oid, _)| number(**oid) == wanted)?.0,
        };
        Some((oid, self.schema.objects.get(&oid)?, at))
    }

    /// A constraint by its OID in `pg_constraint`.
    pub fn constraint(&self, oid: Oid) -> Option<FoundConstraint<'_>> {
        match self.holder(oid)? {
            (oid, Object::Table(table), at) => Some(FoundConstraint::Table(oid, table, table.constraints.get(at)?)),
            (oid, Object::Type(made), at) => match &made.definition {
                TypeDefinition::Domain { checks, .. } => Some(FoundConstraint::Domain(oid, made, checks.get(at)?)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A column with a default by the default's OID in `pg_attrdef`.
    pub fn column_of_default(&self, oid: Oid) -> Option<(Oid, &Table, &Column)> {
        match self.holder(oid)? {
            (oid, Object::Table(table), at) => Some((oid, table, table.columns.iter().find(|column| column.number as usize == at)?)),
            _ => None,
        }
    }

    /// A view by the OID of its rule in `pg_rewrite`.
    pub fn view_of_rule(&self, oid: Oid) -> Option<View> {
        match self.holder(oid)? {
            (_, Object::View(view), 0) => Some(view.clone()),
            (_, Object::Table(table), 0) => crate::define::materialized::as_view(table),
            _ => None,
        }
    }
}
