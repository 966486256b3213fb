//! Window functions and min/max: SQLite's own do as PostgreSQL's, under the collation that the printer writes.

use super::{Body::NativeAggregate, Row, row};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("row_number()", NativeAggregate("row_number")),
    row("rank()", NativeAggregate("rank")),
    row("dense_rank()", NativeAggregate("dense_rank")),
    row("percent_rank()", NativeAggregate("percent_rank")),
    row("cume_dist()", NativeAggregate("cume_dist")),
    row("ntile(integer)", NativeAggregate("ntile")),
    row("lag(anyelement)", NativeAggregate("lag")),
    row("lag(anyelement,integer)", NativeAggregate("lag")),
    row("lag(anycompatible,integer,anycompatible)", NativeAggregate("lag")),
    row("lead(anyelement)", NativeAggregate("lead")),
    row("lead(anyelement,integer)", NativeAggregate("lead")),
    row("lead(anycompatible,integer,anycompatible)", NativeAggregate("lead")),
    row("first_value(anyelement)", NativeAggregate("first_value")),
    row("last_value(anyelement)", NativeAggregate("last_value")),
    row("nth_value(anyelement,integer)", NativeAggregate("nth_value")),
];

/// The rows of an aggregate of SQLite's for all types that have an order.
macro_rules! extreme {
    ($name:literal) => {
        &[
            row(concat!($name, "(bigint)"), NativeAggregate($name)),
            row(concat!($name, "(integer)"), NativeAggregate($name)),
            row(concat!($name, "(smallint)"), NativeAggregate($name)),
            row(concat!($name, "(oid)"), NativeAggregate($name)),
            row(concat!($name, "(real)"), NativeAggregate($name)),
            row(concat!($name, "(double precision)"), NativeAggregate($name)),
            row(concat!($name, "(numeric)"), NativeAggregate($name)),
            row(concat!($name, "(date)"), NativeAggregate($name)),
            row(concat!($name, "(time without time zone)"), NativeAggregate($name)),
            row(concat!($name, "(time with time zone)"), NativeAggregate($name)),
            row(concat!($name, "(timestamp without time zone)"), NativeAggregate($name)),
            row(concat!($name, "(timestamp with time zone)"), NativeAggregate($name)),
            row(concat!($name, "(interval)"), NativeAggregate($name)),
            row(concat!($name, "(text)"), NativeAggregate($name)),
            row(concat!($name, "(character)"), NativeAggregate($name)),
            row(concat!($name, "(anyarray)"), NativeAggregate($name)),
            row(concat!($name, "(anyenum)"), NativeAggregate($name)),
            row(concat!($name, "(inet)"), NativeAggregate($name)),
            row(concat!($name, "(pg_lsn)"), NativeAggregate($name)),
        ]
    };
}

/// The rows of min and max.
pub(super) const EXTREMES: &[&[Row]] = &[extreme!("min"), extreme!("max")];
