//! A change of `jsonb` at a path (`setPath` in `jsonfuncs.c`). Enters: a tree, a path and the change; leaves: the changed tree.

use crate::{
    error::{Result, SqlError, SqlState},
    types::jsonb::Jsonb,
};

/// What happens at the path's end.
pub(super) enum Change {
    /// The member goes.
    Delete,
    /// The member becomes `value`, also where there was none if `create`.
    Set {
        /// The value.
        value: Jsonb,
        /// Whether a missing member is made.
        create: bool,
    },
    /// `value` comes before or after an element, or is a new key.
    Insert {
        /// The value.
        value: Jsonb,
        /// Behind the element.
        after: bool,
    },
}

impl Change {
    /// Whether it leaves what is empty as it is, whatever the path.
    pub(super) fn needs_something(&self) -> bool {
        matches!(self, Change::Delete | Change::Set { create: false, .. })
    }
}

/// The tree with the change at `path[level..]`.
pub(super) fn set_path(tree: Jsonb, path: &[Option<String>], level: usize, change: &Change) -> Result<Jsonb> {
    let Some(key) = &path[level] else {
        let message = format!("path element at position {} is null", level + 1);
        return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, message));
    };
    let is_last = level + 1 == path.len();
    match tree {
        Jsonb::Object(pairs) => object(pairs, key, is_last, path, level, change),
        Jsonb::Array(elements) => array(elements, key, is_last, path, level, change),
        scalar => Ok(scalar),
    }
}

fn object(
    mut pairs: Vec<(String, Jsonb)>,
    key: &str,
    is_last: bool,
    path: &[Option<String>],
    level: usize,
    change: &Change,
) -> Result<Jsonb> {
    let found = pairs.iter().position(|(k, _)| k == key);
    match (found, is_last, change) {
        (Some(at), false, _) => {
            let value = std::mem::replace(&mut pairs[at].1, Jsonb::Null);
            pairs[at].1 = set_path(value, path, level + 1, change)?;
        }
        (None, false, _) => {}
        (Some(at), true, Change::Delete) => {
            pairs.remove(at);
        }
        (Some(at), true, Change::Set { value, .. }) => pairs[at].1 = value.clone(),
        (Some(_), true, Change::Insert { .. }) => {
            return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "cannot replace existing key")
                .hint("Try using the function jsonb_set to replace key value."));
        }
        (None, true, Change::Set { value, create: true } | Change::Insert { value, .. }) => {
            pairs.push((key.to_owned(), value.clone()));
            return Ok(Jsonb::object(pairs));
        }
        (None, true, _) => {}
    }
    Ok(Jsonb::Object(pairs))
}

fn array(mut elements: Vec<Jsonb>, key: &str, is_last: bool, path: &[Option<String>], level: usize, change: &Change) -> Result<Jsonb> {
    let position: i64 = key.trim_start().parse::<i32>().map(i64::from).map_err(|_| {
        let message = format!("path element at position {} is not an integer: \"{key}\"", level + 1);
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
    })?;
    let position = if position < 0 { position + elements.len() as i64 } else { position };
    let inside = usize::try_from(position).ok().filter(|at| *at < elements.len());
    match (inside, is_last, change) {
        (Some(at), false, _) => {
            let value = std::mem::replace(&mut elements[at], Jsonb::Null);
            elements[at] = set_path(value, path, level + 1, change)?;
        }
        (Some(at), true, Change::Delete) => {
            elements.remove(at);
        }
        (Some(at), true, Change::Set { value, .. }) => elements[at] = value.clone(),
        (Some(at), true, Change::Insert { value, after }) => elements.insert(at + usize::from(*after), value.clone()),
        (None, true, Change::Set { value, create: true } | Change::Insert { value, .. }) => {
            let at = if position < 0 { 0 } else { elements.len() };
            elements.insert(at, value.clone());
        }
        (None, _, _) => {}
    }
    Ok(Jsonb::Array(elements))
}
