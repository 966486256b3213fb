//! Walking over the subexpressions of an expression.

use super::{Expr, ExprKind, SubqueryKind};

impl Expr {
    /// Whether a call of constants alone is in it: PostgreSQL evaluates that while it plans, and its error comes before all others.
    pub fn has_constant_call(&self) -> bool {
        if matches!(&self.kind, ExprKind::Call(call) if call.args.iter().all(Expr::is_constant)) {
            return true;
        }
        let mut found = false;
        self.for_each_child(&mut |child| found |= child.has_constant_call());
        found
    }

    fn is_constant(&self) -> bool {
        match &self.kind {
            ExprKind::Constant(_) => true,
            ExprKind::Call(_)
            | ExprKind::Relabel(..)
            | ExprKind::InputOutput(..)
            | ExprKind::Case { .. }
            | ExprKind::Array { .. }
            | ExprKind::Coalesce(_)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Not(_) => {
                let mut constant = true;
                self.for_each_child(&mut |child| constant &= child.is_constant());
                constant
            }
            _ => false,
        }
    }

    /// Calls `visit` for each direct subexpression; subqueries are not entered.
    pub fn for_each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        use ExprKind::*;
        match &self.kind {
            Constant(_) | Parameter(_) | Column(_) | Element | CaseOperand | SqlValue(_) | Grouping(_) | Default | HiddenKey => {}
            Call(call) => call.args.iter().for_each(visit),
            Aggregate(agg) => {
                agg.direct.iter().chain(&agg.args).for_each(&mut *visit);
                agg.order_by.iter().map(|key| &key.expr).chain(&agg.filter).for_each(visit);
            }
            Window(call) => {
                call.args.iter().chain(&call.filter).chain(&call.window.partition_by).for_each(&mut *visit);
                call.window.order_by.iter().map(|key| &key.expr).for_each(visit);
            }
            Relabel(expr, _) | InputOutput(expr, _) | RowCast(expr, _) | DomainCheck(expr, _) | Not(expr) | NullIf(expr) => visit(expr),
            ArrayCast(expr, element, _) => {
                visit(expr);
                visit(element);
            }
            And(list) | Or(list) | Coalesce(list) | MinMax { args: list, .. } => list.iter().for_each(visit),
            Array { elements: list, .. } | Row { fields: list, .. } => list.iter().for_each(visit),
            IsNull { expr, .. } | IsTruth { expr, .. } | Distinct { equal: expr, .. } => visit(expr),
            Field { row: expr, .. } | Collate(expr, _) => visit(expr),
            Case { operand, whens, otherwise } => {
                operand.iter().for_each(|e| visit(e));
                whens.iter().for_each(|(condition, result)| {
                    visit(condition);
                    visit(result);
                });
                otherwise.iter().for_each(|e| visit(e));
            }
            InList { expr, list, .. } => {
                visit(expr);
                list.iter().for_each(visit);
            }
            ArrayComparison { left, array, .. } => {
                visit(left);
                visit(array);
            }
            Subquery(subquery) => match &subquery.kind {
                SubqueryKind::Any { left, .. } | SubqueryKind::All { left, .. } | SubqueryKind::Row { left, .. } => {
                    left.iter().for_each(visit)
                }
                _ => {}
            },
            Subscript { container, subscripts } | Assign { container, subscripts, .. } => {
                if let Assign { value, .. } = &self.kind {
                    visit(value);
                }
                visit(container);
                for subscript in subscripts {
                    match subscript {
                        super::Subscript::Index(expr) => visit(expr),
                        super::Subscript::Slice(lower, upper) => lower.iter().chain(upper).for_each(&mut *visit),
                    }
                }
            }
        }
    }

    /// Whether `test` holds for this expression or one below it; subqueries are not entered.
    pub fn any(&self, test: &mut dyn FnMut(&Expr) -> bool) -> bool {
        if test(self) {
            return true;
        }
        let mut found = false;
        self.for_each_child(&mut |child| found = found || child.any(test));
        found
    }

    /// The first expression, from the outside in, for which `test` holds; subqueries are not entered.
    pub fn find(&self, test: &dyn Fn(&Expr) -> bool) -> Option<&Expr> {
        if test(self) {
            return Some(self);
        }
        let mut found = None;
        self.for_each_child(&mut |child| found = found.or_else(|| child.find(test)));
        found
    }

    /// Whether it contains an aggregate call (of this query level).
    pub fn has_aggregate(&self) -> bool {
        self.any(&mut |e| matches!(e.kind, ExprKind::Aggregate(_)))
    }

    /// Whether it contains a window call.
    pub fn has_window(&self) -> bool {
        self.any(&mut |e| matches!(e.kind, ExprKind::Window(_)))
    }

    /// Whether it contains a call that returns a set.
    pub fn has_set(&self) -> bool {
        self.any(&mut |e| matches!(&e.kind, ExprKind::Call(call) if call.proc.returns_set))
    }
}

impl Expr {
    /// Calls `visit` for each direct subexpression, to be changed; subqueries are not entered, but for what they are compared with.
    pub fn for_each_child_mut(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        use ExprKind::*;
        match &mut self.kind {
            Constant(_) | Parameter(_) | Column(_) | Element | CaseOperand | SqlValue(_) | Grouping(_) | Default | HiddenKey => {}
            Call(call) => call.args.iter_mut().for_each(visit),
            Aggregate(agg) => {
                agg.direct.iter_mut().chain(&mut agg.args).for_each(&mut *visit);
                agg.order_by.iter_mut().map(|key| &mut key.expr).chain(&mut agg.filter).for_each(visit);
            }
            Window(call) => {
                call.args.iter_mut().chain(&mut call.filter).chain(&mut call.window.partition_by).for_each(&mut *visit);
                call.window.order_by.iter_mut().map(|key| &mut key.expr).for_each(visit);
            }
            Relabel(expr, _) | InputOutput(expr, _) | RowCast(expr, _) | DomainCheck(expr, _) | Not(expr) | NullIf(expr) => visit(expr),
            ArrayCast(expr, element, _) => {
                visit(expr);
                visit(element);
            }
            And(list) | Or(list) | Coalesce(list) | MinMax { args: list, .. } => list.iter_mut().for_each(visit),
            Array { elements: list, .. } | Row { fields: list, .. } => list.iter_mut().for_each(visit),
            IsNull { expr, .. } | IsTruth { expr, .. } | Distinct { equal: expr, .. } => visit(expr),
            Field { row: expr, .. } | Collate(expr, _) => visit(expr),
            Case { operand, whens, otherwise } => {
                operand.iter_mut().for_each(|e| visit(e));
                whens.iter_mut().for_each(|(condition, result)| {
                    visit(condition);
                    visit(result);
                });
                otherwise.iter_mut().for_each(|e| visit(e));
            }
            InList { expr, list, .. } => {
                visit(expr);
                list.iter_mut().for_each(visit);
            }
            ArrayComparison { left, array, .. } => {
                visit(left);
                visit(array);
            }
            Subquery(subquery) => match &mut subquery.kind {
                SubqueryKind::Any { left, .. } | SubqueryKind::All { left, .. } | SubqueryKind::Row { left, .. } => {
                    left.iter_mut().for_each(visit)
                }
                _ => {}
            },
            Assign { container, subscripts, value } => {
                visit(value);
                visit(container);
                for subscript in subscripts {
                    match subscript {
                        super::Subscript::Index(expr) => visit(expr),
                        super::Subscript::Slice(lower, upper) => lower.iter_mut().chain(upper).for_each(&mut *visit),
                    }
                }
            }
            Subscript { container, subscripts } => {
                visit(container);
                for subscript in subscripts {
                    match subscript {
                        super::Subscript::Index(expr) => visit(expr),
                        super::Subscript::Slice(lower, upper) => lower.iter_mut().chain(upper).for_each(&mut *visit),
                    }
                }
            }
        }
    }
}
