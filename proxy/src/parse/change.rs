//! The grammar of data changes: INSERT, UPDATE, DELETE, MERGE, and the WITH before them or with them inside. Tokens enter; a [`Change`] leaves,
//! or nothing where the statement is another's. Expressions, queries and FROM are read by `sqlparser`.

use sqlparser::{
    ast::{self, AccessExpr, Expr, Ident, ObjectName, Query, SelectItem, TableWithJoins},
    parser::Parser,
    tokenizer::Token,
};

use super::command::{Grammar, Parsing};
use crate::error::SqlError;

/// A data change with the WITH before it; or a query with data changes in its WITH.
#[derive(Clone, Debug)]
pub struct Change {
    /// `RECURSIVE`.
    pub recursive: bool,
    /// The parts of WITH.
    pub with: Vec<WithItem>,
    /// The statement itself.
    pub body: Body,
}

/// One part of WITH.
#[derive(Clone, Debug)]
pub enum WithItem {
    /// A query.
    Query(Box<ast::Cte>),
    /// A data change; its name, and names for its columns.
    Change(Ident, Vec<Ident>, Box<Body>),
}

/// A statement after WITH.
#[derive(Clone, Debug)]
pub enum Body {
    /// `INSERT`.
    Insert(Insert),
    /// `UPDATE`.
    Update(Update),
    /// `DELETE`.
    Delete(Delete),
    /// `MERGE`.
    Merge(Merge),
    /// A query.
    Query(Box<Query>),
    /// `CALL`.
    Call(Box<ast::Function>),
}

/// A column to be assigned, or a part of one.
#[derive(Clone, Debug)]
pub struct Target {
    /// The column.
    pub column: Ident,
    /// Subscripts and fields behind it.
    pub path: Vec<AccessExpr>,
}

/// `INSERT`.
#[derive(Clone, Debug)]
pub struct Insert {
    /// The table.
    pub table: ObjectName,
    /// `AS`.
    pub alias: Option<Ident>,
    /// The columns named.
    pub columns: Vec<Target>,
    /// `OVERRIDING SYSTEM VALUE` (true), `OVERRIDING USER VALUE` (false).
    pub overriding: Option<bool>,
    /// The rows, none for DEFAULT VALUES.
    pub source: Option<Box<Query>>,
    /// `ON CONFLICT`.
    pub on_conflict: Option<OnConflict>,
    /// `RETURNING`.
    pub returning: Option<Vec<SelectItem>>,
}

/// `ON CONFLICT`.
#[derive(Clone, Debug)]
pub struct OnConflict {
    /// Where it stands, in characters from 1.
    pub position: usize,
    /// Which key.
    pub target: ConflictTarget,
    /// `DO UPDATE SET … WHERE …`, none for DO NOTHING.
    pub update: Option<(Vec<Assignment>, Option<Expr>)>,
}

/// The key that ON CONFLICT means.
#[derive(Clone, Debug)]
pub enum ConflictTarget {
    /// Any.
    Any,
    /// That of these columns or expressions, partial by a predicate.
    Keys(Vec<Expr>, Option<Expr>),
    /// That of a constraint.
    Constraint(Ident),
}

/// One assignment of SET; several targets where it is `(a, b) = …`.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// What is assigned.
    pub targets: Vec<Target>,
    /// Whether the targets stand in parentheses.
    pub tuple: bool,
    /// The value.
    pub value: Expr,
}

/// `UPDATE`.
#[derive(Clone, Debug)]
pub struct Update {
    /// The table.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// `SET`.
    pub assignments: Vec<Assignment>,
    /// `FROM`.
    pub from: Vec<TableWithJoins>,
    /// `WHERE`.
    pub filter: Option<Expr>,
    /// `RETURNING`.
    pub returning: Option<Vec<SelectItem>>,
}

/// `DELETE`.
#[derive(Clone, Debug)]
pub struct Delete {
    /// The table.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// `USING`.
    pub using: Vec<TableWithJoins>,
    /// `WHERE`.
    pub filter: Option<Expr>,
    /// `RETURNING`.
    pub returning: Option<Vec<SelectItem>>,
}

/// `MERGE`.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The table.
    pub table: ObjectName,
    /// Its alias.
    pub alias: Option<Ident>,
    /// `USING`.
    pub source: TableWithJoins,
    /// `ON`.
    pub on: Expr,
    /// `WHEN`, in order.
    pub whens: Vec<When>,
}

/// One WHEN of MERGE.
#[derive(Clone, Debug)]
pub struct When {
    /// False for NOT MATCHED.
    pub matched: bool,
    /// `AND`.
    pub condition: Option<Expr>,
    /// `THEN`.
    pub action: MergeAction,
}

/// What MERGE does with a row.
#[derive(Clone, Debug)]
pub enum MergeAction {
    /// `UPDATE SET`.
    Update(Vec<Assignment>),
    /// `DELETE`.
    Delete,
    /// `DO NOTHING`.
    Nothing,
    /// `INSERT`: columns, OVERRIDING, values; none for DEFAULT VALUES.
    Insert(Vec<Target>, Option<bool>, Option<Vec<Expr>>),
}

/// The change that begins at the parser's place, if it is one.
pub(super) fn change(g: &mut Grammar<'_, '_>) -> Parsing<Option<Change>> {
    match g.peek(0).as_str() {
        "insert" | "update" | "delete" | "merge" => Ok(Some(Change { recursive: false, with: Vec::new(), body: body(g)? })),
        "call" => Ok(Some(Change { recursive: false, with: Vec::new(), body: Body::Call(Box::new(call(g)?)) })),
        "with" if changes_rows(g) => with(g).map(Some),
        _ => Ok(None),
    }
}

/// `CALL name(…)`.
fn call(g: &mut Grammar<'_, '_>) -> Parsing<ast::Function> {
    g.expect("call")?;
    match g.parser.parse_expr()? {
        Expr::Function(function) => Ok(function),
        _ => Err(g.unexpected()),
    }
}

/// Whether a WITH has a data change in it or after it: one of the words stands where a statement can begin.
fn changes_rows(g: &Grammar<'_, '_>) -> bool {
    let mut depth = 0_usize;
    let mut begins = false;
    for n in 1.. {
        let token = &g.parser.peek_nth_token_ref(n).token;
        match token {
            Token::EOF => return false,
            Token::SemiColon if depth == 0 => return false,
            Token::LParen => {
                begins = depth == 0 && matches!(g.peek(n - 1).as_str(), "as" | "materialized");
                depth += 1;
                continue;
            }
            Token::RParen => {
                depth = depth.saturating_sub(1);
                begins = depth == 0;
                continue;
            }
            Token::Word(_) if begins => {
                let word = g.peek(n);
                if matches!(word.as_str(), "insert" | "update" | "delete" | "merge") {
                    return true;
                }
                if depth == 0 && word == "select" {
                    return false;
                }
            }
            _ => {}
        }
        begins = false;
    }
    false
}

fn with(g: &mut Grammar<'_, '_>) -> Parsing<Change> {
    g.expect("with")?;
    let recursive = g.word("recursive");
    let mut items = Vec::new();
    loop {
        items.push(with_item(g)?);
        if !g.parser.consume_token(&Token::Comma) {
            break;
        }
    }
    Ok(Change { recursive, with: items, body: body(g)? })
}

fn with_item(g: &mut Grammar<'_, '_>) -> Parsing<WithItem> {
    // Where AS stands: behind the name, or behind a list of columns.
    let mut at = 1;
    if g.parser.peek_nth_token_ref(1).token == Token::LParen {
        while !matches!(g.parser.peek_nth_token_ref(at).token, Token::RParen | Token::EOF) {
            at += 1;
        }
        at += 1;
    }
    let mut open = at + 1;
    while matches!(g.peek(open).as_str(), "not" | "materialized") {
        open += 1;
    }
    let changes = g.parser.peek_nth_token_ref(open).token == Token::LParen
        && matches!(g.peek(open + 1).as_str(), "insert" | "update" | "delete" | "merge");
    if !changes {
        return Ok(WithItem::Query(Box::new(g.parser.parse_cte()?)));
    }
    let name = g.parser.parse_identifier()?;
    let mut columns = Vec::new();
    if g.parser.consume_token(&Token::LParen) {
        columns = g.parser.parse_comma_separated(Parser::parse_identifier)?;
        g.expect_token(&Token::RParen)?;
    }
    g.expect("as")?;
    g.word("not");
    g.word("materialized");
    g.expect_token(&Token::LParen)?;
    let body = body(g)?;
    g.expect_token(&Token::RParen)?;
    Ok(WithItem::Change(name, columns, Box::new(body)))
}

fn body(g: &mut Grammar<'_, '_>) -> Parsing<Body> {
    match g.peek(0).as_str() {
        "insert" => insert(g).map(Body::Insert),
        "update" => update(g).map(Body::Update),
        "delete" => delete(g).map(Body::Delete),
        "merge" => super::merge::merge(g).map(Body::Merge),
        _ => Ok(Body::Query(g.parser.parse_query()?)),
    }
}

/// A name with an alias: words that go on with the statement are none.
pub(super) fn table(g: &mut Grammar<'_, '_>, following: &[&str]) -> Parsing<(ObjectName, Option<Ident>)> {
    g.word("only");
    if !matches!(g.parser.peek_token_ref().token, Token::Word(_)) {
        return Err(g.unexpected());
    }
    let name = g.parser.parse_object_name(false)?;
    _ = g.parser.consume_token(&Token::Mul);
    let explicit = g.word("as");
    let is_word = matches!(g.parser.peek_token_ref().token, Token::Word(_));
    let alias = explicit || is_word && !following.contains(&g.peek(0).as_str());
    let alias = if alias { Some(g.parser.parse_identifier()?) } else { None };
    Ok((name, alias))
}

fn insert(g: &mut Grammar<'_, '_>) -> Parsing<Insert> {
    g.expect("insert")?;
    g.expect("into")?;
    let name = g.parser.parse_object_name(false)?;
    let alias = if g.word("as") { Some(g.parser.parse_identifier()?) } else { None };
    let mut columns = Vec::new();
    let lists = g.parser.peek_token_ref().token == Token::LParen
        && !matches!(g.peek(1).as_str(), "select" | "values" | "with" | "table")
        && g.parser.peek_nth_token_ref(1).token != Token::LParen;
    if lists {
        columns = targets(g)?;
    }
    let overriding = overriding(g)?;
    let source = if g.words(&["default", "values"]) { None } else { Some(query(g)?) };
    let on_conflict = if g.peek(0) == "on" { Some(on_conflict(g)?) } else { None };
    let returning = returning(g)?;
    Ok(Insert { table: name, alias, columns, overriding, source, on_conflict, returning })
}

/// A query; a syntax error here stands at the word that begins none.
fn query(g: &mut Grammar<'_, '_>) -> Parsing<Box<Query>> {
    let begins = matches!(g.peek(0).as_str(), "select" | "values" | "with" | "table") || g.parser.peek_token_ref().token == Token::LParen;
    if begins { Ok(g.parser.parse_query()?) } else { Err(g.unexpected()) }
}

pub(super) fn overriding(g: &mut Grammar<'_, '_>) -> Parsing<Option<bool>> {
    if !g.word("overriding") {
        return Ok(None);
    }
    let system = g.word("system");
    if !system {
        g.expect("user")?;
    }
    g.expect("value")?;
    Ok(Some(system))
}

/// `(a, b[1], c.d)`.
pub(super) fn targets(g: &mut Grammar<'_, '_>) -> Parsing<Vec<Target>> {
    g.expect_token(&Token::LParen)?;
    let mut out = Vec::new();
    loop {
        out.push(target(g)?);
        if !g.parser.consume_token(&Token::Comma) {
            break;
        }
    }
    g.expect_token(&Token::RParen)?;
    Ok(out)
}

fn target(g: &mut Grammar<'_, '_>) -> Parsing<Target> {
    if !matches!(g.parser.peek_token_ref().token, Token::Word(_)) {
        return Err(g.unexpected());
    }
    let column = g.parser.parse_identifier()?;
    let mut path = Vec::new();
    loop {
        if g.parser.peek_token_ref().token == Token::LBracket {
            g.parser.parse_multi_dim_subscript(&mut path)?;
        } else if g.parser.consume_token(&Token::Period) {
            path.push(AccessExpr::Dot(Expr::Identifier(g.parser.parse_identifier()?)));
        } else {
            return Ok(Target { column, path });
        }
    }
}

fn on_conflict(g: &mut Grammar<'_, '_>) -> Parsing<OnConflict> {
    let token = g.parser.peek_token();
    let position = g.sql[..g.start(&token)].chars().count() + 1;
    g.expect("on")?;
    g.expect("conflict")?;
    let target = if g.words(&["on", "constraint"]) {
        ConflictTarget::Constraint(g.parser.parse_identifier()?)
    } else if g.parser.consume_token(&Token::LParen) {
        let mut keys = Vec::new();
        loop {
            keys.push(g.parser.parse_create_index_expr()?.column.expr);
            if !g.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        g.expect_token(&Token::RParen)?;
        let predicate = if g.word("where") { Some(g.parser.parse_expr()?) } else { None };
        ConflictTarget::Keys(keys, predicate)
    } else {
        ConflictTarget::Any
    };
    g.expect("do")?;
    if g.word("nothing") {
        return Ok(OnConflict { position, target, update: None });
    }
    g.expect("update")?;
    let assignments = assignments(g)?;
    let filter = filter(g)?;
    Ok(OnConflict { position, target, update: Some((assignments, filter)) })
}

pub(super) fn assignments(g: &mut Grammar<'_, '_>) -> Parsing<Vec<Assignment>> {
    g.expect("set")?;
    let mut out = Vec::new();
    loop {
        let tuple = g.parser.peek_token_ref().token == Token::LParen;
        let targets = if tuple { targets(g)? } else { vec![target(g)?] };
        g.expect_token(&Token::Eq)?;
        out.push(Assignment { targets, tuple, value: g.parser.parse_expr()? });
        if !g.parser.consume_token(&Token::Comma) {
            return Ok(out);
        }
    }
}

fn filter(g: &mut Grammar<'_, '_>) -> Parsing<Option<Expr>> {
    if !g.word("where") {
        return Ok(None);
    }
    if g.words(&["current", "of"]) {
        return Err(SqlError::unsupported("WHERE CURRENT OF").into());
    }
    Ok(Some(g.parser.parse_expr()?))
}

fn returning(g: &mut Grammar<'_, '_>) -> Parsing<Option<Vec<SelectItem>>> {
    if !g.word("returning") {
        return Ok(None);
    }
    Ok(Some(g.parser.parse_comma_separated(Parser::parse_select_item)?))
}

fn update(g: &mut Grammar<'_, '_>) -> Parsing<Update> {
    g.expect("update")?;
    let (table, alias) = table(g, &["set"])?;
    let assignments = assignments(g)?;
    let from = if g.word("from") { g.parser.parse_comma_separated(Parser::parse_table_and_joins)? } else { Vec::new() };
    let filter = filter(g)?;
    Ok(Update { table, alias, assignments, from, filter, returning: returning(g)? })
}

fn delete(g: &mut Grammar<'_, '_>) -> Parsing<Delete> {
    g.expect("delete")?;
    g.expect("from")?;
    let (table, alias) = table(g, &["using", "where", "returning"])?;
    let using = if g.word("using") { g.parser.parse_comma_separated(Parser::parse_table_and_joins)? } else { Vec::new() };
    let filter = filter(g)?;
    Ok(Delete { table, alias, using, filter, returning: returning(g)? })
}
