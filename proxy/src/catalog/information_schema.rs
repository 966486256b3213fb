//! The functions of schema `information_schema`, which its views call and some drivers too.
//! Enters: nothing. Leaves: rows for the table of functions; `functions::information_schema` holds the bodies.

use super::{
    proc::{self, Proc, ProcKind},
    type_name,
};
use crate::types::{Oid, oid};

/// The schema.
const SCHEMA: &str = "information_schema";

/// OID, name, arguments as `pg_get_function_arguments` prints them, result, whether it returns a set. All are strict. The two functions over
/// whole rows of `pg_attribute` and `pg_type` are missing: the views have their bodies in place.
const FUNCTIONS: &[(Oid, &str, &str, &str, bool)] = &[
    (13208, "_pg_expandarray", "anyarray, OUT x anyelement, OUT n integer", "record", true),
    (13209, "_pg_index_position", "oid, smallint", "integer", false),
    (13212, "_pg_char_max_length", "typid oid, typmod integer", "integer", false),
    (13213, "_pg_char_octet_length", "typid oid, typmod integer", "integer", false),
    (13215, "_pg_numeric_precision", "typid oid, typmod integer", "integer", false),
    (13216, "_pg_numeric_precision_radix", "typid oid, typmod integer", "integer", false),
    (13217, "_pg_numeric_scale", "typid oid, typmod integer", "integer", false),
    (13218, "_pg_datetime_precision", "typid oid, typmod integer", "integer", false),
    (13219, "_pg_interval_type", "typid oid, mod integer", "text", false),
];

/// The functions of the schema.
pub(super) fn procs() -> impl Iterator<Item = Proc> {
    FUNCTIONS.iter().map(|(oid, name, arguments, result, returns_set)| {
        let arguments = proc::arguments(arguments, &proc::built_in_type);
        let signature = proc::signature(name, &arguments.types, &type_name::format_built_in);
        Proc {
            oid: *oid,
            schema: SCHEMA.to_owned(),
            name: (*name).to_owned(),
            kind: ProcKind::Function,
            returns_set: *returns_set,
            strict: true,
            volatility: if *name == "_pg_index_position" { 's' } else { 'i' },
            variadic: 0,
            result: proc::built_in_type(result).unwrap_or(oid::RECORD),
            signature: format!("{SCHEMA}.{signature}"),
            args: arguments.types,
            arg_names: arguments.names,
            defaults: arguments.defaults,
            outputs: arguments.outputs,
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
    fn every_function_has_a_body() {
        for proc in procs() {
            assert!(crate::functions::lookup(&proc.signature).is_some(), "{}", proc.signature);
        }
    }
}
