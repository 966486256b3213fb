//! The rule for subqueries of FROM that look at earlier items. SQLite lets only arguments of table-valued functions do that: the
//! subquery's rows are packed into one value, which a table-valued function unpacks.

use super::{Printer, quote_identifier, window_filter::column_names};
use crate::{
    bind::tree::{Query, SourceId},
    error::Result,
};

/// A lateral subquery as an item of FROM.
pub(super) fn item(printer: &mut Printer<'_>, source: SourceId, query: &Query) -> Result<String> {
    let text = printer.query(query)?;
    Ok(format!("{} AS {}", unpacked(&text, &column_names(query.columns.len())), Printer::source_name(source)))
}

/// The rows of a query's text as a table-valued function whose columns are `c1`, `c2`, …
pub(super) fn unpacked(query: &str, columns: &str) -> String {
    let (pack, unpack) = (quote_identifier("peergres.pack(\"any\")"), quote_identifier("peergres.unpack(bytea)"));
    let comma = if columns.is_empty() { "" } else { ", " };
    format!("{unpack}('17>2249', (SELECT {pack}('>17'{comma}{columns}) FROM ({query})))")
}
