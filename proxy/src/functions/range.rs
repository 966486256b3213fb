//! Ranges: construction, bounds, containment, order and set operations, as in `rangetypes.c`.

use std::cmp::Ordering;

use super::{
    Body::Scalar,
    Call, Row, Value,
    arguments::{bool_value, text_value},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
    types::{
        Oid, Type,
        array::{canonical_text, compare_canonical, from_canonical, type_by_oid},
        oid,
        range::{Range, compare_bounds, parse_multirange, subtype_of},
    },
};

/// The rows of a range type's constructor.
macro_rules! constructor {
    ($name:literal, $type:literal, $oid:expr) => {
        &[
            row(concat!($name, "(", $type, ",", $type, ")"), Scalar(|c| construct(c, $oid))),
            row(concat!($name, "(", $type, ",", $type, ",text)"), Scalar(|c| construct(c, $oid))),
        ]
    };
}

/// The rows.
pub(super) const TOPICS: &[&[Row]] = &[
    ROWS,
    OPERATORS,
    constructor!("int4range", "integer", oid::INT4),
    constructor!("int8range", "bigint", oid::INT8),
    constructor!("numrange", "numeric", oid::NUMERIC),
    constructor!("daterange", "date", oid::DATE),
    constructor!("tsrange", "timestamp without time zone", oid::TIMESTAMP),
    constructor!("tstzrange", "timestamp with time zone", oid::TIMESTAMPTZ),
];

const ROWS: &[Row] = &[
    row("lower(anyrange)", Scalar(|c| bound(c, |r| r.lower.clone()))),
    row("upper(anyrange)", Scalar(|c| bound(c, |r| r.upper.clone()))),
    row("isempty(anyrange)", Scalar(|c| bool_value(Range::parse(c.text(0)?)?.empty))),
    row("lower_inc(anyrange)", Scalar(|c| bool_value(Range::parse(c.text(0)?)?.lower_inclusive))),
    row("upper_inc(anyrange)", Scalar(|c| bool_value(Range::parse(c.text(0)?)?.upper_inclusive))),
    row("lower_inf(anyrange)", Scalar(|c| Range::parse(c.text(0)?).and_then(|r| bool_value(!r.empty && r.lower.is_none())))),
    row("upper_inf(anyrange)", Scalar(|c| Range::parse(c.text(0)?).and_then(|r| bool_value(!r.empty && r.upper.is_none())))),
    row("int4range_canonical(int4range)", Scalar(|c| text_value(c.text(0)?))),
    row("int8range_canonical(int8range)", Scalar(|c| text_value(c.text(0)?))),
    row("daterange_canonical(daterange)", Scalar(|c| text_value(c.text(0)?))),
    row("range_merge(anyrange,anyrange)", Scalar(|c| written(c, |l, r, s| Ok(s.hull(l, r))))),
    row("range_merge(anymultirange)", Scalar(merge_all)),
];

const OPERATORS: &[Row] = &[
    row("range_overlaps(anyrange,anyrange)", Scalar(|c| tested(c, |l, r, s| s.overlaps(l, r)))),
    row("range_contains(anyrange,anyrange)", Scalar(|c| tested(c, |l, r, s| s.contains(l, r)))),
    row("range_contained_by(anyrange,anyrange)", Scalar(|c| tested(c, |l, r, s| s.contains(r, l)))),
    row("range_contains_elem(anyrange,anyelement)", Scalar(|c| contains_element(c, 0, 1))),
    row("elem_contained_by_range(anyelement,anyrange)", Scalar(|c| contains_element(c, 1, 0))),
    row("range_before(anyrange,anyrange)", Scalar(|c| tested(c, |l, r, s| s.before(l, r)))),
    row("range_after(anyrange,anyrange)", Scalar(|c| tested(c, |l, r, s| s.before(r, l)))),
    row("range_overleft(anyrange,anyrange)", Scalar(|c| tested(c, |l, r, s| s.over_left(l, r)))),
    row("range_overright(anyrange,anyrange)", Scalar(|c| tested(c, |l, r, s| s.over_right(l, r)))),
    row("range_adjacent(anyrange,anyrange)", Scalar(|c| tested(c, |l, r, s| s.adjacent(l, r)))),
    row("range_union(anyrange,anyrange)", Scalar(|c| written(c, |l, r, s| s.union(l, r)))),
    row("range_minus(anyrange,anyrange)", Scalar(|c| written(c, |l, r, s| s.minus(l, r)))),
    row("range_intersect(anyrange,anyrange)", Scalar(|c| written(c, |l, r, s| Ok(s.intersect(l, r))))),
];

fn construct(call: &Call<'_>, subtype: Oid) -> Result<Value> {
    let subtype = type_by_oid(subtype, call.cx)?;
    let flags = match (call.args.len() > 2, call.is_null(2)) {
        (false, _) => "[)",
        (true, true) => return Err(SqlError::new(SqlState("22000"), "range constructor flags argument must not be null")),
        (true, false) => call.text(2)?,
    };
    if !matches!(flags, "[]" | "[)" | "(]" | "()") {
        return Err(
            SqlError::new(SqlState::SYNTAX_ERROR, "invalid range bound flags").hint("Valid values are \"[]\", \"[)\", \"(]\", and \"()\".")
        );
    }
    let bound = |at: usize| if call.is_null(at) { Ok(None) } else { canonical_text(call.args[at], subtype, call.cx).map(Some) };
    let (lower, upper) = (bound(0)?, bound(1)?);
    let range = Range {
        empty: false,
        lower_inclusive: flags.starts_with('[') && lower.is_some(),
        upper_inclusive: flags.ends_with(']') && upper.is_some(),
        lower,
        upper,
    };
    text_value(range.checked(subtype, call.cx)?.write())
}

fn bound(call: &Call<'_>, of: fn(&Range) -> Option<String>) -> Result<Value> {
    match of(&Range::parse(call.text(0)?)?) {
        Some(text) => from_canonical(&text, subtype_of(call.type_at(0)?, call.cx)?, call.cx),
        None => Ok(Value::Null),
    }
}

fn merge_all(call: &Call<'_>) -> Result<Value> {
    let ranges = parse_multirange(call.text(0)?)?;
    let space = Space::of(call, 0)?;
    text_value(ranges.iter().fold(Range::empty(), |all, range| space.hull(&all, range)).write())
}

fn tested(call: &Call<'_>, test: fn(&Range, &Range, &Space<'_>) -> bool) -> Result<Value> {
    let (left, right) = (Range::parse(call.text(0)?)?, Range::parse(call.text(1)?)?);
    bool_value(test(&left, &right, &Space::of(call, 0)?))
}

fn written(call: &Call<'_>, of: fn(&Range, &Range, &Space<'_>) -> Result<Range>) -> Result<Value> {
    let (left, right) = (Range::parse(call.text(0)?)?, Range::parse(call.text(1)?)?);
    text_value(of(&left, &right, &Space::of(call, 0)?)?.write())
}

fn contains_element(call: &Call<'_>, range: usize, element: usize) -> Result<Value> {
    let space = Space::of(call, range)?;
    let element = canonical_text(call.args[element], space.subtype, call.cx)?;
    bool_value(space.contains_element(&Range::parse(call.text(range)?)?, &element))
}

/// What ranges of one type lie in.
pub(super) struct Space<'a> {
    /// The type of the bounds.
    pub(super) subtype: &'a Type,
    /// The session's context.
    pub(super) cx: &'a Context,
}

/// A bound: its value, whether it is inclusive, whether it is a lower one.
type Bound<'r> = (&'r Option<String>, bool, bool);

fn lower(range: &Range) -> Bound<'_> {
    (&range.lower, range.lower_inclusive, true)
}

fn upper(range: &Range) -> Bound<'_> {
    (&range.upper, range.upper_inclusive, false)
}

impl<'a> Space<'a> {
    /// The space of a range or multirange argument.
    pub(super) fn of(call: &Call<'a>, at: usize) -> Result<Space<'a>> {
        Ok(Space { subtype: subtype_of(call.type_at(at)?, call.cx)?, cx: call.cx })
    }

    fn compare(&self, left: Bound<'_>, right: Bound<'_>) -> Ordering {
        compare_bounds(left, right, self.subtype, self.cx)
    }

    pub(super) fn contains_element(&self, range: &Range, element: &str) -> bool {
        let order = |bound: &String| compare_canonical(bound, element, self.subtype, self.cx);
        let fits = |bound: &Option<String>, wanted: Ordering, inclusive: bool| {
            bound.as_ref().is_none_or(|bound| order(bound) == wanted || inclusive && order(bound) == Ordering::Equal)
        };
        !range.empty
            && fits(&range.lower, Ordering::Less, range.lower_inclusive)
            && fits(&range.upper, Ordering::Greater, range.upper_inclusive)
    }

    pub(super) fn contains(&self, outer: &Range, inner: &Range) -> bool {
        inner.empty || !outer.empty && self.compare(lower(outer), lower(inner)).is_le() && self.compare(upper(outer), upper(inner)).is_ge()
    }

    pub(super) fn overlaps(&self, l: &Range, r: &Range) -> bool {
        let begins_in = |a: &Range, b: &Range| self.compare(lower(a), lower(b)).is_ge() && self.compare(lower(a), upper(b)).is_le();
        !l.empty && !r.empty && (begins_in(l, r) || begins_in(r, l))
    }

    pub(super) fn before(&self, l: &Range, r: &Range) -> bool {
        !l.empty && !r.empty && self.compare(upper(l), lower(r)).is_lt()
    }

    pub(super) fn over_left(&self, l: &Range, r: &Range) -> bool {
        !l.empty && !r.empty && self.compare(upper(l), upper(r)).is_le()
    }

    pub(super) fn over_right(&self, l: &Range, r: &Range) -> bool {
        !l.empty && !r.empty && self.compare(lower(l), lower(r)).is_ge()
    }

    pub(super) fn adjacent(&self, l: &Range, r: &Range) -> bool {
        !l.empty && !r.empty && (self.meets(upper(l), lower(r)) || self.meets(upper(r), lower(l)))
    }

    /// Whether nothing lies between an upper bound and a lower one, and they do not overlap.
    fn meets(&self, end: Bound<'_>, start: Bound<'_>) -> bool {
        let (Some(end_value), Some(start_value)) = (end.0, start.0) else { return false };
        match compare_canonical(end_value, start_value, self.subtype, self.cx) {
            Ordering::Equal => end.1 != start.1,
            Ordering::Greater => false,
            Ordering::Less => {
                let between = Range {
                    empty: false,
                    lower: end.0.clone(),
                    upper: start.0.clone(),
                    lower_inclusive: !end.1,
                    upper_inclusive: !start.1,
                };
                between.canonical(self.subtype, self.cx).is_ok_and(|between| between.empty)
            }
        }
    }

    /// The range from one bound to another.
    fn between(&self, start: Bound<'_>, end: Bound<'_>) -> Result<Range> {
        let range = Range { empty: false, lower: start.0.clone(), upper: end.0.clone(), lower_inclusive: start.1, upper_inclusive: end.1 };
        range.canonical(self.subtype, self.cx)
    }

    /// The smallest range that holds both.
    pub(super) fn hull(&self, l: &Range, r: &Range) -> Range {
        if l.empty || r.empty {
            return if l.empty { r.clone() } else { l.clone() };
        }
        let (start, end) =
            (if self.compare(lower(l), lower(r)).is_le() { l } else { r }, if self.compare(upper(l), upper(r)).is_ge() { l } else { r });
        Range {
            empty: false,
            lower: start.lower.clone(),
            upper: end.upper.clone(),
            lower_inclusive: start.lower_inclusive,
            upper_inclusive: end.upper_inclusive,
        }
    }

    fn union(&self, l: &Range, r: &Range) -> Result<Range> {
        if !l.empty && !r.empty && !self.overlaps(l, r) && !self.adjacent(l, r) {
            return Err(SqlError::new(SqlState("22000"), "result of range union would not be contiguous"));
        }
        Ok(self.hull(l, r))
    }

    pub(super) fn intersect(&self, l: &Range, r: &Range) -> Range {
        if !self.overlaps(l, r) {
            return Range::empty();
        }
        let start = if self.compare(lower(l), lower(r)).is_ge() { l } else { r };
        let end = if self.compare(upper(l), upper(r)).is_le() { l } else { r };
        Range {
            empty: false,
            lower: start.lower.clone(),
            upper: end.upper.clone(),
            lower_inclusive: start.lower_inclusive,
            upper_inclusive: end.upper_inclusive,
        }
    }

    fn minus(&self, l: &Range, r: &Range) -> Result<Range> {
        let mut rest = self.without(l, r)?;
        match rest.len() {
            0 => Ok(Range::empty()),
            1 => Ok(rest.remove(0)),
            _ => Err(SqlError::new(SqlState("22000"), "result of range difference would not be contiguous")),
        }
    }

    /// What is left of a range without another: nothing, one piece or two.
    pub(super) fn without(&self, l: &Range, r: &Range) -> Result<Vec<Range>> {
        if !self.overlaps(l, r) {
            return Ok(vec![l.clone()]);
        }
        let mut out = Vec::new();
        if self.compare(lower(l), lower(r)).is_lt() {
            out.push(self.between(lower(l), (&r.lower, !r.lower_inclusive && r.lower.is_some(), false))?);
        }
        if self.compare(upper(l), upper(r)).is_gt() {
            out.push(self.between((&r.upper, !r.upper_inclusive && r.upper.is_some(), true), upper(l))?);
        }
        out.retain(|range| !range.empty);
        Ok(out)
    }
}
