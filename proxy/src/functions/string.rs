//! Strings by characters: lengths, parts, padding, trimming, replacing, and the casts between string types. Letters change case in
//! ASCII only, as under the C locale.

use super::{
    Body::{Native, Scalar},
    Call, Row, Value,
    arguments::{int_value, text_value},
    row,
};
use crate::{
    catalog::type_name::quote_identifier,
    error::{Result, SqlError, SqlState},
    types::{
        oid,
        text::{fit, split_characters, truncate_name, utf8},
    },
};

pub(super) const ROWS: &[Row] = &[
    row("length(text)", Native("length({0})")),
    row("char_length(text)", Native("length({0})")),
    row("character_length(text)", Native("length({0})")),
    row("textlen(text)", Native("length({0})")),
    row("length(character)", Native("length(rtrim({0}))")),
    row("char_length(character)", Native("length(rtrim({0}))")),
    row("character_length(character)", Native("length(rtrim({0}))")),
    row("octet_length(text)", Native("octet_length({0})")),
    row("octet_length(character)", Native("octet_length({0})")),
    row("bit_length(text)", Native("(octet_length({0}) * 8)")),
    row("textcat(text,text)", Native("({0} || {1})")),
    row("upper(text)", Native("upper({0})")),
    row("lower(text)", Native("lower({0})")),
    row("initcap(text)", Scalar(initcap)),
    row("strpos(text,text)", Native("instr({0}, {1})")),
    row("position(text,text)", Native("instr({0}, {1})")),
    row("replace(text,text,text)", Native("replace({0}, {1}, {2})")),
    row("ltrim(text)", Native("ltrim({0})")),
    row("rtrim(text)", Native("rtrim({0})")),
    row("btrim(text)", Native("trim({0})")),
    row("ltrim(text,text)", Native("ltrim({0}, {1})")),
    row("rtrim(text,text)", Native("rtrim({0}, {1})")),
    row("btrim(text,text)", Native("trim({0}, {1})")),
    row("substr(text,integer)", Scalar(substring)),
    row("substr(text,integer,integer)", Scalar(substring)),
    row("substring(text,integer)", Scalar(substring)),
    row("substring(text,integer,integer)", Scalar(substring)),
    row("overlay(text,text,integer)", Scalar(overlay)),
    row("overlay(text,text,integer,integer)", Scalar(overlay)),
    row("left(text,integer)", Scalar(left)),
    row("right(text,integer)", Scalar(right)),
    row("lpad(text,integer)", Scalar(|c| pad(c, true))),
    row("lpad(text,integer,text)", Scalar(|c| pad(c, true))),
    row("rpad(text,integer)", Scalar(|c| pad(c, false))),
    row("rpad(text,integer,text)", Scalar(|c| pad(c, false))),
    row("repeat(text,integer)", Scalar(repeat)),
    row("reverse(text)", Scalar(|c| text_value(c.text(0)?.chars().rev().collect::<String>()))),
    row("split_part(text,text,integer)", Scalar(split_part)),
    row("translate(text,text,text)", Scalar(translate)),
    row("starts_with(text,text)", Native("(substr({0}, 1, length({1})) = {1})")),
    row("ascii(text)", Scalar(|c| int_value(c.text(0)?.chars().next().map_or(0, |c| c as i64)))),
    row("chr(integer)", Scalar(chr)),
    row("text_larger(text,text)", Native("max({0}, {1})")),
    row("text_smaller(text,text)", Native("min({0}, {1})")),
    row("bttextcmp(text,text)", Native("(({0} > {1}) - ({0} < {1}))")),
    row("text(character)", Native("rtrim({0})")),
    row("text(name)", Native("{0}")),
    row("text(\"char\")", Native("{0}")),
    row("bpchar(name)", Native("{0}")),
    row("bpchar(\"char\")", Native("{0}")),
    row("varchar(name)", Native("{0}")),
    row("name(text)", Scalar(|c| text_value(truncate_name(c.text(0)?)))),
    row("name(character varying)", Scalar(|c| text_value(truncate_name(c.text(0)?)))),
    row("name(character)", Scalar(|c| text_value(truncate_name(c.text(0)?.trim_end_matches(' '))))),
    row("char(text)", Native("substr({0}, 1, 1)")),
    row("varchar(character varying,integer,boolean)", Scalar(|c| length_coercion(c, oid::VARCHAR))),
    row("bpchar(character,integer,boolean)", Scalar(|c| length_coercion(c, oid::BPCHAR))),
    row("quote_ident(text)", Scalar(|c| text_value(quote_identifier(c.text(0)?)))),
    row("convert_to(text,name)", Scalar(convert_to)),
    row("convert_from(bytea,name)", Scalar(convert_from)),
    row("length(bytea,name)", Scalar(|c| int_value(utf8(c.bytes(0)?)?.chars().count() as i64))),
    row("unistr(text)", Scalar(unistr)),
    row("parse_ident(text,boolean)", Scalar(parse_ident)),
];

/// Letters after something that is no letter or digit are capitals, the others small.
fn initcap(call: &Call<'_>) -> Result<Value> {
    let mut in_word = false;
    let capped = |c: char| {
        let out = if in_word { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
        in_word = c.is_ascii_alphanumeric();
        out
    };
    text_value(call.text(0)?.chars().map(capped).collect::<String>())
}

/// The characters from number `start` (from 1, may lie before the text) on, `length` of them.
fn slice(text: &str, start: i64, length: Option<i64>) -> Result<&str> {
    if length.is_some_and(|n| n < 0) {
        return Err(SqlError::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let end = length.map(|n| start.saturating_add(n).max(1));
    let start = start.max(1);
    let (_, rest) = split_characters(text, (start - 1) as usize);
    Ok(match end {
        Some(end) => split_characters(rest, (end - start).max(0) as usize).0,
        None => rest,
    })
}

fn substring(call: &Call<'_>) -> Result<Value> {
    let length = if call.args.len() > 2 { Some(call.int(2)?) } else { None };
    text_value(slice(call.text(0)?, call.int(1)?, length)?)
}

fn overlay(call: &Call<'_>) -> Result<Value> {
    let (text, new, start) = (call.text(0)?, call.text(1)?, call.int(2)?);
    let length = if call.args.len() > 3 { call.int(3)? } else { new.chars().count() as i64 };
    if start <= 0 {
        return Err(SqlError::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed"));
    }
    let end = start.checked_add(length).filter(|e| *e <= i64::from(i32::MAX)).ok_or_else(|| SqlError::out_of_range("integer"))?;
    text_value(format!("{}{new}{}", slice(text, 1, Some(start - 1))?, slice(text, end, None)?))
}

/// A negative count leaves out that many at the other end.
fn left(call: &Call<'_>) -> Result<Value> {
    let (text, n) = (call.text(0)?, call.int(1)?);
    let n = if n < 0 { (text.chars().count() as i64 + n).max(0) } else { n };
    text_value(split_characters(text, n as usize).0)
}

fn right(call: &Call<'_>) -> Result<Value> {
    let (text, n) = (call.text(0)?, call.int(1)?);
    let skip = if n < 0 { -n } else { (text.chars().count() as i64 - n).max(0) };
    text_value(split_characters(text, skip as usize).1)
}

/// The longest string that a function makes (`MaxAllocSize`).
const MAX_LENGTH: i64 = 0x3fff_ffff;

fn too_long() -> SqlError {
    SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large")
}

fn pad(call: &Call<'_>, on_left: bool) -> Result<Value> {
    let (text, length) = (call.text(0)?, call.int(1)?.max(0));
    let fill = if call.args.len() > 2 { call.text(2)? } else { " " };
    if length > MAX_LENGTH / 4 {
        return Err(too_long());
    }
    let (kept, rest) = split_characters(text, length as usize);
    let missing = length as usize - kept.chars().count();
    if !rest.is_empty() || missing == 0 || fill.is_empty() {
        return text_value(kept);
    }
    let padding: String = fill.chars().cycle().take(missing).collect();
    text_value(if on_left { padding + kept } else { kept.to_owned() + &padding })
}

fn repeat(call: &Call<'_>) -> Result<Value> {
    let (text, times) = (call.text(0)?, call.int(1)?.max(0));
    if (text.len() as i64).checked_mul(times).is_none_or(|n| n > MAX_LENGTH) {
        return Err(too_long());
    }
    text_value(text.repeat(times as usize))
}

fn split_part(call: &Call<'_>) -> Result<Value> {
    let (text, delimiter, n) = (call.text(0)?, call.text(1)?, call.int(2)?);
    if n == 0 {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "field position must not be zero"));
    }
    if text.is_empty() {
        return text_value("");
    }
    if delimiter.is_empty() {
        return text_value(if matches!(n, 1 | -1) { text } else { "" });
    }
    let part = if n > 0 { text.split(delimiter).nth(n as usize - 1) } else { text.rsplit(delimiter).nth((-n) as usize - 1) };
    text_value(part.unwrap_or_default())
}

fn translate(call: &Call<'_>) -> Result<Value> {
    let (from, to): (Vec<char>, Vec<char>) = (call.text(1)?.chars().collect(), call.text(2)?.chars().collect());
    let replaced = |c: char| match from.iter().position(|f| *f == c) {
        Some(at) => to.get(at).copied(),
        None => Some(c),
    };
    text_value(call.text(0)?.chars().filter_map(replaced).collect::<String>())
}

fn chr(call: &Call<'_>) -> Result<Value> {
    let code = call.int(0)?;
    if code == 0 {
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "null character not permitted"));
    }
    if code < 0 {
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "character number must be positive"));
    }
    let character = u32::try_from(code).ok().and_then(char::from_u32);
    let message = || format!("requested character too large for encoding: {code}");
    text_value(character.ok_or_else(|| SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message()))?)
}

fn length_coercion(call: &Call<'_>, ty: u32) -> Result<Value> {
    let ty = call.type_of(ty)?;
    text_value(fit(call.text(0)?, ty, call.int(1)? as i32, call.boolean(2)?, ty.oid == oid::BPCHAR)?)
}

/// Only UTF-8 and its subset ASCII exist here.
fn encoding(call: &Call<'_>, i: usize) -> Result<()> {
    match &*call.text(i)?.to_ascii_uppercase().replace(['-', '_'], "") {
        "UTF8" | "UNICODE" | "SQLASCII" => Ok(()),
        other => Err(SqlError::unsupported(format_args!("conversion to encoding \"{other}\""))),
    }
}

fn convert_to(call: &Call<'_>) -> Result<Value> {
    encoding(call, 1)?;
    Ok(Value::Blob(call.text(0)?.as_bytes().to_vec()))
}

fn convert_from(call: &Call<'_>) -> Result<Value> {
    encoding(call, 1)?;
    text_value(utf8(call.bytes(0)?)?)
}

/// `\XXXX`, `\+XXXXXX`, `\uXXXX`, `\UXXXXXXXX` and `\\`.
fn unistr(call: &Call<'_>) -> Result<Value> {
    let invalid = || SqlError::new(SqlState::SYNTAX_ERROR, "invalid Unicode escape");
    let (mut out, mut rest) = (String::new(), call.text(0)?);
    while let Some((head, tail)) = rest.split_once('\\') {
        out.push_str(head);
        if let Some(after) = tail.strip_prefix('\\') {
            out.push('\\');
            rest = after;
            continue;
        }
        let (skip, digits) = match tail.as_bytes().first() {
            Some(b'+') => (1, 6),
            Some(b'u') => (1, 4),
            Some(b'U') => (1, 8),
            _ => (0, 4),
        };
        let code = tail.get(skip..skip + digits).and_then(|d| u32::from_str_radix(d, 16).ok()).ok_or_else(invalid)?;
        out.push(char::from_u32(code).ok_or_else(invalid)?);
        rest = &tail[skip + digits..];
    }
    text_value(out + rest)
}

/// `parse_ident`: the parts of a qualified name; without `strict`, whatever follows the last one is left alone.
fn parse_ident(call: &Call<'_>) -> Result<Value> {
    let text = call.text(0)?;
    let strict = call.args.len() < 2 || call.int(1)? != 0;
    let invalid = |detail: &str| {
        let error = SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("string is not a valid identifier: \"{text}\""));
        if detail.is_empty() { error } else { error.detail(detail) }
    };
    let blank = |c: char| c.is_ascii_whitespace();
    let (mut rest, mut parts, mut after_dot) = (text.trim_start_matches(blank), Vec::new(), false);
    loop {
        let (part, length) = if rest.starts_with('"') {
            let (name, length) = quoted_identifier(rest).ok_or_else(|| invalid("String has unclosed double quotes."))?;
            if name.is_empty() {
                return Err(invalid("Quoted identifier must not be empty."));
            }
            (name, length)
        } else {
            let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
            let is_part = |c: char| is_start(c) || c.is_ascii_digit() || c == '$';
            let length = if rest.starts_with(is_start) { rest.find(|c| !is_part(c)).unwrap_or(rest.len()) } else { 0 };
            (rest[..length].to_ascii_lowercase(), length)
        };
        if length == 0 {
            return Err(invalid(match (rest.starts_with('.'), after_dot) {
                (true, _) => "No valid identifier before \".\".",
                (false, true) => "No valid identifier after \".\".",
                (false, false) => "",
            }));
        }
        parts.push(Some(part));
        rest = rest[length..].trim_start_matches(blank);
        match rest.strip_prefix('.') {
            Some(next) => rest = next.trim_start_matches(blank),
            None if rest.is_empty() || !strict => break,
            None => return Err(invalid("")),
        }
        after_dot = true;
    }
    text_value(crate::types::array::Array::from_elements(parts).write(','))
}

/// A name in double quotes that a text begins with, and its length there; none where it does not end.
fn quoted_identifier(text: &str) -> Option<(String, usize)> {
    let mut at = 1;
    loop {
        at += text[at..].find('"')? + 1;
        if !text[at..].starts_with('"') {
            return Some((text[1..at - 1].replace("\"\"", "\""), at));
        }
        at += 1;
    }
}
