//! The rule for queries that keep rows by their place: DISTINCT ON keeps the first of each group by `row_number()`, WITH TIES the
//! peers of the last by `rank()`. Each is a layer around the query; sort keys travel as further columns.

use super::{Printer, grouping_sets};
use crate::{
    bind::tree::{Distinct, Expr, ExprKind, Query, Select, SortKey},
    error::Result,
};

/// `"c1", "c2", …`.
pub(super) fn column_names(count: usize) -> String {
    (1..=count).map(|at| format!("\"c{at}\"")).collect::<Vec<_>>().join(", ")
}

impl Printer<'_> {
    /// A select with grouping sets, DISTINCT ON or WITH TIES.
    pub(super) fn layered(&mut self, query: &Query, select: &Select) -> Result<String> {
        let width = select.targets.len();
        let mut extra: Vec<&Expr> = query.order_by.iter().map(|key| &key.expr).collect();
        let keys: Vec<(usize, &SortKey)> = query.order_by.iter().enumerate().map(|(at, key)| (width + at, key)).collect();
        let on: &[Expr] = match &select.distinct {
            Distinct::On(on) => on,
            _ => &[],
        };
        extra.extend(on);
        let mut text = match &select.grouping_sets {
            Some(sets) => grouping_sets::expand(self, select, sets, &extra)?,
            None => self.core(select, &extra, false)?,
        };
        if matches!(select.distinct, Distinct::On(_)) {
            let partition: Vec<String> = on
                .iter()
                .enumerate()
                .map(|(at, expr)| self.collated(format!("\"c{}\"", width + keys.len() + at + 1), expr.ty.concrete()))
                .collect();
            let order = self.key_list(&keys, false);
            let over = match order.is_empty() {
                true => format!("PARTITION BY {}", partition.join(", ")),
                false => format!("PARTITION BY {} ORDER BY {order}", partition.join(", ")),
            };
            text = format!("SELECT * FROM (SELECT *, row_number() OVER ({over}) AS \"place\" FROM ({text})) WHERE \"place\" = 1");
        }
        if query.with_ties {
            return self.ties(query, text, width, &keys);
        }
        let distinct = if matches!(select.distinct, Distinct::Distinct) { "DISTINCT " } else { "" };
        let mut out = format!("SELECT {distinct}{} FROM ({text})", column_names(width));
        if !keys.is_empty() {
            out += &format!(" ORDER BY {}", self.key_list(&keys, select.grouping_sets.is_some()));
        }
        Ok(out + &self.limit(query)?)
    }

    /// Keys by their place among the columns; over grouping sets even a column that has no NULL can be NULL.
    fn key_list(&self, keys: &[(usize, &SortKey)], nullable: bool) -> String {
        let one = |(at, key): &(usize, &SortKey)| {
            let column = format!("\"c{}\"", at + 1);
            match (&key.expr.kind, nullable) {
                (ExprKind::Column(column_ref), true) => {
                    let kind = ExprKind::Column(crate::bind::tree::ColumnRef { nullable, ..column_ref.clone() });
                    self.sort_key(column, &SortKey { expr: Expr { kind, ..key.expr.clone() }, ..(*key).clone() })
                }
                _ => self.sort_key(column, key),
            }
        };
        keys.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// `FETCH FIRST n ROWS WITH TIES` over a query's text.
    pub(super) fn ties(&mut self, query: &Query, text: String, width: usize, keys: &[(usize, &SortKey)]) -> Result<String> {
        let order = self.key_list(keys, false);
        let limit = self.row_count(query.limit.as_ref(), "LIMIT", "9223372036854775807")?;
        let offset = self.row_count(query.offset.as_ref(), "OFFSET", "0")?.unwrap_or_else(|| "0".to_owned());
        let ranked = format!(
            "SELECT *, rank() OVER (ORDER BY {order}) AS \"rank\", row_number() OVER (ORDER BY {order}) AS \"number\" FROM ({text})"
        );
        let end = limit.map_or_else(String::new, |limit| format!(" AND \"rank\" <= {limit} + {offset}"));
        Ok(format!("SELECT {} FROM ({ranked}) WHERE \"number\" > {offset}{end} ORDER BY \"number\"", column_names(width)))
    }
}
