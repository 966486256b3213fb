//! One select as two, one inside the other: what is computed late (window functions over grouping sets, sets of a select list that
//! groups) stays outside, all else becomes columns of the select inside.

use super::{
    Binder,
    syntax::same,
    tree::{Distinct, Expr, ExprKind, From, Query, QueryBody, Select, SortKey, Target},
};
use crate::execute::plan::OutputColumn;

/// The select inside, as far as it is known.
struct Inner<'t> {
    source: super::SourceId,
    targets: Vec<Target>,
    is_late: &'t dyn Fn(&Expr) -> bool,
}

impl Binder<'_> {
    /// Moves everything but the late expressions of a select into one inside it.
    pub(super) fn layer(&mut self, select: &mut Select, order_by: &mut [SortKey], is_late: &dyn Fn(&Expr) -> bool) {
        let mut inner = Inner { source: self.new_source(), targets: Vec::new(), is_late };
        let on: &mut [Expr] = match &mut select.distinct {
            Distinct::On(on) => on,
            _ => &mut [],
        };
        let targets = select.targets.iter_mut().map(|target| &mut target.expr);
        for expr in targets.chain(order_by.iter_mut().map(|key| &mut key.expr)).chain(on) {
            inner.push_down(expr);
        }
        let column = |target: &Target| OutputColumn { name: target.name.clone(), ty: target.expr.ty, table: 0, number: 0 };
        let outside = Select {
            distinct: std::mem::replace(&mut select.distinct, Distinct::All),
            targets: std::mem::take(&mut select.targets),
            from: Vec::new(),
            filter: None,
            group_by: Vec::new(),
            grouping_sets: None,
            having: None,
            grouped: false,
        };
        let mut inside = std::mem::replace(select, outside);
        let columns = inner.targets.iter().map(column).collect();
        inside.targets = inner.targets;
        let query = Query {
            ctes: Vec::new(),
            recursive: false,
            body: QueryBody::Select(Box::new(inside)),
            order_by: Vec::new(),
            limit: None,
            offset: None,
            with_ties: false,
            columns,
            output: super::SourceId::BARE,
            locks: false,
        };
        select.from = vec![From::Query { source: inner.source, query: Box::new(query), lateral: false }];
    }
}

impl Inner<'_> {
    /// Replaces an expression by a column of the select inside, or, where it is late, its parts.
    fn push_down(&mut self, expr: &mut Expr) {
        let is_bound_here = |e: &Expr| matches!(e.kind, ExprKind::CaseOperand | ExprKind::Element);
        if expr.any(&mut |e| (self.is_late)(e) || is_bound_here(e)) {
            expr.for_each_child_mut(&mut |child| self.push_down(child));
            return;
        }
        if matches!(expr.kind, ExprKind::Constant(_) | ExprKind::Parameter(_)) {
            return;
        }
        let at = match self.targets.iter().position(|target| same(&target.expr, expr)) {
            Some(at) => at,
            None => {
                self.targets.push(Target { expr: expr.clone(), name: format!("c{}", self.targets.len() + 1) });
                self.targets.len() - 1
            }
        };
        let (ty, position) = (expr.ty, expr.position);
        *expr = super::scope::output_column(self.source, at, "inner", ty).at(position);
    }
}
