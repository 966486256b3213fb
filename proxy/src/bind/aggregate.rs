//! Calls of aggregates: what may stand inside them, DISTINCT and ORDER BY, ordered and hypothetical sets (`transformAggregateCall`).

use super::{
    Binder, Scope,
    function::{Resolved, Written},
    syntax::same,
    tree::{Aggregate, CallForm, CastForm, Expr, ExprKind, ProcRef},
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{Oid, TypeRef},
};

impl Binder<'_> {
    pub(super) fn aggregate(&mut self, resolved: Resolved, mut written: Written, scope: &Scope<'_>, position: usize) -> Result<Expr> {
        let name = resolved.proc.name.clone();
        let fail = |state, message: String| Err(SqlError::new(state, message).at(position));
        if !scope.clause.allows_aggregates() {
            return fail(SqlState::GROUPING_ERROR, format!("aggregate functions are not allowed in {}", scope.clause.name()));
        }
        self.refuse_inside(&written, scope, position)?;
        if written.star && written.distinct {
            return fail(SqlState::SYNTAX_ERROR, "syntax error at or near \"*\"".to_owned());
        }
        if written.args.is_empty() && !written.star && !written.within_group {
            return fail(SqlState::WRONG_OBJECT_TYPE, format!("{name}(*) must be used to call a parameterless aggregate function"));
        }
        let ordered_set = resolved.proc.aggregate_kind != 'n';
        if ordered_set != written.within_group {
            let message = match ordered_set {
                true => format!("WITHIN GROUP is required for ordered-set aggregate {name}"),
                false => format!("{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP"),
            };
            return fail(SqlState::WRONG_OBJECT_TYPE, message);
        }
        if resolved.proc.aggregate_kind == 'h' {
            self.match_hypothetical(&name, &mut written, position)?;
        }
        let (direct_count, star, variadic_array) = (written.args.len(), written.star, resolved.variadic_array);
        let mut args = written.args;
        let mut order_by = written.order_by;
        if ordered_set {
            args.extend(order_by.iter().map(|key| key.expr.clone()));
        }
        let (proc, mut args, result) = self.complete_arguments(resolved, args, position)?;
        let mut direct = Vec::new();
        if ordered_set {
            let sorted = args.split_off(direct_count);
            direct = std::mem::replace(&mut args, sorted);
            for (key, arg) in order_by.iter_mut().zip(&args) {
                key.expr = arg.clone();
            }
        } else if written.distinct {
            for key in &mut order_by {
                let Some(arg) = args.iter().find(|arg| same(arg, &key.expr) || same(without_implicit_casts(arg), &key.expr)) else {
                    let message = "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list";
                    return fail(SqlState::INVALID_COLUMN_REFERENCE, message.to_owned());
                };
                key.expr = arg.clone();
            }
        }
        let aggregate = Aggregate {
            proc: ProcRef(proc),
            direct,
            args,
            distinct: written.distinct,
            order_by,
            filter: written.filter,
            variadic_array,
            star,
        };
        Ok(Expr::new(ExprKind::Aggregate(Box::new(aggregate)), TypeRef::new(result)).at(position))
    }

    /// What must not stand inside an aggregate: others of its kind, windows, sets.
    fn refuse_inside(&self, written: &Written, scope: &Scope<'_>, position: usize) -> Result<()> {
        let fail = |state, message: String| Err(SqlError::new(state, message).at(position));
        let inner: Vec<&Expr> = written.args.iter().chain(written.order_by.iter().map(|k| &k.expr)).chain(&written.filter).collect();
        if let Some(nested) = inner.iter().find_map(|arg| arg.find(&|e| matches!(e.kind, ExprKind::Aggregate(_)))) {
            let message = "aggregate function calls cannot be nested";
            return Err(SqlError::new(SqlState::GROUPING_ERROR, message).at(nested.position));
        }
        if inner.iter().any(|arg| arg.has_window()) {
            return fail(SqlState::GROUPING_ERROR, "aggregate function calls cannot contain window function calls".to_owned());
        }
        if inner.iter().any(|arg| arg.has_set()) {
            return fail(
                SqlState::FEATURE_NOT_SUPPORTED,
                "aggregate function calls cannot contain set-returning function calls".to_owned(),
            );
        }
        self.refuse_outer_aggregate(&inner, scope, position)
    }

    /// A hypothetical row has a value for each key of WITHIN GROUP, of the same type.
    fn match_hypothetical(&mut self, name: &str, written: &mut Written, position: usize) -> Result<()> {
        let (direct, keys) = (written.args.len(), written.order_by.len());
        if direct != keys {
            let given: Vec<Oid> = written.args.iter().map(|arg| arg.ty.oid).chain(written.order_by.iter().map(|k| k.expr.ty.oid)).collect();
            let hint = format!(
                "To use the hypothetical-set aggregate {name}, the number of hypothetical direct arguments (here {direct}) must match \
                 the number of ordering columns (here {keys})."
            );
            let message = format!("function {name}({}) does not exist", self.type_list(&given));
            return Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, message).hint(hint).at(position));
        }
        for (arg, key) in written.args.iter_mut().zip(&mut written.order_by) {
            let common = self.common_type_of(&[&*arg, &key.expr], "WITHIN GROUP")?;
            *arg = self.coerce_to_common(arg.clone(), common, "WITHIN GROUP")?;
            key.expr = self.coerce_to_common(key.expr.clone(), common, "WITHIN GROUP")?;
        }
        Ok(())
    }

    /// An aggregate over outer columns only would belong to the outer query.
    fn refuse_outer_aggregate(&self, args: &[&Expr], scope: &Scope<'_>, position: usize) -> Result<()> {
        let (mut own, mut outer) = (false, false);
        for arg in args {
            arg.any(&mut |e| {
                if let ExprKind::Column(column) = &e.kind {
                    if scope.owns(column.source) { own = true } else { outer = true }
                }
                false
            });
        }
        if outer && !own { Err(SqlError::unsupported("an aggregate of an outer query level").at(position)) } else { Ok(()) }
    }
}

/// What an argument was before the binder coerced it.
fn without_implicit_casts(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Relabel(inner, CastForm::Implicit) | ExprKind::InputOutput(inner, CastForm::Implicit) => without_implicit_casts(inner),
        ExprKind::Call(call) if call.form == CallForm::Cast(CastForm::Implicit) && !call.args.is_empty() => {
            without_implicit_casts(&call.args[0])
        }
        _ => expr,
    }
}
