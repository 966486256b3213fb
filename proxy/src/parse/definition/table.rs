//! `CREATE TABLE` in all its forms.

use sqlparser::{
    ast::{ColumnDef, ColumnOption, ColumnOptionDef, GeneratedAs, Ident, ObjectName, OnCommit, Query, TableConstraint},
    parser::Parser,
    tokenizer::Token,
};

use super::{Definition, if_not_exists, sequence};
use crate::{
    error::{SqlError, SqlState},
    parse::command::{Grammar, Parsing},
};

/// Where a table lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// In the database.
    Permanent,
    /// In the database, not replicated.
    Unlogged,
    /// In the session.
    Temporary,
}

/// `CREATE TABLE (…)`.
#[derive(Clone, Debug)]
pub struct CreateTable {
    /// Where it lives.
    pub persistence: Persistence,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// Columns, constraints and LIKEs in the order in which they stand.
    pub elements: Vec<Element>,
    /// What a commit does to it.
    pub on_commit: Option<OnCommit>,
}

/// `CREATE TABLE … AS`.
#[derive(Clone, Debug)]
pub struct CreateTableAs {
    /// Where it lives.
    pub persistence: Persistence,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its name.
    pub name: ObjectName,
    /// The columns' names, as many as are given.
    pub columns: Vec<Ident>,
    /// What a commit does to it.
    pub on_commit: Option<OnCommit>,
    /// The query.
    pub query: Box<Query>,
    /// False for `WITH NO DATA`.
    pub with_data: bool,
}

/// What stands between the parentheses of CREATE TABLE.
#[derive(Clone, Debug)]
pub enum Element {
    /// A column.
    Column(Box<ColumnDef>),
    /// A constraint.
    Constraint(Box<TableConstraint>),
    /// `LIKE`.
    Like(LikeClause),
}

/// `LIKE other INCLUDING …`.
#[derive(Clone, Debug)]
pub struct LikeClause {
    /// The table to be like.
    pub name: ObjectName,
    /// INCLUDING and EXCLUDING in their order; true for the former.
    pub options: Vec<(LikeOption, bool)>,
}

/// What LIKE can copy beside names, types and NOT NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikeOption {
    /// `ALL`.
    All,
    /// `COMMENTS`.
    Comments,
    /// `CONSTRAINTS`.
    Constraints,
    /// `DEFAULTS`.
    Defaults,
    /// `GENERATED`.
    Generated,
    /// `IDENTITY`.
    Identity,
    /// `INDEXES`.
    Indexes,
    /// What tunes PostgreSQL's heap.
    Tuning,
}

/// `CREATE [TEMPORARY | UNLOGGED] TABLE`.
pub(super) fn create(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("create")?;
    _ = g.word("local") || g.word("global");
    let persistence = if g.word("temp") || g.word("temporary") {
        Persistence::Temporary
    } else if g.word("unlogged") {
        Persistence::Unlogged
    } else {
        Persistence::Permanent
    };
    g.expect("table")?;
    let if_not_exists = if_not_exists(g);
    let name = g.parser.parse_object_name(false)?;
    if g.words(&["partition", "of"]) {
        return Err(SqlError::unsupported("PARTITION OF").into());
    }
    if g.word("of") {
        return Err(SqlError::unsupported("CREATE TABLE OF").into());
    }
    if let Some(columns) = column_names(g)? {
        let on_commit = options(g)?;
        g.expect("as")?;
        return table_as(g, CreateHead { persistence, if_not_exists, name, on_commit }, columns);
    }
    g.expect_token(&Token::LParen)?;
    let mut elements = Vec::new();
    if !g.parser.consume_token(&Token::RParen) {
        loop {
            elements.push(element(g)?);
            if !g.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        g.expect_token(&Token::RParen)?;
    }
    let on_commit = options(g)?;
    Ok(Definition::CreateTable(CreateTable { persistence, if_not_exists, name, elements, on_commit }))
}

struct CreateHead {
    persistence: Persistence,
    if_not_exists: bool,
    name: ObjectName,
    on_commit: Option<OnCommit>,
}

fn table_as(g: &mut Grammar<'_, '_>, head: CreateHead, columns: Vec<Ident>) -> Parsing<Definition> {
    if g.peek(0) == "execute" {
        return Err(SqlError::unsupported("CREATE TABLE AS EXECUTE").into());
    }
    let query = g.parser.parse_query()?;
    let with_data = !g.words(&["with", "no", "data"]);
    if with_data {
        g.words(&["with", "data"]);
    }
    let CreateHead { persistence, if_not_exists, name, on_commit } = head;
    Ok(Definition::CreateTableAs(CreateTableAs { persistence, if_not_exists, name, columns, on_commit, query, with_data }))
}

/// `CREATE MATERIALIZED VIEW`: a table with a query to it.
pub(super) fn materialized_view(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("create")?;
    g.expect("materialized")?;
    g.expect("view")?;
    let if_not_exists = super::if_not_exists(g);
    let name = g.parser.parse_object_name(false)?;
    let Some(columns) = column_names(g)? else { return Err(g.unexpected()) };
    options(g)?;
    g.expect("as")?;
    let head = CreateHead { persistence: Persistence::Unlogged, if_not_exists, name, on_commit: None };
    match table_as(g, head, columns)? {
        Definition::CreateTableAs(create) => Ok(Definition::CreateMaterializedView(create)),
        other => Ok(other),
    }
}

/// `REFRESH MATERIALIZED VIEW`.
pub(super) fn refresh(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("refresh")?;
    g.expect("materialized")?;
    g.expect("view")?;
    let concurrently = g.word("concurrently");
    let name = g.parser.parse_object_name(false)?;
    let with_data = !g.words(&["with", "no", "data"]);
    if with_data {
        g.words(&["with", "data"]);
    }
    if concurrently && !with_data {
        let message = "REFRESH options CONCURRENTLY and WITH NO DATA cannot be used together";
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).into());
    }
    Ok(Definition::Refresh { name, concurrently, with_data })
}

/// The names of CREATE TABLE AS, none where definitions follow.
fn column_names(g: &mut Grammar<'_, '_>) -> Parsing<Option<Vec<Ident>>> {
    if g.parser.peek_token_ref().token != Token::LParen {
        return Ok(Some(Vec::new()));
    }
    let one_word = matches!(g.parser.peek_nth_token_ref(1).token, Token::Word(_))
        && matches!(g.parser.peek_nth_token_ref(2).token, Token::Comma | Token::RParen);
    if !one_word {
        return Ok(None);
    }
    g.expect_token(&Token::LParen)?;
    let names = g.parser.parse_comma_separated(Parser::parse_identifier)?;
    g.expect_token(&Token::RParen)?;
    Ok(Some(names))
}

/// What may follow the columns. Storage parameters tune PostgreSQL's heap; there is none here to be tuned.
fn options(g: &mut Grammar<'_, '_>) -> Parsing<Option<OnCommit>> {
    let mut on_commit = None;
    loop {
        if g.peek(0) == "inherits" {
            return Err(SqlError::unsupported("INHERITS").into());
        } else if g.words(&["partition", "by"]) {
            return Err(SqlError::unsupported("PARTITION BY").into());
        } else if g.word("using") {
            let method = g.name()?;
            if method != "heap" {
                let message = format!("access method \"{method}\" does not exist");
                return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message).into());
            }
        } else if g.words(&["without", "oids"]) {
        } else if g.word("with") {
            parameters(g)?;
        } else if g.words(&["on", "commit"]) {
            on_commit = Some(if g.words(&["preserve", "rows"]) {
                OnCommit::PreserveRows
            } else if g.words(&["delete", "rows"]) {
                OnCommit::DeleteRows
            } else if g.word("drop") {
                OnCommit::Drop
            } else {
                return Err(g.unexpected());
            });
        } else if g.word("tablespace") {
            tablespace(g)?;
        } else {
            return Ok(on_commit);
        }
    }
}

/// The one tablespace that there is.
pub(super) fn tablespace(g: &mut Grammar<'_, '_>) -> Parsing<()> {
    let name = g.name()?;
    match name.as_str() {
        "pg_default" => Ok(()),
        _ => Err(SqlError::new(SqlState::UNDEFINED_OBJECT, format!("tablespace \"{name}\" does not exist")).into()),
    }
}

/// `(name = value, …)`, passed over.
pub(super) fn parameters(g: &mut Grammar<'_, '_>) -> Parsing<()> {
    g.expect_token(&Token::LParen)?;
    loop {
        let name = g.dotted()?;
        if name.last().is_some_and(|n| n == "oids") {
            return Err(SqlError::unsupported("a table declared WITH OIDS").into());
        }
        if g.parser.consume_token(&Token::Eq) {
            _ = g.parser.consume_token(&Token::Minus);
            g.parser.next_token();
        }
        if !g.parser.consume_token(&Token::Comma) {
            return g.expect_token(&Token::RParen);
        }
    }
}

fn element(g: &mut Grammar<'_, '_>) -> Parsing<Element> {
    if g.word("like") {
        return like(g).map(Element::Like);
    }
    match constraint(g)? {
        Some(constraint) => Ok(Element::Constraint(Box::new(constraint))),
        None => column(g).map(|column| Element::Column(Box::new(column))),
    }
}

/// A table constraint, if one is next.
pub(super) fn constraint(g: &mut Grammar<'_, '_>) -> Parsing<Option<TableConstraint>> {
    let at = if g.peek(0) == "constraint" { 2 } else { 0 };
    match g.peek(at).as_str() {
        "exclude" if g.peek(at + 1) == "using" || g.parser.peek_nth_token_ref(at + 1).token == Token::LParen => {
            Err(SqlError::unsupported("an exclusion constraint").into())
        }
        "primary" | "unique" | "check" | "foreign" => {
            let read = g.parser.parse_optional_table_constraint()?;
            if matches!(read, Some(TableConstraint::PrimaryKey(_) | TableConstraint::Unique(_))) {
                key_options(g)?;
            }
            Ok(read)
        }
        _ if at == 2 => {
            g.parser.next_token();
            g.parser.next_token();
            Err(g.unexpected())
        }
        _ => Ok(None),
    }
}

/// `WITH (…)` and `USING INDEX TABLESPACE` of a key.
fn key_options(g: &mut Grammar<'_, '_>) -> Parsing<()> {
    if g.peek(0) == "with" && g.parser.peek_nth_token_ref(1).token == Token::LParen {
        g.word("with");
        parameters(g)?;
    }
    if g.words(&["using", "index", "tablespace"]) {
        tablespace(g)?;
    }
    Ok(())
}

/// A column with its options.
pub(super) fn column(g: &mut Grammar<'_, '_>) -> Parsing<ColumnDef> {
    let column = match g.parser.peek_token_ref().token {
        Token::Word(_) => g.parser.parse_identifier()?,
        _ => return Err(g.unexpected()),
    };
    if g.ends() || matches!(g.parser.peek_token_ref().token, Token::Comma | Token::RParen) {
        return Err(g.unexpected());
    }
    let data_type = g.parser.parse_data_type()?;
    let mut options = Vec::new();
    loop {
        if g.word("compression") || g.word("storage") {
            g.name()?;
            continue;
        }
        let name = if g.word("constraint") { Some(g.parser.parse_identifier()?) } else { None };
        if g.peek(0) == "generated" {
            options.push(ColumnOptionDef { name, option: generated(g)? });
            continue;
        }
        match g.parser.parse_optional_column_option()? {
            Some(option) => {
                if matches!(option, ColumnOption::PrimaryKey(_) | ColumnOption::Unique(_)) {
                    key_options(g)?;
                }
                options.push(ColumnOptionDef { name, option });
            }
            None if name.is_some() => return Err(g.unexpected()),
            None => return Ok(ColumnDef { name: column, data_type, options }),
        }
    }
}

/// `GENERATED … AS IDENTITY` with its options in any order, or `GENERATED ALWAYS AS (…) STORED`.
pub(super) fn generated(g: &mut Grammar<'_, '_>) -> Parsing<ColumnOption> {
    g.expect("generated")?;
    let generated_as = generated_kind(g)?;
    g.expect("as")?;
    if g.word("identity") {
        return identity_options(g, generated_as);
    }
    let generation_expr = Some(super::domain::parenthesized(g)?);
    if generated_as == GeneratedAs::ByDefault {
        let message = "for a generated column, GENERATED ALWAYS must be specified";
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).into());
    }
    g.expect("stored")?;
    Ok(ColumnOption::Generated {
        generated_as: GeneratedAs::ExpStored,
        sequence_options: None,
        generation_expr,
        generation_expr_mode: Some(sqlparser::ast::GeneratedExpressionMode::Stored),
        generated_keyword: true,
    })
}

/// `ALWAYS` or `BY DEFAULT`.
pub(super) fn generated_kind(g: &mut Grammar<'_, '_>) -> Parsing<GeneratedAs> {
    if g.word("always") {
        return Ok(GeneratedAs::Always);
    }
    g.expect("by")?;
    g.expect("default")?;
    Ok(GeneratedAs::ByDefault)
}

/// The options in parentheses after `AS IDENTITY`.
pub(super) fn identity_options(g: &mut Grammar<'_, '_>, generated_as: GeneratedAs) -> Parsing<ColumnOption> {
    let mut sequence_options = Vec::new();
    if g.parser.consume_token(&Token::LParen) {
        let clauses = sequence::clauses(g)?;
        g.expect_token(&Token::RParen)?;
        if clauses.data_type.is_some() || clauses.owned_by.is_some() || clauses.restart.is_some() {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "invalid sequence option for an identity column").into());
        }
        sequence_options = clauses.options;
    }
    Ok(ColumnOption::Generated {
        generated_as,
        sequence_options: Some(sequence_options),
        generation_expr: None,
        generation_expr_mode: None,
        generated_keyword: true,
    })
}

fn like(g: &mut Grammar<'_, '_>) -> Parsing<LikeClause> {
    let name = g.parser.parse_object_name(false)?;
    let mut options = Vec::new();
    loop {
        let including = g.word("including");
        if !including && !g.word("excluding") {
            return Ok(LikeClause { name, options });
        }
        let what = match g.peek(0).as_str() {
            "all" => LikeOption::All,
            "comments" => LikeOption::Comments,
            "constraints" => LikeOption::Constraints,
            "defaults" => LikeOption::Defaults,
            "generated" => LikeOption::Generated,
            "identity" => LikeOption::Identity,
            "indexes" => LikeOption::Indexes,
            "compression" | "statistics" | "storage" => LikeOption::Tuning,
            _ => return Err(g.unexpected()),
        };
        g.parser.next_token();
        options.push((what, including));
    }
}
