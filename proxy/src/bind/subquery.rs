//! Subqueries in expressions, comparisons of rows, and quantified comparisons over subqueries and arrays (`transformSubLink`).

use sqlparser::ast;

use super::{
    Binder, CoercionContext, Scope,
    condition::{all_of, any_of, is_row, unequal_rows},
    expression::strip,
    operator::binary_name,
    scope::output_column,
    tree::{CallForm, Expr, ExprKind, OperatorRef, Query, SourceId, Subquery, SubqueryKind},
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{TypeRef, oid},
};

/// The parts of a comparison against a subquery's columns.
struct Comparison {
    left: Vec<Expr>,
    operators: Vec<OperatorRef>,
    right: Vec<Expr>,
    source: SourceId,
}

impl Binder<'_> {
    fn subquery(&mut self, query: &ast::Query, scope: &Scope<'_>) -> Result<Query> {
        if !scope.clause.allows_subqueries() {
            let message = match scope.clause {
                super::Clause::Check => "cannot use subquery in check constraint".to_owned(),
                super::Clause::Default => "cannot use subquery in DEFAULT expression".to_owned(),
                super::Clause::IndexExpression => "cannot use subquery in index expression".to_owned(),
                super::Clause::IndexPredicate => "cannot use subquery in index predicate".to_owned(),
                super::Clause::Generated => "cannot use subquery in column generation expression".to_owned(),
                clause => format!("cannot use subquery in {}", clause.name()),
            };
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let bound = self.query(query, Some(scope))?;
        self.settle_columns(bound)
    }

    pub(super) fn exists(&mut self, query: &ast::Query, negated: bool, scope: &Scope<'_>) -> Result<Expr> {
        let position = self.position_at(query);
        let query = self.subquery(query, scope)?;
        let exists = Expr::boolean(ExprKind::Subquery(Box::new(Subquery { kind: SubqueryKind::Exists, query }))).at(position);
        Ok(if negated { Expr::boolean(ExprKind::Not(Box::new(exists))).at(position) } else { exists })
    }

    fn one_column(&self, query: &Query, position: usize) -> Result<TypeRef> {
        match query.columns.as_slice() {
            [column] => Ok(column.ty),
            _ => Err(SqlError::new(SqlState::SYNTAX_ERROR, "subquery must return only one column").at(position)),
        }
    }

    pub(super) fn scalar_subquery(&mut self, query: &ast::Query, scope: &Scope<'_>) -> Result<Expr> {
        let position = self.position_at(query);
        let query = self.subquery(query, scope)?;
        let ty = self.one_column(&query, position.saturating_sub(1))?;
        let subquery = Subquery { kind: SubqueryKind::Scalar, query };
        Ok(Expr::new(ExprKind::Subquery(Box::new(subquery)), ty).at(position))
    }

    pub(super) fn array_subquery(&mut self, query: &ast::Query, scope: &Scope<'_>, position: usize) -> Result<Expr> {
        let query = self.subquery(query, scope)?;
        let ty = self.one_column(&query, position)?;
        let array = if self.element_of(ty.oid) != 0 { ty.oid } else { self.array_of(ty.oid) };
        if array == 0 {
            let message = format!("could not find array type for data type {}", self.type_name(ty.oid));
            return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message).at(position));
        }
        let subquery = Subquery { kind: SubqueryKind::Array, query };
        Ok(Expr::new(ExprKind::Subquery(Box::new(subquery)), TypeRef { oid: array, typmod: ty.typmod }).at(position))
    }

    pub(super) fn in_subquery(&mut self, left: &ast::Expr, query: &ast::Query, negated: bool, scope: &Scope<'_>) -> Result<Expr> {
        let at = self.operator_position(left, left);
        let comparison = self.compare_with_subquery(left, "=", query, at, scope)?;
        let position = self.position_at(left);
        let (Comparison { left, operators, right, source }, query) = comparison;
        let kind = SubqueryKind::Any { left, operators, right, source };
        let any = Expr::boolean(ExprKind::Subquery(Box::new(Subquery { kind, query }))).at(position);
        Ok(if negated { Expr::boolean(ExprKind::Not(Box::new(any))).at(position) } else { any })
    }

    /// `x op ANY (…)` and `x op ALL (…)`.
    pub(super) fn quantified(
        &mut self,
        left: &ast::Expr,
        op: &ast::BinaryOperator,
        right: &ast::Expr,
        all: bool,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        let position = self.operator_position(left, right);
        let Some(name) = binary_name(op) else { return Err(SqlError::unsupported(format!("operator {op}"))) };
        let at = self.position_at(left);
        if let ast::Expr::Subquery(query) = strip(right) {
            let (comparison, query) = self.compare_with_subquery(left, &name, query, position, scope)?;
            let Comparison { left, operators, right, source } = comparison;
            let kind = match all {
                true => SubqueryKind::All { left, operators, right, source },
                false => SubqueryKind::Any { left, operators, right, source },
            };
            return Ok(Expr::boolean(ExprKind::Subquery(Box::new(Subquery { kind, query }))).at(at));
        }
        let left = self.expression(left, scope)?;
        let array = self.expression(right, scope)?;
        self.array_comparison(&name, left, array, all, position)
    }

    /// `make_scalar_array_op`.
    pub(super) fn array_comparison(&mut self, name: &str, left: Expr, array: Expr, all: bool, position: usize) -> Result<Expr> {
        let element = match array.ty.oid {
            oid::UNKNOWN => oid::UNKNOWN,
            ty => self.element_of(ty),
        };
        if element == 0 {
            let message = "op ANY/ALL (array) requires array on right side";
            return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message).at(position));
        }
        let (operator, left_type, right_type) = self.comparison_operator(name, left.ty.oid, element, position)?;
        let at = left.position;
        let left = self.coerce_to(left, TypeRef::new(left_type), CoercionContext::Implicit)?;
        let array_type = self.array_of(right_type);
        let array = self.coerce_to(array, TypeRef::new(array_type), CoercionContext::Implicit)?;
        let kind = ExprKind::ArrayComparison { left: Box::new(left), array: Box::new(array), operator, all };
        Ok(Expr::boolean(kind).at(at))
    }

    fn compare_with_subquery(
        &mut self,
        left: &ast::Expr,
        name: &str,
        query: &ast::Query,
        position: usize,
        scope: &Scope<'_>,
    ) -> Result<(Comparison, Query)> {
        let operands = if is_row(left) {
            match self.expression(left, scope)?.kind {
                ExprKind::Row { fields, .. } => fields,
                _ => return Err(SqlError::internal("a row is a row")),
            }
        } else {
            vec![self.expression(left, scope)?]
        };
        let query = self.subquery(query, scope)?;
        let message = match operands.len().cmp(&query.columns.len()) {
            std::cmp::Ordering::Less => "subquery has too many columns",
            std::cmp::Ordering::Greater => "subquery has too few columns",
            std::cmp::Ordering::Equal => "",
        };
        if !message.is_empty() {
            return Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(position));
        }
        let source = self.new_source();
        let mut comparison = Comparison { left: Vec::new(), operators: Vec::new(), right: Vec::new(), source };
        for (at, (operand, column)) in operands.into_iter().zip(&query.columns).enumerate() {
            let (operator, left_type, right_type) = self.comparison_operator(name, operand.ty.oid, column.ty.oid, position)?;
            let right = output_column(source, at, &column.name, column.ty);
            comparison.left.push(self.coerce_to(operand, TypeRef::new(left_type), CoercionContext::Implicit)?);
            comparison.right.push(self.coerce_to(right, TypeRef::new(right_type), CoercionContext::Implicit)?);
            comparison.operators.push(operator);
        }
        if comparison.operators.len() > 1 && !matches!(name, "=" | "<>") {
            return Err(SqlError::unsupported("an ordering comparison of a row with a subquery").at(position));
        }
        Ok((comparison, query))
    }

    /// `(a, b) = (SELECT …)`.
    pub(super) fn row_subquery(
        &mut self,
        left: &ast::Expr,
        name: &str,
        query: &ast::Query,
        position: usize,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        let (Comparison { left, operators, right, source }, query) = self.compare_with_subquery(left, name, query, position, scope)?;
        let kind = SubqueryKind::Row { left, operators, right, source };
        Ok(Expr::boolean(ExprKind::Subquery(Box::new(Subquery { kind, query }))).at(position))
    }

    /// `(a, b) < (c, d)`: by the first pair that differs.
    pub(super) fn row_comparison(&mut self, name: &str, left: Vec<Expr>, right: Vec<Expr>, position: usize) -> Result<Expr> {
        if left.len() != right.len() {
            return Err(unequal_rows(position));
        }
        if left.is_empty() {
            let message = "cannot compare rows of zero length";
            return Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message).at(position));
        }
        let pairs: Vec<(Expr, Expr)> = left.into_iter().zip(right).collect();
        if matches!(name, "=" | "<>") {
            let mut tests = Vec::with_capacity(pairs.len());
            for (left, right) in pairs {
                tests.push(self.binary_of(name, left, right, position)?);
            }
            return Ok(if name == "=" { all_of(tests) } else { any_of(tests) }.at(position));
        }
        let strict = &name[..1];
        let mut test: Option<Expr> = None;
        for (left, right) in pairs.into_iter().rev() {
            test = Some(match test {
                None => self.binary_of(name, left, right, position)?,
                Some(rest) => {
                    let less = self.binary_of(strict, left.clone(), right.clone(), position)?;
                    let equal = self.binary_of("=", left, right, position)?;
                    any_of(vec![less, all_of(vec![equal, rest])])
                }
            });
        }
        Ok(test.expect("there is at least one pair").at(position))
    }

    /// `(a, b) OVERLAPS (c, d)`.
    pub(super) fn overlaps(&mut self, left: &ast::Expr, right: &ast::Expr, position: usize, scope: &Scope<'_>) -> Result<Expr> {
        let (left, right) = (self.expression(left, scope)?, self.expression(right, scope)?);
        match (left.kind, right.kind) {
            (ExprKind::Row { fields: mut l, .. }, ExprKind::Row { fields: r, .. }) if l.len() == 2 && r.len() == 2 => {
                l.extend(r);
                self.call_named("overlaps", l, CallForm::Syntax("OVERLAPS"), position)
            }
            _ => {
                let message = "wrong number of parameters on left side of OVERLAPS expression";
                Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(position))
            }
        }
    }
}
