//! The relations and functions of schema `peergres`: the log, the devices and the conflicts, readable like any table, and what may be done
//! to them. They are looked up last, and no catalog relation lists them, so that no introspection takes them for the application's.
//! Enters: nothing. Leaves: relations over tables of the store, which lie there in storage form, and rows for the table of functions.

use std::sync::{Arc, LazyLock};

use peergres_sync::schema::QualifiedName;

use super::{
    proc::{self, Proc, ProcKind},
    relation::{Relation, RelationColumn, RelationKind},
    type_name,
};
use crate::types::{Oid, TypeRef, oid};

/// The schema.
pub const SCHEMA: &str = "peergres";

/// A relation: its OID, its name, its name in SQLite, its columns with their types. The columns' order is what `SELECT *` shows.
struct OwnRelation {
    oid: Oid,
    name: &'static str,
    physical: &'static str,
    columns: &'static [(&'static str, &'static str)],
    /// What stands for `DELETE FROM` it; none where rows stay.
    deletion: Option<Deletion>,
}

/// Statements in the place of `DELETE FROM` a relation.
#[derive(Clone, Copy)]
pub struct Deletion {
    /// Run first, in their order.
    pub first: &'static [&'static str],
    /// Stands before a query of the keys (the first column) of the rows meant.
    pub before: &'static str,
    /// Stands after it.
    pub after: &'static str,
}

/// Below the horizon: every other authorized device has said that it holds the change, or wrote it.
const PRUNE: &str = "UPDATE sync_log_filed SET pruned = peergres_prune(version, NOT EXISTS (
    SELECT 1 FROM sync_devices AS d WHERE d.is_authorized = 1 AND d.device_id <> sync_log_filed.device_id
    AND d.device_id <> (SELECT value FROM peergres_meta WHERE key = 'device_id')
    AND coalesce((SELECT a.version FROM sync_acknowledgements AS a WHERE a.device_id = d.device_id AND a.author_id = sync_log_filed.device_id), 0)
        < sync_log_filed.version)) WHERE position IN (";

const RELATIONS: &[OwnRelation] = &[
    OwnRelation {
        oid: 16_001,
        name: "sync_log",
        physical: "peergres_log",
        columns: &[
            ("position", "bigint"),
            ("device_id", "uuid"),
            ("table_name", "text"),
            ("record_id", "text"),
            ("operation", "text"),
            ("data", "json"),
            ("old_data", "json"),
            ("version", "bigint"),
            ("timestamp", "timestamp with time zone"),
            ("hash", "bytea"),
            ("is_synced", "boolean"),
            ("transaction_first", "bigint"),
            ("clock", "bigint"),
            ("won", "boolean"),
            ("resolves", "text"),
        ],
        deletion: Some(Deletion { first: &peergres_sync::log::FILE_ALL, before: PRUNE, after: ")" }),
    },
    OwnRelation {
        oid: 16_009,
        name: "sync_devices",
        physical: "sync_devices",
        columns: &[
            ("device_id", "uuid"),
            ("device_name", "text"),
            ("public_key", "text"),
            ("tailscale_ip", "text"),
            ("is_authorized", "boolean"),
            ("url", "text"),
            ("slot", "integer"),
            ("registered_at", "timestamp with time zone"),
            ("authorized_at", "timestamp with time zone"),
            ("revoked_at", "timestamp with time zone"),
            ("revoked_after", "bigint"),
            ("fork", "text"),
            ("clock_ahead", "bigint"),
            ("last_seen", "timestamp with time zone"),
        ],
        deletion: None,
    },
    OwnRelation {
        oid: 16_017,
        name: "sync_conflicts",
        physical: "sync_conflicts",
        columns: &[
            ("id", "text"),
            ("table_name", "text"),
            ("record_id", "text"),
            ("kind", "text"),
            ("column_names", "json"),
            ("local_data", "json"),
            ("remote_data", "json"),
            ("ancestor_data", "json"),
            ("local_device", "uuid"),
            ("local_version", "bigint"),
            ("local_clock", "bigint"),
            ("remote_device", "uuid"),
            ("remote_version", "bigint"),
            ("remote_clock", "bigint"),
            ("shown", "text"),
            ("status", "text"),
            ("resolution", "text"),
            ("created_at", "timestamp with time zone"),
            ("resolved_at", "timestamp with time zone"),
        ],
        deletion: None,
    },
];

/// A function: OID, name, arguments as `pg_get_function_arguments` prints them, result. All are volatile.
const FUNCTIONS: &[(Oid, &str, &str, &str)] = &[
    (16_101, "sync_now", "", "json"),
    (16_102, "resolve_conflict", "id text, winner text, data jsonb DEFAULT NULL::jsonb", "void"),
    (16_103, "ignore_conflict", "id text", "void"),
    (16_104, "authorize_device", "id text", "void"),
    (16_105, "authorize_device", "id uuid", "void"),
    (16_106, "revoke_device", "id text", "void"),
    (16_107, "revoke_device", "id uuid", "void"),
];

static LOADED: LazyLock<Vec<Arc<Relation>>> = LazyLock::new(|| RELATIONS.iter().map(|own| Arc::new(relation_of(own))).collect());

fn relation_of(own: &OwnRelation) -> Relation {
    let column = |(at, (name, ty)): (usize, &(&str, &str))| RelationColumn {
        number: i16::try_from(at + 1).expect("these relations have few columns"),
        name: (*name).to_owned(),
        physical: (*name).to_owned(),
        ty: type_name::built_in_type(ty).unwrap_or(TypeRef::new(oid::TEXT)),
        not_null: at == 0,
    };
    Relation {
        oid: own.oid,
        name: QualifiedName { schema: SCHEMA.to_owned(), name: own.name.to_owned() },
        kind: RelationKind::Catalog,
        columns: own.columns.iter().enumerate().map(column).collect(),
        physical: own.physical.to_owned(),
        object: None,
        query: None,
        primary_key: vec![0],
    }
}

/// A relation of the schema by name.
pub fn relation(name: &str) -> Option<&'static Arc<Relation>> {
    LOADED.iter().find(|relation| relation.name.name == name)
}

/// A relation of the schema by OID.
pub fn relation_by_oid(oid: Oid) -> Option<&'static Arc<Relation>> {
    LOADED.iter().find(|relation| relation.oid == oid)
}

/// What takes the place of `DELETE FROM` the relation.
pub fn deletion(relation: &Relation) -> Option<Deletion> {
    RELATIONS.iter().find(|own| own.oid == relation.oid)?.deletion
}

/// What to do instead of writing into a relation of the schema; none where the relation is another one.
pub fn write_hint(relation: &Relation) -> Option<&'static str> {
    if relation.name.schema != SCHEMA {
        return None;
    }
    Some(match relation.name.name.as_str() {
        "sync_devices" => "Call peergres.authorize_device(id) or peergres.revoke_device(id).",
        "sync_conflicts" => "Call peergres.resolve_conflict(id, winner, data) or peergres.ignore_conflict(id).",
        _ => "The log is written by what changes tables; rows that every device has can be deleted from it.",
    })
}

/// Whether a call needs the write lock: all but the round with the peers, which takes it itself for what arrives.
pub fn writes(proc: &Proc) -> bool {
    proc.schema == SCHEMA && proc.name != "sync_now" && FUNCTIONS.iter().any(|(oid, ..)| *oid == proc.oid)
}

/// The functions of the schema.
pub(super) fn procs() -> impl Iterator<Item = Proc> {
    FUNCTIONS.iter().map(|(oid, name, arguments, result)| {
        let arguments = proc::arguments(arguments, &proc::built_in_type);
        let signature = proc::signature(name, &arguments.types, &type_name::format_built_in);
        Proc {
            oid: *oid,
            schema: SCHEMA.to_owned(),
            name: (*name).to_owned(),
            kind: ProcKind::Function,
            returns_set: false,
            strict: false,
            volatility: 'v',
            variadic: 0,
            result: proc::built_in_type(result).unwrap_or(oid::VOID),
            signature: format!("{SCHEMA}.{signature}"),
            args: arguments.types,
            arg_names: arguments.names,
            defaults: arguments.defaults,
            outputs: Vec::new(),
            direct_args: 0,
            aggregate_kind: 'n',
            body: None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_one_of_the_store_and_every_type_is_known() {
        let home = tempfile::tempdir().expect("a directory");
        let node = peergres_sync::store::Node::open(home.path(), "app", peergres_sync::store::no_setup()).expect("opens");
        let connection = node.replicated().reader().expect("a reader");
        for own in RELATIONS {
            let names: Vec<&str> = own.columns.iter().map(|(name, _)| *name).collect();
            connection.prepare(&format!("SELECT {} FROM {}", names.join(", "), own.physical)).expect("the columns are there");
            assert!(own.columns.iter().all(|(_, ty)| type_name::built_in_type(ty).is_some()), "{}", own.name);
        }
    }

    #[test]
    fn every_function_has_a_body() {
        for proc in procs() {
            assert!(crate::functions::lookup(&proc.signature).is_some(), "{}", proc.signature);
        }
    }
}
