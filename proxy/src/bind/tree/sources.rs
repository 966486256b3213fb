//! Which sources a query defines and which its expressions use, at every depth.

use std::collections::HashSet;

use super::{Expr, ExprKind, From, Query, QueryBody, SourceId, SubqueryKind};

impl Query {
    /// Collects the sources that expressions use and those that FROM items define.
    pub fn sources(&self, used: &mut HashSet<SourceId>, defined: &mut HashSet<SourceId>) {
        defined.insert(self.output);
        for cte in &self.ctes {
            cte.query.sources(used, defined);
        }
        for expr in self.order_by.iter().map(|key| &key.expr).chain(&self.limit).chain(&self.offset) {
            of_expr(expr, used, defined);
        }
        match &self.body {
            QueryBody::Select(select) => {
                let exprs = select.targets.iter().map(|target| &target.expr);
                let exprs = exprs.chain(&select.filter).chain(&select.group_by).chain(&select.having);
                exprs.for_each(|expr| of_expr(expr, used, defined));
                if let super::Distinct::On(on) = &select.distinct {
                    on.iter().for_each(|expr| of_expr(expr, used, defined));
                }
                select.from.iter().for_each(|item| of_from(item, used, defined));
            }
            QueryBody::SetOperation(operation) => {
                operation.left.sources(used, defined);
                operation.right.sources(used, defined);
            }
            QueryBody::Values(rows) => rows.iter().flatten().for_each(|expr| of_expr(expr, used, defined)),
            QueryBody::Materialized(_) => {}
        }
    }
}

fn of_expr(expr: &Expr, used: &mut HashSet<SourceId>, defined: &mut HashSet<SourceId>) {
    match &expr.kind {
        ExprKind::Column(column) => {
            used.insert(column.source);
        }
        ExprKind::Subquery(subquery) => {
            subquery.query.sources(used, defined);
            if let SubqueryKind::Any { source, .. } | SubqueryKind::All { source, .. } | SubqueryKind::Row { source, .. } = &subquery.kind {
                defined.insert(*source);
            }
        }
        _ => {}
    }
    expr.for_each_child(&mut |child| of_expr(child, used, defined));
}

fn of_from(item: &From, used: &mut HashSet<SourceId>, defined: &mut HashSet<SourceId>) {
    match item {
        From::Relation { source, sample, .. } => {
            defined.insert(*source);
            sample.iter().for_each(|expr| of_expr(expr, used, defined));
        }
        From::Query { source, query, .. } => {
            defined.insert(*source);
            query.sources(used, defined);
        }
        From::Cte { source, .. } => {
            defined.insert(*source);
        }
        From::Function { source, functions, .. } => {
            defined.insert(*source);
            functions.iter().for_each(|function| of_expr(&function.expr, used, defined));
        }
        From::Join { left, right, on, .. } => {
            of_from(left, used, defined);
            of_from(right, used, defined);
            on.iter().for_each(|expr| of_expr(expr, used, defined));
        }
    }
}
