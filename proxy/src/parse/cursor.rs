//! The grammar of cursors: DECLARE, FETCH, MOVE, CLOSE.

use super::command::{Command, Grammar, Parsing};

/// Which rows FETCH answers, or MOVE passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// That many rows onward; 0 is the current row, negative goes back. `i64::MAX` is ALL.
    Forward(i64),
    /// The row of that number, from the end where negative.
    Absolute(i64),
    /// The row that many further.
    Relative(i64),
}

pub(super) fn cursor(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    if g.word("close") {
        return Ok(Command::Close(if g.word("all") { None } else { Some(g.name()?) }));
    }
    if g.word("declare") {
        return declare(g);
    }
    let moves = g.word("move");
    if !moves {
        g.expect("fetch")?;
    }
    let direction = direction(g)?;
    if !g.word("from") {
        g.word("in");
    }
    Ok(Command::Fetch { name: g.name()?, direction, moves })
}

fn declare(g: &mut Grammar<'_, '_>) -> Parsing<Command> {
    let name = g.name()?;
    let (mut binary, mut scroll) = (false, None);
    loop {
        if g.word("binary") {
            binary = true;
        } else if g.words(&["no", "scroll"]) {
            scroll = Some(false);
        } else if g.word("scroll") {
            scroll = Some(true);
        } else if !g.word("insensitive") && !g.word("asensitive") {
            break;
        }
    }
    g.expect("cursor")?;
    let hold = g.words(&["with", "hold"]);
    if !hold {
        g.words(&["without", "hold"]);
    }
    g.expect("for")?;
    Ok(Command::Declare { name, binary, scroll, hold, query: g.parser.parse_query()? })
}

fn direction(g: &mut Grammar<'_, '_>) -> Parsing<Direction> {
    // A cursor may be called like a direction; the word is one only if another name follows.
    let names_cursor = {
        let next = &g.parser.peek_nth_token_ref(1).token;
        matches!(next, sqlparser::tokenizer::Token::SemiColon | sqlparser::tokenizer::Token::EOF)
    };
    let word = if names_cursor { String::new() } else { g.peek(0) };
    let fixed = match word.as_str() {
        "next" => Some(Direction::Forward(1)),
        "prior" => Some(Direction::Forward(-1)),
        "first" => Some(Direction::Absolute(1)),
        "last" => Some(Direction::Absolute(-1)),
        "all" => Some(Direction::Forward(i64::MAX)),
        _ => None,
    };
    if let Some(direction) = fixed {
        g.parser.next_token();
        return Ok(direction);
    }
    match word.as_str() {
        "absolute" => {
            g.parser.next_token();
            Ok(Direction::Absolute(g.integer()?))
        }
        "relative" => {
            g.parser.next_token();
            Ok(Direction::Relative(g.integer()?))
        }
        "forward" | "backward" => {
            g.parser.next_token();
            let count = if g.word("all") {
                i64::MAX
            } else if matches!(g.parser.peek_token_ref().token, sqlparser::tokenizer::Token::Word(_)) {
                1
            } else {
                g.integer()?
            };
            Ok(Direction::Forward(if word == "backward" { -count } else { count }))
        }
        _ if matches!(g.parser.peek_token_ref().token, sqlparser::tokenizer::Token::Word(_)) => Ok(Direction::Forward(1)),
        _ => Ok(Direction::Forward(g.integer()?)),
    }
}
