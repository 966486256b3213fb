//! Places in a query string: the tokenizer's lines and columns enter, bytes and characters leave; and syntax errors in PostgreSQL's words.

use crate::error::{SqlError, SqlState};

/// The lines of a query string, ready to find the byte of any column at once: a text of thousands of tokens is asked for the place of each.
pub struct Positions<'a> {
    sql: &'a str,
    lines: Vec<Line>,
}

struct Line {
    start: usize,
    /// Where each [`STEP`]-th character begins; empty where every character is one byte.
    steps: Vec<usize>,
}

/// So many characters lie between two that are remembered.
const STEP: usize = 64;

impl<'a> Positions<'a> {
    /// Of a query string.
    pub fn new(sql: &'a str) -> Self {
        let mut start = 0;
        let line = |text: &str| {
            let steps =
                if text.is_ascii() { Vec::new() } else { text.char_indices().step_by(STEP).map(|(byte, _)| start + byte).collect() };
            let line = Line { start, steps };
            start += text.len() + 1;
            line
        };
        Positions { sql, lines: sql.split('\n').map(line).collect() }
    }

    /// The byte at a line and column, both from 1 (columns count characters).
    pub fn byte(&self, line: u64, column: u64) -> usize {
        let Some(Line { start, steps }) = (line as usize).checked_sub(1).and_then(|l| self.lines.get(l)) else { return self.sql.len() };
        let skip = column.saturating_sub(1) as usize;
        if steps.is_empty() {
            return (start + skip).min(self.sql.len());
        }
        let Some(near) = steps.get(skip / STEP) else { return self.sql.len() };
        self.sql[*near..].char_indices().nth(skip % STEP).map_or(self.sql.len(), |(i, _)| near + i)
    }

    /// The character at a line and column, from 1: the position of an ErrorResponse.
    pub fn character(&self, line: u64, column: u64) -> usize {
        character(self.sql, self.byte(line, column))
    }
}

/// The character at a byte, from 1.
pub(crate) fn character(sql: &str, byte: usize) -> usize {
    sql[..byte.min(sql.len())].chars().count() + 1
}

/// 42601 at the end.
pub(super) fn end_of_input(sql: &str) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, "syntax error at end of input").at(character(sql, sql.len()))
}

/// 42601 at the token that begins at a byte.
pub(super) fn syntax_at(sql: &str, start: usize) -> SqlError {
    match token_text(&sql[start.min(sql.len())..]) {
        "" => end_of_input(sql),
        text => SqlError::syntax(text, character(sql, start)),
    }
}

/// The text of the token that a string begins with, as PostgreSQL's lexer would cut it.
fn token_text(rest: &str) -> &str {
    let Some(first) = rest.chars().next() else { return "" };
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    let length = match first {
        '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |i| i + 2),
        c if c.is_ascii_digit() => rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len()),
        c if is_word(c) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
        _ => ["::", "<=", ">=", "<>", "!=", ":=", "=>"].iter().find(|o| rest.starts_with(**o)).map_or(first.len_utf8(), |o| o.len()),
    };
    &rest[..length]
}

/// An error of the tokenizer.
pub(super) fn token_error(sql: &str, message: &str, line: u64, column: u64) -> SqlError {
    let start = Positions::new(sql).byte(line, column);
    let lower = message.to_ascii_lowercase();
    let kind = if lower.contains("dollar-quoted") {
        "unterminated dollar-quoted string"
    } else if lower.contains("string") {
        "unterminated quoted string"
    } else if lower.contains("close delimiter") {
        "unterminated quoted identifier"
    } else if lower.contains("comment") {
        "unterminated /* comment"
    } else {
        return syntax_at(sql, start);
    };
    let rest = &sql[start.min(sql.len())..];
    let error = SqlError::new(SqlState::SYNTAX_ERROR, format!("{kind} at or near \"{rest}\""));
    error.at(character(sql, start))
}

/// An error of the parser, whose message ends with ` at Line: 1, Column: 8`.
pub(super) fn parser_error(sql: &str, positions: &Positions<'_>, message: &str) -> SqlError {
    if message.contains("found: EOF") {
        return end_of_input(sql);
    }
    match place(message) {
        Some((line, column)) => syntax_at(sql, positions.byte(line, column)),
        None => SqlError::new(SqlState::SYNTAX_ERROR, format!("syntax error: {message}")),
    }
}

fn place(message: &str) -> Option<(u64, u64)> {
    let (_, tail) = message.rsplit_once("at Line: ")?;
    let (line, column) = tail.split_once(", Column: ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_may_be_long() {
        let long = format!("é{}\n{}ü;\nend", "x".repeat(200), "y".repeat(300));
        let positions = Positions::new(&long);
        for (line, column, expected) in
            [(1, 1, 0), (1, 2, 2), (1, 70, 70), (1, 201, 201), (2, 1, 203), (2, 301, 503), (2, 302, 505), (3, 2, 508)]
        {
            assert_eq!(positions.byte(line, column), expected, "{line}:{column}");
        }
        assert_eq!(positions.byte(9, 1), long.len());
        assert_eq!(positions.character(2, 302), 504);
    }
}
