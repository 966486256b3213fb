//! Expressions: one syntax node in, one typed node out (`parse_expr.c`). What has a file of its own: names ([`super::name`]),
//! operators, functions, subqueries, special syntax.

use rusqlite::types::Value;
use sqlparser::ast::{self, BinaryOperator, Spanned, UnaryOperator};

use super::{
    Binder, CoercionContext, Scope,
    condition::is_row,
    operator::{binary_name, unary_name},
    tree::{Expr, ExprKind, Subscript},
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{Kind, TypeRef, oid},
};

impl Binder<'_> {
    /// Binds an expression.
    pub fn expression(&mut self, expr: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        self.deeper(|binder| binder.expression_at_depth(expr, scope))
    }

    /// Binds several.
    pub fn expressions(&mut self, exprs: &[ast::Expr], scope: &Scope<'_>) -> Result<Vec<Expr>> {
        exprs.iter().map(|expr| self.expression(expr, scope)).collect()
    }

    fn expression_at_depth(&mut self, expr: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        use ast::Expr::*;
        match expr {
            Identifier(ident) => self.identifier(ident, scope),
            CompoundIdentifier(parts) => self.compound_identifier(parts, scope),
            Value(value) => self.literal(value),
            Nested(inner) => self.expression(inner, scope),
            BinaryOp { left, op, right } => self.binary(left, op, right, scope),
            UnaryOp { op, expr: operand } => self.unary(*op, operand, scope),
            Cast { kind, expr: operand, data_type, .. } => self.cast(kind, operand, data_type, scope),
            Function(function) => self.function(function, scope),
            IsNull(inner) => self.null_test(inner, false, scope),
            IsNotNull(inner) => self.null_test(inner, true, scope),
            IsTrue(inner) => self.truth_test(inner, Some(true), false, "IS TRUE", scope),
            IsNotTrue(inner) => self.truth_test(inner, Some(true), true, "IS NOT TRUE", scope),
            IsFalse(inner) => self.truth_test(inner, Some(false), false, "IS FALSE", scope),
            IsNotFalse(inner) => self.truth_test(inner, Some(false), true, "IS NOT FALSE", scope),
            IsUnknown(inner) => self.truth_test(inner, None, false, "IS UNKNOWN", scope),
            IsNotUnknown(inner) => self.truth_test(inner, None, true, "IS NOT UNKNOWN", scope),
            IsDistinctFrom(left, right) => self.distinct_test(left, right, false, scope),
            IsNotDistinctFrom(left, right) => self.distinct_test(left, right, true, scope),
            InList { expr: left, list, negated } => self.in_list(left, list, *negated, scope),
            InSubquery { expr: left, subquery, negated } => self.in_subquery(left, subquery, *negated, scope),
            Between { expr: value, negated, low, high } => self.between(value, low, high, *negated, scope),
            AnyOp { left, compare_op, right, .. } => self.quantified(left, compare_op, right, false, scope),
            AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, true, scope),
            Case { operand, conditions, else_result, .. } => self.case(operand.as_deref(), conditions, else_result.as_deref(), scope),
            Exists { subquery, negated } => self.exists(subquery, *negated, scope),
            Subquery(query) => self.scalar_subquery(query, scope),
            Tuple(fields) => self.row(fields, expr.span(), scope),
            Array(array) => self.array(&array.elem, expr.span(), None, scope),
            CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope),
            TypedString(typed) => self.typed_string(typed, scope),
            Collate { expr: inner, collation } => self.collate(inner, collation, scope),
            _ => self.special_syntax(expr, scope),
        }
    }

    fn binary(&mut self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
            return self.and_or(left, op, right, scope);
        }
        let position = self.operator_position(left, right);
        if matches!(op, BinaryOperator::Overlaps) {
            return self.overlaps(left, right, position, scope);
        }
        let Some(name) = binary_name(op) else { return Err(SqlError::unsupported(format!("operator {op}")).at(position)) };
        if let (ast::Expr::Subquery(query), true) = (strip(right), is_row(left)) {
            return self.row_subquery(left, &name, query, position, scope);
        }
        let left = self.expression(left, scope)?;
        let right = self.expression(right, scope)?;
        self.binary_of(&name, left, right, position)
    }

    /// A binary operator over bound operands; rows are compared field by field.
    pub(super) fn binary_of(&mut self, name: &str, left: Expr, right: Expr, position: usize) -> Result<Expr> {
        let at = leftmost(left.position, position);
        if let (ExprKind::Row { fields: l, .. }, ExprKind::Row { fields: r, .. }) = (&left.kind, &right.kind) {
            if left.ty.oid == oid::RECORD && right.ty.oid == oid::RECORD && matches!(name, "=" | "<>" | "<" | "<=" | ">" | ">=") {
                return self.row_comparison(name, l.clone(), r.clone(), position);
            }
        }
        Ok(self.operator(name, left, right, position)?.at_least(at))
    }

    /// Flattens a chain of one connective, so that long ones do not nest.
    fn and_or(&mut self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        let mut operands = vec![right];
        let mut rest = left;
        while let ast::Expr::BinaryOp { left, op: inner, right } = rest {
            if inner != op {
                break;
            }
            operands.push(right);
            rest = left;
        }
        operands.push(rest);
        let is_and = matches!(op, BinaryOperator::And);
        let mut bound = Vec::with_capacity(operands.len());
        for operand in operands.into_iter().rev() {
            let operand = self.expression(operand, scope)?;
            bound.push(self.coerce_to_boolean(operand, if is_and { "AND" } else { "OR" })?);
        }
        let position = bound[0].position;
        Ok(Expr::boolean(if is_and { ExprKind::And(bound) } else { ExprKind::Or(bound) }).at(position))
    }

    fn unary(&mut self, op: UnaryOperator, operand: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        let position = self.position_at(operand);
        match (op, operand) {
            (UnaryOperator::Not, _) => {
                let operand = self.expression(operand, scope)?;
                let operand = self.coerce_to_boolean(operand, "NOT")?;
                Ok(Expr::boolean(ExprKind::Not(Box::new(operand))).at(position))
            }
            (UnaryOperator::Minus, ast::Expr::Value(value)) => match &value.value {
                ast::Value::Number(text, _) => self.number(&format!("-{text}"), position.saturating_sub(1)),
                _ => {
                    let operand = self.expression(operand, scope)?;
                    self.prefix_operator("-", operand, position.saturating_sub(1))
                }
            },
            _ => {
                let Some(name) = unary_name(op) else { return Err(SqlError::unsupported(format!("operator {op}")).at(position)) };
                let operand = self.expression(operand, scope)?;
                self.prefix_operator(name, operand, position.saturating_sub(name.len()))
            }
        }
    }

    fn cast(&mut self, kind: &ast::CastKind, operand: &ast::Expr, data_type: &ast::DataType, scope: &Scope<'_>) -> Result<Expr> {
        if !matches!(kind, ast::CastKind::Cast | ast::CastKind::DoubleColon) {
            return Err(SqlError::unsupported("TRY_CAST"));
        }
        let position = self.position_at(operand);
        let target = self.catalog.data_type(data_type, &self.path).map_err(|error| error.at(position))?;
        let element = self.element_of(target.oid);
        let bound = match strip(operand) {
            ast::Expr::Array(array) if element != 0 => {
                self.array(&array.elem, operand.span(), Some(TypeRef { oid: element, typmod: target.typmod }), scope)?
            }
            _ => self.expression(operand, scope)?,
        };
        self.explicit_cast(bound, target)
    }

    /// `expr::target`. A cast to the type it has already stays visible as nothing.
    pub(super) fn explicit_cast(&mut self, expr: Expr, target: TypeRef) -> Result<Expr> {
        let position = expr.position;
        let was_unknown = expr.is_unknown();
        let bound = self.coerce_to(expr, target, CoercionContext::Explicit)?;
        if was_unknown && matches!(bound.kind, ExprKind::Parameter(_)) {
            return Ok(Expr { ty: TypeRef { oid: bound.ty.oid, typmod: -1 }, ..bound }.at(position));
        }
        Ok(bound)
    }

    /// `ROW(…)` or `(a, b)`.
    pub(super) fn row(&mut self, fields: &[ast::Expr], span: sqlparser::tokenizer::Span, scope: &Scope<'_>) -> Result<Expr> {
        let mut bound = Vec::with_capacity(fields.len());
        for field in fields {
            let field = self.expression(field, scope)?;
            bound.push(field);
        }
        let names = (1..=bound.len()).map(|at| format!("f{at}")).collect();
        Ok(Expr::row(bound, names).at(self.position(span)))
    }

    /// `ARRAY[…]`; `element` is known where a cast follows.
    pub(super) fn array(
        &mut self,
        elements: &[ast::Expr],
        span: sqlparser::tokenizer::Span,
        element: Option<TypeRef>,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        let position = self.position(span);
        let mut bound = Vec::with_capacity(elements.len());
        for item in elements {
            bound.push(match item {
                ast::Expr::Array(inner) => self.array(&inner.elem, item.span(), element, scope)?,
                _ => self.expression(item, scope)?,
            });
        }
        let nested =
            bound.iter().any(|item| self.element_of(item.ty.oid) != 0) && elements.iter().any(|e| matches!(e, ast::Expr::Array(_)));
        if let Some(element) = element {
            let array = TypeRef { oid: self.array_of(element.oid), typmod: element.typmod };
            let target = if nested { array } else { element };
            let items = bound.into_iter().map(|item| self.coerce_to(item, target, CoercionContext::Explicit));
            let items = items.collect::<Result<_>>()?;
            return Ok(Expr::new(ExprKind::Array { elements: items, nested }, array).at(position));
        }
        if bound.is_empty() {
            return Err(SqlError::new(SqlState::INDETERMINATE_DATATYPE, "cannot determine type of empty array")
                .hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].")
                .at(position));
        }
        let (items, ty) = self.unify(bound, "ARRAY")?;
        let (nested, array) = match self.element_of(ty.oid) {
            0 => (false, self.array_of(ty.oid)),
            _ => (true, ty.oid),
        };
        if array == 0 {
            let message = format!("could not find array type for data type {}", self.type_name(ty.oid));
            return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message).at(position));
        }
        Ok(Expr::new(ExprKind::Array { elements: items, nested }, TypeRef { oid: array, typmod: ty.typmod }).at(position))
    }

    /// `a[1]`, `a[1:2]`, `(row).field`.
    fn access(&mut self, root: &ast::Expr, chain: &[ast::AccessExpr], scope: &Scope<'_>) -> Result<Expr> {
        // `t.column[1]`: the names before the first subscript are one name.
        let mut at = 0;
        let mut bound = match root {
            ast::Expr::Identifier(first) => {
                let mut parts = vec![first.clone()];
                while let Some(ast::AccessExpr::Dot(ast::Expr::Identifier(part))) = chain.get(at) {
                    parts.push(part.clone());
                    at += 1;
                }
                if parts.len() == 1 { self.identifier(first, scope)? } else { self.compound_identifier(&parts, scope)? }
            }
            _ => self.expression(root, scope)?,
        };
        while at < chain.len() {
            match &chain[at] {
                ast::AccessExpr::Dot(ast::Expr::Identifier(field)) => {
                    bound = self.field(bound, &super::binder::fold(field), self.position(field.span))?;
                    at += 1;
                }
                ast::AccessExpr::Dot(_) => return Err(SqlError::unsupported("this field selection")),
                ast::AccessExpr::Subscript(_) => {
                    let subscripts = chain[at..].iter().map_while(|access| match access {
                        ast::AccessExpr::Subscript(subscript) => Some(subscript),
                        ast::AccessExpr::Dot(_) => None,
                    });
                    let subscripts: Vec<&ast::Subscript> = subscripts.collect();
                    at += subscripts.len();
                    bound = self.subscript(bound, &subscripts, scope)?;
                }
            }
        }
        Ok(bound)
    }

    /// Binds subscripts of an array or jsonb.
    pub(super) fn subscript(&mut self, container: Expr, subscripts: &[&ast::Subscript], scope: &Scope<'_>) -> Result<Expr> {
        let base = self.base_type(container.ty);
        let (position, element) = (container.position, self.element_of(base.oid));
        let is_json = base.oid == oid::JSONB;
        if let (oid::NAME, [ast::Subscript::Index { index }]) = (base.oid, subscripts) {
            return self.letter_of_name(container, index, scope);
        }
        if element == 0 && !is_json {
            let message = format!("cannot subscript type {} because it does not support subscripting", self.type_name(base.oid));
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).at(position));
        }
        let mut bound = Vec::with_capacity(subscripts.len());
        let mut slices = false;
        for subscript in subscripts {
            bound.push(match subscript {
                ast::Subscript::Index { index } => Subscript::Index(self.array_index(index, is_json, scope)?),
                ast::Subscript::Slice { lower_bound, upper_bound, stride: None } if !is_json => {
                    slices = true;
                    let mut end = |end: &Option<ast::Expr>| end.as_ref().map(|e| self.array_index(e, false, scope)).transpose();
                    Subscript::Slice(end(lower_bound)?, end(upper_bound)?)
                }
                _ => return Err(SqlError::unsupported("this subscript").at(position)),
            });
        }
        let ty = match (is_json, slices) {
            (true, _) | (_, true) => base,
            _ => TypeRef { oid: element, typmod: base.typmod },
        };
        let container = self.coerce_to(container, base, CoercionContext::Implicit)?;
        Ok(Expr::new(ExprKind::Subscript { container: Box::new(container), subscripts: bound }, ty).at(position))
    }

    /// `n[i]` of type name, whose bytes count from 0: a value of type "char".
    fn letter_of_name(&mut self, name: Expr, index: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        let position = name.position;
        let integer = |number: i64| Expr::new(ExprKind::Constant(rusqlite::types::Value::Integer(number)), TypeRef::new(oid::INT4));
        let index = self.array_index(index, false, scope)?;
        let from = self.binary_of("+", index, integer(1), position)?;
        let text = self.coerce_to(name, TypeRef::new(oid::TEXT), CoercionContext::Implicit)?;
        let letter = self.call_named("substr", vec![text, from, integer(1)], super::tree::CallForm::Function, position)?;
        self.coerce_to(letter, TypeRef::new(oid::CHAR), CoercionContext::Explicit)
    }

    fn array_index(&mut self, index: &ast::Expr, is_json: bool, scope: &Scope<'_>) -> Result<Expr> {
        let index = self.expression(index, scope)?;
        let integer = matches!(index.ty.oid, oid::INT2 | oid::INT4 | oid::INT8);
        let target = if is_json && !integer { oid::TEXT } else { oid::INT4 };
        if is_json && !integer && self.category(index.ty.oid).0 != 'S' && !index.is_unknown() {
            let message = format!("subscript type {} is not supported", self.type_name(index.ty.oid));
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message)
                .hint("jsonb subscript must be coercible to either integer or text.")
                .at(index.position));
        }
        if !self.can_coerce(index.ty.oid, target, CoercionContext::Assignment) {
            let message = "array subscript must have type integer";
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).at(index.position));
        }
        self.coerce_to(index, TypeRef::new(target), CoercionContext::Assignment)
    }

    /// `(row).field`.
    pub(super) fn field(&mut self, row: Expr, name: &str, position: usize) -> Result<Expr> {
        if let ExprKind::Row { fields, names } = &row.kind {
            if let Some(at) = names.iter().position(|known| known == name) {
                return Ok(fields[at].clone());
            }
        }
        if let (ExprKind::Call(call), oid::RECORD, -1) = (&row.kind, row.ty.oid, row.ty.typmod) {
            if call.proc.outputs.len() > 1 {
                let (outputs, _) = self.function_columns(&row, "")?;
                if let Some(index) = outputs.iter().position(|(known, _)| known == name) {
                    let ty = outputs[index].1;
                    let at = row.position;
                    return Ok(Expr::new(ExprKind::Field { row: Box::new(row), index, name: name.to_owned() }, ty).at(at));
                }
            }
        }
        let base = self.base_type(row.ty);
        let attributes = match &row.kind {
            // What a function declares as its OUT arguments is known without a type that says so.
            ExprKind::Call(call) if base.oid == oid::RECORD && call.proc.outputs.len() > 1 => self.function_columns(&row, name)?.0,
            _ => match &self.type_of(base.concrete())?.kind {
                Kind::Composite(attributes) => attributes.to_vec(),
                _ if base.oid == oid::RECORD => Vec::new(),
                _ => {
                    let given = self.type_name(base.oid);
                    let message = format!("column notation .{name} applied to type {given}, which is not a composite type");
                    return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message).at(position));
                }
            },
        };
        let Some(index) = attributes.iter().position(|(known, _)| known == name) else {
            let message = match base.oid {
                oid::RECORD => format!("could not identify column \"{name}\" in record data type"),
                _ => format!("column \"{name}\" not found in data type {}", self.type_name(base.oid)),
            };
            return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message).at(position));
        };
        let at = row.position;
        let kind = ExprKind::Field { row: Box::new(row), index, name: name.to_owned() };
        Ok(Expr::new(kind, attributes[index].1).at(at))
    }

    fn typed_string(&mut self, typed: &ast::TypedString, scope: &Scope<'_>) -> Result<Expr> {
        let _ = scope;
        let position = self.position(typed.value.span);
        let target = self.catalog.data_type(&typed.data_type, &self.path).map_err(|error| error.at(position))?;
        let literal = self.literal(&typed.value)?;
        self.coerce_to(literal, target, CoercionContext::Explicit)
    }

    fn collate(&mut self, inner: &ast::Expr, collation: &ast::ObjectName, scope: &Scope<'_>) -> Result<Expr> {
        let bound = self.expression(inner, scope)?;
        let position = self.position_at(inner);
        let name = super::binder::name_parts(collation)?.pop().unwrap_or_default();
        if !matches!(name.as_str(), "C" | "POSIX" | "default" | "ucs_basic" | "C.UTF-8" | "C.utf8") {
            let message = format!("collation \"{name}\" for encoding \"UTF8\" does not exist");
            return Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message).at(position));
        }
        let collatable = matches!(self.base_oid(bound.ty.oid), oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::UNKNOWN);
        if !collatable {
            let message = format!("collations are not supported by type {}", self.type_name(bound.ty.oid));
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).at(position));
        }
        let bound = self.settle_unknown(bound)?;
        let (ty, position) = (bound.ty, bound.position);
        Ok(Expr::new(ExprKind::Collate(Box::new(bound), name), ty).at(position))
    }

    /// Where an operator stands: after the left operand, blanks and closing parentheses skipped.
    pub(super) fn operator_position(&self, left: &ast::Expr, right: &ast::Expr) -> usize {
        let end = self.position_of(left.span().end);
        let limit = self.position_at(right);
        if end == 0 {
            return limit;
        }
        let skipped = self.source_text().chars().skip(end - 1).take_while(|c| c.is_whitespace() || *c == ')').count();
        end + skipped
    }

    /// A constant of text type in the tree.
    pub(super) fn text_constant(&self, text: &str) -> Expr {
        Expr::new(ExprKind::Constant(Value::Text(text.to_owned())), TypeRef::new(oid::TEXT))
    }
}

impl Expr {
    /// The same at an earlier position, if that is known.
    fn at_least(mut self, position: usize) -> Expr {
        self.position = leftmost(position, self.position);
        self
    }
}

fn leftmost(a: usize, b: usize) -> usize {
    match (a, b) {
        (0, other) | (other, 0) => other,
        (a, b) => a.min(b),
    }
}

/// The expression inside parentheses.
pub(super) fn strip(expr: &ast::Expr) -> &ast::Expr {
    match expr {
        ast::Expr::Nested(inner) => strip(inner),
        other => other,
    }
}
