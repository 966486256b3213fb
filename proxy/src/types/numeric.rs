//! numeric: TEXT in PostgreSQL's own form (`-1.10`, `NaN`, `Infinity`), exact at any precision, under the collation `numeric`.

use std::cmp::Ordering;

/// Order of two numerics in text form, without allocating: `-Infinity` < finite < `Infinity` < `NaN`.
pub(crate) fn compare_text(left: &str, right: &str) -> Ordering {
    let (l, r) = (Parts::of(left), Parts::of(right));
    match (l.rank, r.rank) {
        (0, 0) => magnitude(&l, &r),
        (-1, -1) => magnitude(&r, &l),
        (a, b) => a.cmp(&b),
    }
}

/// A text form cut up: rank -2 is -Infinity, -1 a negative number, 0 zero or a positive one, 1 Infinity, 2 NaN.
struct Parts<'a> {
    rank: i8,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl Parts<'_> {
    fn of(text: &str) -> Parts<'_> {
        let bytes = text.as_bytes();
        let special = |rank| Parts { rank, whole: &[], fraction: &[] };
        let (negative, digits) = match bytes {
            [b'-', b'I', ..] => return special(-2),
            [b'I', ..] => return special(1),
            [b'N', ..] => return special(2),
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let dot = digits.iter().position(|b| *b == b'.').unwrap_or(digits.len());
        let (mut whole, mut fraction) = (&digits[..dot], digits.get(dot + 1..).unwrap_or(&[]));
        while let [b'0', rest @ ..] = whole {
            whole = rest;
        }
        while let [rest @ .., b'0'] = fraction {
            fraction = rest;
        }
        let is_zero = whole.is_empty() && fraction.is_empty();
        Parts { rank: if negative && !is_zero { -1 } else { 0 }, whole, fraction }
    }
}

fn magnitude(l: &Parts<'_>, r: &Parts<'_>) -> Ordering {
    l.whole.len().cmp(&r.whole.len()).then_with(|| l.whole.cmp(r.whole)).then_with(|| l.fraction.cmp(r.fraction))
}
