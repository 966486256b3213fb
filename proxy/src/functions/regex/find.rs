//! `regexp_match`, `regexp_matches`, `regexp_count`, `regexp_instr`, `regexp_substr`.

use super::{Flags, Regex, cache::Spans, compile, operators::local_flags};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{
        Body::{Scalar, Set},
        Call, Row, Rows,
        json::nested::text_array,
        row,
    },
    types::Value,
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("regexp_match(text,text)", Scalar(first)),
    row("regexp_match(text,text,text)", Scalar(first)),
    row("regexp_matches(text,text)", Set(every)),
    row("regexp_matches(text,text,text)", Set(every)),
    row("regexp_count(text,text)", Scalar(count)),
    row("regexp_count(text,text,integer)", Scalar(count)),
    row("regexp_count(text,text,integer,text)", Scalar(count)),
    row("regexp_instr(text,text)", Scalar(position)),
    row("regexp_instr(text,text,integer)", Scalar(position)),
    row("regexp_instr(text,text,integer,integer)", Scalar(position)),
    row("regexp_instr(text,text,integer,integer,integer)", Scalar(position)),
    row("regexp_instr(text,text,integer,integer,integer,text)", Scalar(position)),
    row("regexp_instr(text,text,integer,integer,integer,text,integer)", Scalar(position)),
    row("regexp_substr(text,text)", Scalar(substring)),
    row("regexp_substr(text,text,integer)", Scalar(substring)),
    row("regexp_substr(text,text,integer,integer)", Scalar(substring)),
    row("regexp_substr(text,text,integer,integer,text)", Scalar(substring)),
    row("regexp_substr(text,text,integer,integer,text,integer)", Scalar(substring)),
];

/// The byte after the character at `at`.
pub(super) fn next_character(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

/// All matches from a place on, none overlapping; at most `limit`.
pub(super) fn all(regex: &Regex, text: &str, from: usize, limit: usize) -> Result<Vec<Spans>> {
    let mut found = Vec::new();
    let mut at = from;
    while at <= text.len() && found.len() < limit {
        let Some(spans) = regex.find_at(text, at)? else { break };
        let (start, end) = spans[0].expect("a match has a span");
        found.push(spans);
        at = if start == end { next_character(text, end) } else { end };
    }
    Ok(found)
}

/// An argument, where it was given.
fn number(call: &Call<'_>, at: usize, default: i64) -> Result<i64> {
    if call.args.len() > at { call.int(at) } else { Ok(default) }
}

pub(super) fn invalid_value(name: &str, value: i64) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid value for parameter \"{name}\": {value}"))
}

/// The byte of a character position from 1; behind the text's end, none.
pub(super) fn start_byte(text: &str, start: i64) -> Result<Option<usize>> {
    if start < 1 {
        return Err(invalid_value("start", start));
    }
    let skipped = usize::try_from(start - 1).unwrap_or(usize::MAX);
    let starts = text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len()));
    Ok(starts.into_iter().nth(skipped))
}

fn flags(call: &Call<'_>, at: usize, function: &str, hint: Option<&str>) -> Result<Flags> {
    if call.args.len() > at { local_flags(call.text(at)?, function, hint) } else { Ok(Flags::default()) }
}

/// The groups' texts, or the whole match's where there are no groups.
fn texts(regex: &Regex, text: &str, spans: &Spans) -> Value {
    let wanted = if regex.groups == 0 { &spans[..1] } else { &spans[1..] };
    text_array(wanted.iter().map(|span| span.map(|(start, end)| text[start..end].to_owned())).collect())
}

fn first(call: &Call<'_>) -> Result<Value> {
    let flags = flags(call, 2, "regexp_match()", Some("Use the regexp_matches function instead."))?;
    let (text, regex) = (call.text(0)?, compile(call.text(1)?, flags)?);
    Ok(regex.find_at(text, 0)?.map_or(Value::Null, |spans| texts(&regex, text, &spans)))
}

fn every(call: &Call<'_>) -> Result<Rows> {
    let flags = if call.args.len() > 2 { Flags::parse(call.text(2)?)? } else { Flags::default() };
    let (text, regex) = (call.text(0)?, compile(call.text(1)?, flags)?);
    let found = all(&regex, text, 0, if flags.global { usize::MAX } else { 1 })?;
    let rows: Vec<_> = found.iter().map(|spans| Ok(vec![texts(&regex, text, spans)])).collect();
    Ok(Box::new(rows.into_iter()))
}

fn count(call: &Call<'_>) -> Result<Value> {
    let text = call.text(0)?;
    let start = start_byte(text, number(call, 2, 1)?)?;
    let regex = compile(call.text(1)?, flags(call, 3, "regexp_count()", None)?)?;
    let found = start.map_or_else(|| Ok(Vec::new()), |start| all(&regex, text, start, usize::MAX))?;
    Ok(Value::Integer(found.len() as i64))
}

/// The span of the n-th match's group.
fn nth(call: &Call<'_>, options: usize, function: &str) -> Result<Option<(usize, usize)>> {
    let text = call.text(0)?;
    let start = start_byte(text, number(call, 2, 1)?)?;
    let n = number(call, 3, 1)?;
    if n < 1 {
        return Err(invalid_value("n", n));
    }
    let group = number(call, options + 1, 0)?;
    if group < 0 {
        return Err(invalid_value("subexpr", group));
    }
    let regex = compile(call.text(1)?, flags(call, options, function, None)?)?;
    let Some(start) = start else { return Ok(None) };
    let found = all(&regex, text, start, n as usize)?;
    Ok(found.get(n as usize - 1).and_then(|spans| spans.get(group as usize).copied().flatten()))
}

fn position(call: &Call<'_>) -> Result<Value> {
    let at_end = number(call, 4, 0)?;
    if !(0..=1).contains(&at_end) {
        return Err(invalid_value("endoption", at_end));
    }
    let text = call.text(0)?;
    let found = nth(call, 5, "regexp_instr()")?;
    let position = found.map_or(0, |(start, end)| text[..if at_end == 1 { end } else { start }].chars().count() as i64 + 1);
    Ok(Value::Integer(position))
}

fn substring(call: &Call<'_>) -> Result<Value> {
    let text = call.text(0)?;
    let found = nth(call, 4, "regexp_substr()")?;
    Ok(found.map_or(Value::Null, |(start, end)| Value::Text(text[start..end].to_owned())))
}
