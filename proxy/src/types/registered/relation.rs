//! regclass: relations by name, and their shortest visible names.

use super::{Found, Oid, Qualified, qualified::shown};
use crate::{
    catalog::Relation,
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// A relation by name.
pub(super) fn find(text: &str, cx: &Context) -> Result<Found> {
    let name = Qualified::parse(text, "relation", cx)?;
    if let Some(relation) = cx.catalog.relation(name.schema.as_deref(), &name.name, &cx.search_path) {
        return Ok(Ok(relation.oid));
    }
    let missing = || SqlError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{}\" does not exist", name.plain()));
    Ok(Err(name.check_schema(cx).err().unwrap_or_else(missing)))
}

/// Whether the relation is the one that its bare name finds.
pub(crate) fn is_visible(relation: &Relation, cx: &Context) -> bool {
    cx.catalog.relation(None, &relation.name.name, &cx.search_path).is_some_and(|found| found.oid == relation.oid)
}

/// A relation's name, with its schema unless it is visible, quoted where needed.
pub(crate) fn visible_name(relation: &Relation, cx: &Context) -> String {
    shown(&relation.name.schema, &relation.name.name, is_visible(relation, cx))
}

/// A relation's name by OID.
pub(super) fn show(oid: Oid, cx: &Context) -> Option<String> {
    cx.catalog.relation_by_oid(oid).map(|relation| visible_name(relation, cx))
}
