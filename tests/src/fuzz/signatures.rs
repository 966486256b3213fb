//! What can be applied to what: operators, functions, casts and aggregates, read from PostgreSQL's own catalogs, so that a new row there is
//! fuzzed without a line here.

use std::collections::BTreeMap;

use postgres::Client;

use super::values::{SAMPLES, index_of};

/// How a signature is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// `a OP b`.
    Binary(String),
    /// `OP a`.
    Prefix(String),
    /// `name(a, …)`.
    Call(String),
    /// `a::type`.
    Cast,
}

/// One applicable thing with concrete types, by their place in [`SAMPLES`].
#[derive(Clone, Debug)]
pub struct Signature {
    /// How it is written.
    pub form: Form,
    /// Argument types.
    pub arguments: Vec<usize>,
    /// Result type.
    pub result: usize,
}

/// Signatures by result type.
#[derive(Debug, Default)]
pub struct Signatures {
    /// Scalar ones.
    pub scalar: BTreeMap<usize, Vec<Signature>>,
    /// Aggregates.
    pub aggregate: BTreeMap<usize, Vec<Signature>>,
    /// Window functions.
    pub window: BTreeMap<usize, Vec<Signature>>,
}

/// Functions whose answers depend on the server, the session, or a hash that PostgreSQL does not promise to keep; the index support,
/// selectivity and encoding-conversion functions that no user calls.
const LEFT_OUT: &str = "^(pg_|txid_|inet_client|inet_server|current_|session_|has_|row_security|version|getdatabase|getpgusername|hash|lo_|lo|be_lo|
    |brin|gin|gist|spg|bt|ts_|to_ts|plainto|phraseto|websearch|numnode|querytree|tsvector|tsquery|xml|query_to|table_to|schema_to|cursor_to|database_to
    |array_typanalyze|range_typanalyze|multirange_typanalyze|unique_key_recheck|amvalidate|network_sub|network_sup|network_over|jsonb_hash|in_range
    |set_config|nextval|currval|setval|lastval|to_reg|format_type|obj_desc|col_desc|shobj|like_escape|similar_escape|.*(send|recv|sel|joinsel|support|_typmod|larger|smaller|_accum|_combine|_serialize|_deserialize|_invfn|_canonical|_subdiff|sortsupport|_transfn|_finalfn|accum_inv|avg_accum|_sum|_avg)$
    |.*_(cmp|hash|hash_extended|consistent|penalty|picksplit|union|same|compress|decompress|fetch|distance)$|now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|age|random|gen_random|setseed|query|binary_upgrade|gtsvector|acl|mxid|currtid|cstring|record_|oidvector|int2vector|pg)";

/// Reads the signatures of all that takes and gives types of the fuzzer.
///
/// # Panics
/// If PostgreSQL does not answer.
pub fn load(oracle: &mut Client) -> Signatures {
    let mut all = Signatures::default();
    let operators = "SELECT oprname::text, CASE WHEN oprkind = 'b' THEN format_type(oprleft, NULL) END, format_type(oprright, NULL),
        format_type(oprresult, NULL) FROM pg_operator ORDER BY oid";
    for row in oracle.query(operators, &[]).expect("pg_operator can be read") {
        let name: String = row.get(0);
        let left: Option<String> = row.get(1);
        let form = if left.is_some() { Form::Binary(name) } else { Form::Prefix(name) };
        let arguments = left.into_iter().chain([row.get::<_, String>(2)]).collect::<Vec<_>>();
        add_all(&mut all.scalar, &form, &arguments, &row.get::<_, String>(3));
    }
    let functions = "SELECT proname::text, prokind::text, ARRAY(SELECT format_type(a, NULL) FROM unnest(proargtypes) WITH ORDINALITY u(a, n) ORDER BY n),
        format_type(prorettype, NULL) FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND NOT proretset AND provariadic = 0
        AND prokind IN ('f', 'a', 'w') AND proname !~ $1 AND NOT EXISTS (SELECT FROM pg_aggregate WHERE aggfnoid = pg_proc.oid AND aggkind <> 'n') ORDER BY oid";
    let left_out: String = LEFT_OUT.split_whitespace().collect();
    for row in oracle.query(functions, &[&left_out]).expect("pg_proc can be read") {
        let into = match row.get::<_, String>(1).as_str() {
            "a" => &mut all.aggregate,
            "w" => &mut all.window,
            _ => &mut all.scalar,
        };
        add_all(into, &Form::Call(row.get(0)), &row.get::<_, Vec<String>>(2), &row.get::<_, String>(3));
    }
    let casts = "SELECT format_type(castsource, NULL), format_type(casttarget, NULL) FROM pg_cast ORDER BY oid";
    for row in oracle.query(casts, &[]).expect("pg_cast can be read") {
        add_all(&mut all.scalar, &Form::Cast, &[row.get::<_, String>(0)], &row.get::<_, String>(1));
    }
    for source in 0..SAMPLES.len() {
        // Every type has an I/O cast to text.
        let text = index_of("text").expect("text is among the samples");
        all.scalar.entry(text).or_default().push(Signature { form: Form::Cast, arguments: vec![source], result: text });
    }
    all
}

/// Element types and what polymorphic names stand for with them.
const FAMILIES: &[[(&str, &str); 9]] = &[
    family("integer", "integer[]", "int4range", "int4multirange"),
    family("text", "text[]", "", ""),
    family("numeric", "numeric[]", "numrange", "nummultirange"),
    family("bigint", "bigint[]", "int8range", ""),
];

const fn family(
    element: &'static str,
    array: &'static str,
    range: &'static str,
    multirange: &'static str,
) -> [(&'static str, &'static str); 9] {
    [
        ("anyelement", element),
        ("anynonarray", element),
        ("anyarray", array),
        ("anyrange", range),
        ("anymultirange", multirange),
        ("anycompatible", element),
        ("anycompatiblenonarray", element),
        ("anycompatiblearray", array),
        ("anycompatiblerange", range),
    ]
}

fn add_all(into: &mut BTreeMap<usize, Vec<Signature>>, form: &Form, arguments: &[String], result: &str) {
    let polymorphic = arguments.iter().any(|a| a.starts_with("any"));
    let mut add = |concrete: &dyn Fn(&str) -> String| {
        let arguments: Option<Vec<usize>> = arguments.iter().map(|a| index_of(&concrete(a))).collect();
        if let (Some(arguments), Some(result)) = (arguments, index_of(&concrete(result))) {
            into.entry(result).or_default().push(Signature { form: form.clone(), arguments, result });
        }
    };
    if !polymorphic {
        add(&str::to_owned);
        return;
    }
    for family in FAMILIES {
        add(&|ty| family.iter().find(|(name, _)| *name == ty).map_or(ty, |(_, concrete)| concrete).to_owned());
    }
}
