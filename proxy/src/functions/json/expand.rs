//! JSON as rows: `json_each`, `json_array_elements`, `json_object_keys`, with and without `_text`, of `json` and `jsonb`.

use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Set, Call, Row, Rows, results::text_or_null, row},
    types::{
        Value,
        json::{Kind, Node, parse},
        jsonb::Jsonb,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("json_each(json)", Set(|c| json_each(c, "json_each", false))),
    row("json_each_text(json)", Set(|c| json_each(c, "json_each_text", true))),
    row("json_array_elements(json)", Set(|c| json_elements(c, "json_array_elements", false))),
    row("json_array_elements_text(json)", Set(|c| json_elements(c, "json_array_elements_text", true))),
    row("json_object_keys(json)", Set(json_keys)),
    row("jsonb_each(jsonb)", Set(|c| jsonb_each(c, "jsonb_each", false))),
    row("jsonb_each_text(jsonb)", Set(|c| jsonb_each(c, "jsonb_each_text", true))),
    row("jsonb_array_elements(jsonb)", Set(|c| jsonb_elements(c, false))),
    row("jsonb_array_elements_text(jsonb)", Set(|c| jsonb_elements(c, true))),
    row("jsonb_object_keys(jsonb)", Set(jsonb_keys)),
];

fn rows(rows: Vec<Vec<Value>>) -> Result<Rows> {
    Ok(Box::new(rows.into_iter().map(Ok)))
}

fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

fn json_value(node: &Node<'_>, as_text: bool) -> Value {
    if as_text { text_or_null(node.as_text()) } else { Value::Text(node.source.to_owned()) }
}

fn json_each(call: &Call<'_>, name: &str, as_text: bool) -> Result<Rows> {
    match parse(call.text(0)?)?.kind {
        Kind::Object(pairs) => rows(pairs.iter().map(|(key, value)| vec![Value::Text(key.clone()), json_value(value, as_text)]).collect()),
        Kind::Array(_) => refuse("cannot deconstruct an array as an object"),
        _ => {
            let _ = name;
            refuse("cannot deconstruct a scalar")
        }
    }
}

fn json_elements(call: &Call<'_>, name: &str, as_text: bool) -> Result<Rows> {
    match parse(call.text(0)?)?.kind {
        Kind::Array(elements) => rows(elements.iter().map(|element| vec![json_value(element, as_text)]).collect()),
        Kind::Object(_) => refuse(format!("cannot call {name} on a non-array")),
        _ => refuse(format!("cannot call {name} on a scalar")),
    }
}

fn json_keys(call: &Call<'_>) -> Result<Rows> {
    match parse(call.text(0)?)?.kind {
        Kind::Object(pairs) => rows(pairs.into_iter().map(|(key, _)| vec![Value::Text(key)]).collect()),
        Kind::Array(_) => refuse("cannot call json_object_keys on an array"),
        _ => refuse("cannot call json_object_keys on a scalar"),
    }
}

fn jsonb_value(value: &Jsonb, as_text: bool) -> Value {
    if as_text { text_or_null(value.as_text()) } else { Value::Text(value.to_storage()) }
}

fn jsonb_each(call: &Call<'_>, name: &str, as_text: bool) -> Result<Rows> {
    match Jsonb::from_storage(call.text(0)?)? {
        Jsonb::Object(pairs) => {
            rows(pairs.iter().map(|(key, value)| vec![Value::Text(key.clone()), jsonb_value(value, as_text)]).collect())
        }
        _ => refuse(format!("cannot call {name} on a non-object")),
    }
}

fn jsonb_elements(call: &Call<'_>, as_text: bool) -> Result<Rows> {
    match Jsonb::from_storage(call.text(0)?)? {
        Jsonb::Array(elements) => rows(elements.iter().map(|element| vec![jsonb_value(element, as_text)]).collect()),
        Jsonb::Object(_) => refuse("cannot extract elements from an object"),
        _ => refuse("cannot extract elements from a scalar"),
    }
}

fn jsonb_keys(call: &Call<'_>) -> Result<Rows> {
    match Jsonb::from_storage(call.text(0)?)? {
        Jsonb::Object(pairs) => rows(pairs.into_iter().map(|(key, _)| vec![Value::Text(key)]).collect()),
        Jsonb::Array(_) => refuse("cannot call jsonb_object_keys on an array"),
        _ => refuse("cannot call jsonb_object_keys on a scalar"),
    }
}
