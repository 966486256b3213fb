//! Collations: SQLite asks a type's codec for the order of two stored texts. Built-in types' bear the type's name; those of arrays
//! (`array:ELEMENT`), enums (`enum:SCHEMA.NAME`) and composites (`row:SCHEMA.NAME`) are made when a statement first names them.

use std::{
    cmp::Ordering,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;

use crate::{
    catalog::Catalog,
    session::context,
    types::{Oid, Type},
};

/// Registers those of built-in types, and the rest on demand.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_collation("numeric", crate::types::numeric::compare_text)?;
    connection.collation_needed(create)
}

fn create(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    let (owned, known) = (name.to_owned(), Mutex::new(None::<(Arc<Catalog>, Arc<Type>)>));
    connection.create_collation(name, move |left, right| {
        let cx = context::current();
        // The type is looked up once per schema generation: an enum may have gained a label.
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|(catalog, _)| !Arc::ptr_eq(catalog, &cx.catalog)) {
            *known = find(&cx.catalog, &owned).map(|ty| (cx.catalog.clone(), ty.clone()));
        }
        match &*known {
            Some((_, ty)) => ty.codec.compare(left, right, ty, &cx),
            None => left.cmp(right),
        }
    })
}

/// The type that a collation's name names.
fn find<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a Arc<Type>> {
    let by_name = |name: &str| match name.split_once('.') {
        Some((schema, name)) => catalog.type_by_name(Some(schema), name),
        None => catalog.type_by_name(None, name),
    };
    match name.split_once(':') {
        Some(("array", element)) => {
            let array: Oid = by_name(element)?.array;
            catalog.type_by_oid(array)
        }
        Some((_, of)) => match of.strip_prefix("~.") {
            Some(number) => crate::types::anonymous::record_type(number.parse().ok()?),
            None => by_name(of),
        },
        None => by_name(name),
    }
}

/// Order of two stored values of one type, as an index of the type would have it.
pub(crate) fn compare(left: super::ValueRef<'_>, right: super::ValueRef<'_>, ty: &Type, cx: &context::Context) -> Ordering {
    use super::ValueRef::{Blob, Integer, Null, Real, Text};
    let rank = |v: &super::ValueRef<'_>| match v {
        Integer(_) | Real(_) => 0,
        Text(_) => 1,
        Blob(_) => 2,
        Null => 3,
    };
    match (left, right) {
        (Text(l), Text(r)) => match (ty.collation.as_ref(), std::str::from_utf8(l), std::str::from_utf8(r)) {
            (Some(_), Ok(l), Ok(r)) => ty.codec.compare(l, r, ty, cx),
            _ => l.cmp(r),
        },
        (Integer(l), Integer(r)) => l.cmp(&r),
        (Real(l), Real(r)) => l.partial_cmp(&r).unwrap_or(Ordering::Equal),
        (Integer(l), Real(r)) => (l as f64).partial_cmp(&r).unwrap_or(Ordering::Equal),
        (Real(l), Integer(r)) => l.partial_cmp(&(r as f64)).unwrap_or(Ordering::Equal),
        (Blob(l), Blob(r)) => l.cmp(r),
        (l, r) => rank(&l).cmp(&rank(&r)),
    }
}
