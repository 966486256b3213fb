//! Multiranges: sorted lists of ranges that neither overlap nor touch, as in `multirangetypes.c`; also the aggregates of ranges.

use super::{
    Body::{self, Scalar},
    Call, Row, Value,
    arguments::{bool_value, text_value},
    collect::{Collected, collected},
    range::Space,
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
    types::{
        Kind, Oid,
        array::{canonical_text, from_canonical, type_by_oid},
        oid,
        range::{Range, join, parse_multirange, subtype_of, write_multirange},
    },
};

/// The rows of a multirange type's constructors.
macro_rules! constructor {
    ($name:literal, $range:literal, $subtype:expr) => {
        &[
            row(concat!($name, "()"), Scalar(|_| text_value("{}"))),
            row(concat!($name, "(", $range, ")"), Scalar(|c| of_ranges(vec![Range::parse(c.text(0)?)?], $subtype, c.cx))),
            row(concat!($name, "(", $range, "[])"), Scalar(|c| of_array(c, $subtype))),
        ]
    };
}

/// The rows.
pub(super) const TOPICS: &[&[Row]] = &[
    ROWS,
    TESTS,
    constructor!("int4multirange", "int4range", oid::INT4),
    constructor!("int8multirange", "int8range", oid::INT8),
    constructor!("nummultirange", "numrange", oid::NUMERIC),
    constructor!("datemultirange", "daterange", oid::DATE),
    constructor!("tsmultirange", "tsrange", oid::TIMESTAMP),
    constructor!("tstzmultirange", "tstzrange", oid::TIMESTAMPTZ),
];

const ROWS: &[Row] = &[
    row("multirange(anyrange)", Scalar(|c| of_ranges(vec![Range::parse(c.text(0)?)?], Space::of(c, 0)?.subtype.oid, c.cx))),
    row("lower(anymultirange)", Scalar(|c| bound(c, |all| all.first().and_then(|r| r.lower.clone())))),
    row("upper(anymultirange)", Scalar(|c| bound(c, |all| all.last().and_then(|r| r.upper.clone())))),
    row("isempty(anymultirange)", Scalar(|c| bool_value(list(c, 0)?.is_empty()))),
    row("lower_inc(anymultirange)", Scalar(|c| bool_value(list(c, 0)?.first().is_some_and(|r| r.lower_inclusive)))),
    row("upper_inc(anymultirange)", Scalar(|c| bool_value(list(c, 0)?.last().is_some_and(|r| r.upper_inclusive)))),
    row("lower_inf(anymultirange)", Scalar(|c| bool_value(list(c, 0)?.first().is_some_and(|r| r.lower.is_none())))),
    row("upper_inf(anymultirange)", Scalar(|c| bool_value(list(c, 0)?.last().is_some_and(|r| r.upper.is_none())))),
    row("multirange_union(anymultirange,anymultirange)", Scalar(union)),
    row("multirange_minus(anymultirange,anymultirange)", Scalar(minus)),
    row("multirange_intersect(anymultirange,anymultirange)", Scalar(intersect)),
    row("range_agg(anyrange)", Body::Aggregate(|_| collected(aggregate_union))),
    row("range_agg(anymultirange)", Body::Aggregate(|_| collected(aggregate_union))),
    row("range_intersect_agg(anyrange)", Body::Aggregate(|_| collected(aggregate_intersection))),
    row("range_intersect_agg(anymultirange)", Body::Aggregate(|_| collected(aggregate_intersection))),
];

const TESTS: &[Row] = &[
    row("multirange_contains_elem(anymultirange,anyelement)", Scalar(|c| contains_element(c, 0, 1))),
    row("elem_contained_by_multirange(anyelement,anymultirange)", Scalar(|c| contains_element(c, 1, 0))),
    row("multirange_contains_range(anymultirange,anyrange)", Scalar(|c| tested(c, contains))),
    row("multirange_contains_multirange(anymultirange,anymultirange)", Scalar(|c| tested(c, contains))),
    row("range_contains_multirange(anyrange,anymultirange)", Scalar(|c| tested(c, contains))),
    row("range_contained_by_multirange(anyrange,anymultirange)", Scalar(|c| tested(c, |l, r, s| contains(r, l, s)))),
    row("multirange_contained_by_multirange(anymultirange,anymultirange)", Scalar(|c| tested(c, |l, r, s| contains(r, l, s)))),
    row("multirange_contained_by_range(anymultirange,anyrange)", Scalar(|c| tested(c, |l, r, s| contains(r, l, s)))),
    row("range_overlaps_multirange(anyrange,anymultirange)", Scalar(|c| tested(c, overlaps))),
    row("multirange_overlaps_range(anymultirange,anyrange)", Scalar(|c| tested(c, overlaps))),
    row("multirange_overlaps_multirange(anymultirange,anymultirange)", Scalar(|c| tested(c, overlaps))),
    row("range_overleft_multirange(anyrange,anymultirange)", Scalar(|c| tested(c, over_left))),
    row("multirange_overleft_range(anymultirange,anyrange)", Scalar(|c| tested(c, over_left))),
    row("multirange_overleft_multirange(anymultirange,anymultirange)", Scalar(|c| tested(c, over_left))),
    row("range_overright_multirange(anyrange,anymultirange)", Scalar(|c| tested(c, over_right))),
    row("multirange_overright_range(anymultirange,anyrange)", Scalar(|c| tested(c, over_right))),
    row("multirange_overright_multirange(anymultirange,anymultirange)", Scalar(|c| tested(c, over_right))),
    row("range_adjacent_multirange(anyrange,anymultirange)", Scalar(|c| tested(c, adjacent))),
    row("multirange_adjacent_range(anymultirange,anyrange)", Scalar(|c| tested(c, adjacent))),
    row("multirange_adjacent_multirange(anymultirange,anymultirange)", Scalar(|c| tested(c, adjacent))),
    row("range_before_multirange(anyrange,anymultirange)", Scalar(|c| tested(c, before))),
    row("multirange_before_range(anymultirange,anyrange)", Scalar(|c| tested(c, before))),
    row("multirange_before_multirange(anymultirange,anymultirange)", Scalar(|c| tested(c, before))),
    row("range_after_multirange(anyrange,anymultirange)", Scalar(|c| tested(c, |l, r, s| before(r, l, s)))),
    row("multirange_after_range(anymultirange,anyrange)", Scalar(|c| tested(c, |l, r, s| before(r, l, s)))),
    row("multirange_after_multirange(anymultirange,anymultirange)", Scalar(|c| tested(c, |l, r, s| before(r, l, s)))),
];

fn of_ranges(ranges: Vec<Range>, subtype: Oid, cx: &Context) -> Result<Value> {
    text_value(write_multirange(&join(ranges, type_by_oid(subtype, cx)?, cx)))
}

fn of_array(call: &Call<'_>, subtype: Oid) -> Result<Value> {
    let array = call.text_array(0)?;
    if array.dimensions.len() > 1 {
        return Err(SqlError::new(SqlState("21000"), "multiranges cannot be constructed from multidimensional arrays"));
    }
    let null = || SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "multirange values cannot contain null members");
    let ranges = array.elements.iter().map(|element| Range::parse(element.as_ref().ok_or_else(null)?));
    of_ranges(ranges.collect::<Result<_>>()?, subtype, call.cx)
}

/// The ranges of an argument: those of a multirange, or the one range unless it is empty.
fn list(call: &Call<'_>, at: usize) -> Result<Vec<Range>> {
    match call.type_at(at)?.kind {
        Kind::Range(_) => Ok(Some(Range::parse(call.text(at)?)?).filter(|range| !range.empty).into_iter().collect()),
        _ => parse_multirange(call.text(at)?),
    }
}

fn bound(call: &Call<'_>, of: fn(&[Range]) -> Option<String>) -> Result<Value> {
    match of(&list(call, 0)?) {
        Some(text) => from_canonical(&text, subtype_of(call.type_at(0)?, call.cx)?, call.cx),
        None => Ok(Value::Null),
    }
}

fn contains_element(call: &Call<'_>, container: usize, element: usize) -> Result<Value> {
    let space = Space::of(call, container)?;
    let element = canonical_text(call.args[element], space.subtype, call.cx)?;
    bool_value(list(call, container)?.iter().any(|range| space.contains_element(range, &element)))
}

type Test = fn(&[Range], &[Range], &Space<'_>) -> bool;

fn tested(call: &Call<'_>, test: Test) -> Result<Value> {
    bool_value(test(&list(call, 0)?, &list(call, 1)?, &Space::of(call, 0)?))
}

fn contains(outer: &[Range], inner: &[Range], space: &Space<'_>) -> bool {
    inner.iter().all(|inner| outer.iter().any(|outer| space.contains(outer, inner)))
}

fn overlaps(l: &[Range], r: &[Range], space: &Space<'_>) -> bool {
    l.iter().any(|l| r.iter().any(|r| space.overlaps(l, r)))
}

fn over_left(l: &[Range], r: &[Range], space: &Space<'_>) -> bool {
    matches!((l.last(), r.last()), (Some(l), Some(r)) if space.over_left(l, r))
}

fn over_right(l: &[Range], r: &[Range], space: &Space<'_>) -> bool {
    matches!((l.first(), r.first()), (Some(l), Some(r)) if space.over_right(l, r))
}

fn before(l: &[Range], r: &[Range], space: &Space<'_>) -> bool {
    matches!((l.last(), r.first()), (Some(l), Some(r)) if space.before(l, r))
}

fn adjacent(l: &[Range], r: &[Range], space: &Space<'_>) -> bool {
    let meets = |l: Option<&Range>, r: Option<&Range>| matches!((l, r), (Some(l), Some(r)) if space.before(l, r) && space.adjacent(l, r));
    meets(l.last(), r.first()) || meets(r.last(), l.first())
}

fn union(call: &Call<'_>) -> Result<Value> {
    let mut ranges = list(call, 0)?;
    ranges.extend(list(call, 1)?);
    of_ranges(ranges, Space::of(call, 0)?.subtype.oid, call.cx)
}

fn minus(call: &Call<'_>) -> Result<Value> {
    let (mut left, right, space) = (list(call, 0)?, list(call, 1)?, Space::of(call, 0)?);
    for range in &right {
        let mut rest = Vec::with_capacity(left.len() + 1);
        for piece in &left {
            rest.extend(space.without(piece, range)?);
        }
        left = rest;
    }
    text_value(write_multirange(&left))
}

fn intersection(left: &[Range], right: &[Range], space: &Space<'_>) -> Vec<Range> {
    let pairs = left.iter().flat_map(|l| right.iter().map(move |r| (l, r)));
    pairs.map(|(l, r)| space.intersect(l, r)).filter(|range| !range.empty).collect()
}

fn intersect(call: &Call<'_>) -> Result<Value> {
    let (left, right, space) = (list(call, 0)?, list(call, 1)?, Space::of(call, 0)?);
    text_value(write_multirange(&intersection(&left, &right, &space)))
}

/// The ranges that an aggregate was given, one list for each row that is not NULL, and where they lie.
fn given<'c>(collected: &Collected, cx: &'c Context) -> Result<(Vec<Vec<Range>>, Space<'c>, bool)> {
    let ty = type_by_oid(collected.types.first().copied().unwrap_or_default(), cx)?;
    let is_range = matches!(ty.kind, Kind::Range(_));
    let read = |value: &Value| match value {
        Value::Text(text) if is_range => Ok(vec![Range::parse(text)?]),
        Value::Text(text) => parse_multirange(text),
        _ => Ok(Vec::new()),
    };
    Ok((collected.known(0).map(read).collect::<Result<_>>()?, Space { subtype: subtype_of(ty, cx)?, cx }, is_range))
}

fn aggregate_union(collected: &Collected, cx: &Context) -> Result<Value> {
    if collected.known(0).next().is_none() {
        return Ok(Value::Null);
    }
    let (lists, space, _) = given(collected, cx)?;
    of_ranges(lists.into_iter().flatten().collect(), space.subtype.oid, cx)
}

fn aggregate_intersection(collected: &Collected, cx: &Context) -> Result<Value> {
    if collected.known(0).next().is_none() {
        return Ok(Value::Null);
    }
    let (lists, space, is_range) = given(collected, cx)?;
    let all = lists.into_iter().reduce(|l, r| intersection(&l, &r, &space)).unwrap_or_default();
    text_value(match is_range {
        true => all.first().map_or_else(|| Range::empty().write(), Range::write),
        false => write_multirange(&all),
    })
}
