//! Where the pretty form of an expression needs parentheses (`isSimpleNode` of `ruleutils.c`).
//! Enters: an expression and what it stands in. Leaves: whether it can stand there bare.

use super::tree::{CallForm, Expr, ExprKind};

/// What an expression stands in.
#[derive(Clone, Copy)]
pub(super) struct Parent<'a> {
    expr: &'a Expr,
    /// Whether it is the first operand: operators of one rank lean to the left.
    is_first: bool,
}

impl<'a> Parent<'a> {
    /// In `expr`.
    pub(super) fn of(expr: &'a Expr) -> Parent<'a> {
        Parent { expr, is_first: false }
    }

    /// As its first operand.
    pub(super) fn with_first(self) -> Parent<'a> {
        Parent { is_first: true, ..self }
    }

    /// Whether it has brackets or keywords of its own around what stands in it.
    fn encloses(self) -> bool {
        match &self.expr.kind {
            ExprKind::Call(call) => call.form == CallForm::Function,
            ExprKind::Subscript { .. }
            | ExprKind::Array { .. }
            | ExprKind::Row { .. }
            | ExprKind::Coalesce(_)
            | ExprKind::MinMax { .. }
            | ExprKind::NullIf(_)
            | ExprKind::Aggregate(_)
            | ExprKind::Grouping(_)
            | ExprKind::Window(_)
            | ExprKind::Case { .. } => true,
            _ => false,
        }
    }

    fn is_logical(self) -> bool {
        matches!(self.expr.kind, ExprKind::And(_) | ExprKind::Or(_) | ExprKind::Not(_))
    }
}

/// The rank of a binary arithmetic operator: 1 for sums, 2 for products.
fn rank(expr: &Expr) -> Option<u8> {
    let ExprKind::Call(call) = &expr.kind else { return None };
    if !matches!(call.form, CallForm::Operator(_)) || call.args.len() != 2 {
        return None;
    }
    let CallForm::Operator(oid) = call.form else { return None };
    let name = crate::catalog::built_in::operators().by_oid.get(&oid)?.name.as_str();
    match name {
        "+" | "-" => Some(1),
        "*" | "/" | "%" => Some(2),
        _ => None,
    }
}

fn is_operator(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call(call) if matches!(call.form, CallForm::Operator(_)))
}

/// Whether an expression can stand bare in `parent`.
pub(super) fn is_simple(expr: &Expr, parent: Parent<'_>) -> bool {
    match &expr.kind {
        ExprKind::Relabel(inner, _)
        | ExprKind::InputOutput(inner, _)
        | ExprKind::ArrayCast(inner, ..)
        | ExprKind::RowCast(inner, _)
        | ExprKind::DomainCheck(inner, _) => is_simple(inner, Parent::of(expr)),
        ExprKind::Call(call) if matches!(call.form, CallForm::Operator(_)) => {
            if is_operator(parent.expr) {
                return match (rank(expr), rank(parent.expr)) {
                    (Some(2), Some(1)) => true,
                    (Some(mine), Some(its)) => mine == its && parent.is_first,
                    _ => false,
                };
            }
            parent.is_logical() || parent.encloses()
        }
        ExprKind::IsNull { .. } | ExprKind::IsTruth { .. } | ExprKind::Distinct { .. } | ExprKind::Subquery(_) => {
            parent.is_logical() || parent.encloses()
        }
        ExprKind::Not(_) | ExprKind::And(_) => matches!(parent.expr.kind, ExprKind::And(_) | ExprKind::Or(_)) || parent.encloses(),
        ExprKind::Or(_) => matches!(parent.expr.kind, ExprKind::Or(_)) || parent.encloses(),
        ExprKind::InList { .. } | ExprKind::ArrayComparison { .. } | ExprKind::Collate(..) => false,
        ExprKind::Field { .. } => !matches!(parent.expr.kind, ExprKind::Field { .. }),
        _ => true,
    }
}
