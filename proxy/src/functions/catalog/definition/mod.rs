//! Definitions of objects as PostgreSQL prints them (`ruleutils.c`): `pg_get_expr`, `pg_get_constraintdef`, `pg_get_indexdef`,
//! `pg_get_functiondef`, `pg_get_viewdef` and their kin. Enters: an OID. Leaves: SQL text that makes the object again.

use super::super::{
    Body::{Native, Scalar},
    Call, Row, Value, row,
};
use crate::{error::Result, types::Oid};

mod constraint;
mod expression;
mod function;
mod index;
mod trigger;
mod view;

pub(super) const TOPICS: &[&[Row]] = &[ROWS, function::ROWS, view::ROWS];

const ROWS: &[Row] = &[
    row("pg_get_expr(pg_node_tree,oid)", Scalar(expression::of_column)),
    row("pg_get_expr(pg_node_tree,oid,boolean)", Scalar(expression::of_column)),
    row("pg_get_constraintdef(oid)", Scalar(constraint::definition)),
    row("pg_get_constraintdef(oid,boolean)", Scalar(constraint::definition)),
    row("pg_get_indexdef(oid)", Scalar(index::definition)),
    row("pg_get_indexdef(oid,integer,boolean)", Scalar(index::definition)),
    row("pg_get_triggerdef(oid)", Scalar(trigger::definition)),
    row("pg_get_triggerdef(oid,boolean)", Scalar(trigger::definition)),
    // No object of these kinds can be made here, so that no OID bears one.
    row("pg_get_partkeydef(oid)", Native("NULL")),
    row("pg_get_partition_constraintdef(oid)", Native("NULL")),
    row("pg_get_statisticsobjdef(oid)", Native("NULL")),
    row("pg_get_statisticsobjdef_columns(oid)", Native("NULL")),
    row("pg_get_statisticsobjdef_expressions(oid)", Native("NULL")),
];

/// An OID argument.
fn oid(call: &Call<'_>, i: usize) -> Result<Oid> {
    Ok(call.int(i)? as Oid)
}

/// A boolean argument that may be left out.
fn flag(call: &Call<'_>, i: usize) -> Result<bool> {
    if call.args.len() > i { call.boolean(i) } else { Ok(false) }
}

/// A text, or NULL.
fn text(found: Option<String>) -> Result<Value> {
    Ok(found.map_or(Value::Null, Value::Text))
}
