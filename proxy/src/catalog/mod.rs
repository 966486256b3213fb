//! Types, functions, operators, casts and relations by name and OID, as one statement sees them: the built-in rows of `data/`
//! and the objects of the database's schema. Immutable; a new one is made for each schema generation, sharing the built-in part.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use peergres_sync::schema::{Object, QualifiedName, Schema, Trigger};

use crate::types::{Oid, Type};

pub mod built_in;
pub mod derived;
mod expression_column;
pub mod extension;
mod index_column;
mod information_schema;
pub(crate) mod lookup;
mod operator_class;
pub mod own;
pub mod proc;
pub mod relation;
mod relations;
pub mod role;
mod segment;
pub mod type_name;
mod user;
mod view_column;
pub mod virtual_table;

use expression_column::expression_columns;

pub use built_in::{Cast, CastContext, CastMethod, Operator};
pub use proc::{OutputArgument, Proc, ProcKind};
pub use relation::{Relation, RelationColumn, RelationKind};

/// The catalog.
pub struct Catalog {
    /// The objects that users made.
    pub schema: Arc<Schema>,
    types: HashMap<Oid, Arc<Type>>,
    type_names: HashMap<String, Vec<Arc<Type>>>,
    relations: HashMap<String, Vec<Arc<Relation>>>,
    relations_by_oid: HashMap<Oid, Arc<Relation>>,
    functions: HashMap<String, Vec<Arc<Proc>>>,
    functions_by_oid: HashMap<Oid, Arc<Proc>>,
    namespaces: Vec<(Oid, String)>,
    triggers: HashMap<QualifiedName, Vec<Arc<Trigger>>>,
    /// Rows of the catalog relations, made when first asked for.
    stored: relations::Stored,
}

impl Catalog {
    /// What every database has.
    pub fn built_in() -> Arc<Catalog> {
        static BUILT_IN: LazyLock<Arc<Catalog>> = LazyLock::new(|| Catalog::for_schema(Arc::new(Schema::default())));
        BUILT_IN.clone()
    }

    /// The built-in rows and the objects of `schema`.
    pub fn for_schema(schema: Arc<Schema>) -> Arc<Catalog> {
        let mut catalog = Catalog::of_nothing(schema.clone());
        let objects: Vec<user::Entry<'_>> = schema.objects.iter().map(|(oid, object)| (*oid, object)).collect();
        user::add(&mut catalog, &objects);
        Arc::new(catalog)
    }

    /// The catalog of another schema of the same database; what has not changed since this one is shared, so that a definition among
    /// thousands of objects costs little more than one among ten.
    pub fn next(&self, schema: Arc<Schema>) -> Arc<Catalog> {
        let difference = user::Difference::between(&self.schema, &schema);
        if !difference.is_local() {
            return Catalog::for_schema(schema.clone());
        }
        let mut catalog = Catalog {
            types: self.types.clone(),
            type_names: self.type_names.clone(),
            relations: self.relations.clone(),
            relations_by_oid: self.relations_by_oid.clone(),
            functions: self.functions.clone(),
            functions_by_oid: self.functions_by_oid.clone(),
            namespaces: self.namespaces.clone(),
            ..Catalog::of_nothing(schema.clone())
        };
        user::remove(&mut catalog, &difference.gone);
        user::add(&mut catalog, &difference.new);
        Arc::new(catalog)
    }

    /// The built-in rows and what is found through the schema itself.
    fn of_nothing(schema: Arc<Schema>) -> Catalog {
        let mut catalog = Catalog {
            schema,
            types: HashMap::new(),
            type_names: HashMap::new(),
            relations: HashMap::new(),
            relations_by_oid: HashMap::new(),
            functions: HashMap::new(),
            functions_by_oid: HashMap::new(),
            namespaces: Vec::new(),
            triggers: HashMap::new(),
            stored: relations::Stored::new(),
        };
        for object in catalog.schema.objects.values() {
            if let Object::Trigger(trigger) = &**object {
                catalog.triggers.entry(trigger.table.clone()).or_default().push(Arc::new(trigger.clone()));
            }
        }
        // They fire in the order of their names.
        catalog.triggers.values_mut().for_each(|list| list.sort_by(|a, b| a.name.cmp(&b.name)));
        catalog
    }

    /// A type by OID.
    pub fn type_by_oid(&self, oid: Oid) -> Option<&Arc<Type>> {
        built_in::types().by_oid.get(&oid).or_else(|| self.types.get(&oid)).or_else(|| crate::types::anonymous::by_oid(oid))
    }

    /// The types that users made, row types included.
    pub fn user_types(&self) -> impl Iterator<Item = &Arc<Type>> {
        self.types.values()
    }

    /// A type by `typname`, in the given schema, or in the first of `path` that has it (`pg_catalog` first unless `path` names it).
    pub fn type_named(&self, schema: Option<&str>, name: &str, path: &[String]) -> Option<&Arc<Type>> {
        let in_schema = |schema: &str| {
            let built_in = built_in::types().by_name.get(name).filter(|ty| ty.schema == schema);
            built_in.or_else(|| self.type_names.get(name)?.iter().find(|ty| ty.schema == schema))
        };
        match schema {
            Some(schema) => in_schema(schema),
            None => with_pg_catalog(path).find_map(in_schema),
        }
    }

    /// A type by `typname`, in `pg_catalog`, then `public`, where no schema is given.
    pub fn type_by_name(&self, schema: Option<&str>, name: &str) -> Option<&Arc<Type>> {
        self.type_named(schema, name, &["public".to_owned()])
    }

    /// All functions, aggregates and window functions of that name, whatever their schema.
    pub fn procs(&self, name: &str) -> impl Iterator<Item = &Arc<Proc>> {
        let built_in = built_in::procs().by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        let user = self.functions.get(name).map(Vec::as_slice).unwrap_or_default();
        built_in.iter().chain(user)
    }

    /// A function by OID.
    pub fn proc(&self, oid: Oid) -> Option<&Arc<Proc>> {
        built_in::procs().by_oid.get(&oid).or_else(|| self.functions_by_oid.get(&oid))
    }

    /// All operators of that name.
    pub fn operators(&self, name: &str) -> &'static [Arc<Operator>] {
        built_in::operators().by_name.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// An operator by OID.
    pub fn operator(&self, oid: Oid) -> Option<&'static Arc<Operator>> {
        built_in::operators().by_oid.get(&oid)
    }

    /// The row of `pg_cast` for a pair of types.
    pub fn cast(&self, source: Oid, target: Oid) -> Option<&'static Cast> {
        built_in::casts().get(&(source, target))
    }

    /// A relation by name, in the given schema, or in the first of `path` that has it; `pg_catalog` is searched first unless `path`
    /// names it, and `peergres` last.
    pub fn relation(&self, schema: Option<&str>, name: &str, path: &[String]) -> Option<&Arc<Relation>> {
        let in_schema = |schema: &str| {
            let user = self.relations.get(name).and_then(|list| list.iter().find(|r| r.name.schema == schema));
            user.or_else(|| built_in::relations().by_name.get(name)?.iter().find(|r| r.name.schema == schema))
        };
        // Only the replicated database has a log.
        let own = || own::relation(name).filter(|_| self.schema.replicated);
        match schema {
            Some(own::SCHEMA) => own(),
            Some(schema) => in_schema(schema),
            None => with_pg_catalog(path).find_map(in_schema).or_else(own),
        }
    }

    /// A relation by OID.
    pub fn relation_by_oid(&self, oid: Oid) -> Option<&Arc<Relation>> {
        let built_in = || built_in::relations().by_oid.get(&oid).or_else(|| own::relation_by_oid(oid));
        self.relations_by_oid.get(&oid).or_else(built_in)
    }

    /// The relations that users made.
    pub fn user_relations(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.relations_by_oid.values()
    }

    /// The triggers of a table, in the order of their names.
    pub fn triggers(&self, table: &QualifiedName) -> &[Arc<Trigger>] {
        self.triggers.get(table).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether there is a schema of that name.
    pub fn has_namespace(&self, name: &str) -> bool {
        self.namespace_oid(name).is_some()
    }

    /// A schema's OID: the fixed ones of PostgreSQL, and those that users made.
    pub fn namespace_oid(&self, name: &str) -> Option<Oid> {
        match name {
            "pg_catalog" => Some(11),
            "public" => Some(2200),
            "information_schema" => Some(13207),
            "pg_toast" => Some(99),
            "peergres" => Some(16000),
            _ => self.namespaces.iter().find(|(_, n)| n == name).map(|(oid, _)| *oid),
        }
    }

    /// A schema's name by OID.
    pub fn namespace_name(&self, oid: Oid) -> Option<&str> {
        match oid {
            11 => Some("pg_catalog"),
            2200 => Some("public"),
            13427 => Some("information_schema"),
            99 => Some("pg_toast"),
            16000 => Some("peergres"),
            _ => self.namespaces.iter().find(|(known, _)| *known == oid).map(|(_, name)| name.as_str()),
        }
    }

    /// The schemas in which a bare name is looked for, in order, for the given `search_path`.
    pub fn visible_schemas<'a>(&self, path: &'a [String]) -> impl Iterator<Item = &'a str> {
        with_pg_catalog(path)
    }
}

/// The search path as PostgreSQL walks it: `pg_catalog` first, unless it is named.
fn with_pg_catalog(path: &[String]) -> impl Iterator<Item = &str> {
    let implicit = (!path.iter().any(|s| s == "pg_catalog")).then_some("pg_catalog");
    implicit.into_iter().chain(path.iter().map(String::as_str))
}

#[cfg(test)]
mod tests;
