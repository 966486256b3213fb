//! Functions of `json`: access, construction from values of any type, expansion to rows, aggregates.

mod access;
mod aggregate;
mod build;
pub(super) mod datum;
mod expand;
pub(super) mod nested;
mod record;

use super::Row;

/// The rows of all topics.
pub(super) const TOPICS: &[&[Row]] = &[access::ROWS, aggregate::ROWS, build::ROWS, expand::ROWS, record::ROWS];
