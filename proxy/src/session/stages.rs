//! The stages that a session calls, named in one place: a statement enters `bind` or `define`, a plan or a changed schema leaves.

use std::sync::Arc;

use peergres_sync::{commit::Transaction, schema::Schema};

use super::context::Context;
use crate::{
    bind,
    catalog::Catalog,
    define::{self, Outcome},
    error::{Result, SqlError},
    execute::plan::Plan,
    parse::Node,
    types::{Oid, TypeRef},
};

/// The plan of a statement that reads or changes rows.
pub(super) fn plan(node: &Node, source: &str, declared: &[Oid], cx: &Context) -> Result<Plan> {
    match node {
        Node::Statement(statement) => bind::plan(statement, source, declared, cx),
        Node::Change(change) => bind::plan_change(change, source, declared, cx),
        Node::Command(_) | Node::Definition(_) => Err(SqlError::internal("this statement has no plan")),
    }
}

/// The plan of a statement inside a function; with `result` its columns are brought to these types.
pub(super) fn plan_nested(node: &Node, source: &str, types: &[Oid], cx: &Context, result: Option<&[TypeRef]>) -> Result<Plan> {
    bind::routine::plan(node, source, types, cx, result)
}

/// Whether a statement defines objects.
pub(super) fn defines(node: &Node) -> bool {
    define::defines(node)
}

/// The command tag of a statement that defines objects.
pub(super) fn tag(node: &Node) -> &'static str {
    define::tag(node)
}

/// Runs a statement that defines objects.
pub(super) fn run_definition(definition: define::Written<'_>, transaction: &mut Transaction, cx: &Context) -> Result<Outcome> {
    define::run(definition, transaction, cx)
}

/// The catalog of a schema, made from that of an earlier schema of the same database where there is one.
pub fn catalog_of(schema: &Arc<Schema>, before: Option<&Catalog>) -> Arc<Catalog> {
    match before {
        Some(before) => before.next(schema.clone()),
        None => Catalog::for_schema(schema.clone()),
    }
}
