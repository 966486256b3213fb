//! Rust values as results, where a result may be NULL or a type of its own. Leaves: values in storage form.

use super::{Call, Value};
use crate::{error::Result, types::interval::Interval};

impl Call<'_> {
    /// An interval argument.
    pub(crate) fn interval(&self, at: usize) -> Result<Interval> {
        Interval::from_storage(self.text(at)?)
    }
}

/// A boolean.
pub(crate) fn boolean(value: bool) -> Value {
    Value::Integer(i64::from(value))
}

/// A float.
pub(crate) fn float(value: f64) -> Value {
    crate::types::float::stored(value)
}

/// A text, or NULL.
pub(crate) fn text_or_null(text: Option<String>) -> Value {
    text.map_or(Value::Null, Value::Text)
}
