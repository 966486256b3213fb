//! Stored expressions: defaults, checks, index expressions. They lie as PostgreSQL text in canonical form; asked for prettily, or under
//! another search path, they are bound and printed again.

use super::{super::super::Call, Value, flag, oid, text};
use crate::{
    bind::{self, Clause, Expr, Scope, deparse, deparse_prettily},
    catalog::Relation,
    error::{Result, SqlError},
    session::context::Context,
    types::TypeRef,
};

/// `pg_get_expr`: the text of a pg_node_tree; NULL where the relation is gone.
pub(super) fn of_column(call: &Call<'_>) -> Result<Value> {
    let relation = oid(call, 1)?;
    let stored = call.text(0)?;
    match call.cx.catalog.relation_by_oid(relation) {
        Some(relation) => text(Some(shown(stored, Some(relation), flag(call, 2)?, call.cx))),
        None if relation == 0 => text(Some(shown(stored, None, flag(call, 2)?, call.cx))),
        None => text(None),
    }
}

/// A stored expression as it shows to the session: printed anew unless the stored form is what it would be.
pub(super) fn shown(stored: &str, relation: Option<&Relation>, is_pretty: bool, cx: &Context) -> String {
    of_scope(stored, relation, None, is_pretty, cx)
}

/// A domain's check, over VALUE of the domain's base type.
pub(super) fn of_domain(stored: &str, base: TypeRef, is_pretty: bool, cx: &Context) -> String {
    of_scope(stored, None, Some(base), is_pretty, cx)
}

fn of_scope(stored: &str, relation: Option<&Relation>, value: Option<TypeRef>, is_pretty: bool, cx: &Context) -> String {
    let canonical = cx.canonical();
    let first = cx.search_path.iter().find(|schema| cx.catalog.has_namespace(schema));
    if !is_pretty && first.is_some_and(|schema| schema == "public") {
        return stored.to_owned();
    }
    match bound(stored, relation, value, &canonical) {
        Ok(bound) if is_pretty => deparse_prettily(&bound, cx),
        Ok(bound) => deparse(&bound, cx),
        // Texts that are no single expression (an index's, joined) show as they are stored.
        Err(_) => stored.to_owned(),
    }
}

fn bound(stored: &str, relation: Option<&Relation>, value: Option<TypeRef>, canonical: &Context) -> Result<Expr> {
    let parsed = crate::parse::stored_expression(stored).map_err(|error| SqlError::internal(error.to_string()))?;
    let mut scope = match relation {
        Some(relation) => Scope::of_relation(relation, Clause::Check),
        None => Scope::empty(Clause::Check),
    };
    scope.domain_value = value;
    bind::expression(&parsed, "", &mut scope, canonical)
}

/// Whether an expression's text is a single call, which needs no parentheses of its own (`looks_like_function`).
pub(super) fn is_call(expression: &str) -> bool {
    let Some(open) = expression.find('(') else { return false };
    let name = &expression[..open];
    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '"' | '$')) {
        return false;
    }
    let (mut depth, mut quote) = (0i32, None);
    for (at, c) in expression.char_indices().skip_while(|(at, _)| *at < open) {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1 == expression.len();
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::is_call;

    #[test]
    fn a_single_call_is_told_from_what_only_begins_or_ends_like_one() {
        for yes in ["lower(name)", "pg_catalog.lower((a || ')'::text))", "COALESCE(a, b)"] {
            assert!(is_call(yes), "{yes}");
        }
        for no in ["(a + b)", "lower(a) || lower(b)", "a", "(lower(a))::text", "lower(a)::text"] {
            assert!(!is_call(no), "{no}");
        }
    }
}
