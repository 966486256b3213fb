//! DELETE: USING, RETURNING (`transformDeleteStmt`). Without USING one plain SQLite DELETE comes out; with it the rows are found by a query
//! over the table and the others, and deleted by their keys.

use super::{
    Binder, Clause,
    change::Changed,
    tree::{Expr, From, Target as Item},
};
use crate::{
    error::Result,
    execute::plan::{Action, Plan, Tag},
    parse::change::Delete,
    rewrite::{self, quote_identifier},
};

/// A DELETE with its names resolved.
pub(super) struct BoundDelete {
    pub(super) changed: Changed,
    /// The other tables.
    pub(super) sources: Vec<From>,
    pub(super) filter: Option<Expr>,
    pub(super) returned: Option<Vec<Item>>,
}

impl BoundDelete {
    /// Whether RETURNING reads tables, which must be as before, or other tables' columns.
    pub(super) fn must_stage(&self) -> bool {
        let returned = self.returned.as_deref().unwrap_or_default();
        self.changed.fires('d') || !self.sources.is_empty() && !returned.is_empty() || returned.iter().any(|item| item.expr.reads(None))
    }
}

impl Binder<'_> {
    /// Binds a DELETE.
    pub(super) fn bind_delete(&mut self, delete: &Delete) -> Result<BoundDelete> {
        let changed = self.changed(&delete.table, delete.alias.as_ref())?;
        let mut scope = changed.scope(Clause::Where);
        let (sources, items) = self.from_clause(&delete.using, None)?;
        scope.items.extend(items);
        let filter = self.filter(delete.filter.as_ref(), &mut scope)?;
        let returned = match &delete.returning {
            Some(items) => Some(self.returning(items, &mut scope)?),
            None => None,
        };
        Ok(BoundDelete { changed, sources, filter, returned })
    }

    /// One SQLite statement.
    pub(super) fn delete_directly(&mut self, bound: BoundDelete) -> Result<Plan> {
        let BoundDelete { changed, mut sources, filter, returned } = bound;
        let target = changed.target(Action::Delete, None);
        if !sources.is_empty() {
            sources.insert(0, changed.from());
            let query = self.select_of(vec![Item { expr: changed.key(), name: "key".to_owned() }], sources, filter);
            let found = rewrite::query(&query, self.cx)?;
            let key = quote_identifier(changed.table.row_key());
            let sql = format!("DELETE FROM {} WHERE {key} IN (SELECT c1 FROM ({found}))", quote_identifier(&changed.table.physical));
            return self.single(sql, target, Vec::new(), Tag::Delete);
        }
        let mut sql = format!("DELETE FROM {}", changed.sqlite());
        if let Some(filter) = filter {
            sql += &format!(" WHERE {}", rewrite::condition(&filter, self.cx)?);
        }
        let mut output = Vec::new();
        if let Some(items) = returned {
            let (clause, columns) = self.returning_clause(&changed, &items)?;
            sql += &clause;
            output = columns;
        }
        self.single(sql, target, output, Tag::Delete)
    }
}
