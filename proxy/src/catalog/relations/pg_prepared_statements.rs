//! `pg_prepared_statements` and `pg_cursors`: what this session has prepared and opened.

use super::super::segment::{Segment, row};
use crate::{
    error::Result,
    session::context::Context,
    types::{TypeRef, array::Array},
};

/// The prepared statements that have a name.
pub(super) fn rows(cx: &Context, out: &mut Segment) -> Result<()> {
    for statement in cx.services.statements() {
        let types = statement.parameters.iter().map(|oid| Some(cx.catalog.format_type(TypeRef::new(*oid), &cx.search_path))).collect();
        out.push(row![
            statement.name,
            statement.statement,
            statement.since,
            Array::from_elements(types).write(','),
            statement.by_sql,
            0_i64, // generic_plans
            0_i64, // custom_plans
        ]);
    }
    Ok(())
}

/// The cursors that have a name.
pub(super) fn cursors(cx: &Context, out: &mut Segment) -> Result<()> {
    for cursor in cx.services.cursors() {
        out.push(row![cursor.name, cursor.statement, cursor.holdable, cursor.binary, cursor.scrollable, cursor.since]);
    }
    Ok(())
}
