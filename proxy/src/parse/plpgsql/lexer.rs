//! Tokens of PL/pgSQL: only so much as tells statements apart. Enters: the text. Leaves: tokens with their place in it.

use crate::error::{Result, SqlError, SqlState};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word, in its own case.
    Word,
    /// A quoted identifier.
    Quoted,
    /// A string.
    Text,
    /// A number or `$n`.
    Number,
    /// `:=`, `..`, `<<`, `>>` or a single character.
    Symbol,
    /// The end.
    End,
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Its first byte.
    pub(super) start: usize,
    /// The byte behind it.
    pub(super) end: usize,
}

/// All tokens; the last one is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        if let Some(end) = comment(text, at)? {
            at = end;
            continue;
        }
        let (kind, end) = token(text, at)?;
        out.push(Token { kind, start: at, end });
        at = end;
    }
    out.push(Token { kind: Kind::End, start: text.len(), end: text.len() });
    Ok(out)
}

fn unterminated(what: &str) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, format!("unterminated {what}"))
}

/// Where a comment that begins here ends.
fn comment(text: &str, at: usize) -> Result<Option<usize>> {
    let rest = &text[at..];
    if rest.starts_with("--") {
        return Ok(Some(rest.find('\n').map_or(text.len(), |end| at + end)));
    }
    if !rest.starts_with("/*") {
        return Ok(None);
    }
    let bytes = text.as_bytes();
    let (mut depth, mut place) = (0_usize, at);
    while place < bytes.len() {
        match &bytes[place..bytes.len().min(place + 2)] {
            b"/*" => (depth, place) = (depth + 1, place + 2),
            b"*/" => {
                (depth, place) = (depth - 1, place + 2);
                if depth == 0 {
                    return Ok(Some(place));
                }
            }
            _ => place += 1,
        }
    }
    Err(unterminated("comment"))
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word_part(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn token(text: &str, at: usize) -> Result<(Kind, usize)> {
    let bytes = text.as_bytes();
    let next = bytes.get(at + 1).copied().unwrap_or(0);
    Ok(match bytes[at] {
        b'\'' => (Kind::Text, quoted(bytes, at, b'\'', false)?),
        b'"' => (Kind::Quoted, quoted(bytes, at, b'"', false)?),
        b'e' | b'E' if next == b'\'' => (Kind::Text, quoted(bytes, at + 1, b'\'', true)?),
        b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if next == b'\'' => (Kind::Text, quoted(bytes, at + 1, b'\'', false)?),
        b'$' => match dollar(text, at)? {
            Some(end) => (Kind::Text, end),
            None => (Kind::Number, run(bytes, at + 1, |byte| byte.is_ascii_digit())),
        },
        first if is_word_start(first) => (Kind::Word, run(bytes, at, is_word_part)),
        first if first.is_ascii_digit() || first == b'.' && next.is_ascii_digit() => (Kind::Number, number(bytes, at)),
        _ => {
            let two = bytes.get(at..at + 2).unwrap_or_default();
            let long = matches!(two, b":=" | b".." | b"<<" | b">>" | b"::" | b"=>" | b"<=" | b">=" | b"<>" | b"!=");
            (Kind::Symbol, at + if long { 2 } else { 1 })
        }
    })
}

fn run(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    (from..bytes.len()).find(|at| !belongs(bytes[*at])).unwrap_or(bytes.len())
}

/// A number; `1..10` is two of them.
fn number(bytes: &[u8], at: usize) -> usize {
    let mut end = run(bytes, at, |byte| byte.is_ascii_digit() || byte == b'_');
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
        end = run(bytes, end + 1, |byte| byte.is_ascii_digit());
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = run(bytes, end + 1 + sign, |byte| byte.is_ascii_digit());
        }
    }
    end
}

/// The end of a quoted text; a doubled quote is one of its own.
fn quoted(bytes: &[u8], open: usize, quote: u8, escapes: bool) -> Result<usize> {
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(unterminated(if quote == b'"' { "quoted identifier" } else { "quoted string" }))
}

/// The end of `$tag$ … $tag$`; none where no such text begins here.
fn dollar(text: &str, at: usize) -> Result<Option<usize>> {
    let bytes = text.as_bytes();
    let close = run(bytes, at + 1, |byte| is_word_part(byte) && byte != b'$');
    if bytes.get(close) != Some(&b'$') || bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
        return Ok(None);
    }
    let tag = &text[at..=close];
    let found = text[close + 1..].find(tag).ok_or_else(|| unterminated("dollar-quoted string"))?;
    Ok(Some(close + 1 + found + tag.len()))
}
