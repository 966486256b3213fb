//! Looking into `jsonb`: `->`, `->>`, `#>`, `#>>`, `@>`, `?`, lengths, types, printing, and the casts to scalars.

use crate::{
    error::{Result, SqlError, SqlState},
    functions::{
        Body::Scalar,
        Call, Row,
        json::nested,
        results::{boolean, float, text_or_null},
        row,
    },
    types::{
        Value,
        decimal::Numeric,
        json::{escape, view::View},
        jsonb::Jsonb,
    },
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("jsonb_object_field(jsonb,text)", Scalar(|c| Ok(text_or_null(member(c)?.map(|found| found.0.to_owned()))))),
    row("jsonb_object_field_text(jsonb,text)", Scalar(member_text)),
    row("jsonb_array_element(jsonb,integer)", Scalar(|c| Ok(whole(element(&tree(c, 0)?, c.int(1)?))))),
    row("jsonb_array_element_text(jsonb,integer)", Scalar(|c| Ok(bare(element(&tree(c, 0)?, c.int(1)?))))),
    row("jsonb_extract_path(jsonb,text[])", Scalar(|c| Ok(whole(path(&tree(c, 0)?, c.text(1)?)?)))),
    row("jsonb_extract_path_text(jsonb,text[])", Scalar(|c| Ok(bare(path(&tree(c, 0)?, c.text(1)?)?)))),
    row("jsonb_array_length(jsonb)", Scalar(length)),
    row("jsonb_typeof(jsonb)", Scalar(|c| Ok(Value::Text(tree(c, 0)?.type_name().to_owned())))),
    row("jsonb_pretty(jsonb)", Scalar(pretty)),
    row("jsonb_contains(jsonb,jsonb)", Scalar(|c| Ok(boolean(View(c.text(0)?).contains(View(c.text(1)?)))))),
    row("jsonb_contained(jsonb,jsonb)", Scalar(|c| Ok(boolean(View(c.text(1)?).contains(View(c.text(0)?)))))),
    row("jsonb_exists(jsonb,text)", Scalar(|c| Ok(boolean(exists(&tree(c, 0)?, c.text(1)?))))),
    row("jsonb_exists_any(jsonb,text[])", Scalar(|c| keys(c).map(|(tree, keys)| boolean(keys.iter().any(|key| exists(&tree, key)))))),
    row("jsonb_exists_all(jsonb,text[])", Scalar(|c| keys(c).map(|(tree, keys)| boolean(keys.iter().all(|key| exists(&tree, key)))))),
    row("numeric(jsonb)", Scalar(|c| number(c, "numeric").map(|n| Value::Text(n.to_string())))),
    row("int2(jsonb)", Scalar(|c| whole_number(c, "smallint", i64::from(i16::MIN), i64::from(i16::MAX)))),
    row("int4(jsonb)", Scalar(|c| whole_number(c, "integer", i64::from(i32::MIN), i64::from(i32::MAX)))),
    row("int8(jsonb)", Scalar(|c| whole_number(c, "bigint", i64::MIN, i64::MAX))),
    row("float4(jsonb)", Scalar(|c| Ok(float(f64::from(number(c, "real")?.to_f64() as f32))))),
    row("float8(jsonb)", Scalar(|c| Ok(float(number(c, "double precision")?.to_f64())))),
    row("bool(jsonb)", Scalar(to_boolean)),
];

/// An argument as a tree.
pub(in crate::functions) fn tree(call: &Call<'_>, at: usize) -> Result<Jsonb> {
    Jsonb::from_storage(call.text(at)?)
}

/// The member of an object that a key names, as it lies.
fn member<'a>(call: &Call<'a>) -> Result<Option<View<'a>>> {
    let mut key = String::new();
    escape(call.text(1)?, &mut key);
    Ok(View(call.text(0)?).member(&key))
}

/// The same as text: a string without its quotes, null as NULL.
fn member_text(call: &Call<'_>) -> Result<Value> {
    Ok(match member(call)?.map(|found| found.0) {
        None | Some("null") => Value::Null,
        Some(string) if string.starts_with('"') && !string.contains('\\') => Value::Text(string[1..string.len() - 1].to_owned()),
        Some(string) if string.starts_with('"') => text_or_null(Jsonb::from_storage(string)?.as_text()),
        Some(other) => Value::Text(other.to_owned()),
    })
}

fn whole(found: Option<&Jsonb>) -> Value {
    text_or_null(found.map(Jsonb::to_storage))
}

fn bare(found: Option<&Jsonb>) -> Value {
    text_or_null(found.and_then(Jsonb::as_text))
}

/// An element by position; a scalar stands in an array of one (`JB_ROOT_IS_SCALAR` of `jsonb.h`), so that it is its own first element.
fn element(tree: &Jsonb, position: i64) -> Option<&Jsonb> {
    if tree.is_scalar() { Some(tree).filter(|_| position == 0 || position == -1) } else { tree.element(position) }
}

fn path<'t>(tree: &'t Jsonb, keys: &str) -> Result<Option<&'t Jsonb>> {
    let mut at = tree;
    for key in nested::texts(keys)? {
        let Some(key) = key else { return Ok(None) };
        let next = match at {
            Jsonb::Array(_) => key.trim_start().parse::<i32>().ok().and_then(|position| at.element(i64::from(position))),
            _ => at.get(&key),
        };
        let Some(next) = next else { return Ok(None) };
        at = next;
    }
    Ok(Some(at))
}

fn refuse<T>(message: impl Into<String>) -> Result<T> {
    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

fn length(call: &Call<'_>) -> Result<Value> {
    match tree(call, 0)? {
        Jsonb::Array(elements) => Ok(Value::Integer(elements.len() as i64)),
        Jsonb::Object(_) => refuse("cannot get array length of a non-array"),
        _ => refuse("cannot get array length of a scalar"),
    }
}

/// Whether a text is a key, an element or the string itself.
fn exists(tree: &Jsonb, key: &str) -> bool {
    let is_key = |value: &Jsonb| matches!(value, Jsonb::String(string) if string == key);
    match tree {
        Jsonb::Object(_) => tree.get(key).is_some(),
        Jsonb::Array(elements) => elements.iter().any(is_key),
        scalar => is_key(scalar),
    }
}

fn keys(call: &Call<'_>) -> Result<(Jsonb, Vec<String>)> {
    Ok((tree(call, 0)?, nested::texts(call.text(1)?)?.into_iter().flatten().collect()))
}

fn pretty(call: &Call<'_>) -> Result<Value> {
    fn line(depth: usize, out: &mut String) {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth * 4));
    }
    fn write(tree: &Jsonb, depth: usize, out: &mut String) {
        match tree {
            Jsonb::Array(elements) => {
                out.push('[');
                for (at, element) in elements.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    line(depth + 1, out);
                    write(element, depth + 1, out);
                }
                line(depth, out);
                out.push(']');
            }
            Jsonb::Object(pairs) => {
                out.push('{');
                for (at, (key, value)) in pairs.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    line(depth + 1, out);
                    escape(key, out);
                    out.push_str(": ");
                    write(value, depth + 1, out);
                }
                line(depth, out);
                out.push('}');
            }
            scalar => scalar.write(out),
        }
    }
    let mut out = String::new();
    write(&tree(call, 0)?, 0, &mut out);
    Ok(Value::Text(out))
}

/// What a cast says of a value that is something else.
fn cannot_cast<T>(tree: &Jsonb, type_name: &str) -> Result<T> {
    let what = match tree {
        Jsonb::Array(_) | Jsonb::Object(_) | Jsonb::Null | Jsonb::String(_) => tree.type_name(),
        Jsonb::Bool(_) => "boolean",
        Jsonb::Number(_) => "numeric",
    };
    refuse(format!("cannot cast jsonb {what} to type {type_name}"))
}

fn number(call: &Call<'_>, type_name: &str) -> Result<Numeric> {
    match tree(call, 0)? {
        Jsonb::Number(number) => Numeric::parse(&number),
        other => cannot_cast(&other, type_name),
    }
}

fn whole_number(call: &Call<'_>, type_name: &str, min: i64, max: i64) -> Result<Value> {
    let integer = match number(call, type_name)? {
        Numeric::Finite(decimal) => decimal.round(0).to_i64(),
        _ => None,
    };
    integer.filter(|i| (min..=max).contains(i)).map(Value::Integer).ok_or_else(|| SqlError::out_of_range(type_name))
}

fn to_boolean(call: &Call<'_>) -> Result<Value> {
    match tree(call, 0)? {
        Jsonb::Bool(value) => Ok(boolean(value)),
        other => cannot_cast(&other, "boolean"),
    }
}
