//! What of PostgreSQL's functions and operators has a body here, by family. Enters: `data/pg_proc.csv`, `data/pg_operator.csv` and the
//! table of functions. Leaves: the table that COMPAT.md carries, and the signatures that are missing.

use std::collections::BTreeMap;

use super::{lookup, signature};
use crate::catalog::built_in;

/// How much of a family works.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// Functions meant for users.
    pub functions: usize,
    /// Operators.
    pub operators: usize,
    /// Functions without a body.
    pub missing_functions: Vec<String>,
    /// Operators without one.
    pub missing_operators: Vec<String>,
}

/// Types that are out of scope: internals, geometry, XML, full text search.
const FOREIGN_TYPES: &[&str] = &[
    "internal",
    "cstring",
    "point",
    "lseg",
    "path",
    "box",
    "polygon",
    "line",
    "circle",
    "xml",
    "tsvector",
    "tsquery",
    "trigger",
    "event_trigger",
    "fdw_handler",
    "index_am_handler",
    "table_am_handler",
    "tsm_handler",
    "language_handler",
    "pg_node_tree",
    "pg_ndistinct",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
    "gtsvector",
    "aclitem",
    "txid_snapshot",
    "pg_snapshot",
    "xid8",
    "regdictionary",
    "regconfig",
    "macaddr8",
    "money",
    "tid",
    "xid",
    "cid",
    "refcursor",
    "pg_ddl_command",
    "bpchar_pattern",
];

/// How descriptions begin of what serves indexes, the planner, statistics, replication or PostgreSQL's own insides.
const FOREIGN_DESCRIPTIONS: &[&str] = &[
    "I/O",
    "GiST",
    "GIN",
    "BRIN",
    "SP-GiST",
    "statistics:",
    "restriction selectivity",
    "join selectivity",
    "planner support",
    "hash",
    "less-equal-greater",
    "sort support",
    "(internal)",
    "internal",
    "historical",
    "aggregate",
    "equal image",
    "btree",
    "window in_range",
    "larger of two",
    "smaller of two",
    "user mapping",
    "trigger",
    "access method",
    "SQL:",
    "convert typmod",
    "large object",
];

/// Beginnings of names of the same kind, and of administration.
const FOREIGN_NAMES: &[&str] = &[
    "pg_",
    "binary_upgrade_",
    "in_range",
    "RI_",
    "lo_",
    "lo",
    "txid_",
    "ts_",
    "has_",
    "row_security",
    "to_ts",
    "_pg_",
    "information_schema",
    "gin_",
    "gist",
    "brin",
    "spg",
    "bt",
    "uuid_s",
    "acl",
    "make_acl",
    "xml",
    "query_to",
    "table_to",
    "cursor_to",
    "schema_to",
    "database_to",
    "inet_server",
    "inet_client",
    "current_setting",
    "set_config",
    "hash",
    "plpgsql_",
    "currtid",
    "shobj_",
    "obj_desc",
    "col_desc",
];

fn is_foreign(signature: &str, result: &str) -> bool {
    let arguments = signature.split_once('(').map_or("", |(_, rest)| rest.trim_end_matches(')'));
    arguments.split(',').chain([result]).any(|ty| FOREIGN_TYPES.contains(&ty.trim_end_matches("[]")))
}

/// The family of a signature: that of the most special of its types.
fn family(kind: &str, arguments: &str, result: &str) -> &'static str {
    match kind {
        "a" => return "aggregates",
        "w" => return "window functions",
        _ => {}
    }
    const BY_TYPE: &[(&str, &[&str])] = &[
        ("ranges", &["range"]),
        ("json", &["json"]),
        ("arrays", &["array", "[]"]),
        ("network", &["inet", "cidr", "macaddr"]),
        ("enums", &["enum"]),
        ("uuid", &["uuid"]),
        ("dates and times", &["date", "time", "interval"]),
        ("bit strings", &["bit"]),
        ("bytea", &["bytea"]),
        ("text", &["text", "char", "name"]),
        ("numeric", &["numeric"]),
        ("floats", &["double", "real"]),
        ("integers", &["int"]),
        ("boolean", &["bool"]),
    ];
    let types = format!("{arguments} {result}");
    BY_TYPE.iter().find(|(_, words)| words.iter().any(|word| types.contains(word))).map_or("other", |(name, _)| name)
}

/// The families with what they have and lack.
pub fn families() -> BTreeMap<&'static str, Family> {
    let mut out: BTreeMap<&'static str, Family> = BTreeMap::new();
    let mut reader = csv::Reader::from_reader(include_bytes!("../../data/pg_proc.csv").as_slice());
    for row in reader.records() {
        let row = row.expect("pg_proc.csv is well-formed CSV");
        let (name, description) = (&row[1], &row[12]);
        let signature = signature(name, &row[11]);
        let begins = |list: &[&str], text: &str| list.iter().any(|word| text.starts_with(word));
        let serves = begins(FOREIGN_DESCRIPTIONS, description)
            || begins(FOREIGN_NAMES, name) && !matches!(name, "lower" | "lower_inc" | "lower_inf" | "log" | "log10" | "bttext");
        let is_operator = description.starts_with("implementation of");
        if is_operator
            || serves && &row[2] == "f" && !matches!(name, "lower" | "lower_inc" | "lower_inf")
            || is_foreign(&signature, &row[9])
        {
            continue;
        }
        let family = out.entry(family(&row[2], &row[11], &row[9])).or_default();
        family.functions += 1;
        if lookup(&signature).is_none() {
            family.missing_functions.push(signature);
        }
    }
    let mut operators: Vec<_> = built_in::operators().by_oid.values().collect();
    operators.sort_by_key(|operator| operator.oid);
    for operator in operators {
        let name = |ty| crate::catalog::type_name::format_built_in(ty);
        let left = if operator.left == 0 { String::new() } else { name(operator.left) };
        let (right, result) = (name(operator.right), name(operator.result));
        let types = format!("{left},{right}");
        if is_foreign(&format!("f({types})"), &result) {
            continue;
        }
        let family = out.entry(family("f", &types, "")).or_default();
        family.operators += 1;
        if lookup(&operator.proc.signature).is_none() {
            family.missing_operators.push(format!("{left} {} {right}: {}", operator.name, operator.proc.signature));
        }
    }
    out
}

/// The table in Markdown.
pub fn table() -> String {
    let mut out = String::from("| family | functions | operators |\n| --- | --- | --- |\n");
    for (name, family) in families() {
        let have = |all: usize, missing: usize| format!("{} of {all}", all - missing);
        let functions = have(family.functions, family.missing_functions.len());
        let operators = have(family.operators, family.missing_operators.len());
        out += &format!("| {name} | {functions} | {operators} |\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::families;

    #[test]
    fn families_that_are_whole_stay_whole() {
        let families = families();
        for name in ["bit strings", "enums", "network", "window functions"] {
            let family = &families[name];
            assert!(family.functions > 0, "{name} has no functions");
            assert!(family.missing_functions.is_empty(), "{name} lacks {:?}", family.missing_functions);
            assert!(family.missing_operators.is_empty(), "{name} lacks {:?}", family.missing_operators);
        }
        println!("{}", super::table());
    }
}
