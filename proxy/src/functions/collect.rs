//! Aggregates that keep what they are given: string_agg, array_agg, the bitwise ones, mode, percentiles and the hypothetical ranks.
//! Ordered-set aggregates are fed in the order of their WITHIN GROUP; their direct arguments come first in every call.

use std::{cmp::Ordering, collections::VecDeque};

use super::{
    Aggregate,
    Body::{self, NativeAggregate},
    Call, Row, Value, ValueRef,
    arguments::{float_value, int_value, text_value},
    compare_values, row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
    types::{
        Oid,
        array::{Array, canonical_text, type_by_oid},
        interval::Interval,
    },
};

/// The rows: booleans are 0 and 1, so that SQLite's min and max are AND and OR.
pub(super) const ROWS: &[Row] = &[
    row("bool_and(boolean)", NativeAggregate("min")),
    row("every(boolean)", NativeAggregate("min")),
    row("bool_or(boolean)", NativeAggregate("max")),
    row("string_agg(text,text)", Body::Aggregate(|_| collected(join_texts))),
    row("string_agg(bytea,bytea)", Body::Aggregate(|_| collected(join_bytes))),
    row("array_agg(anynonarray)", Body::Aggregate(|_| collected(array_of_elements))),
    row("array_agg(anyarray)", Body::Aggregate(|_| collected(array_of_arrays))),
    row("bit_and(smallint)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a & b)))),
    row("bit_and(integer)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a & b)))),
    row("bit_and(bigint)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a & b)))),
    row("bit_or(smallint)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a | b)))),
    row("bit_or(integer)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a | b)))),
    row("bit_or(bigint)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a | b)))),
    row("bit_xor(smallint)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a ^ b)))),
    row("bit_xor(integer)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a ^ b)))),
    row("bit_xor(bigint)", Body::Aggregate(|_| collected(|c, _| bitwise(c, |a, b| a ^ b)))),
    row("bit_and(bit)", Body::Aggregate(|_| collected(|c, _| bits(c, "AND", |a, b| a & b)))),
    row("bit_or(bit)", Body::Aggregate(|_| collected(|c, _| bits(c, "OR", |a, b| a | b)))),
    row("bit_xor(bit)", Body::Aggregate(|_| collected(|c, _| bits(c, "XOR", |a, b| a ^ b)))),
    row("mode(anyelement)", Body::Aggregate(|_| collected(mode))),
    row("percentile_disc(double precision,anyelement)", Body::Aggregate(|_| collected(|c, cx| percentile(c, cx, false, &discrete)))),
    row("percentile_disc(double precision[],anyelement)", Body::Aggregate(|_| collected(|c, cx| percentile(c, cx, true, &discrete)))),
    row("percentile_cont(double precision,double precision)", Body::Aggregate(|_| collected(|c, cx| percentile(c, cx, false, &between)))),
    row("percentile_cont(double precision[],double precision)", Body::Aggregate(|_| collected(|c, cx| percentile(c, cx, true, &between)))),
    row("percentile_cont(double precision,interval)", Body::Aggregate(|_| collected(|c, cx| percentile(c, cx, false, &between)))),
    row("percentile_cont(double precision[],interval)", Body::Aggregate(|_| collected(|c, cx| percentile(c, cx, true, &between)))),
    row("rank(\"any\")", Body::Aggregate(|_| Box::new(Hypothetical::new(|h| int_value(h.before + 1))))),
    row("dense_rank(\"any\")", Body::Aggregate(|_| Box::new(Hypothetical::new(|h| int_value(h.groups + 1))))),
    row("percent_rank(\"any\")", Body::Aggregate(|_| Box::new(Hypothetical::new(|h| fraction(h.before, h.rows))))),
    row("cume_dist(\"any\")", Body::Aggregate(|_| Box::new(Hypothetical::new(|h| fraction(h.before + h.equal + 1, h.rows + 1))))),
];

/// Rows inside, each its arguments, and what is made of them.
pub(super) struct Collected {
    pub(super) rows: VecDeque<Vec<Value>>,
    pub(super) types: Vec<Oid>,
    pub(super) result: Oid,
    make: Make,
}

/// The result of what was collected.
pub(super) type Make = fn(&Collected, &Context) -> Result<Value>;

/// An aggregate that keeps its rows.
pub(super) fn collected(make: Make) -> Box<dyn Aggregate> {
    Box::new(Collected { rows: VecDeque::new(), types: Vec::new(), result: 0, make })
}

pub(super) fn owned(value: ValueRef<'_>) -> Result<Value> {
    value.try_into().map_err(|_| SqlError::internal("a text is not UTF-8"))
}

impl Aggregate for Collected {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        if self.rows.is_empty() {
            (self.types, self.result) = (call.types.to_vec(), call.result);
        }
        self.rows.push_back(call.args.iter().map(|v| owned(*v)).collect::<Result<_>>()?);
        Ok(())
    }

    fn inverse(&mut self, _: &Call<'_>) -> Result<()> {
        self.rows.pop_front();
        Ok(())
    }

    fn value(&self, cx: &Context) -> Result<Value> {
        (self.make)(self, cx)
    }
}

impl Collected {
    /// The values of one argument that are not NULL.
    pub(super) fn known(&self, argument: usize) -> impl DoubleEndedIterator<Item = &Value> {
        self.rows.iter().map(move |row| &row[argument]).filter(|value| **value != Value::Null)
    }

    fn argument_type<'c>(&self, at: usize, cx: &'c Context) -> Result<&'c crate::types::Type> {
        type_by_oid(self.types.get(at).copied().unwrap_or_default(), cx).map(|ty| &**ty)
    }
}

fn text_of(value: &Value) -> &str {
    if let Value::Text(text) = value { text } else { "" }
}

fn join_texts(collected: &Collected, _: &Context) -> Result<Value> {
    let mut out: Option<String> = None;
    for row in collected.rows.iter().filter(|row| row[0] != Value::Null) {
        match &mut out {
            None => out = Some(text_of(&row[0]).to_owned()),
            Some(out) => {
                out.push_str(text_of(&row[1]));
                out.push_str(text_of(&row[0]));
            }
        }
    }
    Ok(out.map_or(Value::Null, Value::Text))
}

fn join_bytes(collected: &Collected, _: &Context) -> Result<Value> {
    let bytes = |value: &Value| if let Value::Blob(bytes) = value { bytes.clone() } else { Vec::new() };
    let mut out: Option<Vec<u8>> = None;
    for row in collected.rows.iter().filter(|row| row[0] != Value::Null) {
        match &mut out {
            None => out = Some(bytes(&row[0])),
            Some(out) => {
                out.extend(bytes(&row[1]));
                out.extend(bytes(&row[0]));
            }
        }
    }
    Ok(out.map_or(Value::Null, Value::Blob))
}

fn array_of_elements(collected: &Collected, cx: &Context) -> Result<Value> {
    if collected.rows.is_empty() {
        return Ok(Value::Null);
    }
    let (element, array) = (collected.argument_type(0, cx)?, type_by_oid(collected.result, cx)?);
    let text = |row: &Vec<Value>| match &row[0] {
        Value::Null => Ok(None),
        value => canonical_text(value.into(), element, cx).map(Some),
    };
    let elements = collected.rows.iter().map(text).collect::<Result<_>>()?;
    text_value(Array::from_elements(elements).write_as(array))
}

fn array_of_arrays(collected: &Collected, cx: &Context) -> Result<Value> {
    if collected.rows.is_empty() {
        return Ok(Value::Null);
    }
    let array = type_by_oid(collected.result, cx)?;
    let wrong = |message: &str| Err(SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
    let mut whole = Array::default();
    for row in &collected.rows {
        if row[0] == Value::Null {
            return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "cannot accumulate null arrays"));
        }
        let part = Array::parse(text_of(&row[0]), array.delimiter)?;
        if part.elements.is_empty() {
            return wrong("cannot accumulate empty arrays");
        }
        if whole.dimensions.is_empty() {
            whole.dimensions = std::iter::once((1, 0)).chain(part.dimensions.iter().copied()).collect();
        } else if whole.dimensions[1..].iter().map(|d| d.1).ne(part.dimensions.iter().map(|d| d.1)) {
            return wrong("cannot accumulate arrays of different dimensionality");
        }
        whole.dimensions[0].1 += 1;
        whole.elements.extend(part.elements);
    }
    text_value(whole.write_as(array))
}

fn bitwise(collected: &Collected, of: fn(i64, i64) -> i64) -> Result<Value> {
    let numbers = collected.known(0).map(|value| if let Value::Integer(number) = value { *number } else { 0 });
    Ok(numbers.reduce(of).map_or(Value::Null, Value::Integer))
}

fn bits(collected: &Collected, name: &str, of: fn(u8, u8) -> u8) -> Result<Value> {
    let mut out: Option<Vec<u8>> = None;
    for value in collected.known(0).map(text_of) {
        match &mut out {
            None => out = Some(value.as_bytes().to_vec()),
            Some(out) if out.len() == value.len() => {
                out.iter_mut().zip(value.bytes()).for_each(|(a, b)| *a = of(*a & 1, b & 1) + b'0');
            }
            Some(_) => {
                let message = format!("cannot {name} bit strings of different sizes");
                return Err(SqlError::new(SqlState("22026"), message));
            }
        }
    }
    out.map_or(Ok(Value::Null), |bits| text_value(String::from_utf8_lossy(&bits)))
}

fn mode(collected: &Collected, cx: &Context) -> Result<Value> {
    let mut best: Option<(&Value, usize)> = None;
    let mut run: Option<(&Value, usize)> = None;
    let ty = if collected.rows.is_empty() { return Ok(Value::Null) } else { collected.argument_type(0, cx)? };
    for value in collected.known(0) {
        run = match run {
            Some((known, count)) if compare_values(known.into(), value.into(), ty, cx) == Ordering::Equal => Some((known, count + 1)),
            _ => Some((value, 1)),
        };
        if let Some((value, count)) = run.filter(|(_, count)| best.is_none_or(|(_, most)| *count > most)) {
            best = Some((value, count));
        }
    }
    Ok(best.map_or(Value::Null, |(value, _)| value.clone()))
}

/// One percentile of sorted values: where it lies, from 0 to 1.
type Pick = dyn Fn(&[&Value], f64) -> Result<Value>;

fn discrete(values: &[&Value], at: f64) -> Result<Value> {
    let row = (at * values.len() as f64).ceil() as usize;
    Ok(values[row.max(1) - 1].clone())
}

fn between(values: &[&Value], at: f64) -> Result<Value> {
    let place = at * (values.len() - 1) as f64;
    let (first, second) = (place.floor() as usize, place.ceil() as usize);
    let share = place - first as f64;
    match (values[first], values[second]) {
        (low, _) if first == second => Ok(low.clone()),
        (Value::Text(low), Value::Text(high)) => {
            let (low, high) = (Interval::from_storage(low)?, Interval::from_storage(high)?);
            text_value(low.add(&high.add(&low.negate()?)?.multiply(share)?)?.to_storage())
        }
        (low, high) => {
            let (low, high) = (crate::types::float::float(low.into())?, crate::types::float::float(high.into())?);
            float_value(low + share * (high - low))
        }
    }
}

fn percentile(collected: &Collected, cx: &Context, several: bool, pick: &Pick) -> Result<Value> {
    let values: Vec<&Value> = collected.known(1).collect();
    let Some(direct) = collected.rows.front().map(|row| &row[0]).filter(|direct| **direct != Value::Null) else {
        return Ok(Value::Null);
    };
    let checked = |at: f64| {
        if (0.0..=1.0).contains(&at) {
            return Ok(at);
        }
        let mut shown = Vec::new();
        crate::types::float::write(at, false, cx.extra_float_digits, &mut shown);
        let message = format!("percentile value {} is not between 0 and 1", String::from_utf8_lossy(&shown));
        Err(SqlError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
    };
    if !several {
        let at = checked(crate::types::float::float(direct.into())?)?;
        return if values.is_empty() { Ok(Value::Null) } else { pick(&values, at) };
    }
    if values.is_empty() {
        return Ok(Value::Null);
    }
    let mut array = Array::parse(text_of(direct), ',')?;
    let element =
        type_by_oid(if collected.result == 0 { crate::types::oid::FLOAT8 } else { type_by_oid(collected.result, cx)?.element() }, cx)?;
    for slot in &mut array.elements {
        if let Some(text) = slot {
            let at = checked(text.parse().map_err(|_| SqlError::internal("a float's text"))?)?;
            let value = pick(&values, at)?;
            *slot = Some(canonical_text((&value).into(), element, cx)?);
        }
    }
    text_value(array.write(','))
}

/// Counts of a hypothetical row's place among the rows of a group.
struct Hypothetical {
    rows: i64,
    before: i64,
    equal: i64,
    groups: i64,
    last: Option<Vec<Value>>,
    of: fn(&Hypothetical) -> Result<Value>,
}

fn fraction(part: i64, whole: i64) -> Result<Value> {
    float_value(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
}

impl Hypothetical {
    fn new(of: fn(&Hypothetical) -> Result<Value>) -> Hypothetical {
        Hypothetical { rows: 0, before: 0, equal: 0, groups: 0, last: None, of }
    }
}

impl Aggregate for Hypothetical {
    fn step(&mut self, call: &Call<'_>) -> Result<()> {
        let width = call.args.len() / 2;
        let keys = super::sorted::keys(call.extra);
        let (hypothetical, row) = call.args.split_at(width);
        let order = super::sorted::compare(row, hypothetical, &keys, &call.types[width..], call.cx)?;
        self.rows += 1;
        self.equal += i64::from(order == Ordering::Equal);
        if order == Ordering::Less {
            self.before += 1;
            let row = row.iter().map(|v| owned(*v)).collect::<Result<Vec<_>>>()?;
            self.groups += i64::from(self.last.as_ref() != Some(&row));
            self.last = Some(row);
        }
        Ok(())
    }

    fn inverse(&mut self, _: &Call<'_>) -> Result<()> {
        Err(SqlError::internal("a hypothetical-set aggregate has no window"))
    }

    fn value(&self, _: &Context) -> Result<Value> {
        (self.of)(self)
    }
}
