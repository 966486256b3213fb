//! Making JSON: `to_json`, `row_to_json`, `array_to_json`, `json_build_object`, `json_object` and their `jsonb` twins.

use super::{
    datum::{self, Category, base_type, category},
    nested::{self, Item},
};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::{Value, json::escape, jsonb::Jsonb},
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("to_json(anyelement)", Scalar(|c| any(c, false))),
    row("to_jsonb(anyelement)", Scalar(|c| jsonb(&text(c, 0, false)?))),
    row("array_to_json(anyarray)", Scalar(|c| any(c, false))),
    row("array_to_json(anyarray,boolean)", Scalar(|c| any(c, c.boolean(1)?))),
    row("row_to_json(record)", Scalar(|c| any(c, false))),
    row("row_to_json(record,boolean)", Scalar(|c| any(c, c.boolean(1)?))),
    row("json_build_object()", Scalar(|_| Ok(Value::Text("{}".to_owned())))),
    row("json_build_object(\"any\")", Scalar(|c| c.spread(build_object))),
    row("json_build_array()", Scalar(|_| Ok(Value::Text("[]".to_owned())))),
    row("json_build_array(\"any\")", Scalar(|c| c.spread(|c| build_array(c).map(Value::Text)))),
    row("jsonb_build_object()", Scalar(|_| Ok(Value::Text("{}".to_owned())))),
    row("jsonb_build_object(\"any\")", Scalar(|c| c.spread(jsonb_build_object))),
    row("jsonb_build_array()", Scalar(|_| Ok(Value::Text("[]".to_owned())))),
    row("jsonb_build_array(\"any\")", Scalar(|c| c.spread(|c| jsonb(&build_array(c)?)))),
    row("json_object(text[])", Scalar(|c| object_of_pairs(c).map(|pairs| json_object(&pairs)))),
    row("json_object(text[],text[])", Scalar(|c| object_of_keys(c).map(|pairs| json_object(&pairs)))),
    row("jsonb_object(text[])", Scalar(|c| object_of_pairs(c).map(jsonb_object))),
    row("jsonb_object(text[],text[])", Scalar(|c| object_of_keys(c).map(jsonb_object))),
];

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// An argument of any type as JSON.
pub(super) fn text(call: &Call<'_>, at: usize, pretty: bool) -> Result<String> {
    let mut out = String::new();
    let oid = *call.types.get(at).ok_or_else(|| SqlError::internal("a polymorphic call without its types"))?;
    datum::write(call.args[at], oid, pretty, call.cx, &mut out)?;
    Ok(out)
}

fn any(call: &Call<'_>, pretty: bool) -> Result<Value> {
    text(call, 0, pretty).map(Value::Text)
}

fn jsonb(text: &str) -> Result<Value> {
    Ok(Value::Text(Jsonb::parse(text)?.to_storage()))
}

/// An argument as an object's key.
pub(super) fn key(call: &Call<'_>, at: usize) -> Result<String> {
    let oid = *call.types.get(at).ok_or_else(|| SqlError::internal("a polymorphic call without its types"))?;
    let ty = base_type(oid, call.cx)?;
    match category(ty) {
        Category::Array | Category::Composite | Category::Json => Err(invalid("key value must be scalar, not array, composite, or json")),
        Category::Bool => Ok(if call.boolean(at)? { "true" } else { "false" }.to_owned()),
        Category::Timestamp | Category::Timestamptz | Category::Date => {
            let quoted = text(call, at, false)?;
            Ok(quoted.trim_matches('"').to_owned())
        }
        _ => datum::text_of(call.args[at], ty, call.cx),
    }
}

fn pairs_must_be_even(call: &Call<'_>, name: &str) -> Result<()> {
    if call.args.len().is_multiple_of(2) {
        return Ok(());
    }
    let hint = format!("The arguments of {name}() must consist of alternating keys and values.");
    Err(invalid("argument list must have even number of elements").hint(hint))
}

fn build_object(call: &Call<'_>) -> Result<Value> {
    pairs_must_be_even(call, "json_build_object")?;
    let mut out = String::from("{");
    for at in (0..call.args.len()).step_by(2) {
        if call.is_null(at) {
            return Err(invalid(format!("argument {} cannot be null", at + 1)).hint("Object keys should be text."));
        }
        out.push_str(if at > 0 { ", " } else { "" });
        escape(&key(call, at)?, &mut out);
        out.push_str(" : ");
        out.push_str(&text(call, at + 1, false)?);
    }
    out.push('}');
    Ok(Value::Text(out))
}

fn jsonb_build_object(call: &Call<'_>) -> Result<Value> {
    pairs_must_be_even(call, "jsonb_build_object")?;
    let mut pairs = Vec::new();
    for at in (0..call.args.len()).step_by(2) {
        if call.is_null(at) {
            return Err(invalid(format!("argument {}: key must not be null", at + 1)));
        }
        pairs.push((key(call, at)?, Jsonb::parse(&text(call, at + 1, false)?)?));
    }
    Ok(Value::Text(Jsonb::object(pairs).to_storage()))
}

fn build_array(call: &Call<'_>) -> Result<String> {
    let elements = (0..call.args.len()).map(|at| text(call, at, false)).collect::<Result<Vec<_>>>()?;
    Ok(format!("[{}]", elements.join(", ")))
}

type Pairs = Vec<(String, Option<String>)>;

fn null_key() -> SqlError {
    SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "null value not allowed for object key")
}

fn subscripts(message: &str) -> SqlError {
    SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
}

/// `{k,v,k,v}` or `{{k,v},{k,v}}`.
fn object_of_pairs(call: &Call<'_>) -> Result<Pairs> {
    let items = nested::array(call.text(0)?)?;
    let nested = items.iter().any(|item| matches!(item, Item::List(_)));
    let mut flat = Vec::new();
    for item in items {
        match item {
            Item::List(pair) if pair.len() != 2 => return Err(subscripts("array must have two columns")),
            Item::List(pair) if pair.iter().any(|item| matches!(item, Item::List(_))) => {
                return Err(subscripts("wrong number of array subscripts"));
            }
            Item::List(pair) => flat.extend(pair),
            item => flat.push(item),
        }
    }
    if !nested && flat.len() % 2 == 1 {
        return Err(subscripts("array must have even number of elements"));
    }
    let text = |item: &Item| if let Item::Text(text) = item { Some(text.clone()) } else { None };
    flat.chunks(2).map(|pair| Ok((text(&pair[0]).ok_or_else(null_key)?, text(&pair[1])))).collect()
}

fn object_of_keys(call: &Call<'_>) -> Result<Pairs> {
    let (keys, values) = (nested::texts(call.text(0)?)?, nested::texts(call.text(1)?)?);
    if keys.len() != values.len() {
        return Err(subscripts("mismatched array dimensions"));
    }
    keys.into_iter().zip(values).map(|(key, value)| Ok((key.ok_or_else(null_key)?, value))).collect()
}

fn json_object(pairs: &Pairs) -> Value {
    let mut out = String::from("{");
    for (at, (key, value)) in pairs.iter().enumerate() {
        out.push_str(if at > 0 { ", " } else { "" });
        escape(key, &mut out);
        out.push_str(" : ");
        match value {
            Some(value) => escape(value, &mut out),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    Value::Text(out)
}

fn jsonb_object(pairs: Pairs) -> Value {
    let pairs = pairs.into_iter().map(|(key, value)| (key, value.map_or(Jsonb::Null, Jsonb::String))).collect();
    Value::Text(Jsonb::object(pairs).to_storage())
}
