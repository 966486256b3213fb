//! Comparison operators of all types, made from `pg_operator.csv` rather than by hand: where both sides lie in the same storage
//! form, SQLite's operator under the type's collation (the emitter writes the COLLATE) is PostgreSQL's.

use std::sync::LazyLock;

use super::Body;

/// Operators and the SQLite expression of each; the pattern operators are the plain ones under collation C.
const OPERATORS: &[(&str, &str)] = &[
    ("=", "({0} = {1})"),
    ("<>", "({0} <> {1})"),
    ("<", "({0} < {1})"),
    ("<=", "({0} <= {1})"),
    (">", "({0} > {1})"),
    (">=", "({0} >= {1})"),
    ("~<~", "({0} < {1})"),
    ("~<=~", "({0} <= {1})"),
    ("~>~", "({0} > {1})"),
    ("~>=~", "({0} >= {1})"),
];

/// Types that lie alike, family by family: any two of a family compare as stored.
const FAMILIES: &[&[&str]] = &[
    &["smallint", "integer", "bigint", "oid", "xid", "cid"],
    &["real", "double precision"],
    &["text", "name"],
    &["boolean"],
    &["\"char\""],
    &["character"],
    &["bytea"],
    &["uuid"],
    &["numeric"],
    &["date"],
    &["time without time zone"],
    &["time with time zone"],
    &["timestamp without time zone"],
    &["timestamp with time zone"],
    &["interval"],
    &["jsonb"],
    &["inet"],
    &["macaddr"],
    &["macaddr8"],
    &["bit"],
    &["bit varying"],
    &["xid8"],
    &["tid"],
    &["pg_lsn"],
    &["oidvector"],
    &["anyarray"],
    &["anyenum"],
    &["anyrange"],
    &["anymultirange"],
    &["record"],
];

/// Signature and body of each.
pub(super) fn rows() -> impl Iterator<Item = (&'static str, Body)> {
    static SIGNATURES: LazyLock<Vec<(String, &'static str)>> = LazyLock::new(|| {
        let mut rows = Vec::new();
        for row in csv::Reader::from_reader(include_bytes!("../../data/pg_operator.csv").as_slice()).records() {
            let row = row.expect("pg_operator.csv is well-formed CSV");
            let (left, right) = (&row[5], &row[6]);
            let is_alike = FAMILIES.iter().any(|family| family.contains(&left) && family.contains(&right));
            let Some((_, template)) = OPERATORS.iter().find(|(name, _)| *name == &row[1] && is_alike) else { continue };
            let signature = format!("{}({left},{right})", &row[10]);
            if !rows.iter().any(|(s, _)| *s == signature) {
                rows.push((signature, *template));
            }
        }
        rows
    });
    SIGNATURES.iter().map(|(signature, template)| (&**signature, Body::Native(template)))
}
