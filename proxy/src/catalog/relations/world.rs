//! What the rows of catalog relations are made of: a catalog's objects by name and OID, and the physical properties of types.
//! Enters: a [`Catalog`]. Leaves: OIDs, attribute numbers and the like for the files beside this one.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use peergres_sync::schema::{Index, Object, ObjectClass, QualifiedName, Schema, Table};
use rusqlite::types::ValueRef;

use super::super::{Catalog, built_in, segment::Cell};
use crate::types::{Kind, Oid, Type, TypeRef};

/// The owner of everything: `postgres`.
pub(in crate::catalog) const OWNER: Oid = 10;

/// The OIDs of catalog relations, as `classid` of descriptions and dependencies.
pub(in crate::catalog) mod class {
    use crate::types::Oid;

    pub(in crate::catalog) const TYPE: Oid = 1247;
    pub(in crate::catalog) const FUNCTION: Oid = 1255;
    pub(in crate::catalog) const RELATION: Oid = 1259;
    pub(in crate::catalog) const DEFAULT: Oid = 2604;
    pub(in crate::catalog) const CONSTRAINT: Oid = 2606;
    pub(in crate::catalog) const NAMESPACE: Oid = 2615;
    pub(in crate::catalog) const RULE: Oid = 2618;
    pub(in crate::catalog) const TRIGGER: Oid = 2620;
    pub(in crate::catalog) const EXTENSION: Oid = 3079;
}

/// A catalog's objects.
pub(in crate::catalog) struct World<'a> {
    pub(in crate::catalog) catalog: &'a Arc<Catalog>,
    pub(in crate::catalog) schema: &'a Schema,
}

/// How a type's values lie in PostgreSQL's rows: what `pg_type` and `pg_attribute` say of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::catalog) struct Physical {
    pub(in crate::catalog) length: i16,
    pub(in crate::catalog) by_value: bool,
    pub(in crate::catalog) align: char,
    pub(in crate::catalog) storage: char,
    pub(in crate::catalog) collation: Oid,
}

/// Of a type that varies in length: arrays, composites (aligned to eight), ranges.
const VARYING: Physical = Physical { length: -1, by_value: false, align: 'i', storage: 'x', collation: 0 };
/// Of an enum.
const ENUM: Physical = Physical { length: 4, by_value: true, align: 'i', storage: 'p', collation: 0 };

/// Where a named column of a catalog relation stands.
fn column(relation: &str, name: &str) -> usize {
    super::by_name(relation).relation.column(name).expect("it is asked for by a name of catalog_columns.csv").0
}

/// A row of the built-in `pg_type`, and the places of its columns that are read here.
fn built_in_physical(oid: Oid) -> Option<Physical> {
    static COLUMNS: LazyLock<[usize; 6]> =
        LazyLock::new(|| ["oid", "typlen", "typbyval", "typalign", "typstorage", "typcollation"].map(|name| column("pg_type", name)));
    let [by, length, by_value, align, storage, collation] = *COLUMNS;
    let row = super::by_name("pg_type").built_in()?.one(by, ValueRef::Integer(i64::from(oid)))?;
    let letter = |cell: &Cell| cell.text().chars().next().unwrap_or('i');
    Some(Physical {
        length: row[length].integer() as i16,
        by_value: row[by_value].integer() != 0,
        align: letter(&row[align]),
        storage: letter(&row[storage]),
        collation: row[collation].integer() as Oid,
    })
}

impl<'a> World<'a> {
    pub(in crate::catalog) fn new(catalog: &'a Arc<Catalog>) -> World<'a> {
        World { catalog, schema: &catalog.schema }
    }

    /// A schema's OID, 0 where there is none.
    pub(in crate::catalog) fn namespace(&self, name: &str) -> Oid {
        self.catalog.namespace_oid(name).unwrap_or(0)
    }

    /// A relation's OID, 0 where there is none.
    pub(in crate::catalog) fn relation(&self, name: &QualifiedName) -> Oid {
        self.schema.oid(ObjectClass::Relation, name).unwrap_or(0)
    }

    /// A type by the name that an object has for it.
    pub(in crate::catalog) fn type_named(&self, name: &str) -> TypeRef {
        self.catalog.parse_type(name, &[]).unwrap_or(TypeRef::new(0))
    }

    /// How values of a type lie.
    pub(in crate::catalog) fn physical(&self, oid: Oid) -> Physical {
        if let Some(physical) = built_in_physical(oid) {
            return physical;
        }
        match self.catalog.type_by_oid(oid).map(|ty| &ty.kind) {
            Some(Kind::Enum(_)) => ENUM,
            Some(Kind::Domain(base)) => self.physical(base.oid),
            Some(Kind::Array(element)) => {
                let element = self.physical(*element);
                Physical { align: if element.align == 'd' { 'd' } else { 'i' }, collation: element.collation, ..VARYING }
            }
            Some(Kind::Composite(_)) => Physical { align: 'd', ..VARYING },
            _ => VARYING,
        }
    }

    /// The tables and their OIDs.
    pub(in crate::catalog) fn tables(&self) -> impl Iterator<Item = (Oid, &'a Table)> {
        self.schema.objects.iter().filter_map(|(oid, object)| match &**object {
            Object::Table(table) => Some((*oid, table)),
            _ => None,
        })
    }

    /// The indexes and their OIDs.
    pub(in crate::catalog) fn indexes(&self) -> impl Iterator<Item = (Oid, &'a Index)> {
        self.schema.objects.iter().filter_map(|(oid, object)| match &**object {
            Object::Index(index) => Some((*oid, index)),
            _ => None,
        })
    }
}

/// `attnum`s of named columns, 0 for a name that is none.
pub(in crate::catalog) fn numbers(table: &Table, names: &[String]) -> Vec<i16> {
    let by_name: HashMap<&str, i16> = table.columns.iter().map(|column| (column.name.as_str(), column.number)).collect();
    names.iter().map(|name| by_name.get(name.as_str()).copied().unwrap_or(0)).collect()
}

/// An array in text form, of things that need no quotes.
pub(in crate::catalog) fn array<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    format!("{{{}}}", items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(","))
}

/// An `int2vector` or `oidvector` in text form.
pub(in crate::catalog) fn vector<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

/// The built-in function of that name, which has one signature only.
pub(in crate::catalog) fn function(name: &str) -> Oid {
    built_in::procs().by_name.get(name).and_then(|found| found.first()).map_or(0, |found| found.oid)
}

/// The type of a user's type object: itself, or the element of its array type.
pub(in crate::catalog) fn is_array(ty: &Type) -> bool {
    matches!(ty.kind, Kind::Array(_))
}
