//! Rows in the order that a statement asks for, within an aggregate: DISTINCT, which PostgreSQL does by sorting, and the comparison
//! with a hypothetical row. Enters: sort keys as the printer writes them, `0<,1>n`: a position, the direction, `n` for NULLS FIRST.

use std::cmp::Ordering;

use super::{Aggregate, Call, Value, ValueRef, compare_values};
use crate::{
    error::Result,
    session::context::Context,
    types::{Oid, array::type_by_oid},
};

/// One sort key.
pub(super) struct Key {
    at: usize,
    descending: bool,
    nulls_first: bool,
}

/// Reads sort keys.
pub(super) fn keys(text: &str) -> Vec<Key> {
    let key = |part: &str| {
        let at: String = part.chars().take_while(char::is_ascii_digit).collect();
        Key { at: at.parse().unwrap_or(0), descending: part.contains('>'), nulls_first: part.ends_with('n') }
    };
    text.split(',').filter(|part| !part.is_empty()).map(key).collect()
}

/// Order of two rows by those keys.
pub(super) fn compare(l: &[ValueRef<'_>], r: &[ValueRef<'_>], keys: &[Key], types: &[Oid], cx: &Context) -> Result<Ordering> {
    for key in keys {
        let (a, b) = (l[key.at], r[key.at]);
        let order = match (a, b) {
            (ValueRef::Null, ValueRef::Null) => Ordering::Equal,
            (ValueRef::Null, _) => {
                if key.nulls_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (_, ValueRef::Null) => {
                if key.nulls_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            _ => {
                let order = compare_values(a, b, type_by_oid(types.get(key.at).copied().unwrap_or_default(), cx)?, cx);
                if key.descending { order.reverse() } else { order }
            }
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(Ordering::Equal)
}

/// An aggregate over distinct rows, fed in their order.
pub(super) struct Distinct {
    /// Makes the aggregate.
    pub(super) make: fn(&[Oid]) -> Box<dyn Aggregate>,
    rows: Vec<Vec<Value>>,
    types: Vec<Oid>,
    result: Oid,
    extra: String,
}

impl Distinct {
    /// The distinct form of an aggregate.
    pub(super) fn new(make: fn(&[Oid]) -> Box<dyn Aggregate>) -> Distinct {
        Distinct { make, rows: Vec::new(), types: Vec::new(), result: 0, extra: String::new() }
    }
}

impl Aggregate for Distinct {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        if self.rows.is_empty() {
            (self.types, self.result, self.extra) = (call.types.to_vec(), call.result, call.extra.to_owned());
        }
        self.rows.push(call.args.iter().map(|v| super::collect::owned(*v)).collect::<Result<_>>()?);
        Ok(())
    }

    fn inverse(&mut self, _: &Call<'_>) -> Result<()> {
        Err(crate::error::SqlError::internal("DISTINCT has no window"))
    }

    fn value(&self, cx: &Context) -> Result<Value> {
        let keys = keys(&self.extra);
        let mut rows: Vec<Vec<ValueRef<'_>>> = self.rows.iter().map(|row| row.iter().map(ValueRef::from).collect()).collect();
        let mut failure = None;
        let mut order = |l: &[ValueRef<'_>], r: &[ValueRef<'_>]| {
            compare(l, r, &keys, &self.types, cx).unwrap_or_else(|error| {
                failure = Some(error);
                Ordering::Equal
            })
        };
        rows.sort_by(|l, r| order(l, r));
        rows.dedup_by(|l, r| order(l, r) == Ordering::Equal);
        if let Some(error) = failure {
            return Err(error);
        }
        let mut state = (self.make)(&self.types);
        for row in &rows {
            state.step(&Call { args: row, types: &self.types, result: self.result, extra: "", cx })?;
        }
        state.value(cx)
    }
}
