//! A call's arguments as Rust values, and Rust values as results, in storage form.

use rusqlite::types::{Value, ValueRef};

use super::Call;
use crate::{
    error::{Result, SqlError},
    types::{
        Oid, Type,
        array::{Array, from_canonical, type_by_oid},
        bytes,
        decimal::Numeric,
        float, integer, text,
    },
};

impl<'a> Call<'a> {
    /// Whether argument `i` is NULL or was not given.
    pub(crate) fn is_null(&self, i: usize) -> bool {
        self.args.get(i).is_none_or(|v| *v == ValueRef::Null)
    }

    /// An integer, boolean (0 or 1), date, time or timestamp.
    pub(crate) fn int(&self, i: usize) -> Result<i64> {
        integer::integer(self.args[i])
    }

    /// A boolean.
    pub(crate) fn boolean(&self, i: usize) -> Result<bool> {
        self.int(i).map(|b| b != 0)
    }

    /// A float.
    pub(crate) fn float(&self, i: usize) -> Result<f64> {
        float::float(self.args[i])
    }

    /// A text, or any type that lies as one.
    pub(crate) fn text(&self, i: usize) -> Result<&'a str> {
        text::text(self.args[i])
    }

    /// bytea or uuid.
    pub(crate) fn bytes(&self, i: usize) -> Result<&'a [u8]> {
        bytes::bytes(self.args[i])
    }

    /// A numeric.
    pub(crate) fn numeric(&self, i: usize) -> Result<Numeric> {
        Numeric::parse(self.text(i)?)
    }

    /// The concrete type of argument `i` of a polymorphic call.
    pub(crate) fn type_at(&self, i: usize) -> Result<&'a Type> {
        let oid = self.types.get(i).copied().unwrap_or_default();
        type_by_oid(oid, self.cx).map(|t| &**t)
    }

    /// The concrete result type of a polymorphic call.
    pub(crate) fn result_type(&self) -> Result<&'a Type> {
        type_by_oid(self.result, self.cx).map(|t| &**t)
    }

    /// An array argument of a polymorphic call, with its element type.
    pub(crate) fn array(&self, i: usize) -> Result<(Array, &'a Type)> {
        let ty = self.type_at(i)?;
        Ok((Array::parse(self.text(i)?, ty.delimiter)?, type_by_oid(ty.element(), self.cx)?))
    }

    /// An array argument whose elements are read as text.
    pub(crate) fn text_array(&self, i: usize) -> Result<Array> {
        Array::parse(self.text(i)?, ',')
    }

    /// Whether the last argument is the array of a variadic function's last ones: one type more is listed then than there are arguments, 0.
    pub(crate) fn gives_array(&self) -> bool {
        self.types.len() == self.args.len() + 1 && self.types.last() == Some(&0)
    }

    /// Whether that array is NULL.
    pub(crate) fn gives_null_array(&self) -> bool {
        self.gives_array() && self.is_null(self.args.len() - 1)
    }

    /// What `body` answers with the elements of a variadic array one by one as the last arguments; NULL for a NULL array.
    pub(crate) fn spread(&self, body: fn(&Call<'_>) -> Result<Value>) -> Result<Value> {
        if !self.gives_array() {
            return body(self);
        }
        if self.gives_null_array() {
            return Ok(Value::Null);
        }
        let last = self.args.len() - 1;
        let (array, element) = self.array(last)?;
        let value = |text: &Option<String>| text.as_ref().map_or(Ok(Value::Null), |text| from_canonical(text, element, self.cx));
        let values = array.elements.iter().map(value).collect::<Result<Vec<_>>>()?;
        let args: Vec<ValueRef<'_>> = self.args[..last].iter().copied().chain(values.iter().map(ValueRef::from)).collect();
        let mut types = self.types[..last].to_vec();
        types.resize(args.len(), element.oid);
        body(&Call { args: &args, types: &types, result: self.result, extra: self.extra, cx: self.cx })
    }

    /// A type by OID.
    pub(crate) fn type_of(&self, oid: Oid) -> Result<&'a Type> {
        type_by_oid(oid, self.cx).map(|t| &**t)
    }
}

/// A text result.
pub(crate) fn text_value(text: impl Into<String>) -> Result<Value> {
    Ok(Value::Text(text.into()))
}

/// An integer result.
pub(crate) fn int_value(value: impl Into<i64>) -> Result<Value> {
    Ok(Value::Integer(value.into()))
}

/// A boolean result.
pub(crate) fn bool_value(value: bool) -> Result<Value> {
    Ok(Value::Integer(value.into()))
}

/// A double precision result.
pub(crate) fn float_value(value: f64) -> Result<Value> {
    Ok(float::stored(value))
}

/// A numeric result.
pub(crate) fn numeric_value(value: &Numeric) -> Result<Value> {
    Ok(Value::Text(value.to_string()))
}

/// An integer that has to fit `width` bytes; 22003 with the type's name where it does not.
pub(crate) fn fitting<const WIDTH: usize>(value: Option<i64>) -> Result<Value> {
    let (name, fits) = match (WIDTH, value) {
        (2, Some(v)) => ("smallint", i16::try_from(v).is_ok()),
        (4, Some(v)) => ("integer", i32::try_from(v).is_ok()),
        (2, None) => ("smallint", false),
        (4, None) => ("integer", false),
        (_, v) => ("bigint", v.is_some()),
    };
    value.filter(|_| fits).map(Value::Integer).ok_or_else(|| SqlError::out_of_range(name))
}
