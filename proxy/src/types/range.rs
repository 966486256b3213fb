//! Ranges and multiranges: TEXT in PostgreSQL's form (`[1,6)`, `empty`, `{[1,3),[5,7)}`), discrete ones made canonical.

use std::cmp::Ordering;

use super::{
    Codec, Kind, Type, Value, ValueRef,
    array::{canonical_text, compare_canonical, from_canonical, shown, shown_by_settings, type_by_oid},
    integer::bad_binary,
    oid,
    text::text,
};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The codec of ranges.
pub(super) struct RangeCodec;
/// The codec of multiranges.
pub(super) struct MultirangeCodec;

/// A range over texts: no bound is infinite, `empty` has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// Whether it is `empty`.
    pub(crate) empty: bool,
    /// Lower bound.
    pub(crate) lower: Option<String>,
    /// Upper bound.
    pub(crate) upper: Option<String>,
    /// `[`.
    pub(crate) lower_inclusive: bool,
    /// `]`.
    pub(crate) upper_inclusive: bool,
}

impl Range {
    /// `empty`.
    pub(crate) fn empty() -> Range {
        Range { empty: true, lower: None, upper: None, lower_inclusive: false, upper_inclusive: false }
    }

    /// Reads `range_in`'s form; bounds as written.
    pub(crate) fn parse(source: &str) -> Result<Range> {
        let malformed = |detail: &str| {
            SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed range literal: \"{source}\"")).detail(detail)
        };
        let trimmed = source.trim();
        if trimmed.eq_ignore_ascii_case("empty") {
            return Ok(Range::empty());
        }
        let mut chars = trimmed.chars().peekable();
        let lower_inclusive = match chars.next() {
            Some('[') => true,
            Some('(') => false,
            _ => return Err(malformed("Missing left parenthesis or bracket.")),
        };
        let (lower, end) = bound(&mut chars);
        if end != Some(',') {
            return Err(malformed("Missing comma after lower bound."));
        }
        let (upper, end) = bound(&mut chars);
        let upper_inclusive = match end {
            Some(']') => true,
            Some(')') => false,
            Some(',') => return Err(malformed("Too many commas.")),
            _ => return Err(malformed("Unexpected end of input.")),
        };
        if chars.next().is_some() {
            return Err(malformed("Junk after right parenthesis or bracket."));
        }
        let (lower_inclusive, upper_inclusive) = (lower_inclusive && lower.is_some(), upper_inclusive && upper.is_some());
        Ok(Range { empty: false, lower, upper, lower_inclusive, upper_inclusive })
    }

    /// Writes `range_out`'s form.
    pub(crate) fn write(&self) -> String {
        if self.empty {
            return "empty".to_owned();
        }
        let mut out = String::from(if self.lower_inclusive { "[" } else { "(" });
        write_bound(self.lower.as_deref(), &mut out);
        out.push(',');
        write_bound(self.upper.as_deref(), &mut out);
        out.push(if self.upper_inclusive { ']' } else { ')' });
        out
    }

    /// Order checked (22000), emptiness seen, discrete bounds made `[)`.
    pub(crate) fn canonical(mut self, subtype: &Type, cx: &Context) -> Result<Range> {
        if self.empty {
            return Ok(self);
        }
        if matches!(subtype.oid, oid::INT4 | oid::INT8 | oid::DATE) {
            // A date without end has no day after it.
            let has_next = |bound: &String| !bound.ends_with("infinity");
            if let Some(lower) = self.lower.as_mut().filter(|lower| !self.lower_inclusive && has_next(lower)) {
                *lower = successor(lower, subtype, cx)?;
                self.lower_inclusive = true;
            }
            if let Some(upper) = self.upper.as_mut().filter(|upper| self.upper_inclusive && has_next(upper)) {
                *upper = successor(upper, subtype, cx)?;
                self.upper_inclusive = false;
            }
        }
        if let (Some(lower), Some(upper)) = (&self.lower, &self.upper) {
            let order = compare_canonical(lower, upper, subtype, cx);
            if order == Ordering::Equal && !(self.lower_inclusive && self.upper_inclusive) {
                return Ok(Range::empty());
            }
            if order == Ordering::Greater {
                return Ok(Range::empty());
            }
        }
        Ok(self)
    }

    /// Refuses a lower bound above the upper one.
    pub(crate) fn checked(self, subtype: &Type, cx: &Context) -> Result<Range> {
        if let (Some(lower), Some(upper)) = (&self.lower, &self.upper) {
            if compare_canonical(lower, upper, subtype, cx) == Ordering::Greater {
                let message = "range lower bound must be less than or equal to range upper bound";
                return Err(SqlError::new(crate::error::SqlState("22000"), message));
            }
        }
        self.canonical(subtype, cx)
    }

    /// Each bound through `f`.
    pub(crate) fn map(mut self, f: impl Fn(&str) -> Result<String>) -> Result<Range> {
        for bound in [&mut self.lower, &mut self.upper].into_iter().flatten() {
            *bound = f(bound)?;
        }
        Ok(self)
    }
}

fn successor(bound: &str, subtype: &Type, cx: &Context) -> Result<String> {
    let Value::Integer(value) = from_canonical(bound, subtype, cx)? else { return Ok(bound.to_owned()) };
    if subtype.oid == oid::DATE && (value == i64::MAX || value == i64::MIN) {
        return Ok(bound.to_owned());
    }
    let limit = if subtype.oid == oid::INT8 { i64::MAX } else { i64::from(i32::MAX) };
    let name = if subtype.oid == oid::INT8 {
        "bigint"
    } else if subtype.oid == oid::INT4 {
        "integer"
    } else {
        "date"
    };
    let next = value.checked_add(1).filter(|v| *v <= limit).ok_or_else(|| SqlError::out_of_range(name))?;
    canonical_text(ValueRef::Integer(next), subtype, cx)
}

/// One bound up to its delimiter, which is taken too; an unquoted empty one is infinite.
fn bound(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> (Option<String>, Option<char>) {
    let (mut out, mut some, mut quoted) = (String::new(), false, false);
    while let Some(c) = chars.next() {
        match c {
            ',' | ']' | ')' if !quoted => return (some.then_some(out), Some(c)),
            '"' if quoted && chars.peek() == Some(&'"') => out.extend(chars.next()),
            '"' => {
                quoted = !quoted;
                some = true;
            }
            '\\' => out.extend(chars.next()),
            c => {
                out.push(c);
                some = true;
            }
        }
    }
    (some.then_some(out), None)
}

fn write_bound(bound: Option<&str>, out: &mut String) {
    let Some(text) = bound else { return };
    let is_special = |c: char| matches!(c, '"' | '\\' | '(' | ')' | '[' | ']' | ',') || c.is_ascii_whitespace();
    if !text.is_empty() && !text.contains(is_special) {
        return out.push_str(text);
    }
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('"');
}

/// Order of two lower bounds (`lower`) or two upper ones.
pub(crate) fn compare_bounds(l: (&Option<String>, bool, bool), r: (&Option<String>, bool, bool), subtype: &Type, cx: &Context) -> Ordering {
    let ((l, l_inclusive, l_lower), (r, r_inclusive, r_lower)) = (l, r);
    // A bound's place: an infinite lower one is before all, an infinite upper one after all.
    let place = |inclusive: bool, lower: bool| match (inclusive, lower) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => -1,
    };
    match (l, r) {
        (Some(a), Some(b)) => {
            compare_canonical(a, b, subtype, cx).then_with(|| place(l_inclusive, l_lower).cmp(&place(r_inclusive, r_lower)))
        }
        (None, None) => r_lower.cmp(&l_lower),
        (None, Some(_)) => {
            if l_lower {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (Some(_), None) => {
            if r_lower {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
    }
}

/// `range_cmp`: empty first, then lower bounds, then upper ones.
pub(crate) fn compare(l: &Range, r: &Range, subtype: &Type, cx: &Context) -> Ordering {
    if l.empty || r.empty {
        return r.empty.cmp(&l.empty);
    }
    compare_bounds((&l.lower, l.lower_inclusive, true), (&r.lower, r.lower_inclusive, true), subtype, cx)
        .then_with(|| compare_bounds((&l.upper, l.upper_inclusive, false), (&r.upper, r.upper_inclusive, false), subtype, cx))
}

/// The element type of a range or multirange type.
pub(crate) fn subtype_of<'a>(ty: &Type, cx: &'a Context) -> Result<&'a Type> {
    match ty.kind {
        Kind::Range(subtype) => type_by_oid(subtype, cx).map(|t| &**t),
        Kind::Multirange(range) => subtype_of(type_by_oid(range, cx)?, cx),
        _ => Err(SqlError::internal(format!("{} is no range type", ty.name))),
    }
}

/// Bounds read under the session's settings, made canonical.
fn normalize(range: Range, subtype: &Type, cx: &Context) -> Result<Range> {
    let read = |bound: &str| {
        let value = subtype.codec.input(bound, subtype, -1, cx)?;
        canonical_text((&value).into(), subtype, cx)
    };
    range.map(read)?.checked(subtype, cx)
}

impl Codec for RangeCodec {
    fn input(&self, source: &str, ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        Ok(Value::Text(normalize(Range::parse(source)?, subtype_of(ty, cx)?, cx)?.write()))
    }

    fn output(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let (stored, subtype) = (text(value)?, subtype_of(ty, cx)?);
        if !shown_by_settings(subtype, cx) {
            out.extend_from_slice(stored.as_bytes());
            return Ok(());
        }
        let range = Range::parse(stored)?.map(|bound| shown(bound, subtype, cx))?;
        out.extend_from_slice(range.write().as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        Ok(Value::Text(receive(bytes, subtype_of(ty, cx)?, cx)?.write()))
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        send(&Range::parse(text(value)?)?, subtype_of(ty, cx)?, cx, out)
    }

    fn compare(&self, left: &str, right: &str, ty: &Type, cx: &Context) -> Ordering {
        match (Range::parse(left), Range::parse(right), subtype_of(ty, cx)) {
            (Ok(l), Ok(r), Ok(subtype)) => compare(&l, &r, subtype, cx),
            _ => left.cmp(right),
        }
    }
}

/// `range_recv`: flags, then each finite bound with its length.
fn receive(bytes: &[u8], subtype: &Type, cx: &Context) -> Result<Range> {
    let (&flags, mut rest) = bytes.split_first().ok_or_else(bad_binary)?;
    if flags & 1 != 0 {
        return Ok(Range::empty());
    }
    let mut bound = |infinite: bool| -> Result<Option<String>> {
        if infinite {
            return Ok(None);
        }
        let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(bad_binary)?;
        let (data, tail) = tail.split_at_checked(u32::from_be_bytes(*head) as usize).ok_or_else(bad_binary)?;
        rest = tail;
        let value = subtype.codec.receive(data, subtype, -1, cx)?;
        canonical_text((&value).into(), subtype, cx).map(Some)
    };
    let (lower, upper) = (bound(flags & 8 != 0)?, bound(flags & 16 != 0)?);
    Range {
        empty: false,
        lower_inclusive: flags & 2 != 0 && lower.is_some(),
        upper_inclusive: flags & 4 != 0 && upper.is_some(),
        lower,
        upper,
    }
    .checked(subtype, cx)
}

fn send(range: &Range, subtype: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let infinite = flag(range.lower.is_none() && !range.empty, 8) | flag(range.upper.is_none() && !range.empty, 16);
    out.push(flag(range.empty, 1) | flag(range.lower_inclusive, 2) | flag(range.upper_inclusive, 4) | infinite);
    for bound in [&range.lower, &range.upper].into_iter().flatten() {
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        let value = from_canonical(bound, subtype, cx)?;
        subtype.codec.send((&value).into(), subtype, cx, out)?;
        let length = (out.len() - at - 4) as u32;
        out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// Cuts `multirange_out`'s form into its ranges, as written.
pub(crate) fn parse_multirange(source: &str) -> Result<Vec<Range>> {
    let malformed = |detail: &str| {
        SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed multirange literal: \"{source}\"")).detail(detail)
    };
    let inner = source.trim().strip_prefix('{').ok_or_else(|| malformed("Missing left brace."))?;
    let inner = inner.strip_suffix('}').ok_or_else(|| malformed("Unexpected end of input."))?;
    let (mut ranges, mut rest) = (Vec::new(), inner.trim());
    while !rest.is_empty() {
        let mut quoted = false;
        let is_end = |(_, c): &(usize, char)| {
            quoted ^= *c == '"';
            !quoted && matches!(c, ']' | ')')
        };
        let end = match rest.get(..5) {
            Some(word) if word.eq_ignore_ascii_case("empty") => 5,
            _ => rest.char_indices().find(is_end).map(|(at, _)| at + 1).ok_or_else(|| malformed("Expected range start."))?,
        };
        ranges.push(Range::parse(&rest[..end])?);
        rest = rest[end..].trim_start();
        match rest.strip_prefix(',') {
            Some(tail) => rest = tail.trim_start(),
            None if rest.is_empty() => break,
            None => return Err(malformed("Expected comma or end of multirange.")),
        }
    }
    Ok(ranges)
}

/// Sorted, empty ones dropped, touching ones joined (`multirange_canonicalize`).
pub(crate) fn join(mut ranges: Vec<Range>, subtype: &Type, cx: &Context) -> Vec<Range> {
    ranges.retain(|r| !r.empty);
    ranges.sort_by(|l, r| compare(l, r, subtype, cx));
    let mut joined: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if touches(last, &range, subtype, cx) => {
                let (old, new) = ((&last.upper, last.upper_inclusive, false), (&range.upper, range.upper_inclusive, false));
                if compare_bounds(new, old, subtype, cx) == Ordering::Greater {
                    (last.upper, last.upper_inclusive) = (range.upper, range.upper_inclusive);
                }
            }
            _ => joined.push(range),
        }
    }
    joined
}

/// Whether the second, which does not begin before the first, overlaps or adjoins it.
fn touches(first: &Range, second: &Range, subtype: &Type, cx: &Context) -> bool {
    match (&first.upper, &second.lower) {
        (Some(upper), Some(lower)) => match compare_canonical(upper, lower, subtype, cx) {
            Ordering::Greater => true,
            Ordering::Equal => first.upper_inclusive || second.lower_inclusive,
            Ordering::Less => false,
        },
        _ => true,
    }
}

/// Writes `multirange_out`'s form.
pub(crate) fn write_multirange(ranges: &[Range]) -> String {
    format!("{{{}}}", ranges.iter().map(Range::write).collect::<Vec<_>>().join(","))
}

impl Codec for MultirangeCodec {
    fn input(&self, source: &str, ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        let subtype = subtype_of(ty, cx)?;
        let ranges = parse_multirange(source)?.into_iter().map(|r| normalize(r, subtype, cx)).collect::<Result<_>>()?;
        Ok(Value::Text(write_multirange(&join(ranges, subtype, cx))))
    }

    fn output(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let subtype = subtype_of(ty, cx)?;
        let ranges = parse_multirange(text(value)?)?.into_iter().map(|r| r.map(|b| shown(b, subtype, cx)));
        out.extend_from_slice(write_multirange(&ranges.collect::<Result<Vec<_>>>()?).as_bytes());
        Ok(())
    }

    fn receive(&self, bytes: &[u8], ty: &Type, _typmod: i32, cx: &Context) -> Result<Value> {
        let subtype = subtype_of(ty, cx)?;
        let (head, mut rest) = bytes.split_first_chunk::<4>().ok_or_else(bad_binary)?;
        let mut ranges = Vec::new();
        for _ in 0..u32::from_be_bytes(*head) {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(bad_binary)?;
            let (data, tail) = tail.split_at_checked(u32::from_be_bytes(*head) as usize).ok_or_else(bad_binary)?;
            rest = tail;
            ranges.push(receive(data, subtype, cx)?);
        }
        Ok(Value::Text(write_multirange(&join(ranges, subtype, cx))))
    }

    fn send(&self, value: ValueRef<'_>, ty: &Type, cx: &Context, out: &mut Vec<u8>) -> Result<()> {
        let (subtype, ranges) = (subtype_of(ty, cx)?, parse_multirange(text(value)?)?);
        out.extend_from_slice(&(ranges.len() as u32).to_be_bytes());
        for range in &ranges {
            let at = out.len();
            out.extend_from_slice(&[0; 4]);
            send(range, subtype, cx, out)?;
            let length = (out.len() - at - 4) as u32;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    fn compare(&self, left: &str, right: &str, ty: &Type, cx: &Context) -> Ordering {
        let (Ok(l), Ok(r), Ok(subtype)) = (parse_multirange(left), parse_multirange(right), subtype_of(ty, cx)) else {
            return left.cmp(right);
        };
        let by_range = l.iter().zip(&r).map(|(l, r)| compare(l, r, subtype, cx)).find(|o| *o != Ordering::Equal);
        by_range.unwrap_or_else(|| l.len().cmp(&r.len()))
    }
}
