//! `CREATE SEQUENCE`, `ALTER SEQUENCE` and the options in parentheses of an identity column: in any order, each once.

use sqlparser::{
    ast::{DataType, ObjectName, SequenceOptions},
    tokenizer::Token,
};

use super::{Definition, if_not_exists};
use crate::{
    error::{SqlError, SqlState},
    parse::command::{Grammar, Parsing},
};

/// Options of a sequence as given.
#[derive(Clone, Debug, Default)]
pub struct SequenceClauses {
    /// `AS`.
    pub data_type: Option<DataType>,
    /// Those that say how it counts.
    pub options: Vec<SequenceOptions>,
    /// `OWNED BY`; the last part is the column, or the only one is NONE.
    pub owned_by: Option<ObjectName>,
    /// `RESTART`, with a value or without.
    pub restart: Option<Option<i64>>,
    /// `SEQUENCE NAME`, by which `pg_dump` names the sequence of an identity column.
    pub name: Option<ObjectName>,
}

pub(super) fn create(g: &mut Grammar<'_, '_>) -> Parsing<Definition> {
    g.expect("create")?;
    let temporary = g.word("temp") || g.word("temporary");
    if g.word("unlogged") {
        return Err(SqlError::unsupported("CREATE UNLOGGED SEQUENCE").into());
    }
    g.expect("sequence")?;
    let if_not_exists = if_not_exists(g);
    let name = g.parser.parse_object_name(false)?;
    let clauses = clauses(g)?;
    if clauses.restart.is_some() || clauses.name.is_some() {
        return Err(g.unexpected());
    }
    Ok(Definition::CreateSequence { temporary, if_not_exists, name, clauses })
}

/// The options up to the end of the statement, or a closing parenthesis.
pub(super) fn clauses(g: &mut Grammar<'_, '_>) -> Parsing<SequenceClauses> {
    let mut out = SequenceClauses::default();
    let mut seen: Vec<&'static str> = Vec::new();
    while !g.ends() && g.parser.peek_token_ref().token != Token::RParen {
        let token = g.parser.peek_token();
        let what = clause(g, &mut out)?;
        if seen.contains(&what) {
            let position = g.sql[..g.start(&token)].chars().count() + 1;
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, "conflicting or redundant options").at(position).into());
        }
        seen.push(what);
    }
    Ok(out)
}

fn clause(g: &mut Grammar<'_, '_>, out: &mut SequenceClauses) -> Parsing<&'static str> {
    if g.word("as") {
        out.data_type = Some(g.parser.parse_data_type()?);
        return Ok("as");
    }
    if g.word("increment") {
        g.word("by");
        out.options.push(SequenceOptions::IncrementBy(number(g)?, true));
        return Ok("increment");
    }
    if g.words(&["no", "minvalue"]) {
        out.options.push(SequenceOptions::MinValue(None));
        return Ok("minvalue");
    }
    if g.words(&["no", "maxvalue"]) {
        out.options.push(SequenceOptions::MaxValue(None));
        return Ok("maxvalue");
    }
    if g.word("minvalue") {
        out.options.push(SequenceOptions::MinValue(Some(number(g)?)));
        return Ok("minvalue");
    }
    if g.word("maxvalue") {
        out.options.push(SequenceOptions::MaxValue(Some(number(g)?)));
        return Ok("maxvalue");
    }
    if g.word("start") {
        g.word("with");
        out.options.push(SequenceOptions::StartWith(number(g)?, true));
        return Ok("start");
    }
    if g.word("cache") {
        out.options.push(SequenceOptions::Cache(number(g)?));
        return Ok("cache");
    }
    // The tree's flag is true for NO CYCLE.
    if g.words(&["no", "cycle"]) {
        out.options.push(SequenceOptions::Cycle(true));
        return Ok("cycle");
    }
    if g.word("cycle") {
        out.options.push(SequenceOptions::Cycle(false));
        return Ok("cycle");
    }
    if g.words(&["owned", "by"]) {
        out.owned_by = Some(g.parser.parse_object_name(false)?);
        return Ok("owned");
    }
    if g.words(&["sequence", "name"]) {
        out.name = Some(g.parser.parse_object_name(false)?);
        return Ok("name");
    }
    if g.word("restart") {
        let with = g.word("with");
        let valued = with || matches!(g.parser.peek_token_ref().token, Token::Number(..) | Token::Minus | Token::Plus);
        out.restart = Some(if valued { Some(g.integer()?) } else { None });
        return Ok("restart");
    }
    Err(g.unexpected())
}

/// One `SET` option of an identity column's sequence.
pub(super) fn clause_of_identity(g: &mut Grammar<'_, '_>, options: &mut Vec<SequenceOptions>) -> Parsing<()> {
    let mut out = SequenceClauses::default();
    clause(g, &mut out)?;
    if out.options.is_empty() {
        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "sequence option not supported here").into());
    }
    options.append(&mut out.options);
    Ok(())
}

/// A whole number as the tree of options wants it.
fn number(g: &mut Grammar<'_, '_>) -> Parsing<sqlparser::ast::Expr> {
    use sqlparser::ast::{Expr, UnaryOperator, Value};
    let value = g.integer()?;
    let digits = Expr::value(Value::Number(value.unsigned_abs().to_string(), false));
    Ok(if value < 0 { Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(digits) } } else { digits })
}
