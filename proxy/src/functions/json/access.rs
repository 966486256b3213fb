//! Looking into `json`: `->`, `->>`, `#>`, `#>>`, lengths, types, nulls stripped. What is found is given as it was written.

use super::nested;
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, results::text_or_null, row},
    types::{
        Value,
        json::{Kind, Node, escape, parse},
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("json_object_field(json,text)", Scalar(|c| Ok(source(field(&parse(c.text(0)?)?, c.text(1)?))))),
    row("json_object_field_text(json,text)", Scalar(|c| Ok(bare(field(&parse(c.text(0)?)?, c.text(1)?))))),
    row("json_array_element(json,integer)", Scalar(|c| Ok(source(element(&parse(c.text(0)?)?, c.int(1)?))))),
    row("json_array_element_text(json,integer)", Scalar(|c| Ok(bare(element(&parse(c.text(0)?)?, c.int(1)?))))),
    row("json_extract_path(json,text[])", Scalar(|c| Ok(source(path(&parse(c.text(0)?)?, c.text(1)?)?)))),
    row("json_extract_path_text(json,text[])", Scalar(|c| Ok(bare(path(&parse(c.text(0)?)?, c.text(1)?)?)))),
    row("json_array_length(json)", Scalar(length)),
    row("json_typeof(json)", Scalar(|c| Ok(Value::Text(parse(c.text(0)?)?.type_name().to_owned())))),
    row("json_strip_nulls(json)", Scalar(strip_nulls)),
];

fn source(found: Option<&Node<'_>>) -> Value {
    text_or_null(found.map(|node| node.source.to_owned()))
}

fn bare(found: Option<&Node<'_>>) -> Value {
    text_or_null(found.and_then(Node::as_text))
}

/// The last value of a key.
fn field<'n, 'a>(node: &'n Node<'a>, key: &str) -> Option<&'n Node<'a>> {
    match &node.kind {
        Kind::Object(pairs) => pairs.iter().rev().find(|(k, _)| k == key).map(|(_, value)| value),
        _ => None,
    }
}

/// An element, counted from the end where the position is negative.
fn element<'n, 'a>(node: &'n Node<'a>, position: i64) -> Option<&'n Node<'a>> {
    let Kind::Array(elements) = &node.kind else { return None };
    let position = if position < 0 { position + elements.len() as i64 } else { position };
    usize::try_from(position).ok().and_then(|at| elements.get(at))
}

fn path<'n, 'a>(node: &'n Node<'a>, keys: &str) -> Result<Option<&'n Node<'a>>> {
    let mut at = node;
    for key in nested::texts(keys)? {
        let Some(key) = key else { return Ok(None) };
        let next = match at.kind {
            Kind::Array(_) => key.trim_start().parse::<i32>().ok().and_then(|position| element(at, i64::from(position))),
            _ => field(at, &key),
        };
        let Some(next) = next else { return Ok(None) };
        at = next;
    }
    Ok(Some(at))
}

fn length(call: &Call<'_>) -> Result<Value> {
    let node = parse(call.text(0)?)?;
    let refuse = |what| Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("cannot get array length of a {what}")));
    match &node.kind {
        Kind::Array(elements) => Ok(Value::Integer(elements.len() as i64)),
        Kind::Object(_) => refuse("non-array"),
        _ => refuse("scalar"),
    }
}

fn strip_nulls(call: &Call<'_>) -> Result<Value> {
    fn write(node: &Node<'_>, out: &mut String) {
        match &node.kind {
            Kind::Array(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    write(element, out);
                }
                out.push(']');
            }
            Kind::Object(pairs) => {
                out.push('{');
                let kept = pairs.iter().filter(|(_, value)| !matches!(value.kind, Kind::Null));
                for (at, (key, value)) in kept.enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    escape(key, out);
                    out.push(':');
                    write(value, out);
                }
                out.push('}');
            }
            Kind::String(string) => escape(string, out),
            _ => out.push_str(node.source),
        }
    }
    let mut out = String::new();
    write(&parse(call.text(0)?)?, &mut out);
    Ok(Value::Text(out))
}
