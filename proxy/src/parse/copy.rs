//! The grammar of COPY, in its present form (`WITH (FORMAT csv, …)`) and the older one (`WITH CSV HEADER …`).

use sqlparser::{ast::Statement, parser::Parser, tokenizer::Token};

use super::{
    Node,
    command::{Command, Grammar, Parsing},
};
use crate::error::{SqlError, SqlState};

/// A COPY statement.
#[derive(Clone, Debug)]
pub struct Copy {
    /// What is copied.
    pub source: Source,
    /// True for TO, false for FROM.
    pub to: bool,
    /// Its options.
    pub options: Options,
    /// `WHERE` of COPY FROM, as it stands.
    pub filter: Option<String>,
}

/// What is copied.
#[derive(Clone, Debug)]
pub enum Source {
    /// A table and a list of its columns, all where empty.
    Table(Vec<String>, Vec<String>),
    /// A query, or a data change with RETURNING.
    Query(Box<Node>),
}

/// Formats of COPY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// Tabs and backslashes.
    #[default]
    Text,
    /// Commas and quotes.
    Csv,
    /// PostgreSQL's binary form.
    Binary,
}

/// `HEADER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Header {
    /// None.
    #[default]
    Off,
    /// Written, or skipped.
    On,
    /// Must match the column names.
    Match,
}

/// Columns that an option names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// `*`.
    All,
    /// By name.
    Some(Vec<String>),
}

/// Options as given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `FORMAT`.
    pub format: Format,
    /// `FREEZE`.
    pub freeze: bool,
    /// `DELIMITER`.
    pub delimiter: Option<String>,
    /// `NULL`.
    pub null: Option<String>,
    /// `DEFAULT` marker is of PostgreSQL 16; not here.
    pub header: Header,
    /// `QUOTE`.
    pub quote: Option<String>,
    /// `ESCAPE`.
    pub escape: Option<String>,
    /// `FORCE_QUOTE`.
    pub force_quote: Option<Columns>,
    /// `FORCE_NOT_NULL`.
    pub force_not_null: Option<Columns>,
    /// `FORCE_NULL`.
    pub force_null: Option<Columns>,
    /// `ENCODING`.
    pub encoding: Option<String>,
}

pub(super) fn copy(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    g.expect("copy")?;
    let binary = g.peek(0) == "binary" && g.word("binary");
    let source = if g.parser.consume_token(&Token::LParen) {
        let query = match super::change::change(g)? {
            Some(change) => Node::Change(Box::new(change)),
            None => Node::Statement(Box::new(Statement::Query(g.parser.parse_query()?))),
        };
        g.expect_token(&Token::RParen)?;
        Source::Query(Box::new(query))
    } else {
        let table = g.dotted()?;
        let columns = if g.parser.peek_token_ref().token == Token::LParen { column_list(g)? } else { Vec::new() };
        Source::Table(table, columns)
    };
    let to = g.word("to");
    if !to && matches!(source, Source::Query(_)) {
        return Err(g.unexpected());
    }
    if !to {
        g.expect("from")?;
    }
    if g.peek(0) == "program" || matches!(g.parser.peek_token_ref().token, Token::SingleQuotedString(_)) {
        let hint = "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.";
        let error = SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "COPY to or from a file or program of the server is not supported");
        return Err(error.hint(hint).into());
    }
    if !g.word("stdin") {
        g.expect("stdout")?;
    }
    let mut options = Options::default();
    if binary {
        options.format = Format::Binary;
    }
    g.word("with");
    if g.parser.consume_token(&Token::LParen) {
        parenthesized(g, &mut options)?;
    } else {
        legacy(g, &mut options)?;
    }
    let filter = filter(g, to)?;
    Ok(Command::Copy(Box::new(Copy { source, to, options, filter })))
}

fn filter(g: &mut Grammar<'_, '_>, to: bool) -> Parsing<Option<String>> {
    if to || !g.word("where") {
        return Ok(None);
    }
    Ok(Some(g.parser.parse_expr()?.to_string()))
}

fn column_list(g: &mut Grammar<'_, '_>) -> Parsing<Vec<String>> {
    g.expect_token(&Token::LParen)?;
    let names = g.parser.parse_comma_separated(Parser::parse_identifier)?;
    g.expect_token(&Token::RParen)?;
    Ok(names.iter().map(super::fold).collect())
}

fn parenthesized(g: &mut Grammar<'_, '_>, options: &mut Options) -> Parsing<()> {
    let mut seen: Vec<String> = Vec::new();
    loop {
        let token = g.parser.peek_token();
        let position = g.sql[..g.start(&token)].chars().count() + 1;
        let option = g.name()?;
        if seen.contains(&option) {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "conflicting or redundant options").at(position).into());
        }
        match option.as_str() {
            "format" => options.format = format(&word_or_string(g)?, position)?,
            "freeze" => options.freeze = boolean(g)?,
            "delimiter" => options.delimiter = Some(word_or_string(g)?),
            "null" => options.null = Some(word_or_string(g)?),
            "header" if g.word("match") => options.header = Header::Match,
            "header" => options.header = if boolean(g)? { Header::On } else { Header::Off },
            "quote" => options.quote = Some(word_or_string(g)?),
            "escape" => options.escape = Some(word_or_string(g)?),
            "force_quote" => options.force_quote = Some(columns(g)?),
            "force_not_null" => options.force_not_null = Some(columns(g)?),
            "force_null" => options.force_null = Some(columns(g)?),
            "encoding" => options.encoding = Some(word_or_string(g)?),
            _ => return Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("option \"{option}\" not recognized")).at(position).into()),
        }
        seen.push(option);
        if !g.parser.consume_token(&Token::Comma) {
            break;
        }
    }
    g.expect_token(&Token::RParen)
}

fn columns(g: &mut Grammar<'_, '_>) -> Parsing<Columns> {
    if g.parser.consume_token(&Token::Mul) { Ok(Columns::All) } else { Ok(Columns::Some(column_list(g)?)) }
}

fn word_or_string(g: &mut Grammar<'_, '_>) -> Parsing<String> {
    if matches!(g.parser.peek_token_ref().token, Token::Word(_)) { g.name() } else { g.string() }
}

fn boolean(g: &mut Grammar<'_, '_>) -> Parsing<bool> {
    let next = g.parser.peek_token();
    match next.token {
        Token::Comma | Token::RParen => Ok(true),
        Token::Number(..) => Ok(g.integer()? != 0),
        _ => match word_or_string(g)?.to_ascii_lowercase().as_str() {
            "true" | "on" | "1" => Ok(true),
            "false" | "off" | "0" => Ok(false),
            _ => Err(SqlError::new(SqlState::SYNTAX_ERROR, "header requires a Boolean value or \"match\"").into()),
        },
    }
}

fn format(name: &str, position: usize) -> Parsing<Format> {
    match name {
        "text" => Ok(Format::Text),
        "csv" => Ok(Format::Csv),
        "binary" => Ok(Format::Binary),
        _ => Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("COPY format \"{name}\" not recognized")).at(position).into()),
    }
}

/// The grammar before PostgreSQL 9.0.
fn legacy(g: &mut Grammar<'_, '_>, options: &mut Options) -> Parsing<()> {
    let names = |g: &mut Grammar<'_, '_>| -> Parsing<Columns> {
        if g.parser.consume_token(&Token::Mul) {
            return Ok(Columns::All);
        }
        let list = g.parser.parse_comma_separated(Parser::parse_identifier)?;
        Ok(Columns::Some(list.iter().map(super::fold).collect()))
    };
    loop {
        if g.word("binary") {
            options.format = Format::Binary;
        } else if g.word("csv") {
            options.format = Format::Csv;
        } else if g.word("freeze") {
            options.freeze = true;
        } else if g.word("header") {
            options.header = Header::On;
        } else if g.word("delimiter") || g.words(&["using", "delimiters"]) || g.word("delimiters") {
            g.word("as");
            options.delimiter = Some(g.string()?);
        } else if g.word("null") {
            g.word("as");
            options.null = Some(g.string()?);
        } else if g.word("quote") {
            g.word("as");
            options.quote = Some(g.string()?);
        } else if g.word("escape") {
            g.word("as");
            options.escape = Some(g.string()?);
        } else if g.words(&["force", "quote"]) {
            options.force_quote = Some(names(g)?);
        } else if g.words(&["force", "not", "null"]) {
            options.force_not_null = Some(names(g)?);
        } else if g.words(&["force", "null"]) {
            options.force_null = Some(names(g)?);
        } else if g.word("encoding") {
            options.encoding = Some(g.string()?);
        } else {
            return Ok(());
        }
    }
}
