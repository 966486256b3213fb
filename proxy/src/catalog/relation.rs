//! A relation as the binder sees it: tables, views, indexes and sequences of the schema, the catalog relations and built-in views.

use std::sync::Arc;

use peergres_sync::schema::{Object, QualifiedName};

use crate::types::{Oid, TypeRef};

/// A relation.
#[derive(Debug)]
pub struct Relation {
    /// OID.
    pub oid: Oid,
    /// Schema and name.
    pub name: QualifiedName,
    /// Table, view, …
    pub kind: RelationKind,
    /// Columns by number.
    pub columns: Vec<RelationColumn>,
    /// Name in SQLite (of a table or catalog relation).
    pub physical: String,
    /// The object of the schema, none for what is built in.
    pub object: Option<Arc<Object>>,
    /// The query of a view, as PostgreSQL text.
    pub query: Option<String>,
    /// Positions (in `columns`) of the primary key's columns; empty where there is none.
    pub primary_key: Vec<usize>,
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationColumn {
    /// `attnum`.
    pub number: i16,
    /// Name.
    pub name: String,
    /// Name in SQLite.
    pub physical: String,
    /// Type.
    pub ty: TypeRef,
    /// Whether NULL is impossible.
    pub not_null: bool,
}

/// The kinds of relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelationKind {
    /// A table of the schema.
    Table,
    /// A view of the schema, or a built-in one.
    View,
    /// An index.
    Index,
    /// A sequence.
    Sequence,
    /// A relation of `pg_catalog` or `peergres` that a virtual table answers.
    Catalog,
    /// A composite type made by `CREATE TYPE`.
    Composite,
}

impl Relation {
    /// The column of that name, with its position.
    pub fn column(&self, name: &str) -> Option<(usize, &RelationColumn)> {
        self.columns.iter().enumerate().find(|(_, column)| column.name == name)
    }
}
