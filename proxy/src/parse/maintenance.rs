//! The grammar of VACUUM, ANALYZE, REINDEX and CLUSTER.

use sqlparser::{parser::Parser, tokenizer::Token};

use super::command::{Command, Grammar, Maintenance, Parsing};

/// VACUUM and ANALYZE: tables and options are checked for form only, since SQLite works on the whole file.
pub(super) fn maintenance(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    let vacuum = g.peek(0) == "vacuum";
    g.parser.next_token();
    if g.parser.consume_token(&Token::LParen) {
        while !g.parser.consume_token(&Token::RParen) {
            if g.ends() {
                return Err(g.unexpected());
            }
            g.parser.next_token();
        }
    }
    while ["full", "freeze", "verbose", "analyze", "analyse"].iter().any(|w| g.word(w)) {}
    let mut names = Vec::new();
    while !g.ends() {
        names.push(g.dotted()?);
        if g.parser.consume_token(&Token::LParen) {
            g.parser.parse_comma_separated(Parser::parse_identifier)?;
            g.expect_token(&Token::RParen)?;
        }
        if !g.parser.consume_token(&Token::Comma) {
            break;
        }
    }
    Ok(Command::Maintain(if vacuum { Maintenance::Vacuum } else { Maintenance::Analyze }, names))
}

/// REINDEX and CLUSTER.
pub(super) fn rebuilding(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    let reindex = g.word("reindex");
    if !reindex {
        g.expect("cluster")?;
    }
    if g.parser.consume_token(&Token::LParen) {
        while !g.parser.consume_token(&Token::RParen) {
            if g.ends() {
                return Err(g.unexpected());
            }
            g.parser.next_token();
        }
    }
    if !reindex {
        g.word("verbose");
        let names = if g.ends() { Vec::new() } else { vec![g.dotted()?] };
        let by_index = g.word("using");
        if by_index {
            g.name()?;
        }
        return Ok(Command::Maintain(Maintenance::Cluster(by_index), names));
    }
    let of_relation = g.word("table") || g.word("index");
    if !of_relation && !["schema", "database", "system"].iter().any(|word| g.word(word)) {
        return Err(g.unexpected());
    }
    g.word("concurrently");
    let name = if g.ends() { None } else { Some(g.dotted()?) };
    Ok(Command::Maintain(Maintenance::Reindex, name.filter(|_| of_relation).into_iter().collect()))
}
