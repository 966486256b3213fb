//! WITH: common table expressions, recursive ones included (`parse_cte.c`).

use sqlparser::ast::{self, SetExpr, SetQuantifier};

use super::{
    Binder, Scope,
    binder::{CteInReach, fold},
    tree::{Cte, Query, SetOperator},
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::OutputColumn,
};

impl Binder<'_> {
    /// Binds the common table expressions and leaves them in reach.
    pub(super) fn with_clause(&mut self, with: &ast::With, outer: Option<&Scope<'_>>) -> Result<Vec<Cte>> {
        let mut bound: Vec<Cte> = Vec::with_capacity(with.cte_tables.len());
        let first = self.ctes.len();
        for cte in &with.cte_tables {
            let name = fold(&cte.alias.name);
            let position = self.position(cte.alias.name.span);
            if self.ctes[first..].iter().any(|known| known.name == name) {
                let message = format!("WITH query name \"{name}\" specified more than once");
                return Err(SqlError::new(SqlState::DUPLICATE_ALIAS, message).at(position));
            }
            if cte.from.is_some() {
                return Err(SqlError::syntax("from", position));
            }
            let physical = self.new_cte_name();
            let (query, columns, recursive) = match (with.recursive, &*cte.query.body) {
                (true, SetExpr::SetOperation { left, op: ast::SetOperator::Union, set_quantifier, right })
                    if self.mentions(right, &name) =>
                {
                    let all = matches!(set_quantifier, SetQuantifier::All);
                    let parts = Recursion { left, right, all, query: &cte.query };
                    let (query, columns) = self.recursive_cte(cte, &physical, parts, outer)?;
                    (query, columns, true)
                }
                _ => {
                    let query = self.query(&cte.query, outer)?;
                    let query = self.settle_columns(query)?;
                    let columns = self.cte_columns(cte, &query.columns)?;
                    (query, columns, false)
                }
            };
            let materialized = cte.materialized.as_ref().map(|m| matches!(m, ast::CteAsMaterialized::Materialized));
            self.ctes.push(CteInReach { name, physical: physical.clone(), columns: Some(columns.clone()), uses: 0 });
            bound.push(Cte { physical, query, recursive, materialized, columns });
        }
        Ok(bound)
    }

    fn cte_columns(&self, cte: &ast::Cte, columns: &[OutputColumn]) -> Result<Vec<OutputColumn>> {
        let mut columns = columns.to_vec();
        let renamed = &cte.alias.columns;
        if renamed.len() > columns.len() {
            let message = format!(
                "WITH query \"{}\" has {} columns available but {} columns specified",
                fold(&cte.alias.name),
                columns.len(),
                renamed.len()
            );
            return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(self.position(cte.alias.name.span)));
        }
        for (column, renamed) in columns.iter_mut().zip(renamed) {
            column.name = fold(&renamed.name);
        }
        Ok(columns)
    }

    /// Whether a body names the relation: a look at its printed words, where a false alarm does no harm.
    fn mentions(&self, body: &SetExpr, name: &str) -> bool {
        let text = body.to_string().to_lowercase();
        text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').any(|word| word == name.to_lowercase())
            || name.contains(|c: char| !c.is_alphanumeric() && c != '_') && text.contains(&name.to_lowercase())
    }

    fn recursive_cte(
        &mut self,
        cte: &ast::Cte,
        physical: &str,
        parts: Recursion<'_>,
        outer: Option<&Scope<'_>>,
    ) -> Result<(Query, Vec<OutputColumn>)> {
        let name = fold(&cte.alias.name);
        if parts.query.order_by.is_some() || parts.query.limit_clause.is_some() || parts.query.fetch.is_some() {
            let what = if parts.query.order_by.is_some() { "ORDER BY" } else { "LIMIT" };
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} in a recursive query is not implemented")));
        }
        let reach = self.ctes.len();
        if let Some(with) = &parts.query.with {
            let message = format!("WITH inside the recursive query \"{name}\" ({} parts)", with.cte_tables.len());
            return Err(SqlError::unsupported(message));
        }
        self.ctes.push(CteInReach { name: name.clone(), physical: physical.to_owned(), columns: None, uses: 0 });
        let left = self.body(parts.left, outer)?;
        let left = self.settle_columns(left)?;
        let columns = self.cte_columns(cte, &left.columns)?;
        self.ctes[reach].columns = Some(columns.clone());
        let right = self.body(parts.right, outer)?;
        self.ctes.truncate(reach);
        if left.columns.len() != right.columns.len() {
            let message = "each UNION query must have the same number of columns";
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
        }
        for (at, (l, r)) in left.columns.iter().zip(&right.columns).enumerate() {
            let common = self.common_type(&[(l.ty.oid, 0), (r.ty.oid, 0)], "UNION")?;
            if common != l.ty.oid {
                let message = format!(
                    "recursive query \"{name}\" column {} has type {} in non-recursive term but type {} overall",
                    at + 1,
                    self.type_name(l.ty.oid),
                    self.type_name(common)
                );
                return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message)
                    .hint("Cast the output of the non-recursive term to the correct type."));
            }
        }
        let query = self.set_operation(SetOperator::Union, parts.all, left, right)?;
        Ok((query, columns))
    }
}

/// The two terms of a recursive query.
struct Recursion<'a> {
    left: &'a SetExpr,
    right: &'a SetExpr,
    all: bool,
    query: &'a ast::Query,
}
