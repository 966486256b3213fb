//! A query in parentheses with clauses behind them: the clauses are those of the query inside (`insertSelectOptions` of PostgreSQL's grammar).

use sqlparser::ast::{LimitClause, Query, SetExpr};

use crate::error::{Result, SqlError, SqlState};

/// The query without the parentheses around it; none where it has none.
pub(super) fn unwrapped(query: &Query) -> Result<Option<Query>> {
    let SetExpr::Query(inner) = &*query.body else { return Ok(None) };
    let mut merged = (**inner).clone();
    one_of(&mut merged.with, &query.with, "WITH")?;
    one_of(&mut merged.order_by, &query.order_by, "ORDER BY")?;
    one_of(&mut merged.fetch, &query.fetch, "LIMIT")?;
    merged.locks.extend(query.locks.iter().cloned());
    merged.limit_clause = match (merged.limit_clause.take(), query.limit_clause.clone()) {
        (
            Some(LimitClause::LimitOffset { mut limit, mut offset, limit_by }),
            Some(LimitClause::LimitOffset { limit: outer_limit, offset: outer_offset, .. }),
        ) => {
            one_of(&mut limit, &outer_limit, "LIMIT")?;
            one_of(&mut offset, &outer_offset, "OFFSET")?;
            Some(LimitClause::LimitOffset { limit, offset, limit_by })
        }
        (inner, outer) => inner.or(outer),
    };
    Ok(Some(merged))
}

/// Puts a clause where none may be yet.
fn one_of<T: Clone>(inner: &mut Option<T>, outer: &Option<T>, name: &str) -> Result<()> {
    if inner.is_some() && outer.is_some() {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("multiple {name} clauses not allowed")));
    }
    if outer.is_some() {
        inner.clone_from(outer);
    }
    Ok(())
}
