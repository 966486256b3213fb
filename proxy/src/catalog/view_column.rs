//! The columns that a view reads, for `pg_depend`: of the relations that its query names, not of those behind other views.

use std::sync::Arc;

use peergres_sync::schema::View;

use super::Catalog;
use crate::{
    bind::{self, tree::ExprKind},
    session::context::Context,
    types::Oid,
};

/// Relations and column numbers; number 0 for a relation none of whose columns is read.
pub(super) fn columns(catalog: &Arc<Catalog>, view: &View) -> Vec<(Oid, i16)> {
    let named = crate::define::view::relations(view);
    let named: Vec<Oid> = named.iter().filter_map(|name| Some(catalog.relation(Some(&name.schema), &name.name, &[])?.oid)).collect();
    let mut found: Vec<(Oid, i16)> = Vec::new();
    let cx = Context { catalog: catalog.clone(), ..Context::default() };
    let parsed = crate::parse::stored_query(&view.query);
    if let Ok(bound) = parsed.map_err(|_| ()).and_then(|query| bind::query(&query, &view.query, &cx).map_err(|_| ())) {
        bound.for_each_expr(&mut |expr| {
            if let ExprKind::Column(column) = &expr.kind
                && named.contains(&column.table)
            {
                found.push((column.table, column.number));
            }
        });
    }
    for relation in named {
        if !found.iter().any(|(known, _)| *known == relation) {
            found.push((relation, 0));
        }
    }
    found
}
