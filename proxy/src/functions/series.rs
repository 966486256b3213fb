//! Rows out of nothing and out of arrays: generate_series, generate_subscripts, unnest.

use super::{Body::Set, Call, Row, Rows, Value, numeric::plus, row};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{Kind, array::from_canonical, composite, decimal::Numeric, numeric::compare_text, range},
};

pub(super) const ROWS: &[Row] = &[
    row("generate_series(integer,integer)", Set(integers)),
    row("generate_series(integer,integer,integer)", Set(integers)),
    row("generate_series(bigint,bigint)", Set(integers)),
    row("generate_series(bigint,bigint,bigint)", Set(integers)),
    row("generate_series(numeric,numeric)", Set(numerics)),
    row("generate_series(numeric,numeric,numeric)", Set(numerics)),
    row("generate_subscripts(anyarray,integer)", Set(subscripts)),
    row("generate_subscripts(anyarray,integer,boolean)", Set(subscripts)),
    row("unnest(anyarray)", Set(unnest)),
    row("unnest(anymultirange)", Set(unnest_multirange)),
];

fn no_step() -> SqlError {
    SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero")
}

fn integers(call: &Call<'_>) -> Result<Rows> {
    let (start, stop) = (call.int(0)?, call.int(1)?);
    let step = if call.args.len() > 2 { call.int(2)? } else { 1 };
    if step == 0 {
        return Err(no_step());
    }
    let is_within = move |i: &i64| if step > 0 { *i <= stop } else { *i >= stop };
    let series = std::iter::successors(Some(start).filter(is_within), move |i| i.checked_add(step).filter(is_within));
    Ok(Box::new(series.map(|i| Ok(vec![Value::Integer(i)]))))
}

fn numerics(call: &Call<'_>) -> Result<Rows> {
    let (start, stop) = (call.numeric(0)?, call.text(1)?.to_owned());
    let step = if call.args.len() > 2 { call.numeric(2)? } else { Numeric::integer(1) };
    for (value, name) in [(&start, "start"), (&call.numeric(1)?, "stop"), (&step, "step size")] {
        let what = match value {
            Numeric::NaN => "NaN",
            Numeric::Infinite(_) => "infinity",
            Numeric::Finite(_) => continue,
        };
        let name = if name == "step size" {
            "step size cannot be"
        } else if name == "start" {
            "start value cannot be"
        } else {
            "stop value cannot be"
        };
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("{name} {what}")));
    }
    let direction = step.signum();
    if direction == 0 {
        return Err(no_step());
    }
    // Every row shows the scale of its sum, the first that of start and step alike.
    let start = plus(start, plus(step.clone(), step.clone(), true)?, false)?;
    let is_within = move |n: &Numeric| compare_text(&n.to_string(), &stop) as i32 * direction <= 0;
    let first = Some(start).filter(&is_within);
    let series = std::iter::successors(first, move |n| plus(n.clone(), step.clone(), false).ok().filter(&is_within));
    Ok(Box::new(series.map(|n| Ok(vec![Value::Text(n.to_string())]))))
}

fn subscripts(call: &Call<'_>) -> Result<Rows> {
    let (array, _) = call.array(0)?;
    let is_reverse = call.args.len() > 2 && call.boolean(2)?;
    let dimension = usize::try_from(call.int(1)? - 1).ok().and_then(|i| array.dimensions.get(i).copied());
    let Some((lower, length)) = dimension else { return Ok(Box::new(std::iter::empty())) };
    let (lower, upper) = (i64::from(lower), i64::from(lower) + i64::from(length) - 1);
    let of = move |i: i64| Ok(vec![Value::Integer(if is_reverse { lower + upper - i } else { i })]);
    Ok(Box::new((lower..=upper).map(of)))
}

/// The elements in order; those of composite type as one column per attribute.
fn unnest(call: &Call<'_>) -> Result<Rows> {
    let (array, element) = call.array(0)?;
    let mut rows = Vec::with_capacity(array.elements.len());
    for slot in &array.elements {
        rows.push(match (slot, &element.kind) {
            (None, _) => vec![Value::Null],
            (Some(text), Kind::Composite(attributes)) => {
                let fields = composite::parse(text)?;
                let of = |(field, (_, of)): (&Option<String>, &(String, crate::types::TypeRef))| match field {
                    Some(text) => from_canonical(text, call.type_of(of.oid)?, call.cx),
                    None => Ok(Value::Null),
                };
                fields.iter().zip(attributes.iter()).map(of).collect::<Result<_>>()?
            }
            (Some(text), _) => vec![from_canonical(text, element, call.cx)?],
        });
    }
    Ok(Box::new(rows.into_iter().map(Ok)))
}

fn unnest_multirange(call: &Call<'_>) -> Result<Rows> {
    let ranges = range::parse_multirange(call.text(0)?)?;
    Ok(Box::new(ranges.into_iter().map(|r| Ok(vec![Value::Text(r.write())]))))
}
