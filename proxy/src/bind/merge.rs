//! MERGE: each WHEN becomes a staged change over the rows that no WHEN before it took (`transformMergeStmt`).

use super::{
    Binder, Clause,
    change::Changed,
    insert::{BoundInsert, Rows, retain, takes_value},
    staged::{Program, Returned},
    tree::{Expr, ExprKind, From, Query, Subquery, SubqueryKind, Target as Item},
    update::Assigned,
};
use crate::{
    error::Result,
    execute::plan::Action,
    parse::change::{Merge, MergeAction, When},
    rewrite::quote_identifier,
    types::{TypeRef, oid},
};

/// MERGE with its names resolved.
struct BoundMerge {
    changed: Changed,
    source: Vec<From>,
    on: Expr,
    /// Of the WHENs of either kind, the conditions met before.
    met: [Vec<Expr>; 2],
    /// Temporary tables of rows that are updated or deleted.
    touched: Vec<String>,
}

fn boolean(kind: ExprKind) -> Expr {
    Expr::new(kind, TypeRef::new(oid::BOOL))
}

fn not(expr: Expr) -> Expr {
    boolean(ExprKind::IsTruth { expr: Box::new(expr), truth: Some(true), negated: true })
}

fn all(mut parts: Vec<Expr>) -> Option<Expr> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(boolean(ExprKind::And(parts))),
    }
}

impl Binder<'_> {
    /// Stages a MERGE.
    pub(super) fn stage_merge(&mut self, program: &mut Program, merge: &Merge) -> Result<Returned> {
        let changed = self.changed(&merge.table, merge.alias.as_ref())?;
        let mut scope = changed.scope(Clause::Where);
        let (source, items) = self.from_clause(std::slice::from_ref(&merge.source), None)?;
        scope.items.extend(items);
        let on = self.filter(Some(&merge.on), &mut scope)?.unwrap_or_else(|| boolean(ExprKind::Constant(1.into())));
        let mut bound = BoundMerge { changed, source, on, met: [Vec::new(), Vec::new()], touched: Vec::new() };
        // The plain names of a row that is not there mean the source's.
        let mut without = scope.items.clone();
        without.remove(0);
        for when in &merge.whens {
            let mut scope = super::Scope {
                items: if when.matched { scope.items.clone() } else { without.clone() },
                ..super::Scope::empty(Clause::Where)
            };
            self.stage_when(program, &mut bound, when, &mut scope)?;
        }
        let keys: Vec<String> = bound.touched.iter().map(|name| format!("SELECT \"~key\" FROM temp.{}", quote_identifier(name))).collect();
        if !keys.is_empty() {
            program.find(format!(
                "SELECT {}(1) FROM ({}) GROUP BY \"~key\" HAVING count(*) > 1",
                crate::execute::twice::FUNCTION,
                keys.join(" UNION ALL ")
            ));
        }
        Ok(None)
    }

    fn stage_when(&mut self, program: &mut Program, bound: &mut BoundMerge, when: &When, scope: &mut super::Scope<'_>) -> Result<()> {
        let condition = self.filter(when.condition.as_ref(), scope)?;
        let before: Vec<Expr> = bound.met[usize::from(when.matched)].iter().cloned().map(not).collect();
        let whole = condition.clone().unwrap_or_else(|| boolean(ExprKind::Constant(1.into())));
        let mut parts: Vec<Expr> = condition.into_iter().collect();
        parts.extend(before);
        match &when.action {
            MergeAction::Nothing => {}
            MergeAction::Update(assignments) => {
                let assigned = self.assignments(&bound.changed, assignments, scope)?;
                let found = self.matched(program, bound, &assigned, parts)?;
                self.update_found(program, &bound.changed, &assigned, &found)?;
                self.after_statement(program, &bound.changed, 'u', Some(&assigned));
                bound.touched.push(found);
            }
            MergeAction::Delete => {
                let found = self.matched(program, bound, &Assigned::default(), parts)?;
                self.before_rows(program, &bound.changed, 'd', &found, None)?;
                let table = quote_identifier(&bound.changed.table.physical);
                let key = quote_identifier(bound.changed.table.row_key());
                let sql = format!("DELETE FROM {table} WHERE {key} IN (SELECT \"~key\" FROM temp.{})", quote_identifier(&found));
                program.change(sql, bound.changed.target(Action::Delete, None));
                self.after_rows(program, &bound.changed, 'd', &found, None);
                self.after_statement(program, &bound.changed, 'd', None);
                bound.touched.push(found);
            }
            MergeAction::Insert(columns, overriding, values) => {
                let named = columns;
                let mut columns = self.insert_columns(&bound.changed, named)?;
                let mut row = Vec::new();
                match values {
                    Some(values) => {
                        let extra = values.get(columns.len()).map_or(0, |expr| self.position_at(expr));
                        self.check_width(named, &columns, values.len(), extra)?;
                        columns.truncate(values.len());
                        row = self.row_values(&bound.changed, *overriding, values, &columns, scope)?;
                    }
                    None => columns.clear(),
                }
                let kept: Vec<bool> = columns.iter().map(|at| takes_value(&bound.changed.table.columns[*at], *overriding)).collect();
                retain(&mut columns, &kept);
                retain(&mut row, &kept);
                self.stage_unmatched(program, bound, columns, row, parts)?;
            }
        }
        bound.met[usize::from(when.matched)].push(whole);
        Ok(())
    }

    /// The rows of the table that the source matches.
    fn matched(&mut self, program: &mut Program, bound: &BoundMerge, assigned: &Assigned, mut parts: Vec<Expr>) -> Result<String> {
        parts.insert(0, bound.on.clone());
        let mut sources = bound.source.clone();
        sources.insert(0, bound.changed.from());
        self.found(program, &bound.changed, assigned, sources, all(parts), Vec::new())
    }

    /// INSERT of the source's rows that match none of the table's.
    fn stage_unmatched(
        &mut self,
        program: &mut Program,
        bound: &BoundMerge,
        columns: Vec<usize>,
        row: Vec<Expr>,
        mut parts: Vec<Expr>,
    ) -> Result<()> {
        let one = Item { expr: Expr::new(ExprKind::Constant(1.into()), TypeRef::new(oid::INT4)), name: "one".to_owned() };
        let there: Query = self.select_of(vec![one], vec![bound.changed.from()], Some(bound.on.clone()));
        let exists = boolean(ExprKind::Subquery(Box::new(Subquery { kind: SubqueryKind::Exists, query: there })));
        parts.push(boolean(ExprKind::Not(Box::new(exists))));
        let targets =
            columns.iter().zip(row).map(|(at, expr)| Item { expr, name: bound.changed.table.columns[*at].name.clone() }).collect();
        let query = self.select_of(targets, bound.source.clone(), all(parts));
        let (columns, rows) = self.complete(&bound.changed, columns, Rows::Query(Box::new(query)))?;
        let changed = bound.changed.clone();
        let insert = BoundInsert { changed, columns, rows, conflict: None, returned: None };
        self.stage_insert(program, insert).map(|_| ())
    }
}
