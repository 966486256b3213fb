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
mod pg_authid;
mod pg_available_extensions;
mod pg_class;
mod pg_constraint;
mod pg_database;
mod pg_depend;
mod pg_description;
mod pg_enum;
mod pg_extension;
mod pg_index;
mod pg_locks;
mod pg_namespace;
mod pg_prepared_statements;
mod pg_proc;
mod pg_rewrite;
mod pg_sequence;
mod pg_settings;
mod pg_stat_activity;
mod pg_stat_server;
mod pg_stat_tables;
mod pg_timezone_names;
mod pg_trigger;
mod pg_type;

pub(super) use pg_class::access_method;
pub(super) use world::World;

/// Where a relation's rows come from, beyond the built-in ones.
pub(super) enum Rows {
    /// From the schema's objects: made once per schema generation.
    Stored(fn(&World<'_>, &mut Segment)),
    /// From the state of the session and the server: made for each scan.
    Live(fn(&Context, &mut Segment) -> Result<()>),
}

/// The relations that have rows of their own, by name.
const SOURCES: &[(&str, Rows)] = &[
    ("pg_attrdef", Rows::Stored(pg_attrdef::rows)),
    ("pg_attribute", Rows::Stored(pg_attribute::rows)),
    ("pg_authid", Rows::Live(pg_authid::rows)),
    ("pg_available_extension_versions", Rows::Stored(pg_available_extensions::versions)),
    ("pg_available_extensions", Rows::Stored(pg_available_extensions::rows)),
    ("pg_class", Rows::Stored(pg_class::rows)),
    ("pg_constraint", Rows::Stored(pg_constraint::rows)),
    ("pg_cursors", Rows::Live(pg_prepared_statements::cursors)),
    ("pg_database", Rows::Live(pg_database::rows)),
    ("pg_depend", Rows::Stored(pg_depend::rows)),
    ("pg_description", Rows::Stored(pg_description::rows)),
    ("pg_enum", Rows::Stored(pg_enum::rows)),
    ("pg_extension", Rows::Stored(pg_extension::rows)),
    ("pg_index", Rows::Stored(pg_index::rows)),
    ("pg_locks", Rows::Live(pg_locks::rows)),
    ("pg_namespace", Rows::Stored(pg_namespace::rows)),
    ("pg_prepared_statements", Rows::Live(pg_prepared_statements::rows)),
    ("pg_proc", Rows::Stored(pg_proc::rows)),
    ("pg_rewrite", Rows::Stored(pg_rewrite::rows)),
    ("pg_sequence", Rows::Stored(pg_sequence::rows)),
    ("pg_settings", Rows::Live(pg_settings::rows)),
    ("pg_stat_activity", Rows::Live(pg_stat_activity::rows)),
    ("pg_stat_all_indexes", Rows::Stored(pg_stat_tables::all_indexes)),
    ("pg_stat_all_tables", Rows::Stored(pg_stat_tables::all_tables)),
    ("pg_stat_archiver", Rows::Live(pg_stat_server::archiver)),
    ("pg_stat_bgwriter", Rows::Live(pg_stat_server::background_writer)),
    ("pg_stat_wal", Rows::Live(pg_stat_server::wal)),
    ("pg_stat_database", Rows::Live(pg_database::statistics)),
    ("pg_stat_database_conflicts", Rows::Live(pg_database::conflicts)),
    ("pg_stat_gssapi", Rows::Live(pg_stat_activity::gssapi)),
    ("pg_stat_ssl", Rows::Live(pg_stat_activity::ssl)),
    ("pg_stat_xact_all_tables", Rows::Stored(pg_stat_tables::transaction_tables)),
    ("pg_statio_all_indexes", Rows::Stored(pg_stat_tables::block_indexes)),
    ("pg_statio_all_sequences", Rows::Stored(pg_stat_tables::block_sequences)),
    ("pg_statio_all_tables", Rows::Stored(pg_stat_tables::block_tables)),
    ("pg_timezone_names", Rows::Live(pg_timezone_names::rows)),
    ("pg_trigger", Rows::Stored(pg_trigger::rows)),
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
    pg_timezone_abbrevs,
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

/// Views over what this server never has: replication, progress of vacuuming, sampled statistics. They are empty.
const EMPTY: &[&str] = &[
    "pg_backend_memory_contexts",
    "pg_config",
    "pg_file_settings",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_prepared_xacts",
    "pg_publication_tables",
    "pg_replication_origin_status",
    "pg_replication_slots",
    "pg_seclabels",
    "pg_shmem_allocations",
    "pg_stat_progress_analyze",
    "pg_stat_progress_basebackup",
    "pg_stat_progress_cluster",
    "pg_stat_progress_copy",
    "pg_stat_progress_create_index",
    "pg_stat_progress_vacuum",
    "pg_stat_recovery_prefetch",
    "pg_stat_replication",
    "pg_stat_replication_slots",
    "pg_stat_slru",
    "pg_stat_subscription",
    "pg_stat_subscription_stats",
    "pg_stat_user_functions",
    "pg_stat_wal_receiver",
    "pg_stat_xact_user_functions",
    "pg_stats",
    "pg_stats_ext",
    "pg_stats_ext_exprs",
    "pg_user_mappings",
];

/// Whether a virtual table answers the view of that name, rather than its query.
pub(super) fn is_direct(view: &str) -> bool {
    SOURCES.iter().any(|(name, _)| *name == view) || FILES.iter().any(|(name, _)| *name == view) || EMPTY.contains(&view)
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
            // Relations without rows of their own have no place among the segments.
            Rows::Stored(rows) => catalog.stored.segments.get(self.number).map(|segment| {
                segment.get_or_init(|| {
                    let mut segment = Segment::new(self.relation.columns.len());
                    rows(&World::new(catalog), &mut segment);
                    Arc::new(segment)
                })
            }),
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
        Stored { segments: (0..SOURCES.len()).map(|_| OnceLock::new()).collect() }
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
