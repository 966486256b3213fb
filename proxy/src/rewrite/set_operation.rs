//! Set operations. SQLite chains compounds from the left, all alike, and orders or limits only the whole: a side that is more than a
//! plain select stands in a subquery. It has no ALL for INTERSECT and EXCEPT: rows are numbered within their equals instead.

use super::{Printer, window_filter::column_names};
use crate::{
    bind::tree::{Query, QueryBody, SetOperation, SetOperator},
    error::Result,
    execute::plan::OutputColumn,
};

impl Printer<'_> {
    /// A set operation.
    pub(super) fn set_operation(&mut self, operation: &SetOperation, columns: &[OutputColumn]) -> Result<String> {
        let word = match (operation.operator, operation.all) {
            (SetOperator::Union, true) => "UNION ALL",
            (SetOperator::Union, false) => "UNION",
            (SetOperator::Intersect, false) => "INTERSECT",
            (SetOperator::Except, false) => "EXCEPT",
            (operator, true) => {
                let word = if operator == SetOperator::Intersect { "INTERSECT" } else { "EXCEPT" };
                let (left, right) = (self.numbered(&operation.left)?, self.numbered(&operation.right)?);
                return Ok(format!("SELECT {} FROM ({left} {word} {right})", column_names(columns.len().max(1))));
            }
        };
        let left = self.side(&operation.left, true)?;
        let right = self.side(&operation.right, false)?;
        Ok(format!("{left} {word} {right}"))
    }

    fn side(&mut self, query: &Query, is_left: bool) -> Result<String> {
        let plain = query.ctes.is_empty() && query.order_by.is_empty() && query.limit.is_none() && query.offset.is_none();
        match &query.body {
            QueryBody::Select(select)
                if plain && select.grouping_sets.is_none() && !matches!(select.distinct, crate::bind::tree::Distinct::On(_)) =>
            {
                self.core(select, &[], true)
            }
            QueryBody::SetOperation(operation) if plain && is_left => self.set_operation(operation, &query.columns),
            _ => Ok(format!("SELECT {} FROM ({})", self.collated_columns(query), self.query(query)?)),
        }
    }

    fn collated_columns(&self, query: &Query) -> String {
        let column = |(at, column): (usize, &OutputColumn)| {
            let name = format!("\"c{}\"", at + 1);
            format!("{} AS {name}", self.collated(name.clone(), column.ty.concrete()))
        };
        if query.columns.is_empty() {
            // A row without columns lies as one NULL.
            return "\"c1\"".to_owned();
        }
        query.columns.iter().enumerate().map(column).collect::<Vec<_>>().join(", ")
    }

    /// The rows of a side, each with its number among its equals.
    fn numbered(&mut self, query: &Query) -> Result<String> {
        let partition: Vec<String> =
            query.columns.iter().enumerate().map(|(at, column)| self.collated(format!("\"c{}\"", at + 1), column.ty.concrete())).collect();
        Ok(format!(
            "SELECT {}, row_number() OVER ({}) AS \"number\" FROM ({})",
            self.collated_columns(query),
            if partition.is_empty() { String::new() } else { format!("PARTITION BY {}", partition.join(", ")) },
            self.query(query)?
        ))
    }
}
