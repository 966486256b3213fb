//! Regular expressions in PostgreSQL's flavour ("advanced regular expressions"): parsed here, run by the `fancy-regex` engine.
//!
//! Two rules differ from Perl's and are translated: classes know ASCII only (collation `C`), and an expression's first quantifier decides
//! whether the whole prefers the longest or the shortest match. One is only approached: where several alternatives match at one place,
//! PostgreSQL takes the longest and this engine the first; alternatives that are plain words are therefore tried longest first.

use super::Row;

mod bracket;
mod cache;
mod emit;
mod find;
mod operators;
mod parse;
mod replace;
mod similar;
mod split;

pub(crate) use cache::{Flags, Regex, compile};

/// The rows of all topics.
pub(super) const TOPICS: &[&[Row]] = &[operators::ROWS, find::ROWS, replace::ROWS, split::ROWS, similar::ROWS];

#[cfg(test)]
mod tests;
