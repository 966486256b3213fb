//! Values into text: concat and its kin, format, quoting, and arrays to and from delimited text.

use super::{
    Body::{Scalar, Set},
    Call, Row, Rows, Value, ValueRef,
    arguments::text_value,
    coercion::text_of,
    row,
};
use crate::{
    catalog::type_name::quote_identifier,
    error::{Result, SqlError, SqlState},
    types::{
        Kind, Type,
        array::{Array, from_canonical},
    },
};

pub(super) const ROWS: &[Row] = &[
    row("concat(\"any\")", Scalar(|c| if c.gives_null_array() { Ok(Value::Null) } else { Ok(Value::Text(joined(c, 0, "")?)) })),
    row("concat_ws(text,\"any\")", Scalar(concat_ws)),
    row("textanycat(text,anynonarray)", Scalar(|c| text_value(c.text(0)?.to_owned() + &shown(c, 1)?))),
    row("anytextcat(anynonarray,text)", Scalar(|c| text_value(shown(c, 0)? + c.text(1)?))),
    row("format(text)", Scalar(format)),
    row("format(text,\"any\")", Scalar(format)),
    row("quote_literal(text)", Scalar(|c| text_value(quote_literal(c.text(0)?)))),
    row("quote_literal(anyelement)", Scalar(|c| text_value(quote_literal(&shown(c, 0)?)))),
    row("quote_nullable(text)", Scalar(quote_nullable)),
    row("quote_nullable(anyelement)", Scalar(quote_nullable)),
    row("array_to_string(anyarray,text)", Scalar(array_to_string)),
    row("array_to_string(anyarray,text,text)", Scalar(array_to_string)),
    row("string_to_array(text,text)", Scalar(string_to_array)),
    row("string_to_array(text,text,text)", Scalar(string_to_array)),
    row("string_to_table(text,text)", Set(string_to_table)),
    row("string_to_table(text,text,text)", Set(string_to_table)),
    row("num_nulls(\"any\")", Scalar(|c| count_nulls(c, true))),
    row("num_nonnulls(\"any\")", Scalar(|c| count_nulls(c, false))),
];

/// Argument `i` as its type's output shows it.
fn shown(call: &Call<'_>, i: usize) -> Result<String> {
    match call.types.get(i) {
        Some(_) => text_of(call.args[i], call.type_at(i)?, call.cx),
        None => call.text(i).map(str::to_owned),
    }
}

/// The arguments from number `from` on that are not NULL; an array that stands for VARIADIC is flagged by a trailing type 0.
fn joined(call: &Call<'_>, from: usize, separator: &str) -> Result<String> {
    let mut out = String::new();
    let mut is_first = true;
    for text in variadic(call, from)?.into_iter().flatten() {
        if !is_first {
            out.push_str(separator);
        }
        is_first = false;
        out.push_str(&text);
    }
    Ok(out)
}

/// The variadic arguments' texts, NULL as none. `VARIADIC array` comes as one array argument whose listed types are one more than the
/// arguments, the last being 0.
fn variadic(call: &Call<'_>, from: usize) -> Result<Vec<Option<String>>> {
    if call.gives_array() {
        if call.is_null(from) {
            return Ok(Vec::new());
        }
        let (array, element) = call.array(from)?;
        return array.elements.iter().map(|e| e.as_deref().map(|e| element_text(e, element, call)).transpose()).collect();
    }
    (from..call.args.len()).map(|i| if call.is_null(i) { Ok(None) } else { shown(call, i).map(Some) }).collect()
}

fn concat_ws(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) || call.gives_null_array() {
        return Ok(Value::Null);
    }
    Ok(Value::Text(joined(call, 1, call.text(0)?)?))
}

/// A quoted literal, in `E''` form where it holds backslashes.
pub(super) fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

fn quote_nullable(call: &Call<'_>) -> Result<Value> {
    text_value(if call.is_null(0) { "NULL".to_owned() } else { quote_literal(&shown(call, 0)?) })
}

fn count_nulls(call: &Call<'_>, nulls: bool) -> Result<Value> {
    if call.gives_array() {
        if call.is_null(0) {
            return Ok(Value::Null);
        }
        let (array, _) = call.array(0)?;
        return Ok(Value::Integer(array.elements.iter().filter(|e| e.is_none() == nulls).count() as i64));
    }
    Ok(Value::Integer(call.args.iter().filter(|v| (**v == ValueRef::Null) == nulls).count() as i64))
}

/// One `%` of a format string: `%[position$][-][width]type`.
struct Specifier {
    position: Option<usize>,
    left: bool,
    width: Option<Width>,
    kind: char,
}

/// A field's width: given, or taken from an argument (by position, or the next).
enum Width {
    Fixed(usize),
    Argument(Option<usize>),
}

fn format_error(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn specifier(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Specifier> {
    let unterminated = || format_error("unterminated format() type specifier").hint("For a single \"%\" use \"%%\".");
    let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
        let mut n: Option<usize> = None;
        while let Some(d) = chars.peek().and_then(|c| c.to_digit(10)) {
            n = Some(n.unwrap_or(0).saturating_mul(10).saturating_add(d as usize));
            chars.next();
        }
        n
    };
    let mut out = Specifier { position: None, left: false, width: None, kind: 's' };
    let leading = number(chars);
    if leading.is_some() && chars.peek() == Some(&'$') {
        chars.next();
        out.position = leading;
        if leading == Some(0) {
            return Err(format_error("format specifies argument 0, but arguments are numbered from 1"));
        }
    } else if let Some(width) = leading {
        out.width = Some(Width::Fixed(width));
    }
    if out.width.is_none() {
        while chars.peek() == Some(&'-') {
            chars.next();
            out.left = true;
        }
        if chars.peek() == Some(&'*') {
            chars.next();
            let position = number(chars);
            if position == Some(0) {
                return Err(format_error("format specifies argument 0, but arguments are numbered from 1"));
            }
            if position.is_some() && chars.next() != Some('$') {
                return Err(format_error("width argument position must be ended by \"$\""));
            }
            out.width = Some(Width::Argument(position));
        } else if let Some(width) = number(chars) {
            out.width = Some(Width::Fixed(width));
        }
    }
    out.kind = chars.next().ok_or_else(unterminated)?;
    if !matches!(out.kind, 's' | 'I' | 'L') {
        let message = format!("unrecognized format() type specifier \"{}\"", out.kind);
        return Err(format_error(message).hint("For a single \"%\" use \"%%\"."));
    }
    Ok(out)
}

fn format(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    let arguments = if call.args.len() > 1 { variadic(call, 1)? } else { Vec::new() };
    let too_few = || format_error("too few arguments for format()");
    let (mut next, mut out) = (0, String::new());
    let mut take = |position: Option<usize>| {
        let at = position.map_or(next, |p| p - 1);
        next = at + 1;
        arguments.get(at).ok_or_else(too_few)
    };
    let mut chars = call.text(0)?.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut spec = specifier(&mut chars)?;
        let width = match spec.width {
            None => 0,
            Some(Width::Fixed(width)) => width,
            Some(Width::Argument(position)) => {
                let width: i64 = take(position)?.as_deref().unwrap_or("0").parse().map_err(|_| format_error("number is out of range"))?;
                spec.left |= width < 0;
                width.unsigned_abs() as usize
            }
        };
        let argument = take(spec.position)?;
        let text = match (spec.kind, argument) {
            ('s', argument) => argument.clone().unwrap_or_default(),
            ('I', Some(text)) => quote_identifier(text),
            ('I', None) => {
                return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "null values cannot be formatted as an SQL identifier"));
            }
            (_, Some(text)) => quote_literal(text),
            (_, None) => "NULL".to_owned(),
        };
        if width > 1 << 28 {
            return Err(format_error("number is out of range"));
        }
        let padding = width.saturating_sub(text.chars().count());
        if !spec.left {
            out.extend(std::iter::repeat_n(' ', padding));
        }
        out.push_str(&text);
        if spec.left {
            out.extend(std::iter::repeat_n(' ', padding));
        }
    }
    text_value(out)
}

/// An element's canonical text as output shows it under the session's settings.
fn element_text(text: &str, element: &Type, call: &Call<'_>) -> Result<String> {
    if matches!(element.kind, Kind::Enum(_)) {
        return Ok(text.to_owned());
    }
    let value = from_canonical(text, element, call.cx)?;
    text_of((&value).into(), element, call.cx)
}

fn array_to_string(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) || call.is_null(1) {
        return Ok(Value::Null);
    }
    let ((array, element), separator) = (call.array(0)?, call.text(1)?);
    let null = if call.is_null(2) { None } else { Some(call.text(2)?) };
    let mut parts = Vec::with_capacity(array.elements.len());
    for slot in &array.elements {
        match (slot, null) {
            (Some(text), _) => parts.push(element_text(text, element, call)?),
            (None, Some(null)) => parts.push(null.to_owned()),
            (None, None) => {}
        }
    }
    text_value(parts.join(separator))
}

/// The parts of a delimited text; a NULL delimiter cuts between all characters, an empty one nowhere.
fn split(call: &Call<'_>) -> Result<Vec<Option<String>>> {
    let text = call.text(0)?;
    let null = if call.is_null(2) { None } else { Some(call.text(2)?) };
    let parts: Vec<String> = match (text.is_empty(), call.is_null(1)) {
        (true, _) => Vec::new(),
        (_, true) => text.chars().map(String::from).collect(),
        _ if call.text(1)?.is_empty() => vec![text.to_owned()],
        _ => text.split(call.text(1)?).map(str::to_owned).collect(),
    };
    Ok(parts.into_iter().map(|p| if Some(&*p) == null { None } else { Some(p) }).collect())
}

fn string_to_array(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    text_value(Array::from_elements(split(call)?).write(','))
}

fn string_to_table(call: &Call<'_>) -> Result<Rows> {
    if call.is_null(0) {
        return Ok(Box::new(std::iter::empty()));
    }
    let rows = split(call)?.into_iter().map(|part| Ok(vec![part.map_or(Value::Null, Value::Text)]));
    Ok(Box::new(rows))
}
