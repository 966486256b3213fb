//! Subqueries in expressions.

use super::{
    Printer,
    compare::{is_native, operator_call, three_valued},
};
use crate::{
    bind::tree::{Expr, ExprKind, OperatorRef, Query, QueryBody, SourceId, Subquery, SubqueryKind},
    error::Result,
    functions,
    types::TypeRef,
};

impl Printer<'_> {
    /// A subquery of any kind; `ty` is the type of the whole expression.
    pub(super) fn subquery(&mut self, subquery: &Subquery, ty: TypeRef) -> Result<String> {
        let query = &subquery.query;
        match &subquery.kind {
            SubqueryKind::Exists => Ok(format!("EXISTS ({})", self.query(query)?)),
            SubqueryKind::Scalar => self.scalar(query),
            SubqueryKind::Array => {
                let element = query.columns.first().map_or(0, |column| column.ty.concrete());
                let is_array = self.cx.catalog.type_by_oid(element).is_some_and(|found| found.element() != 0);
                let signature = if is_array { "array_agg(anyarray)" } else { "array_agg(anynonarray)" };
                let entry = functions::lookup(signature).ok_or_else(|| super::no_body(signature))?;
                let types = format!("{}>{}", self.base(element), self.base(ty.oid));
                let call = super::call::apply(entry, Some(&types), &["\"c1\"".to_owned()]);
                Ok(format!("(SELECT ifnull({call}, '{{}}') FROM ({}))", self.query(query)?))
            }
            SubqueryKind::Any { left, operators, right, source } => self.any(left, operators, right, *source, query),
            SubqueryKind::All { left, operators, right, source } => {
                let tests = self.tests(left, operators, right, *source, query)?;
                Ok(three_valued(true, &tests))
            }
            SubqueryKind::Row { left, operators, right, source } => {
                Ok(format!("({})", self.tests(left, operators, right, *source, query)?))
            }
        }
    }

    /// `(SELECT …)`: more than one row is an error, where more than one is possible.
    fn scalar(&mut self, query: &Query) -> Result<String> {
        let text = self.query(query)?;
        let signature = "peergres.single(\"any\")";
        match functions::lookup(signature) {
            Some(entry) if !at_most_one_row(query) => {
                let ty = query.columns.first().map_or(0, |column| self.base(column.ty.concrete()));
                let call = super::call::apply(entry, Some(&format!("{ty}>{ty}")), &["\"c1\"".to_owned()]);
                Ok(format!("(SELECT {call} FROM ({text}))"))
            }
            _ => Ok(format!("({text})")),
        }
    }

    fn any(&mut self, left: &[Expr], operators: &[OperatorRef], right: &[Expr], source: SourceId, query: &Query) -> Result<String> {
        // What SQLite can test itself, it looks up in an index that it makes of the subquery's rows.
        if operators.iter().all(|operator| is_native(operator, "=")) {
            let mut operands = Vec::with_capacity(left.len());
            for expr in left {
                let text = self.expression(expr)?;
                operands.push(self.collated(text, expr.ty.concrete()));
            }
            let operands = if operands.len() == 1 { operands.remove(0) } else { format!("({})", operands.join(", ")) };
            let mut rows = self.query(query)?;
            if !right.iter().all(|expr| matches!(&expr.kind, ExprKind::Column(column) if column.source == source)) {
                let mut values = Vec::with_capacity(right.len());
                for expr in right {
                    values.push(self.expression(expr)?);
                }
                rows = format!("SELECT {} FROM ({rows}) AS {}", values.join(", "), Self::source_name(source));
            }
            return Ok(format!("({operands} IN ({rows}))"));
        }
        let tests = self.tests(left, operators, right, source, query)?;
        Ok(three_valued(false, &tests))
    }

    /// The comparison with each row of the subquery as a column `t`.
    fn tests(&mut self, left: &[Expr], operators: &[OperatorRef], right: &[Expr], source: SourceId, query: &Query) -> Result<String> {
        let mut tests = Vec::with_capacity(left.len());
        for ((left, operator), right) in left.iter().zip(operators).zip(right) {
            tests.push(self.expression(&operator_call(operator, left, right))?);
        }
        let connective = if operators.first().is_some_and(|operator| operator.name == "<>") { " OR " } else { " AND " };
        let text = self.query(query)?;
        Ok(format!("SELECT ({}) AS \"t\" FROM ({text}) AS {}", tests.join(connective), Self::source_name(source)))
    }
}

/// Whether a query cannot yield more than one row, as far as its form tells.
fn at_most_one_row(query: &Query) -> bool {
    let limited = matches!(query.limit.as_ref().map(|limit| &limit.kind), Some(ExprKind::Constant(rusqlite::types::Value::Integer(0 | 1))));
    let single = match &query.body {
        QueryBody::Select(select) => {
            select.from.is_empty() || select.grouped && select.group_by.is_empty() && select.grouping_sets.is_none()
        }
        QueryBody::Values(rows) => rows.len() <= 1,
        _ => false,
    };
    limited && !query.with_ties || single || crate::rewrite::from::selects_by_key(query)
}
