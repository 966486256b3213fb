//! Arrays: bounds, building, searching, containment, and what the binder's constructors and subscripts resolve to.

use std::cmp::Ordering;

use super::{
    Body::{Native, Scalar},
    Call, Row, Value, ValueRef,
    arguments::{bool_value, int_value, text_value},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{
        Type, TypeRef,
        array::{Array, canonical_text, compare_canonical, from_canonical},
    },
};

pub(super) const ROWS: &[Row] = &[
    row("array_ndims(anyarray)", Scalar(|c| positive(c.array(0)?.0.dimensions.len()))),
    row("array_dims(anyarray)", Scalar(dims)),
    row("array_length(anyarray,integer)", Scalar(|c| dimension(c, |(_, length)| length))),
    row("array_lower(anyarray,integer)", Scalar(|c| dimension(c, |(lower, _)| lower))),
    row("array_upper(anyarray,integer)", Scalar(|c| dimension(c, |(lower, length)| lower + length - 1))),
    row("cardinality(anyarray)", Scalar(|c| int_value(c.array(0)?.0.elements.len() as i64))),
    row("array_append(anycompatiblearray,anycompatible)", Scalar(|c| extend(c, 0, 1))),
    row("array_prepend(anycompatible,anycompatiblearray)", Scalar(|c| extend(c, 1, 0))),
    row("array_cat(anycompatiblearray,anycompatiblearray)", Scalar(cat)),
    row("array_remove(anycompatiblearray,anycompatible)", Scalar(remove)),
    row("array_replace(anycompatiblearray,anycompatible,anycompatible)", Scalar(replace)),
    row("array_position(anycompatiblearray,anycompatible)", Scalar(position)),
    row("array_position(anycompatiblearray,anycompatible,integer)", Scalar(position)),
    row("array_positions(anycompatiblearray,anycompatible)", Scalar(positions)),
    row("width_bucket(anycompatible,anycompatiblearray)", Scalar(width_bucket)),
    row("array_fill(anyelement,integer[])", Scalar(fill)),
    row("array_fill(anyelement,integer[],integer[])", Scalar(fill)),
    row("trim_array(anyarray,integer)", Scalar(trim)),
    row("arraycontains(anyarray,anyarray)", Scalar(|c| bool_value(contains(c, 0, 1)?))),
    row("arraycontained(anyarray,anyarray)", Scalar(|c| bool_value(contains(c, 1, 0)?))),
    row("arrayoverlap(anyarray,anyarray)", Scalar(overlap)),
    row("array_larger(anyarray,anyarray)", Native("max({0}, {1})")),
    row("array_smaller(anyarray,anyarray)", Native("min({0}, {1})")),
    row("peergres.array(\"any\")", Scalar(construct)),
    row("peergres.element(anyarray,\"any\")", Scalar(element)),
    row("peergres.slice(anyarray,\"any\")", Scalar(slice)),
    row("peergres.assign_element(anyarray,anyelement,\"any\")", Scalar(assign)),
    row("peergres.assign_slice(anyarray,anyarray,\"any\")", Scalar(assign_slice)),
    row("peergres.array_cast(anyarray,integer)", Scalar(cast)),
];

fn positive(count: usize) -> Result<Value> {
    if count == 0 { Ok(Value::Null) } else { int_value(count as i64) }
}

fn dims(call: &Call<'_>) -> Result<Value> {
    let (array, _) = call.array(0)?;
    if array.dimensions.is_empty() {
        return Ok(Value::Null);
    }
    text_value(array.dimensions.iter().map(|(lower, length)| format!("[{lower}:{}]", lower + length - 1)).collect::<String>())
}

fn dimension(call: &Call<'_>, of: fn((i32, i32)) -> i32) -> Result<Value> {
    let (array, _) = call.array(0)?;
    let dimension = usize::try_from(call.int(1)? - 1).ok().and_then(|i| array.dimensions.get(i).copied());
    Ok(dimension.map_or(Value::Null, |d| Value::Integer(of(d).into())))
}

/// A value's canonical text, NULL as none.
fn slot(call: &Call<'_>, i: usize) -> Result<Option<String>> {
    if call.is_null(i) {
        return Ok(None);
    }
    canonical_text(call.args[i], call.type_at(i)?, call.cx).map(Some)
}

fn array_error(message: &str) -> SqlError {
    SqlError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message.to_owned())
}

fn written(array: &Array, ty: &Type) -> Result<Value> {
    text_value(array.write_as(ty))
}

/// An array argument, empty where it is NULL.
fn array_or_empty(call: &Call<'_>, i: usize) -> Result<Array> {
    if call.is_null(i) { Ok(Array::default()) } else { call.array(i).map(|(array, _)| array) }
}

/// One element put at the end (argument 0 is the array) or at the beginning.
fn extend(call: &Call<'_>, array_at: usize, element_at: usize) -> Result<Value> {
    let (mut array, element) = (array_or_empty(call, array_at)?, slot(call, element_at)?);
    match array.dimensions.len() {
        0 => array = Array::from_elements(vec![element]),
        1 => {
            array.dimensions[0].1 += 1;
            if array_at == 0 { array.elements.push(element) } else { array.elements.insert(0, element) }
        }
        _ => return Err(SqlError::new(SqlState("22000"), "argument must be empty or one-dimensional array")),
    }
    written(&array, call.result_type()?)
}

fn cat(call: &Call<'_>) -> Result<Value> {
    match (call.is_null(0), call.is_null(1)) {
        (true, true) => return Ok(Value::Null),
        (true, _) => return text_value(call.text(1)?),
        (_, true) => return text_value(call.text(0)?),
        _ => {}
    }
    let ((mut left, _), (mut right, _)) = (call.array(0)?, call.array(1)?);
    let incompatible = |detail: &str| Err(array_error("cannot concatenate incompatible arrays").detail(detail));
    if left.dimensions.is_empty() || right.dimensions.is_empty() {
        return written(if left.dimensions.is_empty() { &right } else { &left }, call.result_type()?);
    }
    let lengths = |dimensions: &[(i32, i32)]| dimensions.iter().map(|d| d.1).collect::<Vec<_>>();
    let (l, r) = (left.dimensions.len(), right.dimensions.len());
    if l == r {
        if lengths(&left.dimensions[1..]) != lengths(&right.dimensions[1..]) {
            return incompatible("Arrays with differing element dimensions are not compatible for concatenation.");
        }
        left.dimensions[0].1 += right.dimensions[0].1;
    } else if l == r + 1 || l + 1 == r {
        let (outer, inner) = if l > r { (&mut left, &right) } else { (&mut right, &left) };
        if outer.dimensions[1..] != inner.dimensions[..] {
            return incompatible("Arrays with differing dimensions are not compatible for concatenation.");
        }
        outer.dimensions[0].1 += 1;
        if l < r {
            left.dimensions = right.dimensions.clone();
        }
    } else {
        return incompatible(&format!("Arrays of {l} and {r} dimensions are not compatible for concatenation."));
    }
    left.elements.append(&mut right.elements);
    written(&left, call.result_type()?)
}

fn same(left: &Option<String>, right: &Option<String>, element: &Type, call: &Call<'_>) -> bool {
    match (left, right) {
        (Some(l), Some(r)) => compare_canonical(l, r, element, call.cx) == Ordering::Equal,
        (None, None) => true,
        _ => false,
    }
}

fn remove(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    let ((mut array, element), wanted) = (call.array(0)?, slot(call, 1)?);
    if array.dimensions.len() > 1 {
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "removing elements from multidimensional arrays is not supported"));
    }
    array.elements.retain(|e| !same(e, &wanted, element, call));
    if let Some(dimension) = array.dimensions.first_mut() {
        dimension.1 = array.elements.len() as i32;
    }
    written(&array, call.result_type()?)
}

fn replace(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    let ((mut array, element), from, to) = (call.array(0)?, slot(call, 1)?, slot(call, 2)?);
    for e in array.elements.iter_mut().filter(|e| same(e, &from, element, call)) {
        e.clone_from(&to);
    }
    written(&array, call.result_type()?)
}

/// The array searched, of one dimension, and the subscripts at which the value stands.
fn found(call: &Call<'_>) -> Result<Vec<i64>> {
    let ((array, element), wanted) = (call.array(0)?, slot(call, 1)?);
    if array.dimensions.len() > 1 {
        return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, "searching for elements in multidimensional arrays is not supported"));
    }
    let lower = array.dimensions.first().map_or(1, |d| i64::from(d.0));
    Ok((lower..).zip(&array.elements).filter(|(_, e)| same(e, &wanted, element, call)).map(|(i, _)| i).collect())
}

fn position(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    if call.args.len() > 2 && call.is_null(2) {
        return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "initial position must not be null"));
    }
    let from = if call.args.len() > 2 { call.int(2)? } else { i64::MIN };
    Ok(found(call)?.into_iter().find(|i| *i >= from).map_or(Value::Null, Value::Integer))
}

fn positions(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    let elements = found(call)?.into_iter().map(|i| Some(i.to_string())).collect();
    text_value(Array::from_elements(elements).write(','))
}

/// How many of the sorted thresholds a value has reached.
fn width_bucket(call: &Call<'_>) -> Result<Value> {
    let (value, (thresholds, element)) = (slot(call, 0)?, call.array(1)?);
    if thresholds.dimensions.len() > 1 {
        return Err(array_error("thresholds must be one-dimensional array"));
    }
    if thresholds.elements.contains(&None) {
        return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "thresholds array must not contain NULLs"));
    }
    let value = value.unwrap_or_default();
    let is_reached = |t: &Option<String>| t.as_ref().is_some_and(|t| compare_canonical(t, &value, element, call.cx).is_le());
    int_value(thresholds.elements.partition_point(is_reached) as i64)
}

fn integers(call: &Call<'_>, i: usize) -> Result<Vec<i32>> {
    let null = || SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension values cannot be null");
    let number = |e: &Option<String>| e.as_ref().ok_or_else(null)?.parse().map_err(|_| SqlError::out_of_range("integer"));
    call.text_array(i)?.elements.iter().map(number).collect()
}

fn fill(call: &Call<'_>) -> Result<Value> {
    if call.is_null(1) || (call.args.len() > 2 && call.is_null(2)) {
        return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension array or low bound array cannot be null"));
    }
    let lengths = integers(call, 1)?;
    let lowers = if call.args.len() > 2 { integers(call, 2)? } else { vec![1; lengths.len()] };
    if lowers.len() != lengths.len() {
        return Err(array_error("wrong number of array subscripts").detail("Low bound array has different size than dimensions array."));
    }
    let total = lengths.iter().try_fold(1usize, |n, l| n.checked_mul(usize::try_from(*l).ok()?)).filter(|n| *n < 1 << 27);
    let total =
        total.ok_or_else(|| SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)"))?;
    if total == 0 || lengths.is_empty() {
        return text_value("{}");
    }
    let array = Array { dimensions: lowers.into_iter().zip(lengths).collect(), elements: vec![slot(call, 0)?; total] };
    written(&array, call.result_type()?)
}

fn trim(call: &Call<'_>) -> Result<Value> {
    let ((mut array, _), n) = (call.array(0)?, call.int(1)?);
    let length = array.dimensions.first().map_or(0, |d| i64::from(d.1));
    if n < 0 || n > length {
        return Err(array_error(&format!("number of elements to trim must be between 0 and {length}")));
    }
    if let Some(first) = array.dimensions.first_mut().filter(|d| d.1 > 0) {
        let row = array.elements.len() / first.1 as usize;
        first.1 -= n as i32;
        array.elements.truncate(row * first.1 as usize);
    }
    array.dimensions.iter_mut().for_each(|d| d.0 = 1);
    written(&array, call.result_type()?)
}

/// Whether each element of one array stands in the other; NULL matches nothing.
fn contains(call: &Call<'_>, outer: usize, inner: usize) -> Result<bool> {
    let ((outer, element), (inner, _)) = (call.array(outer)?, call.array(inner)?);
    Ok(inner.elements.iter().all(|e| e.is_some() && outer.elements.iter().any(|o| same(o, e, element, call))))
}

fn overlap(call: &Call<'_>) -> Result<Value> {
    let ((left, element), (right, _)) = (call.array(0)?, call.array(1)?);
    bool_value(left.elements.iter().any(|l| l.is_some() && right.elements.iter().any(|r| same(l, r, element, call))))
}

/// `ARRAY[…]`: of elements, or of arrays, which become the inner dimensions.
fn construct(call: &Call<'_>) -> Result<Value> {
    let ty = call.result_type()?;
    let nested = call.types.first().is_some_and(|t| *t == ty.oid);
    if !nested {
        let elements = (0..call.args.len()).map(|i| slot(call, i)).collect::<Result<_>>()?;
        return written(&Array::from_elements(elements), ty);
    }
    let mut whole = Array::default();
    for i in 0..call.args.len() {
        let part = array_or_empty(call, i)?;
        if i > 0 && whole.dimensions[1..].iter().map(|d| d.1).ne(part.dimensions.iter().map(|d| d.1)) {
            return Err(array_error("multidimensional arrays must have array expressions with matching dimensions"));
        }
        if i == 0 {
            whole.dimensions = std::iter::once((1, call.args.len() as i32)).chain(part.dimensions).collect();
        }
        whole.elements.extend(part.elements);
    }
    if whole.elements.is_empty() { text_value("{}") } else { written(&whole, ty) }
}

/// Subscripts from argument `from` on; none where one is NULL.
fn subscripts(call: &Call<'_>, from: usize) -> Result<Option<Vec<i32>>> {
    if (from..call.args.len()).any(|i| call.is_null(i)) {
        return Ok(None);
    }
    (from..call.args.len()).map(|i| Ok(call.int(i)? as i32)).collect::<Result<_>>().map(Some)
}

/// Where the element of those subscripts lies, if in bounds.
fn offset(array: &Array, subscripts: &[i32]) -> Option<usize> {
    if subscripts.len() != array.dimensions.len() {
        return None;
    }
    array.dimensions.iter().zip(subscripts).try_fold(0, |at, ((lower, length), i)| {
        let place = i.checked_sub(*lower).filter(|p| (0..*length).contains(p))?;
        Some(at * *length as usize + place as usize)
    })
}

fn element(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    let Some(subscripts) = subscripts(call, 1)? else { return Ok(Value::Null) };
    let (array, element) = call.array(0)?;
    match offset(&array, &subscripts).and_then(|at| array.elements[at].as_deref()) {
        Some(text) => from_canonical(text, element, call.cx),
        None => Ok(Value::Null),
    }
}

/// `a[l:u]…`: (array, lower, upper, lower, upper, …), an omitted bound given as the text `*`.
fn slice(call: &Call<'_>) -> Result<Value> {
    if (0..call.args.len()).any(|i| call.is_null(i)) {
        return Ok(Value::Null);
    }
    let (array, _) = call.array(0)?;
    let ty = call.type_at(0)?;
    let mut wanted = Vec::new();
    for (i, (lower, length)) in array.dimensions.iter().enumerate() {
        let bound = |at: usize, otherwise: i32| match call.args.get(at) {
            Some(ValueRef::Integer(n)) => *n as i32,
            _ => otherwise,
        };
        let (from, to) = (bound(1 + 2 * i, *lower), bound(2 + 2 * i, lower + length - 1));
        wanted.push((from.max(*lower), to.min(lower + length - 1)));
    }
    let given = (call.args.len() - 1) / 2;
    if array.dimensions.is_empty() || given > array.dimensions.len() || wanted.iter().any(|(from, to)| from > to) {
        return text_value("{}");
    }
    let mut out = Array { dimensions: wanted.iter().map(|(from, to)| (1, to - from + 1)).collect(), elements: Vec::new() };
    let mut at: Vec<i32> = wanted.iter().map(|w| w.0).collect();
    'all: loop {
        out.elements.push(offset(&array, &at).and_then(|i| array.elements[i].clone()));
        for i in (0..at.len()).rev() {
            at[i] += 1;
            if at[i] <= wanted[i].1 {
                continue 'all;
            }
            at[i] = wanted[i].0;
        }
        return written(&out, ty);
    }
}

/// `SET a[i] = v`: (array, value, subscripts…); a one-dimensional array grows, NULLs between.
fn assign(call: &Call<'_>) -> Result<Value> {
    let null_subscript = || SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "array subscript in assignment must not be null");
    let subscripts = subscripts(call, 2)?.ok_or_else(null_subscript)?;
    let (mut array, value, ty) = (array_or_empty(call, 0)?, slot(call, 1)?, call.type_at(0)?);
    if let Some(at) = offset(&array, &subscripts) {
        array.elements[at] = value;
        return written(&array, ty);
    }
    let out_of_range = || array_error("array subscript out of range");
    match (array.dimensions.first_mut(), &subscripts[..]) {
        (None, _) => array = Array { dimensions: subscripts.iter().map(|i| (*i, 1)).collect(), elements: vec![value] },
        (Some((lower, length)), [i]) => {
            let (low, high) = ((*lower).min(*i), (*lower + *length - 1).max(*i));
            if i64::from(high) - i64::from(low) >= 1 << 27 {
                return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)"));
            }
            array.elements.splice(0..0, std::iter::repeat_n(None, (*lower - low) as usize));
            array.elements.resize((high - low + 1) as usize, None);
            array.elements[(*i - low) as usize] = value;
            (*lower, *length) = (low, high - low + 1);
        }
        _ => return Err(out_of_range()),
    }
    written(&array, ty)
}

/// `SET a[l:u] = v`: (array, values, lower, upper), an omitted bound given as the text `*`; of one dimension (`array_set_slice`).
fn assign_slice(call: &Call<'_>) -> Result<Value> {
    if call.args.len() != 4 {
        return Err(SqlError::unsupported("assignment to a slice of several dimensions"));
    }
    if call.is_null(1) {
        return if call.is_null(0) { Ok(Value::Null) } else { written(&array_or_empty(call, 0)?, call.type_at(0)?) };
    }
    if call.is_null(2) || call.is_null(3) {
        return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "array subscript in assignment must not be null"));
    }
    let (mut array, (values, _), ty) = (array_or_empty(call, 0)?, call.array(1)?, call.type_at(0)?);
    if array.dimensions.len() > 1 {
        return Err(array_error("wrong number of array subscripts"));
    }
    let there = array.dimensions.first().copied();
    let bound = |i: usize, otherwise: Option<i32>| match call.args.get(i) {
        Some(ValueRef::Integer(n)) => Ok(*n as i32),
        _ => otherwise.ok_or_else(|| {
            array_error("array slice subscript must provide both boundaries")
                .detail("When assigning to a slice of an empty array value, slice boundaries must be fully specified.")
        }),
    };
    let (from, to) = (bound(2, there.map(|d| d.0))?, bound(3, there.map(|(lower, length)| lower + length - 1))?);
    if from > to {
        return if there.is_some() { Err(array_error("upper bound cannot be less than lower bound")) } else { written(&array, ty) };
    }
    let width = i64::from(to) - i64::from(from) + 1;
    if width > 1 << 27 {
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)"));
    }
    if (values.elements.len() as i64) < width {
        return Err(array_error("source array too small"));
    }
    if is_too_large(there, from, to) {
        return Err(SqlError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)"));
    }
    let (lower, length) = there.unwrap_or((from, 0));
    let (low, high) = if there.is_some() { (lower.min(from), (lower + length - 1).max(to)) } else { (from, to) };
    array.elements.splice(0..0, std::iter::repeat_n(None, (lower - low) as usize));
    array.elements.resize((high - low + 1) as usize, None);
    for (n, value) in values.elements.into_iter().take(width as usize).enumerate() {
        array.elements[(from - low) as usize + n] = value;
    }
    array.dimensions = vec![(low, high - low + 1)];
    written(&array, ty)
}

/// Each element through the element types' text forms: (array, modifier).
fn cast(call: &Call<'_>) -> Result<Value> {
    let ((mut array, from), ty) = (call.array(0)?, call.result_type()?);
    let (to, typmod) = (call.type_of(ty.element())?, call.int(1)? as i32);
    for text in array.elements.iter_mut().flatten() {
        let value = super::coercion::convert(text, from, TypeRef { oid: to.oid, typmod }, call.cx)?;
        *text = canonical_text((&value).into(), to, call.cx)?;
    }
    written(&array, ty)
}

/// Whether an array that holds both what is there and `from..=to` would be larger than PostgreSQL allows, or end where no bound can be told.
fn is_too_large(there: Option<(i32, i32)>, from: i32, to: i32) -> bool {
    let (lower, length) = there.map_or((i64::from(from), 0), |(lower, length)| (i64::from(lower), i64::from(length)));
    let (low, high) = (lower.min(from.into()), (lower + length - 1).max(to.into()));
    high - low + 1 > 134_217_727 || high >= i64::from(i32::MAX)
}
