//! Operator classes of index keys, and the equality operators of foreign keys: by type, over the built-in rows of `pg_opclass` and
//! `pg_operator`.

use std::sync::Arc;

use rusqlite::types::ValueRef;

use super::{Catalog, relations, segment::Segment};
use crate::types::{Kind, Oid, oid};

/// Polymorphic types as `pg_type` has them.
const ANY_ARRAY: Oid = 2277;
const ANY_ENUM: Oid = 3500;
const ANY_RANGE: Oid = 3831;
const ANY_MULTIRANGE: Oid = 4537;

/// The types by which an operator for values of `ty` may be declared, the nearest first.
fn accepted(catalog: &Catalog, ty: Oid) -> Vec<Oid> {
    let mut types = vec![ty];
    match catalog.type_by_oid(ty).map(|ty| &ty.kind) {
        Some(Kind::Domain(base)) => types.extend(accepted(catalog, base.oid)),
        Some(Kind::Array(_)) => types.push(ANY_ARRAY),
        Some(Kind::Enum(_)) => types.push(ANY_ENUM),
        Some(Kind::Range(_)) => types.push(ANY_RANGE),
        Some(Kind::Multirange(_)) => types.push(ANY_MULTIRANGE),
        Some(Kind::Composite(_)) => types.push(oid::RECORD),
        _ => {}
    }
    if matches!(ty, oid::VARCHAR) {
        types.push(oid::TEXT);
    }
    types
}

/// The OID of the operator class for keys of that type: the one named, or the method's default; 0 where there is none.
pub(super) fn operator_class(catalog: &Arc<Catalog>, method: &str, ty: Oid, named: Option<&str>) -> Oid {
    let served = relations::by_name("pg_opclass");
    let column = |name: &str| served.relation.column(name).expect("pg_opclass has it").0;
    let (of_method, name, of_type, default) = (column("opcmethod"), column("opcname"), column("opcintype"), column("opcdefault"));
    let method = relations::access_method(method);
    let rows: &Segment = served.built_in().expect("pg_opclass has built-in rows");
    accepted(catalog, ty)
        .into_iter()
        .flat_map(|ty| rows.find(of_type, ValueRef::Integer(i64::from(ty))))
        .map(|row| rows.row(*row as usize))
        .find(|row| {
            row[of_method].integer() == i64::from(method)
                && named.map_or(row[default].integer() != 0, |named| row[name].text() == named.rsplit('.').next().unwrap_or(named))
        })
        .map_or(0, |row| row[0].integer() as Oid)
}

/// The OID of `=` between values of two types; 0 where there is none.
pub(super) fn equality(catalog: &Catalog, left: Oid, right: Oid) -> Oid {
    let (left, right) = (accepted(catalog, left), accepted(catalog, right));
    let operators = catalog.operators("=");
    left.iter()
        .flat_map(|left| right.iter().map(move |right| (*left, *right)))
        .find_map(|pair| operators.iter().find(|operator| (operator.left, operator.right) == pair))
        .map_or(0, |operator| operator.oid)
}
