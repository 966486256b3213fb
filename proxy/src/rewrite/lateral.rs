//! The rule for LATERAL subqueries that look at earlier items of FROM. SQLite lets only table-valued functions do that.

use super::Printer;
use crate::{
    bind::tree::{Query, SourceId},
    error::{Result, SqlError},
};

/// A lateral subquery as an item of FROM.
pub(super) fn item(printer: &mut Printer<'_>, source: SourceId, query: &Query) -> Result<String> {
    let _ = (printer, source, query);
    Err(SqlError::unsupported("a LATERAL subquery that refers to other items of FROM"))
}
