//! Lookups over the built-in rows.

use super::*;
use crate::types::{TypeRef, oid};

fn path() -> Vec<String> {
    vec!["public".to_owned()]
}

#[test]
fn type_names_resolve_and_print_as_postgresql_has_them() {
    let catalog = Catalog::built_in();
    for (text, oid, typmod, printed) in [
        ("integer", oid::INT4, -1, "integer"),
        ("INT", oid::INT4, -1, "integer"),
        ("character varying(20)", oid::VARCHAR, 24, "character varying(20)"),
        ("varchar", oid::VARCHAR, -1, "character varying"),
        ("char", oid::BPCHAR, 5, "character(1)"),
        ("\"char\"", oid::CHAR, -1, "\"char\""),
        ("timestamp(3) with time zone", oid::TIMESTAMPTZ, 3, "timestamp(3) with time zone"),
        ("timestamp", oid::TIMESTAMP, -1, "timestamp without time zone"),
        ("numeric(10,2)", oid::NUMERIC, 655366, "numeric(10,2)"),
        ("text[]", oid::TEXT_ARRAY, -1, "text[]"),
        ("int[][]", oid::INT4_ARRAY, -1, "integer[]"),
        ("double precision", oid::FLOAT8, -1, "double precision"),
        ("float(10)", oid::FLOAT4, -1, "real"),
        ("pg_catalog.regclass", oid::REGCLASS, -1, "regclass"),
        ("interval day to second(3)", oid::INTERVAL, 470_286_339, "interval day to second(3)"),
    ] {
        let ty = catalog.parse_type(text, &path()).expect(text);
        assert_eq!((ty.oid, ty.typmod), (oid, typmod), "{text}");
        assert_eq!(catalog.format_type(ty, &path()), printed, "{text}");
    }
    assert_eq!(catalog.parse_type("nonsense", &path()).expect_err("unknown").state(), "42704");
    assert_eq!(catalog.format_type(TypeRef::new(oid::RECORD), &path()), "record");
}

#[test]
fn functions_know_their_arguments() {
    let catalog = Catalog::built_in();
    let proc = |name: &str, signature: &str| {
        catalog.procs(name).find(|p| p.signature == signature).unwrap_or_else(|| panic!("{signature}")).clone()
    };
    let json_each = proc("json_each", "json_each(json)");
    assert_eq!(json_each.outputs.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["key", "value"]);
    let set = proc("jsonb_set", "jsonb_set(jsonb,text[],jsonb,boolean)");
    assert_eq!((set.defaults.as_slice(), set.arg_names[1].as_str()), (&["true".to_owned()][..], "path"));
    assert_eq!(proc("concat", "concat(\"any\")").variadic, oid::ANY);
    let percentile = proc("percentile_cont", "percentile_cont(double precision,double precision)");
    assert_eq!((percentile.aggregate_kind, percentile.direct_args), ('o', 1));
    assert_eq!(proc("make_interval", "make_interval(integer,integer,integer,integer,integer,integer,double precision)").defaults.len(), 7);
}

#[test]
fn every_operator_and_cast_function_is_known() {
    let operators = built_in::operators();
    assert!(operators.by_oid.len() > 780, "{}", operators.by_oid.len());
    for operator in operators.by_oid.values() {
        let arity = usize::from(operator.left != 0) + 1;
        assert_eq!(operator.proc.args.len(), arity, "{} {}", operator.name, operator.proc.signature);
    }
    for ((source, target), cast) in built_in::casts() {
        assert!(cast.method != CastMethod::Function || built_in::procs().by_oid.contains_key(&cast.proc), "{source} {target}");
    }
}

#[test]
fn relations_are_found_along_the_path() {
    let catalog = Catalog::built_in();
    let class = catalog.relation(None, "pg_class", &path()).expect("pg_class");
    assert_eq!((class.oid, class.physical.as_str(), class.kind), (1259, "pg_catalog.pg_class", RelationKind::Catalog));
    let tables = catalog.relation(Some("information_schema"), "tables", &path()).expect("tables");
    assert_eq!(tables.kind, RelationKind::View);
    assert_eq!(tables.columns[0].ty.oid, oid::NAME);
    assert!(catalog.relation(None, "tables", &path()).is_none());
}
