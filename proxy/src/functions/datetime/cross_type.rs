//! Comparisons of a date with a timestamp, and of a timestamp without a zone with one that has: both sides as points of one line, where
//! a date beyond a timestamp's range lies beyond all of them (`date_cmp_timestamp_internal` and its kin).

use std::cmp::Ordering;

use super::conversion::session_zone;
use crate::{
    error::Result,
    functions::{Body::Scalar, Call, Row, results::boolean, row},
    types::{
        Value,
        datetime::{
            INFINITY, NEGATIVE_INFINITY,
            calendar::{Civil, MICROS_PER_DAY},
            is_finite,
        },
    },
};

/// A point on the line, wider than a timestamp.
type Point = i128;

fn of_date(days: i64) -> Point {
    match days {
        INFINITY => Point::MAX,
        NEGATIVE_INFINITY => Point::MIN,
        days => Point::from(days) * Point::from(MICROS_PER_DAY),
    }
}

fn of_timestamp(micros: i64) -> Point {
    match micros {
        INFINITY => Point::MAX,
        NEGATIVE_INFINITY => Point::MIN,
        micros => Point::from(micros),
    }
}

/// A local time as a point in time.
fn to_utc(local: Point, call: &Call<'_>) -> Point {
    if local == Point::MAX || local == Point::MIN {
        return local;
    }
    let day = Point::from(MICROS_PER_DAY);
    let Ok(days) = i64::try_from(local.div_euclid(day)) else { return local };
    let civil = Civil::from_days(days).with_time(local.rem_euclid(day) as i64);
    local - Point::from(session_zone(call).offset_of_local(&civil)) * 1_000_000
}

fn date_timestamp(call: &Call<'_>) -> Result<Ordering> {
    Ok(of_date(call.int(0)?).cmp(&of_timestamp(call.int(1)?)))
}

fn date_timestamptz(call: &Call<'_>) -> Result<Ordering> {
    Ok(to_utc(of_date(call.int(0)?), call).cmp(&of_timestamp(call.int(1)?)))
}

fn timestamp_timestamptz(call: &Call<'_>) -> Result<Ordering> {
    debug_assert!(call.args.len() == 2 && is_finite(0));
    Ok(to_utc(of_timestamp(call.int(0)?), call).cmp(&of_timestamp(call.int(1)?)))
}

/// The six comparisons of a pair of types in both orders.
macro_rules! comparisons {
    ($l:literal, $lt:literal, $r:literal, $rt:literal, $compare:ident) => {
        &[
            row(concat!($l, "_lt_", $r, "(", $lt, ",", $rt, ")"), Scalar(|c| decide($compare(c)?, Ordering::is_lt))),
            row(concat!($l, "_le_", $r, "(", $lt, ",", $rt, ")"), Scalar(|c| decide($compare(c)?, Ordering::is_le))),
            row(concat!($l, "_eq_", $r, "(", $lt, ",", $rt, ")"), Scalar(|c| decide($compare(c)?, Ordering::is_eq))),
            row(concat!($l, "_ge_", $r, "(", $lt, ",", $rt, ")"), Scalar(|c| decide($compare(c)?, Ordering::is_ge))),
            row(concat!($l, "_gt_", $r, "(", $lt, ",", $rt, ")"), Scalar(|c| decide($compare(c)?, Ordering::is_gt))),
            row(concat!($l, "_ne_", $r, "(", $lt, ",", $rt, ")"), Scalar(|c| decide($compare(c)?, Ordering::is_ne))),
            row(concat!($r, "_lt_", $l, "(", $rt, ",", $lt, ")"), Scalar(|c| decide(swapped(c, $compare)?, Ordering::is_lt))),
            row(concat!($r, "_le_", $l, "(", $rt, ",", $lt, ")"), Scalar(|c| decide(swapped(c, $compare)?, Ordering::is_le))),
            row(concat!($r, "_eq_", $l, "(", $rt, ",", $lt, ")"), Scalar(|c| decide(swapped(c, $compare)?, Ordering::is_eq))),
            row(concat!($r, "_ge_", $l, "(", $rt, ",", $lt, ")"), Scalar(|c| decide(swapped(c, $compare)?, Ordering::is_ge))),
            row(concat!($r, "_gt_", $l, "(", $rt, ",", $lt, ")"), Scalar(|c| decide(swapped(c, $compare)?, Ordering::is_gt))),
            row(concat!($r, "_ne_", $l, "(", $rt, ",", $lt, ")"), Scalar(|c| decide(swapped(c, $compare)?, Ordering::is_ne))),
        ]
    };
}

fn decide(order: Ordering, wanted: fn(Ordering) -> bool) -> Result<Value> {
    Ok(boolean(wanted(order)))
}

fn swapped(call: &Call<'_>, compare: fn(&Call<'_>) -> Result<Ordering>) -> Result<Ordering> {
    let args = [call.args[1], call.args[0]];
    Ok(compare(&Call { args: &args, types: call.types, result: call.result, extra: call.extra, cx: call.cx })?.reverse())
}

/// The rows.
pub(in crate::functions) const DATE_TIMESTAMP: &[Row] =
    comparisons!("date", "date", "timestamp", "timestamp without time zone", date_timestamp);
/// The rows.
pub(in crate::functions) const DATE_TIMESTAMPTZ: &[Row] =
    comparisons!("date", "date", "timestamptz", "timestamp with time zone", date_timestamptz);
/// The rows.
pub(in crate::functions) const TIMESTAMP_TIMESTAMPTZ: &[Row] =
    comparisons!("timestamp", "timestamp without time zone", "timestamptz", "timestamp with time zone", timestamp_timestamptz);
