//! Statements that steer the session, and the grammar that tells them from the rest: tokens enter, a [`Command`] leaves, or nothing
//! where the statement is another's. Grammar: PostgreSQL manual, "SQL Commands".

use std::ops::Range;

use sqlparser::{
    ast::{DataType, Expr, Query},
    parser::Parser,
    tokenizer::{Token, TokenWithSpan},
};

use super::{Failure, Node, Positions, copy, cursor, keyword, maintenance, near, setting, transaction};
pub use super::{
    copy::Copy,
    cursor::Direction,
    explain::{Explain, ExplainFormat},
    setting::SettingValue,
    transaction::{Isolation, Modes},
};
use crate::error::SqlError;

/// A statement that steers the session.
#[derive(Clone, Debug)]
pub enum Command {
    /// `BEGIN`, `START TRANSACTION`; true where it was spelt BEGIN.
    Begin(Modes, bool),
    /// `SET TRANSACTION`.
    SetTransaction(Modes),
    /// `SET SESSION CHARACTERISTICS AS TRANSACTION`.
    SetCharacteristics(Modes),
    /// `COMMIT`, `END`.
    Commit {
        /// `AND CHAIN`.
        chain: bool,
    },
    /// `ROLLBACK`, `ABORT`.
    Rollback {
        /// `AND CHAIN`.
        chain: bool,
    },
    /// `SAVEPOINT`.
    Savepoint(String),
    /// `RELEASE`.
    Release(String),
    /// `ROLLBACK TO`.
    RollbackTo(String),
    /// `SET`.
    Set {
        /// The setting, folded.
        name: String,
        /// What it becomes.
        value: SettingValue,
        /// `LOCAL`.
        local: bool,
    },
    /// `SET CONSTRAINTS`.
    SetConstraints {
        /// Which, each of one or two parts; none for ALL.
        names: Option<Vec<Vec<String>>>,
        /// `DEFERRED`, else `IMMEDIATE`.
        deferred: bool,
    },
    /// `RESET`, none for ALL.
    Reset(Option<String>),
    /// `SHOW`, none for ALL.
    Show(Option<String>),
    /// `PREPARE`.
    Prepare {
        /// Its name.
        name: String,
        /// The parameters' types as declared.
        types: Vec<DataType>,
        /// What is prepared.
        statement: Box<Node>,
        /// The statement's bytes in the query string.
        span: Range<usize>,
    },
    /// `EXECUTE`.
    Execute {
        /// Which.
        name: String,
        /// Parameters.
        arguments: Vec<Expr>,
    },
    /// `DEALLOCATE`, none for ALL.
    Deallocate(Option<String>),
    /// `DECLARE … CURSOR`.
    Declare {
        /// Its name.
        name: String,
        /// `BINARY`.
        binary: bool,
        /// `SCROLL`, `NO SCROLL` or neither.
        scroll: Option<bool>,
        /// `WITH HOLD`.
        hold: bool,
        /// The query.
        query: Box<Query>,
    },
    /// `FETCH`, `MOVE`.
    Fetch {
        /// The cursor.
        name: String,
        /// Which rows.
        direction: Direction,
        /// True for MOVE.
        moves: bool,
    },
    /// `CLOSE`, none for ALL.
    Close(Option<String>),
    /// `LISTEN`.
    Listen(String),
    /// `UNLISTEN`, none for `*`.
    Unlisten(Option<String>),
    /// `NOTIFY`.
    Notify {
        /// Channel.
        channel: String,
        /// Payload.
        payload: String,
    },
    /// `DISCARD`.
    Discard(Discard),
    /// `LOCK TABLE`: names as they stand, and `NOWAIT`.
    Lock {
        /// Table names, each of one or two parts.
        tables: Vec<Vec<String>>,
        /// The mode in words, `ACCESS EXCLUSIVE` by default.
        mode: String,
        /// `NOWAIT`.
        nowait: bool,
    },
    /// `CHECKPOINT`.
    Checkpoint,
    /// `VACUUM`, `ANALYZE`, `REINDEX`, `CLUSTER`.
    Maintain(Maintenance, Vec<Vec<String>>),
    /// `CREATE DATABASE`.
    CreateDatabase {
        /// Its name.
        name: String,
        /// The database that it is a copy of, none for an empty one.
        template: Option<String>,
    },
    /// `DROP DATABASE`.
    DropDatabase {
        /// Its name.
        name: String,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `WITH (FORCE)`.
        force: bool,
    },
    /// `DO`.
    Do {
        /// The language.
        language: String,
        /// The body.
        body: String,
    },
    /// `COPY`.
    Copy(Box<Copy>),
    /// `EXPLAIN` of a statement.
    Explain(Box<Node>, Explain),
}

/// Kinds of maintenance; each with the relations that it names, none for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maintenance {
    /// `VACUUM`.
    Vacuum,
    /// `ANALYZE`.
    Analyze,
    /// `REINDEX`.
    Reindex,
    /// `CLUSTER`; true where it names an index.
    Cluster(bool),
}

/// What DISCARD forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// All session state.
    All,
    /// Cached plans.
    Plans,
    /// Sequence state.
    Sequences,
    /// Temporary tables.
    Temp,
}

/// Tokens of one query string, with what errors need.
pub(super) struct Grammar<'p, 'd> {
    pub(super) parser: &'p mut Parser<'d>,
    pub(super) sql: &'p str,
    pub(super) positions: &'p Positions<'p>,
}

pub(super) type Parsing<T> = std::result::Result<T, Failure>;

impl Grammar<'_, '_> {
    /// Takes the word if it is next.
    pub(super) fn word(&mut self, word: &str) -> bool {
        let found = keyword(&self.parser.peek_token_ref().token).is_some_and(|w| w == word);
        if found {
            self.parser.next_token();
        }
        found
    }

    /// Takes the words if all of them are next.
    pub(super) fn words(&mut self, words: &[&str]) -> bool {
        let found = words.iter().enumerate().all(|(n, word)| keyword(&self.parser.peek_nth_token_ref(n).token).is_some_and(|w| w == *word));
        if found {
            words.iter().for_each(|_| drop(self.parser.next_token()));
        }
        found
    }

    /// The next word, not taken.
    pub(super) fn peek(&self, n: usize) -> String {
        keyword(&self.parser.peek_nth_token_ref(n).token).unwrap_or_default()
    }

    /// The word, or a syntax error.
    pub(super) fn expect(&mut self, word: &str) -> Parsing<()> {
        if self.word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The token, or a syntax error.
    pub(super) fn expect_token(&mut self, token: &Token) -> Parsing<()> {
        if self.parser.consume_token(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// A syntax error at the next token.
    pub(super) fn unexpected(&self) -> Failure {
        Failure::Sql(near(&self.parser.peek_token(), self.sql, self.positions))
    }

    /// An identifier, folded.
    pub(super) fn name(&mut self) -> Parsing<String> {
        match self.parser.peek_token_ref().token {
            Token::Word(_) => Ok(super::fold(&self.parser.parse_identifier()?)),
            _ => Err(self.unexpected()),
        }
    }

    /// A dotted name, folded.
    pub(super) fn dotted(&mut self) -> Parsing<Vec<String>> {
        let mut parts = vec![self.name()?];
        while self.parser.consume_token(&Token::Period) {
            parts.push(self.name()?);
        }
        Ok(parts)
    }

    /// A string literal.
    pub(super) fn string(&mut self) -> Parsing<String> {
        match self.parser.peek_token().token {
            Token::SingleQuotedString(s) | Token::EscapedStringLiteral(s) | Token::UnicodeStringLiteral(s) => {
                self.parser.next_token();
                Ok(s)
            }
            Token::DollarQuotedString(s) => {
                self.parser.next_token();
                Ok(s.value)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// An integer with an optional sign.
    pub(super) fn integer(&mut self) -> Parsing<i64> {
        let negative = self.parser.consume_token(&Token::Minus);
        if !negative {
            _ = self.parser.consume_token(&Token::Plus);
        }
        let token = self.parser.peek_token();
        let Token::Number(digits, _) = &token.token else { return Err(self.unexpected()) };
        let value: i64 = digits.parse().map_err(|_| self.unexpected())?;
        self.parser.next_token();
        Ok(if negative { -value } else { value })
    }

    /// Whether the statement ends here.
    pub(super) fn ends(&self) -> bool {
        matches!(self.parser.peek_token_ref().token, Token::SemiColon | Token::EOF)
    }

    /// The byte where a token begins.
    pub(super) fn start(&self, token: &TokenWithSpan) -> usize {
        self.positions.byte(token.span.start.line, token.span.start.column)
    }
}

/// The command that begins at the parser's place, if it is one.
pub(super) fn command(parser: &mut Parser<'_>, sql: &str, positions: &Positions<'_>) -> Parsing<Option<Command>> {
    let mut g = Grammar { parser, sql, positions };
    let first = g.peek(0);
    let second = g.peek(1);
    let command = match (first.as_str(), second.as_str()) {
        ("begin" | "start" | "commit" | "end" | "rollback" | "abort" | "savepoint" | "release", _) => transaction::transaction(&mut g)?,
        ("prepare", "transaction") => return Err(SqlError::unsupported("PREPARE TRANSACTION").into()),
        ("set" | "reset" | "show", _) => setting::setting(&mut g)?,
        ("prepare", _) => prepare(&mut g)?,
        ("execute", _) => execute(&mut g)?,
        ("deallocate", _) => deallocate(&mut g)?,
        ("declare" | "fetch" | "move" | "close", _) => cursor::cursor(&mut g)?,
        ("listen" | "unlisten" | "notify", _) => notification(&mut g)?,
        ("discard", _) => discard(&mut g)?,
        ("lock", _) => lock(&mut g)?,
        ("checkpoint", _) => {
            g.word("checkpoint");
            Command::Checkpoint
        }
        ("vacuum" | "analyze" | "analyse", _) => maintenance::maintenance(&mut g)?,
        ("reindex" | "cluster", _) => maintenance::rebuilding(&mut g)?,
        ("create" | "drop", "database") => database(&mut g)?,
        ("do", _) => super::block::block(&mut g)?,
        ("copy", _) => copy::copy(&mut g)?,
        ("explain", _) => super::explain::explain(&mut g)?,
        _ => return Ok(None),
    };
    Ok(Some(command))
}

fn prepare(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    g.expect("prepare")?;
    let name = g.name()?;
    let mut types = Vec::new();
    if g.parser.consume_token(&Token::LParen) {
        types = g.parser.parse_comma_separated(Parser::parse_data_type)?;
        g.expect_token(&Token::RParen)?;
    }
    g.expect("as")?;
    let token = g.parser.peek_token();
    let start = g.start(&token);
    let statement = Box::new(super::node(g.parser, g.sql, g.positions)?);
    let token = g.parser.peek_token();
    let end = if token.token == Token::EOF { g.sql.len() } else { g.start(&token) };
    let end = start + g.sql[start..end].trim_end().len();
    Ok(Command::Prepare { name, types, statement, span: start..end })
}

fn execute(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    g.expect("execute")?;
    let name = g.name()?;
    let mut arguments = Vec::new();
    if g.parser.consume_token(&Token::LParen) {
        arguments = g.parser.parse_comma_separated(Parser::parse_expr)?;
        g.expect_token(&Token::RParen)?;
    }
    Ok(Command::Execute { name, arguments })
}

fn deallocate(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    g.expect("deallocate")?;
    g.word("prepare");
    let name = if g.word("all") { None } else { Some(g.name()?) };
    Ok(Command::Deallocate(name))
}

fn notification(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    if g.word("listen") {
        return Ok(Command::Listen(g.name()?));
    }
    if g.word("unlisten") {
        let all = g.parser.consume_token(&Token::Mul);
        return Ok(Command::Unlisten(if all { None } else { Some(g.name()?) }));
    }
    g.expect("notify")?;
    let channel = g.name()?;
    let payload = if g.parser.consume_token(&Token::Comma) { g.string()? } else { String::new() };
    Ok(Command::Notify { channel, payload })
}

fn discard(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    g.expect("discard")?;
    let what = match g.peek(0).as_str() {
        "all" => Discard::All,
        "plans" => Discard::Plans,
        "sequences" => Discard::Sequences,
        "temp" | "temporary" => Discard::Temp,
        _ => return Err(g.unexpected()),
    };
    g.parser.next_token();
    Ok(Command::Discard(what))
}

fn lock(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    g.expect("lock")?;
    g.word("table");
    let mut tables = Vec::new();
    loop {
        g.word("only");
        tables.push(g.dotted()?);
        _ = g.parser.consume_token(&Token::Mul);
        if !g.parser.consume_token(&Token::Comma) {
            break;
        }
    }
    let mut mode = "ACCESS EXCLUSIVE".to_owned();
    if g.word("in") {
        let modes: [&[&str]; 8] = [
            &["access", "share"],
            &["row", "share"],
            &["row", "exclusive"],
            &["share", "update", "exclusive"],
            &["share", "row", "exclusive"],
            &["share"],
            &["exclusive"],
            &["access", "exclusive"],
        ];
        let Some(words) = modes.iter().find(|words| g.words(words)) else { return Err(g.unexpected()) };
        mode = words.join(" ").to_ascii_uppercase();
        g.expect("mode")?;
    }
    Ok(Command::Lock { tables, mode, nowait: g.word("nowait") })
}

fn database(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    let create = g.word("create");
    if !create {
        g.expect("drop")?;
    }
    g.expect("database")?;
    if !create {
        let if_exists = g.words(&["if", "exists"]);
        let name = g.name()?;
        g.word("with");
        let mut force = false;
        if g.parser.consume_token(&Token::LParen) {
            g.expect("force")?;
            g.expect_token(&Token::RParen)?;
            force = true;
        }
        return Ok(Command::DropDatabase { name, if_exists, force });
    }
    let name = g.name()?;
    g.word("with");
    let mut template = None;
    while !g.ends() {
        database_option(g, &mut template)?;
    }
    Ok(Command::CreateDatabase { name, template })
}

/// An option of CREATE DATABASE: a template, or what every database here is like; anything else is refused.
fn database_option(g: &mut Grammar<'_, '_>, template: &mut Option<String>) -> Parsing<()> {
    let option = g.name()?;
    if option == "connection" {
        g.expect("limit")?;
    }
    _ = g.parser.consume_token(&Token::Eq);
    if option == "connection" {
        g.integer()?;
        return Ok(());
    }
    let value = if matches!(g.parser.peek_token_ref().token, Token::Word(_)) { g.name()? } else { g.string()? };
    let folded = value.to_ascii_lowercase().replace('-', "");
    let known = match option.as_str() {
        "encoding" => matches!(folded.as_str(), "utf8" | "unicode" | "default"),
        "template" => {
            *template = Some(value.clone()).filter(|name| !matches!(name.as_str(), "template0" | "template1" | "default"));
            true
        }
        "owner" | "tablespace" | "strategy" => true,
        "locale" | "lc_collate" | "lc_ctype" => true,
        "allow_connections" => matches!(folded.as_str(), "true" | "on" | "default"),
        "is_template" => matches!(folded.as_str(), "false" | "off" | "default"),
        _ => false,
    };
    if known { Ok(()) } else { Err(SqlError::unsupported(format!("CREATE DATABASE option {option} = {value}")).into()) }
}
