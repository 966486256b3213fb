//! The grammar of MERGE (PostgreSQL 15: no RETURNING, no `BY SOURCE`).

use sqlparser::{ast::Expr, parser::Parser, tokenizer::Token};

use super::{
    change::{Merge, MergeAction, When, assignments, overriding, table, targets},
    command::{Grammar, Parsing},
};

pub(super) fn merge(g: &mut Grammar<'_, '_>) -> Parsing<Merge> {
    g.expect("merge")?;
    g.expect("into")?;
    let (table, alias) = table(g, &["using"])?;
    g.expect("using")?;
    let source = g.parser.parse_table_and_joins()?;
    g.expect("on")?;
    let on = g.parser.parse_expr()?;
    let mut whens = Vec::new();
    while g.word("when") {
        whens.push(when(g)?);
    }
    if whens.is_empty() {
        return Err(g.unexpected());
    }
    Ok(Merge { table, alias, source, on, whens })
}

fn when(g: &mut Grammar<'_, '_>) -> Parsing<When> {
    let matched = !g.word("not");
    g.expect("matched")?;
    let condition = if g.word("and") { Some(g.parser.parse_expr()?) } else { None };
    g.expect("then")?;
    let action = if g.words(&["do", "nothing"]) {
        MergeAction::Nothing
    } else if matched && g.word("delete") {
        MergeAction::Delete
    } else if matched && g.word("update") {
        MergeAction::Update(assignments(g)?)
    } else if !matched && g.word("insert") {
        insert(g)?
    } else {
        return Err(g.unexpected());
    };
    Ok(When { matched, condition, action })
}

fn insert(g: &mut Grammar<'_, '_>) -> Parsing<MergeAction> {
    let columns = if g.parser.peek_token_ref().token == Token::LParen { targets(g)? } else { Vec::new() };
    let overriding = overriding(g)?;
    if g.words(&["default", "values"]) {
        return Ok(MergeAction::Insert(columns, overriding, None));
    }
    g.expect("values")?;
    g.expect_token(&Token::LParen)?;
    let values: Vec<Expr> = g.parser.parse_comma_separated(Parser::parse_expr)?;
    g.expect_token(&Token::RParen)?;
    Ok(MergeAction::Insert(columns, overriding, Some(values)))
}
