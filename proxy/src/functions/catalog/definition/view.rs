//! `pg_get_viewdef` and `pg_get_ruledef`: a view's query as it is kept, which names every relation with its schema. The layout (one column a
//! line) and the qualification of columns are not PostgreSQL's; the meaning is.

use super::{
    super::super::{Body::Scalar, Call, Row, Value, ValueRef, row},
    oid, text,
};
use crate::{
    catalog::type_name::quote_identifier,
    error::Result,
    types::{Oid, registered::kind, text::text as text_of},
};

pub(super) const ROWS: &[Row] = &[
    row("pg_get_viewdef(text)", Scalar(definition)),
    row("pg_get_viewdef(oid)", Scalar(definition)),
    row("pg_get_viewdef(text,boolean)", Scalar(definition)),
    row("pg_get_viewdef(oid,boolean)", Scalar(definition)),
    row("pg_get_viewdef(oid,integer)", Scalar(definition)),
    row("pg_get_ruledef(oid)", Scalar(rule)),
    row("pg_get_ruledef(oid,boolean)", Scalar(rule)),
];

/// A view's query; of a relation that is no view, PostgreSQL says so in words.
fn definition(call: &Call<'_>) -> Result<Value> {
    let oid = match call.args[0] {
        ValueRef::Integer(oid) => oid as Oid,
        name => kind("regclass")?.find(text_of(name)?, call.cx)??,
    };
    text(call.cx.catalog.relation_by_oid(oid).map(|relation| match &relation.query {
        Some(query) => format!(" {};", query.trim()),
        None => "Not a view".to_owned(),
    }))
}

/// The rule that makes a view of a relation: the only rules that there are.
fn rule(call: &Call<'_>) -> Result<Value> {
    let found = call.cx.catalog.view_of_rule(oid(call, 0)?);
    text(found.map(|view| {
        let name = format!("{}.{}", quote_identifier(&view.name.schema), quote_identifier(&view.name.name));
        format!("CREATE RULE \"_RETURN\" AS\n    ON SELECT TO {name} DO INSTEAD  {};", view.query.trim())
    }))
}
