//! DELETE: USING, RETURNING (`transformDeleteStmt`). Without USING one plain SQLite DELETE comes out; with it the rows are found by a query
//! over the table and the others, and deleted by their keys.

use sqlparser::ast::{Delete, FromTable, TableFactor};

use super::{Binder, Clause, change::Changed, tree::Target as Item};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::{Action, Plan, Role, Step, Tag},
    rewrite::{self, quote_identifier},
};

impl Binder<'_> {
    /// Plans a DELETE.
    pub(super) fn plan_delete(&mut self, delete: &Delete) -> Result<Plan> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [table] = tables.as_slice() else { return Err(SqlError::new(SqlState::SYNTAX_ERROR, "syntax error in DELETE")) };
        if !delete.tables.is_empty() || delete.limit.is_some() || !delete.order_by.is_empty() || !table.joins.is_empty() {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "syntax error in DELETE"));
        }
        let TableFactor::Table { name, alias, .. } = &table.relation else { return Err(SqlError::unsupported("DELETE from a query")) };
        if let Some(found) = self.own_deletion(name)? {
            return self.delete_own(delete, alias.as_ref(), found);
        }
        let changed = self.changed(name, alias.as_ref().map(|alias| &alias.name))?;
        if delete.using.is_some() {
            return self.delete_using(&changed, delete);
        }
        let mut scope = changed.scope(Clause::Where);
        let mut sql = format!("DELETE FROM {}", changed.sqlite());
        if let Some(filter) = self.filter(delete.selection.as_ref(), &mut scope)? {
            sql += &format!(" WHERE {}", rewrite::condition(&filter, self.cx)?);
        }
        let mut output = Vec::new();
        if let Some(items) = &delete.returning {
            let items = self.returning(items, &mut scope)?;
            let (clause, columns) = self.returning_clause(&changed, &items)?;
            sql += &clause;
            output = columns;
        }
        self.single(sql, changed.target(Action::Delete, None), output, Tag::Delete)
    }

    fn delete_using(&mut self, changed: &Changed, delete: &Delete) -> Result<Plan> {
        let mut scope = changed.scope(Clause::Where);
        let (mut sources, items) = self.from_clause(delete.using.as_deref().unwrap_or_default(), None)?;
        scope.items.extend(items);
        let filter = self.filter(delete.selection.as_ref(), &mut scope)?;
        let returned = match &delete.returning {
            Some(items) => self.returning(items, &mut scope)?,
            None => Vec::new(),
        };
        sources.insert(0, changed.from());
        let mut targets = vec![Item { expr: changed.key(), name: "key".to_owned() }];
        let columns = self.output(&returned);
        targets.extend(returned);
        let width = targets.len();
        let query = self.select_of(targets, sources, filter);
        let found = rewrite::query(&query, self.cx)?;
        let key = quote_identifier(changed.table.row_key());
        let target = changed.target(Action::Delete, None);
        let delete_by =
            |source: &str| format!("DELETE FROM {} WHERE {key} IN (SELECT c1 FROM {source})", quote_identifier(&changed.table.physical));
        if columns.is_empty() {
            return self.single(delete_by(&format!("({found})")), target, Vec::new(), Tag::Delete);
        }
        let list: Vec<String> = (2..=width).map(|n| format!("c{n}")).collect();
        // A row that several others match is deleted once, and told once.
        let result = format!("SELECT {} FROM temp.\"~found\" GROUP BY c1", list.join(", "));
        let steps = vec![
            Step::read(format!("CREATE TEMP TABLE \"~found\" AS {found}"), Role::Auxiliary),
            Step::change(delete_by("temp.\"~found\""), Role::Auxiliary, target),
            Step::read(result, Role::Result),
            Step::read("DROP TABLE temp.\"~found\"", Role::Auxiliary),
        ];
        Ok(Plan { steps, columns, parameters: self.finish_parameters()?, tag: Tag::Delete, writes: true })
    }
}
