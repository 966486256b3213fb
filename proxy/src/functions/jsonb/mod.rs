//! Functions of `jsonb`: access and containment, changes by path, casts.

pub(super) mod access;
mod modify;
mod set_path;

use super::Row;

/// The rows of all topics.
pub(super) const TOPICS: &[&[Row]] = &[access::ROWS, modify::ROWS];
