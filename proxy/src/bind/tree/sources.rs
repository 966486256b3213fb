//! Walking over a query at every depth: the expressions in it, and the sources that it defines and uses.

use std::collections::HashSet;

use super::{Expr, ExprKind, From, Query, QueryBody, SourceId, SubqueryKind};

impl Expr {
    /// Whether a subquery in it reads a table (that of the OID, or any where it is none).
    pub fn reads(&self, table: Option<crate::types::Oid>) -> bool {
        self.any(&mut |e| matches!(&e.kind, ExprKind::Subquery(subquery) if subquery.query.reads(table)))
    }
}

impl Query {
    /// Collects the sources that expressions use and those that FROM items define.
    pub fn sources(&self, used: &mut HashSet<SourceId>, defined: &mut HashSet<SourceId>) {
        let mut on_expr = |expr: &Expr| {
            if let ExprKind::Column(column) = &expr.kind {
                used.insert(column.source);
            }
        };
        let mut on_source = |source| {
            defined.insert(source);
        };
        Walk { on_expr: &mut on_expr, on_source: &mut on_source, on_table: &mut |_| () }.query(self);
    }

    /// Whether it reads a table (that of the OID, or any where it is none), in whatever depth.
    pub fn reads(&self, table: Option<crate::types::Oid>) -> bool {
        let mut found = false;
        Walk { on_expr: &mut |_| (), on_source: &mut |_| (), on_table: &mut |oid| found |= table.is_none_or(|wanted| wanted == oid) }
            .query(self);
        found
    }

    /// Visits every expression, those inside others and those of subqueries included.
    pub fn for_each_expr(&self, visit: &mut dyn FnMut(&Expr)) {
        Walk { on_expr: visit, on_source: &mut |_| (), on_table: &mut |_| () }.query(self);
    }
}

/// What is done at each expression and at each definition of a source.
struct Walk<'v> {
    on_expr: &'v mut dyn FnMut(&Expr),
    on_source: &'v mut dyn FnMut(SourceId),
    on_table: &'v mut dyn FnMut(crate::types::Oid),
}

impl Walk<'_> {
    fn query(&mut self, query: &Query) {
        (self.on_source)(query.output);
        for cte in &query.ctes {
            self.query(&cte.query);
        }
        for expr in query.order_by.iter().map(|key| &key.expr).chain(&query.limit).chain(&query.offset) {
            self.expr(expr);
        }
        match &query.body {
            QueryBody::Select(select) => {
                let exprs = select.targets.iter().map(|target| &target.expr);
                let exprs = exprs.chain(&select.filter).chain(&select.group_by).chain(&select.having);
                exprs.for_each(|expr| self.expr(expr));
                if let super::Distinct::On(on) = &select.distinct {
                    on.iter().for_each(|expr| self.expr(expr));
                }
                select.from.iter().for_each(|item| self.from(item));
            }
            QueryBody::SetOperation(operation) => {
                self.query(&operation.left);
                self.query(&operation.right);
            }
            QueryBody::Values(rows) => rows.iter().flatten().for_each(|expr| self.expr(expr)),
            QueryBody::Materialized(_) => {}
        }
    }

    fn expr(&mut self, expr: &Expr) {
        (self.on_expr)(expr);
        if let ExprKind::Subquery(subquery) = &expr.kind {
            self.query(&subquery.query);
            if let SubqueryKind::Any { source, .. } | SubqueryKind::All { source, .. } | SubqueryKind::Row { source, .. } = &subquery.kind {
                (self.on_source)(*source);
            }
        }
        expr.for_each_child(&mut |child| self.expr(child));
    }

    fn from(&mut self, item: &From) {
        match item {
            From::Relation { source, sample, relation } => {
                (self.on_source)(*source);
                (self.on_table)(relation.0.oid);
                sample.iter().for_each(|expr| self.expr(expr));
            }
            From::Query { source, query, .. } => {
                (self.on_source)(*source);
                self.query(query);
            }
            From::Cte { source, .. } => (self.on_source)(*source),
            From::Function { source, functions, .. } => {
                (self.on_source)(*source);
                functions.iter().for_each(|function| self.expr(&function.expr));
            }
            From::Join { left, right, on, .. } => {
                self.from(left);
                self.from(right);
                on.iter().for_each(|expr| self.expr(expr));
            }
        }
    }
}
