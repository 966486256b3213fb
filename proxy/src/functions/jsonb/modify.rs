//! Changing `jsonb`: `||`, `-`, `#-`, `jsonb_set`, `jsonb_set_lax`, `jsonb_insert`, `jsonb_strip_nulls`.

use super::{
    access::tree,
    set_path::{Change, set_path},
};
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, ValueRef, row},
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
    row("peergres.assign_member(jsonb,jsonb,\"any\")", Scalar(assign_member)),
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

/// `SET j['a'][0] = v`: (jsonb, value, subscripts…); what is missing on the way is made (`jsonb_subscript_assign`).
fn assign_member(call: &Call<'_>) -> Result<Value> {
    let value = if call.is_null(1) { Jsonb::Null } else { tree(call, 1)? };
    let mut path = Vec::with_capacity(call.args.len() - 2);
    for i in 2..call.args.len() {
        if call.is_null(i) {
            return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "jsonb subscript in assignment must not be null"));
        }
        path.push(match call.args[i] {
            ValueRef::Integer(number) => Step::Position(number),
            _ => Step::Key(call.text(i)?.to_owned()),
        });
    }
    let container = if call.is_null(0) { path[0].empty() } else { tree(call, 0)? };
    if !matches!(container, Jsonb::Array(_) | Jsonb::Object(_)) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "cannot replace existing key")
            .detail("The path assumes key is a composite object, but it is a scalar value."));
    }
    assign_at(container, &path, value).map(stored)
}

/// One subscript of jsonb.
enum Step {
    Position(i64),
    Key(String),
}

impl Step {
    /// What is made where nothing is there to be subscripted.
    fn empty(&self) -> Jsonb {
        match self {
            Step::Position(_) => Jsonb::Array(Vec::new()),
            Step::Key(_) => Jsonb::Object(Vec::new()),
        }
    }
}

fn assign_at(container: Jsonb, path: &[Step], value: Jsonb) -> Result<Jsonb> {
    let Some((step, rest)) = path.split_first() else { return Ok(value) };
    let inner = |there: Option<Jsonb>| match (there, rest.first()) {
        (_, None) => Ok(value.clone()),
        (None, Some(next)) => assign_at(next.empty(), rest, value.clone()),
        (Some(scalar), Some(_)) if !matches!(scalar, Jsonb::Array(_) | Jsonb::Object(_)) => {
            Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "cannot replace existing key")
                .detail("The path assumes key is a composite object, but it is a scalar value."))
        }
        (Some(composite), Some(_)) => assign_at(composite, rest, value.clone()),
    };
    match container {
        Jsonb::Object(mut pairs) => {
            let key = match step {
                Step::Key(key) => key.clone(),
                Step::Position(number) => number.to_string(),
            };
            let at = pairs.iter().position(|(k, _)| *k == key);
            let there = at.map(|at| std::mem::replace(&mut pairs[at].1, Jsonb::Null));
            let new = inner(there)?;
            match at {
                Some(at) => pairs[at].1 = new,
                None => pairs.push((key, new)),
            }
            Ok(Jsonb::object(pairs))
        }
        Jsonb::Array(mut elements) => {
            let position = match step {
                Step::Position(number) => *number,
                Step::Key(key) => key.parse::<i32>().map(i64::from).map_err(|_| {
                    let message = format!("path element at position 1 is not an integer: \"{key}\"");
                    SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
                })?,
            };
            let position = if position < 0 { position + elements.len() as i64 } else { position };
            let Ok(at) = usize::try_from(position) else {
                let message = "path element at position 1 is out of range";
                return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, message));
            };
            let there = elements.get(at).cloned();
            let new = inner(there)?;
            if at >= elements.len() {
                elements.resize(at + 1, Jsonb::Null);
            }
            elements[at] = new;
            Ok(Jsonb::Array(elements))
        }
        scalar => Ok(scalar),
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
