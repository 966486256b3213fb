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
}

impl Catalog {
    /// What every database has.
    pub fn built_in() -> Arc<Catalog> {
        static BUILT_IN: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::default()));
        BUILT_IN.clone()
    }

    /// A type by OID.
    pub fn type_by_oid(&self, oid: Oid) -> Option<&Arc<Type>> {
        self.types.get(&oid)
    }
}
