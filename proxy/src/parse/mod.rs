//! Text to syntax tree: a query string enters; its statements leave, each with its place in the text.
//!
//! Rows and definitions are parsed by `sqlparser`. Statements that steer the session (transactions, settings, cursors, COPY, …) have a grammar
//! of their own here ([`command`], [`copy`]) over the same tokens, because their PostgreSQL forms differ most from the general dialect.

mod block;
pub mod change;
pub mod command;
pub mod copy;
mod cursor;
pub mod definition;
mod dialect;
mod explain;
mod foreign;
mod maintenance;
mod merge;
mod operand;
pub mod plpgsql;
mod position;
mod setting;
pub(crate) mod sugar;
pub mod template;
mod transaction;

use std::ops::Range;

use sqlparser::{
    ast::{Expr, Query, Statement},
    parser::{Parser, ParserError},
    tokenizer::{Token, TokenWithSpan, Tokenizer, Word},
};

pub use command::Command;
pub use definition::Definition;
pub(crate) use foreign::name_of;
pub(crate) use operand::VARIADIC;
pub use position::Positions;

use crate::error::{Result, SqlError, SqlState};

/// One statement of a query string.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What it is.
    pub node: Node,
    /// Its bytes in the query string, without the semicolon.
    pub span: Range<usize>,
}

/// The kinds of statements.
#[derive(Clone, Debug)]
pub enum Node {
    /// Steers the session; answered in `session`.
    Command(Box<Command>),
    /// Changes rows, in a grammar of our own; goes to `bind`.
    Change(Box<change::Change>),
    /// Defines objects, in a grammar of our own; goes to `define`.
    Definition(Box<Definition>),
    /// Reads, changes or defines; goes to `bind` or `define`. Its spans (line and column) count from the start of the query string.
    Statement(Box<Statement>),
}

/// How deep expressions and queries may nest; deeper ones are 54001, as at PostgreSQL's `max_stack_depth`.
const RECURSION_LIMIT: usize = 150;

/// The statements of a query string, none for an empty one.
pub fn parse(sql: &str) -> Result<Vec<Parsed>> {
    let dialect = dialect::Grammar;
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|e| position::token_error(sql, &e.message, e.location.line, e.location.column))?;
    let positions = Positions::new(sql);
    refuse_empty_names(&tokens, sql, &positions)?;
    refuse_junk_after_numbers(&tokens, sql, &positions)?;
    let tokens = strong_locks(tokens);
    let bounds = bounds(&tokens, &positions);
    sugar::refuse(&tokens)?;
    let tokens = sugar::desugar(tokens);
    let mut parser = Parser::new(&dialect).with_recursion_limit(RECURSION_LIMIT).with_tokens_with_locations(tokens);
    let mut statements = Vec::with_capacity(bounds.len());
    let mut ends = bounds.into_iter();
    loop {
        while parser.consume_token(&Token::SemiColon) {}
        let start = parser.peek_token_ref();
        if start.token == Token::EOF {
            return Ok(statements);
        }
        let start = positions.byte(start.span.start.line, start.span.start.column);
        let begins = words(&parser);
        let node = node(&mut parser, sql, &positions).map_err(|e| explain(e, &begins, sql, &positions))?;
        let next = parser.peek_token();
        if !matches!(next.token, Token::SemiColon | Token::EOF) {
            return Err(unsupported(&begins).unwrap_or_else(|| near(&next, sql, &positions)));
        }
        let end = ends.find(|end| *end > start).unwrap_or(sql.len());
        statements.push(Parsed { node, span: start..end });
    }
}

/// A query by its text, as a view keeps it: printed by the library, what the grammar lacks already said in its nodes.
pub(crate) fn stored_query(text: &str) -> std::result::Result<Box<Query>, ParserError> {
    Parser::new(&dialect::Grammar).with_recursion_limit(RECURSION_LIMIT).try_with_sql(text)?.parse_query()
}

/// An expression by its text, as definitions keep it.
pub(crate) fn stored_expression(text: &str) -> std::result::Result<Expr, ParserError> {
    Parser::new(&dialect::Grammar).with_recursion_limit(RECURSION_LIMIT).try_with_sql(text)?.parse_expr()
}

/// 42601 for a number that runs into a word (`123abc`, `0x1F`, `1_000`), which are two tokens to the library and an error to PostgreSQL's lexer.
fn refuse_junk_after_numbers(tokens: &[TokenWithSpan], sql: &str, positions: &Positions<'_>) -> Result<()> {
    for (at, token) in tokens.iter().enumerate() {
        let start = || positions.byte(token.span.start.line, token.span.start.column);
        let what = match (&token.token, tokens.get(at + 1).map(|next| &next.token)) {
            (Token::Number(..), Some(Token::Word(Word { quote_style: None, .. }))) => "numeric literal",
            (Token::HexStringLiteral(_), _) if sql[start()..].starts_with('0') => "numeric literal",
            _ => continue,
        };
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let rest = &sql[start()..];
        let text = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let message = format!("trailing junk after {what} at or near \"{text}\"");
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(position::character(sql, start())));
    }
    Ok(())
}

/// 42601 for `""`, which PostgreSQL's lexer refuses.
fn refuse_empty_names(tokens: &[TokenWithSpan], sql: &str, positions: &Positions<'_>) -> Result<()> {
    let is_empty = |token: &Token| matches!(token, Token::Word(Word { value, quote_style: Some('"'), .. }) if value.is_empty());
    let Some(token) = tokens.iter().find(|t| is_empty(&t.token)) else { return Ok(()) };
    let at = positions.byte(token.span.start.line, token.span.start.column);
    let error = SqlError::new(SqlState::SYNTAX_ERROR, "zero-length delimited identifier at or near \"\"\"\"");
    Err(error.at(position::character(sql, at)))
}

/// `FOR NO KEY UPDATE` and `FOR KEY SHARE`, which sqlparser lacks, as `FOR UPDATE` and `FOR SHARE`: the one write lock stands for all row locks.
fn strong_locks(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let forms: [(&[&str], usize); 2] = [(&["for", "no", "key", "update"], 2), (&["for", "key", "share"], 1)];
    let words: Vec<usize> = (0..tokens.len()).filter(|n| !matches!(tokens[*n].token, Token::Whitespace(_))).collect();
    let is = |at: usize, word: &str| words.get(at).is_some_and(|n| keyword(&tokens[*n].token).as_deref() == Some(word));
    let mut left_out = Vec::new();
    for start in 0..words.len() {
        let found = forms.iter().find(|(form, _)| form.iter().enumerate().all(|(n, word)| is(start + n, word)));
        if let Some((_, dropped)) = found {
            left_out.extend_from_slice(&words[start + 1..=start + dropped]);
        }
    }
    let mut number = 0;
    tokens.retain(|_| {
        number += 1;
        !left_out.contains(&(number - 1))
    });
    tokens
}

/// The statement at the parser's place.
pub(crate) fn node(parser: &mut Parser<'_>, sql: &str, positions: &Positions<'_>) -> Result<Node, Failure> {
    if let Some(command) = command::command(parser, sql, positions)? {
        return Ok(Node::Command(Box::new(command)));
    }
    // sqlparser knows TABLE within a query, but not as the beginning of a statement.
    if keyword(&parser.peek_token_ref().token).as_deref() == Some("table") {
        return Ok(Node::Statement(Box::new(Statement::Query(parser.parse_query()?))));
    }
    let mut grammar = command::Grammar { parser, sql, positions };
    if let Some(definition) = definition::definition(&mut grammar)? {
        return Ok(Node::Definition(Box::new(definition)));
    }
    if let Some(change) = change::change(&mut grammar)? {
        return Ok(Node::Change(Box::new(change)));
    }
    Ok(Node::Statement(Box::new(parser.parse_statement()?)))
}

/// Where each statement ends: the last byte of its last token.
fn bounds(tokens: &[TokenWithSpan], positions: &Positions<'_>) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut last = None;
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => ends.extend(last.take()),
            _ => last = Some(positions.byte(token.span.end.line, token.span.end.column)),
        }
    }
    ends.extend(last);
    ends
}

/// What can go wrong in a grammar of ours: the library's error, or one in PostgreSQL's words.
#[derive(Debug)]
pub(crate) enum Failure {
    /// From sqlparser.
    Parser(ParserError),
    /// Ready for the client.
    Sql(SqlError),
}

impl From<ParserError> for Failure {
    fn from(error: ParserError) -> Self {
        Failure::Parser(error)
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Failure::Sql(error)
    }
}

/// The first words of the statement that comes next.
fn words(parser: &Parser<'_>) -> Vec<String> {
    (0..5).map_while(|at| keyword(&parser.peek_nth_token_ref(at).token)).collect()
}

/// 0A000 for a command of PostgreSQL that is not here at all.
fn unsupported(words: &[String]) -> Option<SqlError> {
    foreign::name(words).map(SqlError::unsupported)
}

fn explain(failure: Failure, words: &[String], sql: &str, positions: &Positions<'_>) -> SqlError {
    match failure {
        Failure::Sql(error) if error.state() == SqlState::SYNTAX_ERROR.0 => unsupported(words).unwrap_or(error),
        Failure::Sql(error) => error,
        Failure::Parser(ParserError::RecursionLimitExceeded) => {
            SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
        }
        Failure::Parser(ParserError::TokenizerError(message) | ParserError::ParserError(message)) => {
            unsupported(words).unwrap_or_else(|| position::parser_error(sql, positions, &message))
        }
    }
}

/// 42601 at a token.
pub(crate) fn near(token: &TokenWithSpan, sql: &str, positions: &Positions<'_>) -> SqlError {
    if token.token == Token::EOF {
        return position::end_of_input(sql);
    }
    let start = positions.byte(token.span.start.line, token.span.start.column);
    position::syntax_at(sql, start)
}

/// The unquoted word that a token is, in lower case.
pub(crate) fn keyword(token: &Token) -> Option<String> {
    match token {
        Token::Word(Word { value, quote_style: None, .. }) => Some(value.to_ascii_lowercase()),
        _ => None,
    }
}

/// PostgreSQL's folding of an identifier, cut to 63 bytes as `NAMEDATALEN` demands.
pub fn fold(ident: &sqlparser::ast::Ident) -> String {
    let mut name = if ident.quote_style.is_none() { ident.value.to_ascii_lowercase() } else { ident.value.clone() };
    if name.len() > 63 {
        let cut = (0..=63).rev().find(|n| name.is_char_boundary(*n)).unwrap_or(0);
        name.truncate(cut);
    }
    name
}

#[cfg(test)]
mod tests;
