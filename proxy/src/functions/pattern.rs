//! LIKE and ILIKE with escapes, and SIMILAR TO's translation into a regular expression.

use super::{
    Body::Scalar,
    Call, Row, Value,
    arguments::{bool_value, text_value},
    row,
};
use crate::error::{Result, SqlError, SqlState};

pub(super) const ROWS: &[Row] = &[
    row("textlike(text,text)", Scalar(|c| like(c, false, true))),
    row("like(text,text)", Scalar(|c| like(c, false, true))),
    row("textnlike(text,text)", Scalar(|c| like(c, false, false))),
    row("notlike(text,text)", Scalar(|c| like(c, false, false))),
    row("namelike(name,text)", Scalar(|c| like(c, false, true))),
    row("namenlike(name,text)", Scalar(|c| like(c, false, false))),
    row("bpcharlike(character,text)", Scalar(|c| like(c, false, true))),
    row("bpcharnlike(character,text)", Scalar(|c| like(c, false, false))),
    row("texticlike(text,text)", Scalar(|c| like(c, true, true))),
    row("texticnlike(text,text)", Scalar(|c| like(c, true, false))),
    row("nameiclike(name,text)", Scalar(|c| like(c, true, true))),
    row("nameicnlike(name,text)", Scalar(|c| like(c, true, false))),
    row("bpchariclike(character,text)", Scalar(|c| like(c, true, true))),
    row("bpcharicnlike(character,text)", Scalar(|c| like(c, true, false))),
    row("bytealike(bytea,bytea)", Scalar(|c| bool_value(matches(c.bytes(0)?, c.bytes(1)?, false, false)?))),
    row("byteanlike(bytea,bytea)", Scalar(|c| bool_value(!matches(c.bytes(0)?, c.bytes(1)?, false, false)?))),
    row("like(name,text)", Scalar(|c| like(c, false, true))),
    row("notlike(name,text)", Scalar(|c| like(c, false, false))),
    row("like(bytea,bytea)", Scalar(|c| bool_value(matches(c.bytes(0)?, c.bytes(1)?, false, false)?))),
    row("notlike(bytea,bytea)", Scalar(|c| bool_value(!matches(c.bytes(0)?, c.bytes(1)?, false, false)?))),
    row("like_escape(text,text)", Scalar(like_escape)),
    row("peergres.like_low(text)", Scalar(|c| text_value(plain_prefix(c.text(0)?)))),
    // Above all texts is any BLOB.
    row(
        "peergres.like_high(text)",
        Scalar(|c| Ok(first_after(&plain_prefix(c.text(0)?)).map_or_else(|| Value::Blob(vec![]), Value::Text))),
    ),
];

/// The plain text that a pattern of LIKE begins with.
pub(crate) fn plain_prefix(pattern: &str) -> String {
    let (mut out, mut chars) = (String::new(), pattern.chars());
    while let Some(c) = chars.next() {
        match c {
            '%' | '_' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// The least text that is greater than all that begin with a prefix; none where there is none.
pub(crate) fn first_after(prefix: &str) -> Option<String> {
    let mut out = prefix.to_owned();
    while let Some(last) = out.pop() {
        if let Some(next) = (u32::from(last) + 1..=0x10_FFFF).find_map(char::from_u32) {
            out.push(next);
            return Some(out);
        }
    }
    None
}

fn like(call: &Call<'_>, fold: bool, wanted: bool) -> Result<Value> {
    bool_value(matches(call.text(0)?.as_bytes(), call.text(1)?.as_bytes(), fold, true)? == wanted)
}

/// Matches greedily from the left; on a mismatch the last `%` takes one more (linear in practice, no recursion). `_` is one
/// character of UTF-8, or one byte where `characters` is false.
fn matches(text: &[u8], pattern: &[u8], fold: bool, characters: bool) -> Result<bool> {
    let is_inside = |b: u8| characters && b & 0xC0 == 0x80;
    let same = |a: u8, b: u8| if fold { a.eq_ignore_ascii_case(&b) } else { a == b };
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(b'%') => {
                retry = Some((t, p + 1));
                p += 1;
                continue;
            }
            Some(b'_') if t < text.len() => {
                t += 1;
                while text.get(t).is_some_and(|b| is_inside(*b)) {
                    t += 1;
                }
                p += 1;
                true
            }
            Some(b'\\') => match pattern.get(p + 1) {
                None => {
                    return Err(SqlError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "LIKE pattern must not end with escape character"));
                }
                Some(literal) if text.get(t).is_some_and(|b| same(*b, *literal)) => {
                    (t, p) = (t + 1, p + 2);
                    true
                }
                Some(_) => false,
            },
            Some(literal) if text.get(t).is_some_and(|b| *literal != b'_' && same(*b, *literal)) => {
                (t, p) = (t + 1, p + 1);
                true
            }
            Some(_) => false,
            None if t == text.len() => return Ok(true),
            None => false,
        };
        if step {
            continue;
        }
        let Some((from, after)) = retry else { return Ok(false) };
        if from >= text.len() {
            return Ok(false);
        }
        let mut next = from + 1;
        while text.get(next).is_some_and(|b| is_inside(*b)) {
            next += 1;
        }
        retry = Some((next, after));
        (t, p) = (next, after);
    }
}

fn invalid_escape() -> SqlError {
    SqlError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string").hint("Escape string must be empty or one character.")
}

/// The escape character of argument `i`: none where it is empty.
fn escape(call: &Call<'_>, i: usize) -> Result<Option<char>> {
    let mut chars = call.text(i)?.chars();
    match (chars.next(), chars.next()) {
        (escape, None) => Ok(escape),
        _ => Err(invalid_escape()),
    }
}

/// The pattern with another escape character, rewritten to the backslash.
fn like_escape(call: &Call<'_>) -> Result<Value> {
    let (pattern, escape) = (call.text(0)?, escape(call, 1)?);
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut escaped = false;
    for c in pattern.chars() {
        if Some(c) == escape && !escaped {
            out.push('\\');
            escaped = true;
            continue;
        }
        if c == '\\' && (!escaped || escape != Some('\\')) {
            out.push('\\');
        }
        out.push(c);
        escaped = false;
    }
    text_value(out)
}
