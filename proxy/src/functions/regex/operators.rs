//! `~`, `~*`, `!~`, `!~*`, `regexp_like`, and `substring(text from pattern)`.

use super::{Flags, compile};
use crate::{
    error::{Result, SqlError},
    functions::{Body::Scalar, Call, Row, results::boolean, row},
    types::Value,
};

const SENSITIVE: Flags =
    Flags { ignore_case: false, literal: false, expanded: false, dot_stops: false, line_anchors: false, older: false, global: false };
const INSENSITIVE: Flags = Flags { ignore_case: true, ..SENSITIVE };

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("textregexeq(text,text)", Scalar(|c| matches(c, SENSITIVE, true))),
    row("textregexne(text,text)", Scalar(|c| matches(c, SENSITIVE, false))),
    row("texticregexeq(text,text)", Scalar(|c| matches(c, INSENSITIVE, true))),
    row("texticregexne(text,text)", Scalar(|c| matches(c, INSENSITIVE, false))),
    row("nameregexeq(name,text)", Scalar(|c| matches(c, SENSITIVE, true))),
    row("nameregexne(name,text)", Scalar(|c| matches(c, SENSITIVE, false))),
    row("nameicregexeq(name,text)", Scalar(|c| matches(c, INSENSITIVE, true))),
    row("nameicregexne(name,text)", Scalar(|c| matches(c, INSENSITIVE, false))),
    row("bpcharregexeq(character,text)", Scalar(|c| matches(c, SENSITIVE, true))),
    row("bpcharregexne(character,text)", Scalar(|c| matches(c, SENSITIVE, false))),
    row("bpcharicregexeq(character,text)", Scalar(|c| matches(c, INSENSITIVE, true))),
    row("bpcharicregexne(character,text)", Scalar(|c| matches(c, INSENSITIVE, false))),
    row("regexp_like(text,text)", Scalar(|c| matches(c, SENSITIVE, true))),
    row("regexp_like(text,text,text)", Scalar(like)),
    row("substring(text,text)", Scalar(|c| substring(c.text(0)?, c.text(1)?))),
];

fn matches(call: &Call<'_>, flags: Flags, wanted: bool) -> Result<Value> {
    Ok(boolean(compile(call.text(1)?, flags)?.is_match(call.text(0)?)? == wanted))
}

fn like(call: &Call<'_>) -> Result<Value> {
    matches(call, local_flags(call.text(2)?, "regexp_like()", None)?, true)
}

/// Flags without `g`.
pub(super) fn local_flags(text: &str, function: &str, hint: Option<&str>) -> Result<Flags> {
    let flags = Flags::parse(text)?;
    if !flags.global {
        return Ok(flags);
    }
    let error =
        SqlError::new(crate::error::SqlState::INVALID_PARAMETER_VALUE, format!("{function} does not support the \"global\" option"));
    Err(match hint {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

/// The first group's text where there is a group, else the whole match's.
pub(super) fn substring(text: &str, pattern: &str) -> Result<Value> {
    let regex = compile(pattern, SENSITIVE)?;
    let group = usize::from(regex.groups > 0);
    let found = regex.find_at(text, 0)?.and_then(|spans| spans.get(group).copied().flatten());
    Ok(found.map_or(Value::Null, |(start, end)| Value::Text(text[start..end].to_owned())))
}
