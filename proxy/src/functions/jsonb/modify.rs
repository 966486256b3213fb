//! Changing `jsonb`: `||`, `-`, `#-`, `jsonb_set`, `jsonb_set_lax`, `jsonb_insert`, `jsonb_strip_nulls`.

use super::{
    access::tree,
    set_path::{Change, set_path},
};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::{Value, array::Array, jsonb::Jsonb},
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("jsonb_concat(jsonb,jsonb)", Scalar(|c| concat(tree(c, 0)?, tree(c, 1)?).map(stored))),
    row("jsonb_delete(jsonb,text)", Scalar(|c| delete_keys(tree(c, 0)?, &[c.text(1)?.to_owned()]).map(stored))),
    row("jsonb_delete(jsonb,integer)", Scalar(|c| delete_element(tree(c, 0)?, c.int(1)?).map(stored))),
    row("jsonb_delete(jsonb,text[])", Scalar(|c| delete_keys(tree(c, 0)?, &texts(c)?).map(stored))),
    row("jsonb_delete_path(jsonb,text[])", Scalar(delete_path)),
    row("jsonb_set(jsonb,text[],jsonb,boolean)", Scalar(|c| set(c, c.boolean(3)?))),
    row("jsonb_insert(jsonb,text[],jsonb,boolean)", Scalar(insert)),
    row("jsonb_set_lax(jsonb,text[],jsonb,boolean,text)", Scalar(set_lax)),
    row("jsonb_strip_nulls(jsonb)", Scalar(|c| Ok(stored(strip_nulls(tree(c, 0)?))))),
];

fn stored(tree: Jsonb) -> Value {
    Value::Text(tree.to_storage())
}

fn invalid<T>(message: &str) -> Result<T> {
    Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

fn texts(call: &Call<'_>) -> Result<Vec<String>> {
    Ok(path(call)?.into_iter().flatten().collect())
}

/// The elements of argument 1, which must have one dimension (`setPath` and its kin refuse more, reading does not).
fn path(call: &Call<'_>) -> Result<Vec<Option<String>>> {
    let array = Array::parse(call.text(1)?, ',')?;
    match array.dimensions.len() {
        0 | 1 => Ok(array.elements),
        _ => Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, "wrong number of array subscripts")),
    }
}

/// Objects merge, anything else becomes one array.
fn concat(left: Jsonb, right: Jsonb) -> Result<Jsonb> {
    Ok(match (left, right) {
        (Jsonb::Object(mut left), Jsonb::Object(right)) => {
            left.extend(right);
            Jsonb::object(left)
        }
        (left, right) => {
            let elements = |side| match side {
                Jsonb::Array(elements) => elements,
                other => vec![other],
            };
            let mut joined = elements(left);
            joined.extend(elements(right));
            Jsonb::Array(joined)
        }
    })
}

fn delete_keys(tree: Jsonb, keys: &[String]) -> Result<Jsonb> {
    match tree {
        Jsonb::Object(mut pairs) => {
            pairs.retain(|(key, _)| !keys.contains(key));
            Ok(Jsonb::Object(pairs))
        }
        Jsonb::Array(mut elements) => {
            elements.retain(|element| !matches!(element, Jsonb::String(string) if keys.contains(string)));
            Ok(Jsonb::Array(elements))
        }
        _ => invalid("cannot delete from scalar"),
    }
}

fn delete_element(tree: Jsonb, position: i64) -> Result<Jsonb> {
    match tree {
        Jsonb::Object(_) => invalid("cannot delete from object using integer index"),
        Jsonb::Array(mut elements) => {
            let at = if position < 0 { position + elements.len() as i64 } else { position };
            if let Some(at) = usize::try_from(at).ok().filter(|at| *at < elements.len()) {
                elements.remove(at);
            }
            Ok(Jsonb::Array(elements))
        }
        _ => invalid("cannot delete from scalar"),
    }
}

fn delete_path(call: &Call<'_>) -> Result<Value> {
    let tree = tree(call, 0)?;
    if tree.is_scalar() {
        return invalid("cannot delete path in scalar");
    }
    changed(call, tree, &Change::Delete)
}

/// The tree with a change at the path of argument 1.
fn changed(call: &Call<'_>, tree: Jsonb, change: &Change) -> Result<Value> {
    let path = path(call)?;
    let is_empty = matches!(&tree, Jsonb::Array(list) if list.is_empty()) || matches!(&tree, Jsonb::Object(pairs) if pairs.is_empty());
    if path.is_empty() || is_empty && change.needs_something() {
        return Ok(stored(tree));
    }
    Ok(stored(set_path(tree, &path, 0, change)?))
}

fn set(call: &Call<'_>, create: bool) -> Result<Value> {
    let target = tree(call, 0)?;
    if target.is_scalar() {
        return invalid("cannot set path in scalar");
    }
    changed(call, target, &Change::Set { value: tree(call, 2)?, create })
}

fn insert(call: &Call<'_>) -> Result<Value> {
    let target = tree(call, 0)?;
    if target.is_scalar() {
        return invalid("cannot set path in scalar");
    }
    changed(call, target, &Change::Insert { value: tree(call, 2)?, after: call.boolean(3)? })
}

fn set_lax(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) || call.is_null(1) || call.is_null(3) {
        return Ok(Value::Null);
    }
    const CHOICES: &str = "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"";
    if call.is_null(4) {
        return invalid(CHOICES);
    }
    if !call.is_null(2) {
        return set(call, call.boolean(3)?);
    }
    match call.text(4)? {
        "raise_exception" => Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "JSON value must not be null")
            .detail("Exception was raised because null_value_treatment is \"raise_exception\".")
            .hint("To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.")),
        "use_json_null" => changed(call, tree(call, 0)?, &Change::Set { value: Jsonb::Null, create: call.boolean(3)? }),
        "delete_key" => delete_path(call),
        "return_target" => Ok(Value::Text(call.text(0)?.to_owned())),
        _ => invalid(CHOICES),
    }
}

fn strip_nulls(tree: Jsonb) -> Jsonb {
    match tree {
        Jsonb::Array(elements) => Jsonb::Array(elements.into_iter().map(strip_nulls).collect()),
        Jsonb::Object(pairs) => Jsonb::Object(
            pairs.into_iter().filter(|(_, value)| *value != Jsonb::Null).map(|(key, value)| (key, strip_nulls(value))).collect(),
        ),
        scalar => scalar,
    }
}
