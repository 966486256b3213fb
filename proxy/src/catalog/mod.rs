//! Types, functions, operators, casts and relations by name and OID, as one statement sees them: the built-in rows of `data/`
//! and the objects of the database's schema. Immutable; a new one is made for each schema generation, sharing the built-in part.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use crate::types::{Oid, Type};

/// The catalog.
#[derive(Default)]
pub struct Catalog {
    types: HashMap<Oid, Arc<Type>>,
    types_by_name: HashMap<(String, String), Oid>,
}

impl Catalog {
    /// What every database has.
    pub fn built_in() -> Arc<Catalog> {
        static BUILT_IN: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
            let mut catalog = Catalog::default();
            crate::types::built_in().into_iter().for_each(|ty| catalog.add_type(ty));
            Arc::new(catalog)
        });
        BUILT_IN.clone()
    }

    fn add_type(&mut self, ty: Type) {
        self.types_by_name.insert((ty.schema.clone(), ty.name.clone()), ty.oid);
        self.types.insert(ty.oid, Arc::new(ty));
    }

    /// A type by `typname`, in `pg_catalog`, then `public`, where no schema is given.
    pub fn type_by_name(&self, schema: Option<&str>, name: &str) -> Option<&Arc<Type>> {
        let in_schema = |schema: &str| self.types.get(self.types_by_name.get(&(schema.to_owned(), name.to_owned()))?);
        match schema {
            Some(schema) => in_schema(schema),
            None => in_schema("pg_catalog").or_else(|| in_schema("public")),
        }
    }

    /// A type by OID.
    pub fn type_by_oid(&self, oid: Oid) -> Option<&Arc<Type>> {
        self.types.get(&oid)
    }
}
