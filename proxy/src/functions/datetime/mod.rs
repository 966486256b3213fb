//! Functions of dates, times, timestamps and intervals, by topic. Each body takes and gives storage forms.

mod age;
mod arithmetic;
mod conversion;
mod cross_type;
mod extract;
mod interval;
mod make;
pub(super) mod now;
mod overlap;
mod truncate;
mod zoned;

use super::Row;

/// The rows of all topics.
pub(super) const TOPICS: &[&[Row]] = &[
    age::ROWS,
    arithmetic::ROWS,
    conversion::ROWS,
    cross_type::DATE_TIMESTAMP,
    cross_type::DATE_TIMESTAMPTZ,
    cross_type::TIMESTAMP_TIMESTAMPTZ,
    extract::ROWS,
    interval::ROWS,
    make::ROWS,
    now::ROWS,
    overlap::ROWS,
    truncate::ROWS,
    zoned::ROWS,
];
