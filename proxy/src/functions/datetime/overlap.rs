//! `OVERLAPS`: whether two periods, each given by two ends or an end and a length, have a moment in common (SQL's three-valued logic).

use super::arithmetic::{plus, plus_zoned};
use crate::{
    error::Result,
    functions::{Body::Scalar, Call, Row, results::boolean, row},
    types::{Value, datetime::calendar::MICROS_PER_DAY, timetz::Timetz},
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row(
        "overlaps(time without time zone,time without time zone,time without time zone,time without time zone)",
        Scalar(|c| integers(c, &time_end)),
    ),
    row("overlaps(time without time zone,interval,time without time zone,interval)", Scalar(|c| integers(c, &time_end))),
    row("overlaps(time without time zone,time without time zone,time without time zone,interval)", Scalar(|c| integers(c, &time_end))),
    row("overlaps(time without time zone,interval,time without time zone,time without time zone)", Scalar(|c| integers(c, &time_end))),
    row("overlaps(time with time zone,time with time zone,time with time zone,time with time zone)", Scalar(zoned_times)),
    row(
        "overlaps(timestamp without time zone,timestamp without time zone,timestamp without time zone,timestamp without time zone)",
        Scalar(|c| integers(c, &timestamp_end)),
    ),
    row("overlaps(timestamp without time zone,interval,timestamp without time zone,interval)", Scalar(|c| integers(c, &timestamp_end))),
    row(
        "overlaps(timestamp without time zone,timestamp without time zone,timestamp without time zone,interval)",
        Scalar(|c| integers(c, &timestamp_end)),
    ),
    row(
        "overlaps(timestamp without time zone,interval,timestamp without time zone,timestamp without time zone)",
        Scalar(|c| integers(c, &timestamp_end)),
    ),
    row(
        "overlaps(timestamp with time zone,timestamp with time zone,timestamp with time zone,timestamp with time zone)",
        Scalar(|c| integers(c, &zoned_end)),
    ),
    row("overlaps(timestamp with time zone,interval,timestamp with time zone,interval)", Scalar(|c| integers(c, &zoned_end))),
    row(
        "overlaps(timestamp with time zone,timestamp with time zone,timestamp with time zone,interval)",
        Scalar(|c| integers(c, &zoned_end)),
    ),
    row(
        "overlaps(timestamp with time zone,interval,timestamp with time zone,timestamp with time zone)",
        Scalar(|c| integers(c, &zoned_end)),
    ),
];

/// The end of a period: its start and the position of its length.
type End = dyn Fn(&Call<'_>, i64, usize) -> Result<i64>;

fn time_end(call: &Call<'_>, start: i64, at: usize) -> Result<i64> {
    Ok((start + call.interval(at)?.microseconds).rem_euclid(MICROS_PER_DAY))
}

fn timestamp_end(call: &Call<'_>, start: i64, at: usize) -> Result<i64> {
    plus(start, &call.interval(at)?)
}

fn zoned_end(call: &Call<'_>, start: i64, at: usize) -> Result<i64> {
    plus_zoned(start, &call.interval(at)?, call)
}

fn integers(call: &Call<'_>, end: &End) -> Result<Value> {
    let start = |at: usize| if call.is_null(at) { Ok(None) } else { call.int(at).map(Some) };
    let finish = |at: usize, start: Option<i64>| match (call.args[at], start) {
        (rusqlite::types::ValueRef::Null, _) => Ok(None),
        (rusqlite::types::ValueRef::Integer(end), _) => Ok(Some(end)),
        (_, Some(start)) => end(call, start, at).map(Some),
        (_, None) => Ok(None),
    };
    let (first, second) = (start(0)?, start(2)?);
    Ok(overlap((first, finish(1, first)?), (second, finish(3, second)?)))
}

fn zoned_times(call: &Call<'_>) -> Result<Value> {
    let value = |at: usize| if call.is_null(at) { Ok(None) } else { Timetz::from_storage(call.text(at)?).map(Some) };
    Ok(overlap((value(0)?, value(1)?), (value(2)?, value(3)?)))
}

/// A period whose known end stands first; none where both are unknown.
fn ordered<T: Ord + Copy>(period: (Option<T>, Option<T>)) -> Option<(T, Option<T>)> {
    match period {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some((one, None)),
        (Some(a), Some(b)) => Some((a.min(b), Some(a.max(b)))),
    }
}

/// SQL's rule, as `overlaps_timestamp` computes it.
fn overlap<T: Ord + Copy>(first: (Option<T>, Option<T>), second: (Option<T>, Option<T>)) -> Value {
    let (Some((s1, e1)), Some((s2, e2))) = (ordered(first), ordered(second)) else { return Value::Null };
    let decide = |later: T, later_end: Option<T>, earlier_end: Option<T>| match earlier_end {
        None => Value::Null,
        Some(end) if later < end => boolean(true),
        Some(_) if later_end.is_none() => Value::Null,
        Some(_) => boolean(false),
    };
    match s1.cmp(&s2) {
        std::cmp::Ordering::Greater => decide(s1, e1, e2),
        std::cmp::Ordering::Less => decide(s2, e2, e1),
        std::cmp::Ordering::Equal if e1.is_none() || e2.is_none() => Value::Null,
        std::cmp::Ordering::Equal => boolean(true),
    }
}
