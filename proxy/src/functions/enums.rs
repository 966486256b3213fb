//! Enums: first, last and range of labels.

use super::{Body::Scalar, Call, Row, Value, arguments::text_value, row};
use crate::{
    error::{Result, SqlError},
    types::{Kind, array::Array},
};

/// The rows. Arguments may be NULL: only their type counts.
pub(super) const ROWS: &[Row] = &[
    row("enum_first(anyenum)", Scalar(|c| Ok(labels(c)?.first().map_or(Value::Null, |l| Value::Text(l.clone()))))),
    row("enum_last(anyenum)", Scalar(|c| Ok(labels(c)?.last().map_or(Value::Null, |l| Value::Text(l.clone()))))),
    row("enum_range(anyenum)", Scalar(|c| array(labels(c)?))),
    row("enum_range(anyenum,anyenum)", Scalar(range)),
];

fn labels<'a>(call: &Call<'a>) -> Result<&'a [String]> {
    match &call.type_at(0)?.kind {
        Kind::Enum(labels) => Ok(labels),
        _ => Err(SqlError::internal("an enum function is called with an enum")),
    }
}

fn array(labels: &[String]) -> Result<Value> {
    text_value(Array::from_elements(labels.iter().cloned().map(Some).collect()).write(','))
}

fn range(call: &Call<'_>) -> Result<Value> {
    let labels = labels(call)?;
    let place = |at: usize, otherwise: usize| match call.is_null(at) {
        true => Ok(otherwise),
        false => {
            let label = call.text(at)?;
            labels.iter().position(|known| known == label).ok_or_else(|| SqlError::internal("a stored enum label exists"))
        }
    };
    let (first, last) = (place(0, 0)?, place(1, labels.len().saturating_sub(1))?);
    array(labels.get(first..=last).unwrap_or_default())
}
