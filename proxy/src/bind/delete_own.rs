//! DELETE from a relation of our own whose rows leave in a way of their own: the log, of which only what every device has may go.
//! Enters: the statement; leaves: the statements that stand for it, around a query of the rows' keys.

use std::sync::Arc;

use peergres_sync::schema::Table;
use sqlparser::ast::ObjectName;

use super::{
    Binder, Clause,
    binder::{fold, schema_and_name},
    change::Changed,
    scope::ScopeItem,
};
use crate::{
    catalog::{
        Relation,
        own::{self, Deletion},
    },
    error::{Result, SqlError},
    execute::plan::{Action, Plan, Role, Step, Tag},
    parse::change::Delete,
    rewrite,
};

impl Binder<'_> {
    /// The relation and its form of deletion, if the name is that of one that has it.
    pub(super) fn own_deletion(&self, name: &ObjectName) -> Result<Option<(Arc<Relation>, Deletion)>> {
        let position = self.position_at(name);
        let (schema, bare) = schema_and_name(name, self.cx).map_err(|error| error.at(position))?;
        let relation = self.relation(schema.as_deref(), &bare, position)?;
        Ok(own::deletion(&relation).map(|form| (relation, form)))
    }

    /// Plans it.
    pub(super) fn delete_own(&mut self, delete: &Delete, found: (Arc<Relation>, Deletion)) -> Result<Plan> {
        let (relation, Deletion { first, before, after }) = found;
        if !delete.using.is_empty() {
            return Err(SqlError::unsupported(format!("DELETE FROM {} with USING", relation.name.name)));
        }
        self.writes = true;
        let source = self.new_source();
        let shown = delete.alias.as_ref().map(fold);
        let item = ScopeItem::of_relation(&relation, shown.as_deref(), source);
        let table = Table { name: relation.name.clone(), physical: relation.physical.clone(), ..no_table() };
        let key = rewrite::quote_identifier(&relation.columns[0].physical);
        let changed = Changed { relation, table, source, item, triggers: Vec::new() };
        let mut scope = changed.scope(Clause::Where);
        let filter = match self.filter(delete.filter.as_ref(), &mut scope)? {
            Some(filter) => format!(" WHERE {}", rewrite::condition(&filter, self.cx)?),
            None => String::new(),
        };
        let mut sql = format!("{before}SELECT {key} FROM {}{filter}{after}", changed.sqlite());
        let mut output = Vec::new();
        if let Some(items) = &delete.returning {
            let items = self.returning(items, &mut scope)?;
            let (clause, columns) = self.returning_clause(&changed, &items)?;
            sql += &clause;
            output = columns;
        }
        let mut plan = self.single(sql, changed.target(Action::Delete, None), output, Tag::Delete)?;
        plan.steps.splice(0..0, first.iter().map(|sql| Step::read(*sql, Role::Auxiliary)));
        Ok(plan)
    }
}

/// A table without columns: failures of a deletion name only the table.
fn no_table() -> Table {
    Table {
        name: peergres_sync::schema::QualifiedName { schema: String::new(), name: String::new() },
        physical: String::new(),
        columns: Vec::new(),
        constraints: Vec::new(),
        next_column_number: 1,
        replicated: false,
        unlogged: false,
        hidden_key: false,
        materialized: None,
        comment: None,
    }
}
