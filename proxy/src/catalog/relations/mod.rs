//! The table of catalog relations: each with its built-in rows (a file of `data/catalog`, as PostgreSQL 15 makes them) and the function
//! that gives the rows of this database's objects. A relation in neither table is empty here; a view in [`SOURCES`] is served from here
//! instead of from its query, which would call functions over things that a server of processes and pages has and this one has not.
//!
//! Enters: a [`Catalog`] or a statement's [`Context`]. Leaves: rows in storage form, in the order of the columns of `catalog_columns.csv`.

use std::sync::{Arc, LazyLock, OnceLock};

use super::{
    Catalog, built_in,
    relation::{Relation, RelationColumn, RelationKind},
    segment::Segment,
    virtual_table::Parts,
};
use crate::{error::Result, session::context::Context, types::Type};

mod world;

mod pg_attrdef;
mod pg_attribute;
mod pg_class;
mod pg_constraint;
mod pg_depend;
mod pg_description;
mod pg_enum;
mod pg_extension;
mod pg_index;
mod pg_namespace;
mod pg_proc;
mod pg_rewrite;
mod pg_sequence;
mod pg_type;

pub(super) use pg_class::access_method;
pub(super) use world::World;

/// Where a relation's rows come from, beyond the built-in ones.
pub(super) enum Rows {
    /// From the schema's objects: made once per schema generation.
    Stored(fn(&World<'_>, &mut Segment)),
    /// From the state of the session and the server: made for each scan.
    #[allow(dead_code)]
    Live(fn(&Context, &mut Segment) -> Result<()>),
}

/// The relations that have rows of their own, by name.
const SOURCES: &[(&str, Rows)] = &[
    ("pg_attrdef", Rows::Stored(pg_attrdef::rows)),
    ("pg_attribute", Rows::Stored(pg_attribute::rows)),
    ("pg_class", Rows::Stored(pg_class::rows)),
    ("pg_constraint", Rows::Stored(pg_constraint::rows)),
    ("pg_depend", Rows::Stored(pg_depend::rows)),
    ("pg_description", Rows::Stored(pg_description::rows)),
    ("pg_enum", Rows::Stored(pg_enum::rows)),
    ("pg_extension", Rows::Stored(pg_extension::rows)),
    ("pg_index", Rows::Stored(pg_index::rows)),
    ("pg_namespace", Rows::Stored(pg_namespace::rows)),
    ("pg_proc", Rows::Stored(pg_proc::rows)),
    ("pg_rewrite", Rows::Stored(pg_rewrite::rows)),
    ("pg_sequence", Rows::Stored(pg_sequence::rows)),
    ("pg_type", Rows::Stored(pg_type::rows)),
];

macro_rules! files {
    ($($name:ident),* $(,)?) => {
        &[$((stringify!($name), include_str!(concat!("../../../data/catalog/", stringify!($name), ".csv")))),*]
    };
}

/// The built-in rows, by relation.
const FILES: &[(&str, &str)] = files![
    pg_aggregate,
    pg_am,
    pg_amop,
    pg_amproc,
    pg_attribute,
    pg_auth_members,
    pg_authid,
    pg_cast,
    pg_class,
    pg_collation,
    pg_constraint,
    pg_conversion,
    pg_depend,
    pg_description,
    pg_extension,
    pg_index,
    pg_init_privs,
    pg_language,
    pg_namespace,
    pg_opclass,
    pg_operator,
    pg_opfamily,
    pg_proc,
    pg_range,
    pg_rewrite,
    pg_shdescription,
    pg_tablespace,
    pg_ts_config,
    pg_ts_config_map,
    pg_ts_dict,
    pg_ts_parser,
    pg_ts_template,
    pg_type,
    sql_features,
    sql_implementation_info,
    sql_parts,
    sql_sizing,
];

/// Whether a virtual table answers the view of that name, rather than its query.
pub(super) fn is_direct(view: &str) -> bool {
    SOURCES.iter().any(|(name, _)| *name == view)
}

/// A relation that a virtual table answers.
pub(super) struct Served {
    /// Its name and columns.
    pub(super) relation: Arc<Relation>,
    /// Its own rows.
    pub(super) rows: &'static Rows,
    file: Option<&'static str>,
    built_in: OnceLock<Segment>,
    number: usize,
}

impl Served {
    /// A column's type.
    pub(super) fn type_of(&self, column: &RelationColumn) -> Arc<Type> {
        built_in::types().by_oid.get(&column.ty.oid).expect("the columns of catalog relations are of built-in types").clone()
    }

    /// The built-in rows, read once per process.
    pub(super) fn built_in(&self) -> Option<&Segment> {
        let file = self.file?;
        Some(self.built_in.get_or_init(|| Segment::read(file, &self.relation.columns, |column| self.type_of(column))))
    }

    /// The rows that `catalog` shows.
    pub(super) fn parts(&'static self, catalog: &Arc<Catalog>) -> Parts {
        let own = match self.rows {
            Rows::Stored(rows) => Some(catalog.stored.segments[self.number].get_or_init(|| {
                let mut segment = Segment::new(self.relation.columns.len());
                rows(&World::new(catalog), &mut segment);
                Arc::new(segment)
            })),
            Rows::Live(_) => None,
        };
        Parts { built_in: self.built_in(), own: own.cloned() }
    }
}

/// The rows of one catalog, made when first asked for.
pub(super) struct Stored {
    segments: Vec<OnceLock<Arc<Segment>>>,
}

impl Stored {
    /// Nothing asked for yet.
    pub(super) fn new() -> Stored {
        Stored { segments: (0..SOURCES.len() + 1).map(|_| OnceLock::new()).collect() }
    }
}

/// All relations that virtual tables answer.
pub(super) fn served() -> &'static [Served] {
    static NONE: Rows = Rows::Stored(|_, _| ());
    static SERVED: LazyLock<Vec<Served>> = LazyLock::new(|| {
        let catalog = |relation: &&Arc<Relation>| relation.kind == RelationKind::Catalog;
        let serve = |relation: &Arc<Relation>| {
            let name = relation.name.name.as_str();
            let number = SOURCES.iter().position(|(known, _)| *known == name);
            Served {
                relation: relation.clone(),
                rows: number.map_or(&NONE, |number| &SOURCES[number].1),
                file: FILES.iter().find(|(known, _)| *known == name).map(|(_, file)| *file),
                built_in: OnceLock::new(),
                // Those without rows of their own share one empty segment's place.
                number: number.unwrap_or(SOURCES.len()),
            }
        };
        built_in::relations().by_oid.values().filter(catalog).map(serve).collect()
    });
    &SERVED
}

/// A relation of `pg_catalog` by name.
pub(super) fn by_name(name: &str) -> &'static Served {
    served().iter().find(|served| served.relation.name.name == name).expect("it is asked for by a name of catalog_columns.csv")
}

#[cfg(test)]
mod tests;
