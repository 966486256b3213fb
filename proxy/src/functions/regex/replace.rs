//! `regexp_replace` in all its forms.

use super::{
    Flags, Regex,
    cache::Spans,
    compile,
    find::{all, invalid_value, start_byte},
};
use crate::{
    error::Result,
    functions::{Body::Scalar, Call, Row, row},
    types::Value,
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("regexp_replace(text,text,text)", Scalar(|c| replace(c, Flags::default(), 1, 1))),
    row("regexp_replace(text,text,text,text)", Scalar(with_flags)),
    row("regexp_replace(text,text,text,integer)", Scalar(|c| replace(c, Flags::default(), c.int(3)?, 1))),
    row("regexp_replace(text,text,text,integer,integer)", Scalar(|c| replace(c, Flags::default(), c.int(3)?, c.int(4)?))),
    row("regexp_replace(text,text,text,integer,integer,text)", Scalar(|c| replace(c, Flags::parse(c.text(5)?)?, c.int(3)?, c.int(4)?))),
];

fn with_flags(call: &Call<'_>) -> Result<Value> {
    let text = call.text(3)?;
    let flags = Flags::parse(text).map_err(|error| {
        let is_number = text.starts_with(|c: char| c.is_ascii_digit());
        let hint = "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.";
        if is_number { error.hint(hint) } else { error }
    })?;
    replace(call, flags, 1, i64::from(!flags.global))
}

/// Replaces the n-th match, or all where n is zero.
fn replace(call: &Call<'_>, flags: Flags, start: i64, n: i64) -> Result<Value> {
    let (text, replacement) = (call.text(0)?, call.text(2)?);
    let from = start_byte(text, start)?;
    if n < 0 {
        return Err(invalid_value("n", n));
    }
    let regex = compile(call.text(1)?, flags)?;
    let Some(from) = from else { return Ok(Value::Text(text.to_owned())) };
    let limit = if n == 0 { usize::MAX } else { n as usize };
    let found = all(&regex, text, from, limit)?;
    let chosen = if n == 0 { &found[..] } else { found.get(n as usize - 1..).unwrap_or(&[]) };
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for spans in chosen {
        let (start, end) = spans[0].expect("a match has a span");
        out.push_str(&text[copied..start]);
        expand(&regex, replacement, text, spans, &mut out);
        copied = end;
    }
    out.push_str(&text[copied..]);
    Ok(Value::Text(out))
}

/// The replacement with `\1` … `\9` and `\&` filled in.
fn expand(regex: &Regex, replacement: &str, text: &str, spans: &Spans, out: &mut String) {
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let group = match chars.peek() {
            Some('&') => Some(0),
            Some(digit @ '1'..='9') => digit.to_digit(10).map(|digit| digit as usize),
            Some('\\') => {
                chars.next();
                out.push('\\');
                continue;
            }
            _ => None,
        };
        match group {
            None => out.push('\\'),
            Some(group) => {
                chars.next();
                if let Some((start, end)) = spans.get(group).copied().flatten().filter(|_| group <= regex.groups) {
                    out.push_str(&text[start..end]);
                }
            }
        }
    }
}
