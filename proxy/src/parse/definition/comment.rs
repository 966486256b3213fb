//! `COMMENT ON CONSTRAINT` and `COMMENT ON FUNCTION`, whose objects are named by more than a name.

use sqlparser::{ast::DataType, tokenizer::Token};

use super::{Commented, Definition};
use crate::parse::command::{Grammar, Parsing};

/// The comment, if it is on one of these.
pub(super) fn comment(g: &mut Grammar<'_, '_>) -> Parsing<Option<Definition>> {
    let is_constraint = match g.peek(2).as_str() {
        "constraint" => true,
        "function" => false,
        _ => return Ok(None),
    };
    g.expect("comment")?;
    g.expect("on")?;
    let on = if is_constraint {
        g.expect("constraint")?;
        let name = g.parser.parse_identifier()?;
        g.expect("on")?;
        let domain = g.word("domain");
        Commented::Constraint { name, of: g.parser.parse_object_name(false)?, domain }
    } else {
        g.expect("function")?;
        let name = g.parser.parse_object_name(false)?;
        let arguments = if g.parser.consume_token(&Token::LParen) { Some(arguments(g)?) } else { None };
        Commented::Function { name, arguments }
    };
    g.expect("is")?;
    // An empty comment is none.
    let text = if g.word("null") { None } else { Some(g.string()?).filter(|text| !text.is_empty()) };
    Ok(Some(Definition::Comment { on, text }))
}

/// Argument types up to the closing parenthesis, each perhaps after a mode and a name.
fn arguments(g: &mut Grammar<'_, '_>) -> Parsing<Vec<DataType>> {
    let mut types = Vec::new();
    while !g.parser.consume_token(&Token::RParen) {
        if !types.is_empty() {
            g.expect_token(&Token::Comma)?;
        }
        g.word("in");
        let mut ty = g.parser.parse_data_type()?;
        // What was read was the argument's name, if it does not end here.
        if !matches!(g.parser.peek_token_ref().token, Token::Comma | Token::RParen) {
            ty = g.parser.parse_data_type()?;
        }
        types.push(ty);
    }
    Ok(types)
}
