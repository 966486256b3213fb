//! Conditions and choices: IS NULL, IS TRUE, IS DISTINCT FROM, IN, BETWEEN, CASE (`parse_expr.c`).

use rusqlite::types::Value;
use sqlparser::ast;

use super::{
    Binder, CoercionContext, Scope,
    expression::strip,
    tree::{Expr, ExprKind},
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::TypeRef,
};

impl Binder<'_> {
    pub(super) fn null_test(&mut self, inner: &ast::Expr, negated: bool, scope: &Scope<'_>) -> Result<Expr> {
        let bound = self.expression(inner, scope)?;
        // What is tested decides no parameter's type.
        let bound = if matches!(bound.kind, ExprKind::Parameter(_)) { bound } else { self.settle_unknown(bound)? };
        let position = bound.position;
        if let ExprKind::Row { fields, .. } = &bound.kind {
            // A row is null where all its fields are, and not null where none is: the two are not opposites.
            let each = |field: &Expr| Expr::boolean(ExprKind::IsNull { expr: Box::new(field.clone()), negated });
            return Ok(all_of(fields.iter().map(each).collect()).at(position));
        }
        Ok(Expr::boolean(ExprKind::IsNull { expr: Box::new(bound), negated }).at(position))
    }

    pub(super) fn truth_test(
        &mut self,
        inner: &ast::Expr,
        truth: Option<bool>,
        negated: bool,
        name: &str,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        let bound = self.expression(inner, scope)?;
        let bound = self.coerce_to_boolean(bound, name)?;
        let position = bound.position;
        Ok(Expr::boolean(ExprKind::IsTruth { expr: Box::new(bound), truth, negated }).at(position))
    }

    pub(super) fn distinct_test(&mut self, left: &ast::Expr, right: &ast::Expr, negated: bool, scope: &Scope<'_>) -> Result<Expr> {
        let position = self.operator_position(left, right);
        let (left, right) = (self.expression(left, scope)?, self.expression(right, scope)?);
        let at = left.position;
        if let (ExprKind::Row { fields: l, .. }, ExprKind::Row { fields: r, .. }) = (&left.kind, &right.kind) {
            if l.len() != r.len() {
                return Err(unequal_rows(position));
            }
            let mut parts = Vec::new();
            for (l, r) in l.clone().into_iter().zip(r.clone()) {
                let equal = self.operator("=", l, r, position)?;
                parts.push(Expr::boolean(ExprKind::Distinct { equal: Box::new(equal), negated }));
            }
            return Ok(if negated { all_of(parts) } else { any_of(parts) }.at(at));
        }
        for (side, other) in [(&left, &right), (&right, &left)] {
            if matches!(side.kind, ExprKind::Constant(Value::Null)) && side.is_unknown() && !other.is_unknown() {
                let test = ExprKind::IsNull { expr: Box::new(other.clone()), negated: !negated };
                return Ok(Expr::boolean(test).at(at));
            }
        }
        let equal = self.operator("=", left, right, position)?;
        Ok(Expr::boolean(ExprKind::Distinct { equal: Box::new(equal), negated }).at(at))
    }

    pub(super) fn in_list(&mut self, left: &ast::Expr, list: &[ast::Expr], negated: bool, scope: &Scope<'_>) -> Result<Expr> {
        let position = list.first().map_or(0, |first| self.operator_position(left, first));
        let left = self.expression(left, scope)?;
        let list = self.expressions(list, scope)?;
        let at = left.position;
        let name = if negated { "<>" } else { "=" };
        let plain = !matches!(left.kind, ExprKind::Row { .. }) && !list.iter().any(|e| matches!(e.kind, ExprKind::Row { .. }));
        let all: Vec<&Expr> = std::iter::once(&left).chain(&list).collect();
        if let (true, Ok(common)) = (plain, self.common_type_of(&all, "IN")) {
            if let Ok((operator, left_type, right_type)) = self.comparison_operator(name, left.ty.oid, common.oid, position) {
                let left = self.coerce_to(left, TypeRef::new(left_type), CoercionContext::Implicit)?;
                let mut items = Vec::with_capacity(list.len());
                for item in list {
                    let item = self.coerce_to_common(item, TypeRef::new(common.oid), "IN")?;
                    items.push(self.coerce_to(item, TypeRef::new(right_type), CoercionContext::Implicit)?);
                }
                let kind = ExprKind::InList { expr: Box::new(left), list: items, operator, negated };
                return Ok(Expr::boolean(kind).at(at));
            }
        }
        let mut tests = Vec::with_capacity(list.len());
        for item in list {
            tests.push(self.binary_of(name, left.clone(), item, position)?);
        }
        Ok(if negated { all_of(tests) } else { any_of(tests) }.at(at))
    }

    pub(super) fn between(
        &mut self,
        value: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        let position = self.operator_position(value, low);
        let value = self.expression(value, scope)?;
        let (low, high) = (self.expression(low, scope)?, self.expression(high, scope)?);
        let at = value.position;
        let (first, second) = if negated { ("<", ">") } else { (">=", "<=") };
        let tests = vec![self.binary_of(first, value.clone(), low, position)?, self.binary_of(second, value, high, position)?];
        Ok(if negated { any_of(tests) } else { all_of(tests) }.at(at))
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        let operand = match operand {
            Some(operand) => {
                let bound = self.expression(operand, scope)?;
                Some(self.settle_unknown(bound)?)
            }
            None => None,
        };
        let (mut tests, mut results) = (Vec::new(), Vec::new());
        for when in conditions {
            let condition = self.expression(&when.condition, scope)?;
            tests.push(match &operand {
                Some(operand) => {
                    let position = condition.position;
                    let left = Expr::new(ExprKind::CaseOperand, operand.ty).at(operand.position);
                    let equal = self.operator("=", left, condition, position)?;
                    self.coerce_to_boolean(equal, "CASE/WHEN")?
                }
                None => self.coerce_to_boolean(condition, "CASE/WHEN")?,
            });
            results.push(self.expression(&when.result, scope)?);
        }
        let has_else = otherwise.is_some();
        if let Some(otherwise) = otherwise {
            // PostgreSQL looks at ELSE first when it seeks the common type.
            results.insert(0, self.expression(otherwise, scope)?);
        }
        self.refuse_sets(&tests, "set-returning functions are not allowed in CASE")?;
        self.refuse_sets(&results, "set-returning functions are not allowed in CASE")?;
        let position = results.first().map_or(0, |result| result.position);
        let (mut results, ty) = self.unify(results, "CASE")?;
        let otherwise = has_else.then(|| Box::new(results.remove(0)));
        let kind = ExprKind::Case { operand: operand.map(Box::new), whens: tests.into_iter().zip(results).collect(), otherwise };
        Ok(Expr::new(kind, ty).at(position))
    }
}

/// Whether the node is a row constructor.
pub(super) fn is_row(expr: &ast::Expr) -> bool {
    match strip(expr) {
        ast::Expr::Tuple(_) => true,
        ast::Expr::Function(function) => function.name.to_string().eq_ignore_ascii_case("row"),
        _ => false,
    }
}

/// AND of all, TRUE of none.
pub(super) fn all_of(mut tests: Vec<Expr>) -> Expr {
    match tests.len() {
        0 => Expr::boolean(ExprKind::Constant(Value::Integer(1))),
        1 => tests.remove(0),
        _ => Expr::boolean(ExprKind::And(tests)),
    }
}

/// OR of all, FALSE of none.
pub(super) fn any_of(mut tests: Vec<Expr>) -> Expr {
    match tests.len() {
        0 => Expr::boolean(ExprKind::Constant(Value::Integer(0))),
        1 => tests.remove(0),
        _ => Expr::boolean(ExprKind::Or(tests)),
    }
}

/// 42601 for rows of different lengths.
pub(super) fn unequal_rows(position: usize) -> SqlError {
    SqlError::new(SqlState::SYNTAX_ERROR, "unequal number of entries in row expressions").at(position)
}
