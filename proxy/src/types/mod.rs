//! The table of types: PostgreSQL's names, OIDs and categories, and for each type how its values lie in SQLite and go over the wire.
//!
//! Built-in rows come from `data/pg_type.csv`; types made by users are added by [`crate::catalog`]. Everything that depends on a
//! type (DDL, casts, descriptions, `pg_type`) derives from a [`Type`] and its [`Codec`]; there is no second `match` over OIDs.

use std::{cmp::Ordering, sync::Arc};

pub use peergres_sync::value::Storage;
pub use rusqlite::types::{Value, ValueRef};

use crate::{error::Result, session::context::Context};

pub mod binary;
pub mod date;
pub mod datetime;
pub mod interval;
pub mod json;
pub mod jsonb;
pub mod name;
pub mod oid;
pub mod time;
pub mod timestamp;
pub mod timetz;

pub(crate) mod anonymous;
pub(crate) mod array;
pub(crate) mod bit;
pub(crate) mod boolean;
pub(crate) mod bytes;
pub(crate) mod composite;
pub(crate) mod decimal;
pub(crate) mod float;
pub(crate) mod integer;
pub(crate) mod jsonpath;
pub(crate) mod network;
pub(crate) mod numeric;
pub(crate) mod range;
pub(crate) mod registered;
mod table;
pub(crate) mod text;
pub(crate) mod transcendental;
mod unsupported;

pub use table::{ARRAY_OID_BIT, ROW_OID_BIT, built_in, row_type, user};

/// A PostgreSQL object identifier.
pub type Oid = u32;

/// A type with its modifier, -1 where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeRef {
    /// The type.
    pub oid: Oid,
    /// `atttypmod`.
    pub typmod: i32,
}

impl Type {
    /// The element type's OID where this is an array (or an int2vector or oidvector), 0 otherwise.
    pub fn element(&self) -> Oid {
        match self.kind {
            Kind::Array(element) => element,
            _ => 0,
        }
    }
}

impl TypeRef {
    /// The type without a modifier.
    pub const fn new(oid: Oid) -> Self {
        TypeRef { oid, typmod: -1 }
    }
}

/// One row of the table of types.
#[derive(Clone)]
pub struct Type {
    /// OID.
    pub oid: Oid,
    /// Schema, `pg_catalog` for the built-in ones.
    pub schema: String,
    /// `typname`: `int4`, `_text`, `mood`.
    pub name: String,
    /// What kind of type it is, with what that kind needs.
    pub kind: Kind,
    /// `typcategory`.
    pub category: char,
    /// `typispreferred`.
    pub preferred: bool,
    /// `typlen`.
    pub length: i16,
    /// `typdelim`.
    pub delimiter: char,
    /// OID of its array type, 0 where there is none.
    pub array: Oid,
    /// How its values lie in SQLite.
    pub storage: Storage,
    /// SQLite collation of its values, where bytes do not give their order and equality. Built-in: the type's name (`numeric`);
    /// arrays `array:ELEMENT`, enums `enum:SCHEMA.NAME`, composites `row:SCHEMA.NAME`, domains their base type's.
    pub collation: Option<String>,
    /// Input, output and comparison.
    pub codec: &'static dyn Codec,
}

/// The kinds of types.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A scalar.
    Base,
    /// An array of the element type.
    Array(Oid),
    /// An enum: labels in sort order.
    Enum(Arc<Vec<String>>),
    /// A domain over a base type.
    Domain(TypeRef),
    /// A composite: attribute names and types.
    Composite(Arc<Vec<(String, TypeRef)>>),
    /// A range of the subtype.
    Range(Oid),
    /// A multirange of the range type.
    Multirange(Oid),
    /// A pseudo-type, which no column can have.
    Pseudo,
}

/// How a type's values are read, written and compared. `value` is always in storage form ([`Storage`]) and never NULL.
pub trait Codec: Sync {
    /// PostgreSQL's input function: text to storage form, the modifier applied as by an assignment of a literal.
    fn input(&self, text: &str, ty: &Type, typmod: i32, cx: &Context) -> Result<Value>;
    /// PostgreSQL's output function, appended to `out`.
    fn output(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()>;
    /// PostgreSQL's binary receive function.
    fn receive(&self, bytes: &[u8], ty: &Type, typmod: i32, cx: &Context) -> Result<Value>;
    /// PostgreSQL's binary send function, appended to `out`.
    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()>;
    /// Order of two values of a type that has a collation; called by SQLite.
    fn compare(&self, left: &str, right: &str, ty: &Type, cx: &Context) -> Ordering {
        let _ = (ty, cx);
        left.cmp(right)
    }
}
