//! Queries: the select itself, VALUES, ORDER BY and LIMIT. What needs more than one layer goes to the rules' files.

use rusqlite::types::Value;

use super::{Printer, quote_identifier};
use crate::{
    bind::tree::{Cte, Distinct, Expr, ExprKind, Query, QueryBody, Select, SortKey},
    error::Result,
};

impl Printer<'_> {
    /// A query; its columns are `c1`, `c2`, …
    pub fn query(&mut self, query: &Query) -> Result<String> {
        self.deeper(|printer| {
            let grouping = printer.grouping.take();
            let text = printer.query_at_depth(query);
            printer.grouping = grouping;
            text
        })
    }

    fn query_at_depth(&mut self, query: &Query) -> Result<String> {
        let with = self.ctes(query)?;
        let mut text = match &query.body {
            QueryBody::Select(select) => {
                if select.grouping_sets.is_some() || matches!(select.distinct, Distinct::On(_)) || query.with_ties {
                    return Ok(with + &self.layered(query, select)?);
                }
                self.core(select, &[], false)?
            }
            QueryBody::SetOperation(operation) => {
                let text = self.set_operation(operation, &query.columns)?;
                if query.with_ties {
                    return Ok(with + &self.ties(query, text, query.columns.len(), &self.output_keys(query))?);
                }
                text
            }
            QueryBody::Values(rows) => self.values(rows)?,
            QueryBody::Materialized(table) => {
                let columns = (1..=query.columns.len()).map(|at| format!("\"c{at}\"")).collect::<Vec<_>>().join(", ");
                format!("SELECT {columns} FROM {}", quote_identifier(table))
            }
        };
        let keys = self.order_by(query)?;
        if !keys.is_empty() {
            text += &format!(" ORDER BY {}", keys.join(", "));
        }
        text += &self.limit(query)?;
        Ok(with + &text)
    }

    /// `WITH …`.
    pub(super) fn ctes(&mut self, query: &Query) -> Result<String> {
        if query.ctes.is_empty() {
            return Ok(String::new());
        }
        let mut parts = Vec::with_capacity(query.ctes.len());
        for Cte { physical, query, materialized, columns, .. } in &query.ctes {
            let names: Vec<String> = (1..=columns.len()).map(|at| format!("\"c{at}\"")).collect();
            let hint = match materialized {
                Some(true) => "MATERIALIZED ",
                Some(false) => "NOT MATERIALIZED ",
                None => "",
            };
            let text = self.query(query)?;
            parts.push(format!("{}({}) AS {hint}({text})", quote_identifier(physical), names.join(", ")));
        }
        let recursive = if query.recursive { "RECURSIVE " } else { "" };
        Ok(format!("WITH {recursive}{} ", parts.join(", ")))
    }

    /// `SELECT … FROM … WHERE … GROUP BY … HAVING …`; `extra` expressions follow the select list as further columns.
    pub(super) fn core(&mut self, select: &Select, extra: &[&Expr], collate: bool) -> Result<String> {
        let distinct = matches!(select.distinct, Distinct::Distinct) && extra.is_empty();
        let mut columns = Vec::with_capacity(select.targets.len() + extra.len());
        for expr in select.targets.iter().map(|target| &target.expr).chain(extra.iter().copied()) {
            let mut text = self.expression(expr)?;
            if distinct || collate {
                text = self.collated(text, expr.ty.concrete());
            }
            columns.push(format!("{text} AS \"c{}\"", columns.len() + 1));
        }
        if columns.is_empty() {
            columns.push("NULL AS \"c1\"".to_owned());
        }
        if select.grouped && self.groups_into_one(select) {
            // SQLite groups a query without keys only where an aggregate stands in its select list.
            let (first, name) = columns[0].rsplit_once(" AS ").expect("each column has a name");
            columns[0] = format!("iif(count(*) >= 0, {first}, NULL) AS {name}");
        }
        let mut out = format!("SELECT {}{}", if distinct { "DISTINCT " } else { "" }, columns.join(", "));
        if !select.from.is_empty() {
            let items = select.from.iter().enumerate().map(|(at, item)| self.from_item(item, at > 0 && !super::from::flat(item)));
            out += &format!(" FROM {}", items.collect::<Result<Vec<_>>>()?.join(", "));
        }
        if let Some(filter) = &select.filter {
            // WHERE comes before grouping: a grouping key that a set lacks is not NULL there.
            let grouping = self.grouping.take();
            out += &format!(" WHERE {}", self.condition(filter)?);
            self.grouping = grouping;
        }
        if select.grouped {
            out += &self.grouping_clauses(select)?;
        }
        Ok(out)
    }

    fn grouping_clauses(&mut self, select: &Select) -> Result<String> {
        let grouping = self.grouping.take();
        let present: Vec<usize> = match &grouping {
            Some(set) => set.present.clone(),
            None => (0..select.group_by.len()).collect(),
        };
        let mut keys = Vec::with_capacity(present.len());
        for at in present {
            let key = &select.group_by[at];
            keys.push(match &key.kind {
                // SQLite would take an integer for an ordinal; all constants group alike.
                ExprKind::Constant(_) | ExprKind::Parameter(_) => "''".to_owned(),
                _ => {
                    let text = self.expression(key)?;
                    // What a cast made of a constant can be an integer too.
                    if is_integer(&text) { "''".to_owned() } else { self.collated(text, key.ty.concrete()) }
                }
            });
        }
        self.grouping = grouping;
        let mut out = String::new();
        if !keys.is_empty() {
            out += &format!(" GROUP BY {}", keys.join(", "));
        }
        if let Some(having) = &select.having {
            out += &format!(" HAVING {}", self.condition(having)?);
        }
        Ok(out)
    }

    /// Whether all rows are one group, and no aggregate of the select list says so to SQLite.
    fn groups_into_one(&self, select: &Select) -> bool {
        let has_keys = match &self.grouping {
            Some(set) => !set.present.is_empty(),
            None => !select.group_by.is_empty(),
        };
        !has_keys && !select.targets.iter().any(|target| target.expr.has_aggregate())
    }

    pub(super) fn values(&mut self, rows: &[Vec<Expr>]) -> Result<String> {
        // SQLite's VALUES can't look at the columns of a query around it.
        let is_correlated = rows.iter().flatten().any(|value| value.any(&mut |e| matches!(e.kind, ExprKind::Column(_))));
        if rows.len() == 1 || is_correlated {
            let select = |row: &Vec<Expr>, printer: &mut Self| {
                let values = printer.all(row)?.into_iter().enumerate().map(|(at, value)| format!("{value} AS \"c{}\"", at + 1));
                Ok(format!("SELECT {}", values.collect::<Vec<_>>().join(", ")))
            };
            return Ok(rows.iter().map(|row| select(row, self)).collect::<Result<Vec<_>>>()?.join(" UNION ALL "));
        }
        let width = rows.first().map_or(0, Vec::len);
        let columns: Vec<String> = (1..=width).map(|at| format!("column{at} AS \"c{at}\"")).collect();
        let rows = rows.iter().map(|row| Ok(format!("({})", self.all(row)?.join(", ")))).collect::<Result<Vec<_>>>()?;
        Ok(format!("SELECT {} FROM (VALUES {})", columns.join(", "), rows.join(", ")))
    }

    fn order_by(&mut self, query: &Query) -> Result<Vec<String>> {
        let mut out = Vec::with_capacity(query.order_by.len());
        for key in &query.order_by {
            let text = match self.ordinal(query, key) {
                Some(at) => (at + 1).to_string(),
                None if matches!(key.expr.kind, ExprKind::Constant(_) | ExprKind::Parameter(_)) => continue,
                None => self.expression(&key.expr)?,
            };
            out.push(self.sort_key(text, key));
        }
        Ok(out)
    }

    /// The position among the query's columns of what a key sorts by.
    pub(super) fn ordinal(&self, query: &Query, key: &SortKey) -> Option<usize> {
        match (&query.body, &key.expr.kind) {
            (QueryBody::Select(select), _) => {
                let wanted = &key.expr;
                let plain = |expr: &Expr| expr.kind == wanted.kind && expr.ty == wanted.ty;
                select.targets.iter().position(|target| plain(&target.expr))
            }
            (_, ExprKind::Column(column)) if column.source == query.output => Some(column.index),
            _ => None,
        }
    }

    /// The keys of a set operation's ORDER BY with the columns that they sort by.
    pub(super) fn output_keys<'q>(&self, query: &'q Query) -> Vec<(usize, &'q SortKey)> {
        query.order_by.iter().filter_map(|key| Some((self.ordinal(query, key)?, key))).collect()
    }

    /// `LIMIT … OFFSET …`: NULL is no limit.
    pub(super) fn limit(&mut self, query: &Query) -> Result<String> {
        let limit = self.row_count(query.limit.as_ref(), "LIMIT", "-1")?;
        let offset = self.row_count(query.offset.as_ref(), "OFFSET", "0")?;
        Ok(match (limit, offset) {
            (None, None) => String::new(),
            (Some(limit), None) => format!(" LIMIT {limit}"),
            (limit, Some(offset)) => format!(" LIMIT {} OFFSET {offset}", limit.unwrap_or_else(|| "-1".to_owned())),
        })
    }

    /// A count of rows; what is not a constant is checked when it runs.
    pub(super) fn row_count(&mut self, count: Option<&Expr>, clause: &str, none: &str) -> Result<Option<String>> {
        let Some(count) = count else { return Ok(None) };
        Ok(match &count.kind {
            ExprKind::Constant(Value::Null) => None,
            ExprKind::Constant(value) => Some(Self::constant(value)),
            _ => {
                let text = self.expression(count)?;
                let checked = "peergres.row_count(bigint,text)";
                Some(match crate::functions::lookup(checked) {
                    Some(_) => format!("ifnull({}({text}, '{clause}'), {none})", quote_identifier(checked)),
                    None => format!("ifnull({text}, {none})"),
                })
            }
        })
    }
}

/// Whether SQLite would read the text as an integer, which stands for an ordinal in GROUP BY.
fn is_integer(text: &str) -> bool {
    text.trim_matches(['(', ')']).trim_start_matches('-').parse::<u64>().is_ok()
}
