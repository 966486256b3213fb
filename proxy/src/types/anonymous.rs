//! Row types without a name: those of `ROW(…)` and of subqueries' rows. A value of one is of type `record`, with the shape's number as
//! its modifier (as PostgreSQL does inside); within calls and collations the shape has an OID of its own.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use super::{Oid, Type, TypeRef, oid};

/// Bit of the OIDs of shapes.
const SHAPE_OID_BIT: Oid = 0x1000_0000;
/// As many shapes as a process keeps; rows of further ones count as records of texts.
const SHAPE_LIMIT: usize = 100_000;

/// Names and types of a row's columns.
type Shape = Vec<(String, TypeRef)>;

#[derive(Default)]
struct Shapes {
    numbers: HashMap<Shape, i32>,
    types: Vec<&'static Arc<Type>>,
}

static SHAPES: LazyLock<RwLock<Shapes>> = LazyLock::new(RwLock::default);

/// The type of rows of these columns: `record`, with the shape as its modifier.
pub(crate) fn record(columns: Shape) -> TypeRef {
    let known = SHAPES.read().unwrap_or_else(PoisonError::into_inner).numbers.get(&columns).copied();
    if let Some(typmod) = known {
        return TypeRef { oid: oid::RECORD, typmod };
    }
    let mut shapes = SHAPES.write().unwrap_or_else(PoisonError::into_inner);
    if shapes.types.len() >= SHAPE_LIMIT {
        return TypeRef::new(oid::RECORD);
    }
    let number = shapes.types.len() as i32;
    let (ty, _) = super::table::row_type("~", &number.to_string(), SHAPE_OID_BIT | number as Oid, columns.clone());
    // Shapes are few and live as long as the process: types are handed out by reference.
    shapes.types.push(Box::leak(Box::new(Arc::new(ty))));
    shapes.numbers.insert(columns, number);
    TypeRef { oid: oid::RECORD, typmod: number }
}

/// A shape by its OID.
pub(crate) fn by_oid(oid: Oid) -> Option<&'static Arc<Type>> {
    if oid & SHAPE_OID_BIT == 0 {
        return None;
    }
    SHAPES.read().unwrap_or_else(PoisonError::into_inner).types.get((oid & !SHAPE_OID_BIT) as usize).copied()
}

/// A shape by its number.
pub(crate) fn record_type(number: i32) -> Option<&'static Arc<Type>> {
    by_oid(TypeRef { oid: oid::RECORD, typmod: number }.concrete())
}

impl TypeRef {
    /// The type's OID, that of its shape for a row whose shape is known.
    pub(crate) fn concrete(self) -> Oid {
        if self.oid == oid::RECORD && self.typmod >= 0 { SHAPE_OID_BIT | self.typmod as Oid } else { self.oid }
    }
}
