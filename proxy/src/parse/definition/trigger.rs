//! The grammar of CREATE, DROP and ALTER TRIGGER.

use sqlparser::{
    ast::{Expr, Ident, ObjectName},
    tokenizer::Token,
};

use super::{Definition, alter};
use crate::{
    error::SqlError,
    parse::command::{Grammar, Parsing},
};

/// `CREATE TRIGGER`.
#[derive(Clone, Debug)]
pub struct CreateTrigger {
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// Its name.
    pub name: Ident,
    /// Its table.
    pub table: ObjectName,
    /// `BEFORE`, else AFTER.
    pub before: bool,
    /// `i`nsert, `u`pdate, `d`elete.
    pub events: String,
    /// `UPDATE OF`.
    pub columns: Vec<Ident>,
    /// `FOR EACH ROW`.
    pub row: bool,
    /// `WHEN`.
    pub when: Option<Expr>,
    /// The function.
    pub function: ObjectName,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// `CREATE [OR REPLACE] [CONSTRAINT] TRIGGER`.
pub(super) fn create(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("create")?;
    let or_replace = g.words(&["or", "replace"]);
    let constraint = g.word("constraint");
    g.expect("trigger")?;
    let name = g.parser.parse_identifier()?;
    let before = g.word("before");
    if !before && !g.word("after") {
        if g.words(&["instead", "of"]) {
            return Err(SqlError::unsupported("an INSTEAD OF trigger").into());
        }
        return Err(g.unexpected());
    }
    let (mut events, mut columns) = (String::new(), Vec::new());
    loop {
        events.push(event(g, &mut columns)?);
        if !g.word("or") {
            break;
        }
    }
    g.expect("on")?;
    let table = g.parser.parse_object_name(false)?;
    if g.word("from") {
        g.parser.parse_object_name(false)?;
    }
    if let Some(given) = g.parser.parse_constraint_characteristics()?
        && (given.deferrable == Some(true) || given.initially.is_some())
        && constraint
    {
        return Err(SqlError::unsupported("a deferrable trigger").into());
    }
    if g.peek(0) == "referencing" {
        return Err(SqlError::unsupported("REFERENCING in a trigger").into());
    }
    let mut row = false;
    if g.word("for") {
        g.word("each");
        row = g.word("row");
        if !row {
            g.expect("statement")?;
        }
    }
    let when = if g.word("when") { Some(super::domain::parenthesized(g)?) } else { None };
    g.expect("execute")?;
    if !g.word("function") {
        g.expect("procedure")?;
    }
    let function = g.parser.parse_object_name(false)?;
    let arguments = arguments(g)?;
    Ok(Definition::CreateTrigger(Box::new(CreateTrigger {
        or_replace,
        name,
        table,
        before,
        events,
        columns,
        row,
        when,
        function,
        arguments,
    })))
}

fn event(g: &mut Grammar<'_, '_>, columns: &mut Vec<Ident>) -> Parsing<char> {
    let word = g.peek(0);
    let letter = match word.as_str() {
        "insert" => 'i',
        "update" => 'u',
        "delete" => 'd',
        "truncate" => return Err(SqlError::unsupported("a TRUNCATE trigger").into()),
        _ => return Err(g.unexpected()),
    };
    g.parser.next_token();
    if letter == 'u' && g.word("of") {
        *columns = g.parser.parse_comma_separated(sqlparser::parser::Parser::parse_identifier)?;
    }
    Ok(letter)
}

/// Arguments of a trigger are texts, however they are written.
fn arguments(g: &mut Grammar<'_, '_>) -> Parsing<Vec<String>> {
    g.expect_token(&Token::LParen)?;
    let mut out = Vec::new();
    while !g.parser.consume_token(&Token::RParen) {
        if !out.is_empty() {
            g.expect_token(&Token::Comma)?;
        }
        out.push(match g.parser.peek_token_ref().token.clone() {
            Token::Word(_) => g.name()?,
            Token::Number(digits, _) => {
                g.parser.next_token();
                digits
            }
            _ => g.string()?,
        });
    }
    Ok(out)
}

/// `DROP TRIGGER`.
pub(super) fn drop(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("drop")?;
    g.expect("trigger")?;
    let if_exists = g.words(&["if", "exists"]);
    let name = g.parser.parse_identifier()?;
    g.expect("on")?;
    let table = g.parser.parse_object_name(false)?;
    alter::cascade(g);
    Ok(Definition::DropTrigger { if_exists, name, table })
}

/// `ALTER TRIGGER … RENAME TO`.
pub(super) fn rename(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("alter")?;
    g.expect("trigger")?;
    let name = g.parser.parse_identifier()?;
    g.expect("on")?;
    let table = g.parser.parse_object_name(false)?;
    g.expect("rename")?;
    g.expect("to")?;
    Ok(Definition::RenameTrigger { name, table, to: g.parser.parse_identifier()? })
}
