//! JSON's grammar, with PostgreSQL's errors. Enters: text; leaves: a tree whose nodes know their source text, since `json` keeps it.

use super::lexer::{Lexer, Token};
use crate::error::{Result, SqlError, SqlState};

/// A value and the text it was written as.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// As written, without surrounding blanks.
    pub source: &'a str,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; its source says which.
    Number,
    /// A string without its escapes.
    String(String),
    /// An array.
    Array(Vec<Node<'a>>),
    /// An object: all pairs in the order written, duplicates too.
    Object(Vec<(String, Node<'a>)>),
}

/// Deeper nesting is refused, as PostgreSQL refuses what its stack cannot hold.
const MAX_DEPTH: usize = 1500;

/// Checks that a text is JSON.
pub fn validate(text: &str) -> Result<()> {
    run(text, false).map(drop)
}

/// Reads a text with its strings decoded.
pub fn parse(text: &str) -> Result<Node<'_>> {
    run(text, true)
}

fn run(text: &str, decode: bool) -> Result<Node<'_>> {
    let mut lexer = Lexer::new(text, decode);
    lexer.advance()?;
    let node = value(&mut lexer, 0)?;
    if lexer.token != Token::End {
        return Err(expected(&lexer, "end of input"));
    }
    Ok(node)
}

/// The error for a token that does not fit.
fn expected(lexer: &Lexer<'_>, what: &str) -> SqlError {
    lexer.error(match lexer.token {
        Token::End => "The input string ended unexpectedly.".to_owned(),
        _ => format!("Expected {what}, but found \"{}\".", lexer.token_text()),
    })
}

fn value<'a>(lexer: &mut Lexer<'a>, depth: usize) -> Result<Node<'a>> {
    if depth > MAX_DEPTH {
        return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
    }
    let start = lexer.start;
    let kind = match lexer.token {
        Token::ObjectStart => object(lexer, depth)?,
        Token::ArrayStart => array(lexer, depth)?,
        Token::String => Kind::String(std::mem::take(&mut lexer.string)),
        Token::Number => Kind::Number,
        Token::True => Kind::Bool(true),
        Token::False => Kind::Bool(false),
        Token::Null => Kind::Null,
        _ => return Err(expected(lexer, "JSON value")),
    };
    lexer.advance()?;
    Ok(Node { source: &lexer.text[start..lexer.previous_end], kind })
}

/// From the opening bracket; leaves the closing one as the current token.
fn array<'a>(lexer: &mut Lexer<'a>, depth: usize) -> Result<Kind<'a>> {
    let mut elements = Vec::new();
    lexer.advance()?;
    if lexer.token == Token::ArrayEnd {
        return Ok(Kind::Array(elements));
    }
    loop {
        elements.push(value(lexer, depth + 1)?);
        match lexer.token {
            Token::Comma => lexer.advance()?,
            Token::ArrayEnd => return Ok(Kind::Array(elements)),
            _ => return Err(expected(lexer, "\",\" or \"]\"")),
        }
    }
}

/// From the opening brace; leaves the closing one as the current token.
fn object<'a>(lexer: &mut Lexer<'a>, depth: usize) -> Result<Kind<'a>> {
    let mut pairs = Vec::new();
    lexer.advance()?;
    if lexer.token == Token::ObjectEnd {
        return Ok(Kind::Object(pairs));
    }
    loop {
        if lexer.token != Token::String {
            return Err(expected(lexer, if pairs.is_empty() { "string or \"}\"" } else { "string" }));
        }
        let key = std::mem::take(&mut lexer.string);
        lexer.advance()?;
        if lexer.token != Token::Colon {
            return Err(expected(lexer, "\":\""));
        }
        lexer.advance()?;
        pairs.push((key, value(lexer, depth + 1)?));
        match lexer.token {
            Token::Comma => lexer.advance()?,
            Token::ObjectEnd => return Ok(Kind::Object(pairs)),
            _ => return Err(expected(lexer, "\",\" or \"}\"")),
        }
    }
}

impl Node<'_> {
    /// The type's name as `json_typeof` has it.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "boolean",
            Kind::Number => "number",
            Kind::String(_) => "string",
            Kind::Array(_) => "array",
            Kind::Object(_) => "object",
        }
    }

    /// As `->>` gives it: strings bare, null as none, anything else as written.
    pub fn as_text(&self) -> Option<String> {
        match &self.kind {
            Kind::Null => None,
            Kind::String(string) => Some(string.clone()),
            _ => Some(self.source.to_owned()),
        }
    }
}
