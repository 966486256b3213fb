//! `CREATE DOMAIN` and what follows `ALTER DOMAIN name`.

use sqlparser::{ast::Expr, tokenizer::Token};

use super::{Definition, DomainAction};
use crate::{
    error::SqlError,
    parse::command::{Grammar, Parsing},
};

pub(super) fn create(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("create")?;
    g.expect("domain")?;
    let name = g.parser.parse_object_name(false)?;
    g.word("as");
    let data_type = g.parser.parse_data_type()?;
    let (mut default, mut not_null, mut checks) = (None, false, Vec::new());
    while !g.ends() {
        if g.word("default") {
            default = Some(restricted(g)?);
            continue;
        }
        if g.word("collate") {
            let collation = g.parser.parse_object_name(false)?.to_string();
            if !matches!(collation.trim_matches('"').trim_start_matches("pg_catalog."), "C" | "\"C" | "default" | "POSIX") {
                return Err(SqlError::unsupported(format!("collation {collation}")).into());
            }
            continue;
        }
        let constraint = if g.word("constraint") { Some(g.parser.parse_identifier()?) } else { None };
        if g.words(&["not", "null"]) {
            not_null = true;
        } else if g.word("null") {
            not_null = false;
        } else if g.word("check") {
            checks.push((constraint, parenthesized(g)?));
        } else {
            return Err(g.unexpected());
        }
    }
    Ok(Definition::CreateDomain { name, data_type, default, not_null, checks })
}

/// An expression that NOT NULL or a CHECK may follow: PostgreSQL's `b_expr`, as `sqlparser` reads it for a column.
fn restricted(g: &mut Grammar<'_, '_>) -> Parsing<Expr> {
    use sqlparser::ast::ColumnOption;
    // The word DEFAULT was taken; the library's own reading of a column's default begins with it.
    g.parser.prev_token();
    match g.parser.parse_optional_column_option()? {
        Some(ColumnOption::Default(expr)) => Ok(expr),
        _ => Err(g.unexpected()),
    }
}

/// An expression in parentheses.
pub(super) fn parenthesized(g: &mut Grammar<'_, '_>) -> Parsing<Expr> {
    g.expect_token(&Token::LParen)?;
    let expr = g.parser.parse_expr()?;
    g.expect_token(&Token::RParen)?;
    Ok(expr)
}

/// What follows `ALTER DOMAIN name`, but for names, schemas and owners.
pub(super) fn action(g: &mut Grammar<'_, '_>) -> Parsing<DomainAction> {
    if g.words(&["set", "default"]) {
        return Ok(DomainAction::Default(Some(g.parser.parse_expr()?)));
    }
    if g.words(&["drop", "default"]) {
        return Ok(DomainAction::Default(None));
    }
    if g.words(&["set", "not", "null"]) {
        return Ok(DomainAction::NotNull(true));
    }
    if g.words(&["drop", "not", "null"]) {
        return Ok(DomainAction::NotNull(false));
    }
    if g.word("add") {
        let name = if g.word("constraint") { Some(g.parser.parse_identifier()?) } else { None };
        g.expect("check")?;
        let expr = parenthesized(g)?;
        let valid = !g.words(&["not", "valid"]);
        return Ok(DomainAction::AddCheck(name, expr, valid));
    }
    if g.words(&["drop", "constraint"]) {
        let if_exists = g.words(&["if", "exists"]);
        let name = g.parser.parse_identifier()?;
        _ = g.word("cascade") || g.word("restrict");
        return Ok(DomainAction::DropConstraint { name, if_exists });
    }
    if g.words(&["rename", "constraint"]) {
        let from = g.parser.parse_identifier()?;
        g.expect("to")?;
        return Ok(DomainAction::RenameConstraint(from, g.parser.parse_identifier()?));
    }
    if g.words(&["validate", "constraint"]) {
        return Ok(DomainAction::Validate(g.parser.parse_identifier()?));
    }
    Err(g.unexpected())
}
