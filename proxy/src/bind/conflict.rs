//! ON CONFLICT: the unique keys that are meant, and what happens to a row that is there already (`transformOnConflictClause`,
//! `infer_arbiter_indexes`).

use peergres_sync::schema::{ConstraintRule, Index, Object};
use sqlparser::ast;

use super::{Binder, Clause, Scope, SourceId, binder::fold, change::Changed, scope::ScopeItem, tree::Expr, update::Assigned};
use crate::{
    error::{Result, SqlError, SqlState},
    parse::change::{ConflictTarget, OnConflict},
    rewrite::{self, quote_identifier},
};

/// ON CONFLICT with its names resolved.
pub(super) struct Conflict {
    /// The keys, each of which can stop a row; with DO UPDATE only one.
    pub(super) keys: Vec<Arbiter>,
    /// Whether the statement names a key; else it means all.
    pub(super) named: bool,
    /// `DO UPDATE SET … WHERE …`.
    pub(super) update: Option<(Assigned, Option<Expr>)>,
}

/// A unique key in SQLite's terms, over the table's bare columns.
#[derive(Clone)]
pub(super) struct Arbiter {
    /// Columns and expressions.
    pub(super) parts: Vec<String>,
    /// `WHERE` of a partial index.
    pub(super) predicate: Option<String>,
}

impl Arbiter {
    /// As a conflict target.
    fn target(&self) -> String {
        let predicate = self.predicate.as_ref().map(|p| format!(" WHERE {p}")).unwrap_or_default();
        format!(" ({}){predicate}", self.parts.join(", "))
    }
}

/// One part of what ON CONFLICT infers a key from.
#[derive(PartialEq)]
enum Part {
    Column(String),
    Expression(String),
}

impl Binder<'_> {
    /// Binds ON CONFLICT.
    pub(super) fn conflict(&mut self, changed: &Changed, on: &OnConflict) -> Result<Conflict> {
        let keys = match &on.target {
            ConflictTarget::Any if on.update.is_some() => {
                return Err(SqlError::new(
                    SqlState::SYNTAX_ERROR,
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                )
                .hint("For example, ON CONFLICT (column_name).")
                .at(on.position));
            }
            ConflictTarget::Any => self.all_keys(changed)?,
            ConflictTarget::Keys(keys, predicate) => self.inferred(changed, keys, predicate.as_ref())?,
            ConflictTarget::Constraint(name) => vec![self.of_constraint(changed, &fold(name))?],
        };
        let update = match &on.update {
            None => None,
            Some((assignments, filter)) => {
                let mut scope = changed.scope(Clause::OnConflict);
                scope.items.push(ScopeItem {
                    columns_visible: false,
                    ..ScopeItem::of_relation(&changed.relation, Some("excluded"), SourceId::EXCLUDED)
                });
                let assigned = self.assignments(changed, assignments, &mut scope)?;
                Some((assigned, self.filter(filter.as_ref(), &mut scope)?))
            }
        };
        Ok(Conflict { keys, named: !matches!(on.target, ConflictTarget::Any), update })
    }

    /// The clause of a SQLite INSERT.
    pub(super) fn conflict_clause(&mut self, changed: &Changed, conflict: &Conflict) -> Result<String> {
        let Some((assigned, filter)) = &conflict.update else {
            // Any of several keys of one meaning does; SQLite wants one, or none for all.
            let target = conflict.keys.first().filter(|_| conflict.named).map(Arbiter::target).unwrap_or_default();
            return Ok(format!(" ON CONFLICT{target} DO NOTHING"));
        };
        let target = conflict.keys.first().map(Arbiter::target).unwrap_or_default();
        let mut out = format!(" ON CONFLICT{target} DO UPDATE SET {}", assigned.clause(self, changed)?);
        if let Some(filter) = filter {
            out += &format!(" WHERE {}", rewrite::condition(filter, self.cx)?);
        }
        Ok(out)
    }

    fn unique_indexes(&self, changed: &Changed) -> Vec<Index> {
        let indexes = self.catalog.schema.objects.values().filter_map(|object| match &**object {
            Object::Index(index) if index.unique && index.table == changed.table.name => Some(index.clone()),
            _ => None,
        });
        indexes.collect()
    }

    /// A key in SQLite's terms.
    fn arbiter(&self, changed: &Changed, index: &Index) -> Result<Arbiter> {
        if index.nulls_not_distinct {
            return Err(SqlError::unsupported("ON CONFLICT over a key with NULLS NOT DISTINCT"));
        }
        let part = |key: &peergres_sync::schema::IndexKey| match (&key.column, &key.expression) {
            (Some(name), _) => {
                let column = changed.table.columns.iter().find(|c| c.name == *name);
                column.map(|c| quote_identifier(&c.physical)).unwrap_or_default()
            }
            (None, Some(expression)) => format!("({})", expression.sqlite),
            (None, None) => String::new(),
        };
        Ok(Arbiter { parts: index.keys.iter().map(part).collect(), predicate: index.predicate.as_ref().map(|p| p.sqlite.clone()) })
    }

    fn all_keys(&self, changed: &Changed) -> Result<Vec<Arbiter>> {
        self.unique_indexes(changed).iter().map(|index| self.arbiter(changed, index)).collect()
    }

    fn of_constraint(&self, changed: &Changed, name: &str) -> Result<Arbiter> {
        match changed.table.constraints.iter().find(|c| c.name == name).map(|c| &c.rule) {
            Some(ConstraintRule::PrimaryKey { .. } | ConstraintRule::Unique { .. }) => {
                let index = self.unique_indexes(changed).into_iter().find(|index| index.constraint.as_deref() == Some(name));
                let index = index.ok_or_else(|| SqlError::internal(format!("no index serves the constraint {name}")))?;
                self.arbiter(changed, &index)
            }
            Some(_) => Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, "constraint in ON CONFLICT clause has no associated index")),
            None => {
                let message = format!("constraint \"{name}\" for table \"{}\" does not exist", changed.table.name.name);
                Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message))
            }
        }
    }

    /// The unique indexes over exactly these parts. 42P10 where there is none.
    fn inferred(&mut self, changed: &Changed, keys: &[ast::Expr], predicate: Option<&ast::Expr>) -> Result<Vec<Arbiter>> {
        let mut wanted = Vec::with_capacity(keys.len());
        for key in keys {
            wanted.push(self.part(changed, key)?);
        }
        let scope = Scope::of_relation(&changed.relation, Clause::IndexPredicate);
        let predicate = match predicate {
            Some(expr) => Some(super::deparse(&self.expression(expr, &scope)?, &self.cx.canonical())),
            None => None,
        };
        let same = |index: &Index| {
            let own: Vec<Part> = index
                .keys
                .iter()
                .filter_map(|key| match (&key.column, &key.expression) {
                    (Some(column), _) => Some(Part::Column(column.clone())),
                    (None, Some(expression)) => Some(Part::Expression(expression.text.clone())),
                    (None, None) => None,
                })
                .collect();
            own.iter().all(|part| wanted.contains(part)) && wanted.iter().all(|part| own.contains(part))
        };
        let implied = |index: &Index| index.predicate.as_ref().is_none_or(|own| predicate.as_ref() == Some(&own.text));
        let found: Vec<Index> = self.unique_indexes(changed).into_iter().filter(|index| same(index) && implied(index)).collect();
        if found.is_empty() {
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        found.iter().map(|index| self.arbiter(changed, index)).collect()
    }

    fn part(&mut self, changed: &Changed, key: &ast::Expr) -> Result<Part> {
        let mut key = key;
        while let ast::Expr::Nested(inner) = key {
            key = inner;
        }
        if let ast::Expr::Identifier(ident) = key {
            let name = fold(ident);
            if changed.table.columns.iter().all(|column| column.name != name) {
                let message = format!("column \"{name}\" does not exist");
                return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message).at(self.position(ident.span)));
            }
            return Ok(Part::Column(name));
        }
        let bound = self.expression(key, &Scope::of_relation(&changed.relation, Clause::IndexExpression))?;
        Ok(Part::Expression(super::deparse(&bound, &self.cx.canonical())))
    }
}
