//! `pg_table_is_visible` and its kin: whether an object is what its bare name finds along the search path.

use super::super::{Body::Scalar, Call, Row, Value, row};
use crate::{
    catalog::lookup,
    error::Result,
    session::context::Context,
    types::{
        Oid,
        registered::{procedure, relation},
    },
};

pub(super) const ROWS: &[Row] = &[
    row("pg_table_is_visible(oid)", Scalar(|call| answer(call, table))),
    row("pg_type_is_visible(oid)", Scalar(|call| answer(call, ty))),
    row("pg_function_is_visible(oid)", Scalar(|call| answer(call, function))),
    row("pg_operator_is_visible(oid)", Scalar(|call| answer(call, operator))),
    row("pg_collation_is_visible(oid)", Scalar(|call| in_path(call, "pg_collation", "collnamespace"))),
    row("pg_conversion_is_visible(oid)", Scalar(|call| in_path(call, "pg_conversion", "connamespace"))),
    row("pg_opclass_is_visible(oid)", Scalar(|call| in_path(call, "pg_opclass", "opcnamespace"))),
    row("pg_opfamily_is_visible(oid)", Scalar(|call| in_path(call, "pg_opfamily", "opfnamespace"))),
    row("pg_statistics_obj_is_visible(oid)", Scalar(|call| in_path(call, "pg_statistic_ext", "stxnamespace"))),
    row("pg_ts_config_is_visible(oid)", Scalar(|call| in_path(call, "pg_ts_config", "cfgnamespace"))),
    row("pg_ts_dict_is_visible(oid)", Scalar(|call| in_path(call, "pg_ts_dict", "dictnamespace"))),
    row("pg_ts_parser_is_visible(oid)", Scalar(|call| in_path(call, "pg_ts_parser", "prsnamespace"))),
    row("pg_ts_template_is_visible(oid)", Scalar(|call| in_path(call, "pg_ts_template", "tmplnamespace"))),
];

fn answer(call: &Call<'_>, is_visible: fn(Oid, &Context) -> Option<bool>) -> Result<Value> {
    Ok(is_visible(call.int(0)? as Oid, call.cx).map_or(Value::Null, |yes| Value::Integer(yes.into())))
}

fn table(oid: Oid, cx: &Context) -> Option<bool> {
    cx.catalog.relation_by_oid(oid).map(|found| relation::is_visible(found, cx))
}

fn ty(oid: Oid, cx: &Context) -> Option<bool> {
    let ty = cx.catalog.type_by_oid(oid)?;
    Some(cx.catalog.type_named(None, &ty.name, &cx.search_path).is_some_and(|found| found.oid == oid))
}

fn function(oid: Oid, cx: &Context) -> Option<bool> {
    cx.catalog.proc(oid).map(|proc| procedure::is_visible(proc, cx))
}

fn operator(oid: Oid, cx: &Context) -> Option<bool> {
    cx.catalog.operator(oid).map(|_| true)
}

/// For kinds that no user can make: all of one name stand in one schema, so that being in the path is enough.
fn in_path(call: &Call<'_>, relation: &str, namespace: &str) -> Result<Value> {
    let Some(row) = lookup::row(relation, "oid", call.int(0)? as Oid, call.cx)? else { return Ok(Value::Null) };
    let schema = call.cx.catalog.namespace_name(row.integer(namespace) as Oid).unwrap_or_default();
    let is_visible = call.cx.catalog.visible_schemas(&call.cx.search_path).any(|visible| visible == schema);
    Ok(Value::Integer(is_visible.into()))
}
