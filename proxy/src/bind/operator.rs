//! Operators: the choice among those of a name, and the call that results (`parse_oper.c`; manual 10.2).

use std::sync::Arc;

use sqlparser::ast::{BinaryOperator, UnaryOperator};

use super::{
    Binder, CoercionContext,
    candidate::Choice,
    tree::{Call, CallForm, Expr, ExprKind, OperatorRef, ProcRef},
};
use crate::{
    catalog::Operator,
    error::{Result, SqlError, SqlState},
    types::{Oid, TypeRef, oid},
};

impl Binder<'_> {
    /// Finds the operator for operands of these types; left is 0 for a prefix operator.
    pub(super) fn find_operator(&self, name: &str, left: Oid, right: Oid, position: usize) -> Result<Arc<Operator>> {
        let candidates = self.catalog.operators(name);
        let exact = |left: Oid, right: Oid| candidates.iter().find(|o| o.left == left && o.right == right);
        let (mut l, mut r) = (left, right);
        if left != 0 {
            if l == oid::UNKNOWN && r != oid::UNKNOWN {
                l = r;
            } else if r == oid::UNKNOWN && l != oid::UNKNOWN {
                r = l;
            }
        }
        if let Some(found) = exact(l, r) {
            return Ok(found.clone());
        }
        if l == r && self.base_oid(l) != l {
            if let Some(found) = exact(self.base_oid(l), self.base_oid(r)) {
                return Ok(found.clone());
            }
        }
        let of_arity: Vec<&Arc<Operator>> = candidates.iter().filter(|o| (o.left == 0) == (left == 0)).collect();
        let types: Vec<Vec<Oid>> = of_arity.iter().map(|o| if left == 0 { vec![o.right] } else { vec![o.left, o.right] }).collect();
        let slices: Vec<&[Oid]> = types.iter().map(Vec::as_slice).collect();
        let given = if left == 0 { vec![right] } else { vec![left, right] };
        let signature = || match left {
            0 => format!("{name} {}", self.type_name(right)),
            _ => format!("{} {name} {}", self.type_name(left), self.type_name(right)),
        };
        match self.choose(&slices, &given) {
            Choice::One(at) => Ok(of_arity[at].clone()),
            Choice::None => Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("operator does not exist: {}", signature()))
                .hint(match left {
                    0 => "No operator matches the given name and argument type. You might need to add an explicit type cast.",
                    _ => "No operator matches the given name and argument types. You might need to add explicit type casts.",
                })
                .at(position)),
            Choice::Ambiguous => Err(SqlError::new(SqlState::AMBIGUOUS_FUNCTION, format!("operator is not unique: {}", signature()))
                .hint("Could not choose a best candidate operator. You might need to add explicit type casts.")
                .at(position)),
        }
    }

    /// The call of a binary operator.
    pub(super) fn operator(&mut self, name: &str, left: Expr, right: Expr, position: usize) -> Result<Expr> {
        let found = self.find_operator(name, left.ty.oid, right.ty.oid, position)?;
        self.operator_call(&found, vec![left, right], position)
    }

    /// The call of a prefix operator.
    pub(super) fn prefix_operator(&mut self, name: &str, operand: Expr, position: usize) -> Result<Expr> {
        let found = self.find_operator(name, 0, operand.ty.oid, position)?;
        self.operator_call(&found, vec![operand], position)
    }

    /// Coerces the operands to the operator's types and calls it.
    pub(super) fn operator_call(&mut self, operator: &Operator, operands: Vec<Expr>, position: usize) -> Result<Expr> {
        let declared: Vec<Oid> = if operator.left == 0 { vec![operator.right] } else { vec![operator.left, operator.right] };
        let (args, result) = self.coerce_arguments(operands, &declared, operator.result, position)?;
        // An operator takes its operands as they are, whatever its function's last argument is.
        let call = Call { proc: ProcRef(operator.proc.clone()), args, variadic_array: true, form: CallForm::Operator(operator.oid) };
        Ok(Expr::new(ExprKind::Call(Box::new(call)), TypeRef::new(result)).at(position))
    }

    /// Coerces arguments to declared types, polymorphic ones made concrete; answers the concrete result type too.
    pub(super) fn coerce_arguments(&mut self, args: Vec<Expr>, declared: &[Oid], result: Oid, position: usize) -> Result<(Vec<Expr>, Oid)> {
        let given: Vec<Oid> = args.iter().map(|arg| arg.ty.oid).collect();
        let Some((types, result)) = self.resolve_polymorphic(declared, &given, result) else {
            let message = "arguments declared \"anyelement\" are not all alike";
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).at(position));
        };
        if result == oid::UNKNOWN || types.contains(&oid::UNKNOWN) && !declared.contains(&oid::UNKNOWN) {
            let message = "could not determine polymorphic type because input has type unknown";
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message));
        }
        let coerced = args.into_iter().zip(types).map(|(arg, ty)| match ty {
            oid::ANY => self.settle_any(arg),
            _ => self.coerce_to(arg, TypeRef::new(ty), CoercionContext::Implicit),
        });
        Ok((coerced.collect::<Result<_>>()?, result))
    }

    /// An argument of type "any": an undecided literal is text, an undecided parameter an error later on.
    fn settle_any(&mut self, arg: Expr) -> Result<Expr> {
        match arg.kind {
            ExprKind::Parameter(number) if arg.is_unknown() => {
                let message = format!("could not determine data type of parameter ${number}");
                Err(SqlError::new(SqlState::INDETERMINATE_DATATYPE, message))
            }
            _ => self.settle_unknown(arg),
        }
    }

    /// The operator as a reference for comparisons against lists, arrays and subqueries; its result must be boolean.
    pub(super) fn comparison_operator(&self, name: &str, left: Oid, right: Oid, position: usize) -> Result<(OperatorRef, Oid, Oid)> {
        let found = self.find_operator(name, left, right, position)?;
        if found.result != oid::BOOL {
            let message = "op ANY/ALL (array) requires operator to yield boolean";
            return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message).at(position));
        }
        let given = [left, right];
        let (types, _) =
            self.resolve_polymorphic(&[found.left, found.right], &given, oid::BOOL).unwrap_or((vec![found.left, found.right], oid::BOOL));
        let operator = OperatorRef { oid: found.oid, proc: ProcRef(found.proc.clone()), name: found.name.clone() };
        Ok((operator, types[0], types[1]))
    }
}

/// A binary operator's name in PostgreSQL; none for AND, OR and what PostgreSQL does not have.
pub(super) fn binary_name(operator: &BinaryOperator) -> Option<String> {
    use BinaryOperator::*;
    Some(
        match operator {
            And | Or | Xor | DuckIntegerDivide | MyIntegerDivide | Match | Regexp | Glob | Assignment | Spaceship | Overlaps => {
                return None;
            }
            NotEq => "<>",
            PGNotLikeMatch => "!~~",
            PGNotILikeMatch => "!~~*",
            PGCustomBinaryOperator(parts) => return parts.last().cloned(),
            Custom(name) => return Some(if name == "!=" { "<>".to_owned() } else { name.clone() }),
            other => return Some(other.to_string()),
        }
        .to_owned(),
    )
}

/// A prefix operator's name in PostgreSQL.
pub(super) fn unary_name(operator: UnaryOperator) -> Option<&'static str> {
    use UnaryOperator::*;
    Some(match operator {
        Plus => "+",
        Minus => "-",
        BitwiseNot => "~",
        AtDashAt => "@-@",
        DoubleAt => "@@",
        Hash => "#",
        PGAbs => "@",
        PGCubeRoot => "||/",
        PGSquareRoot => "|/",
        PGPrefixFactorial | BangNot => "!!",
        QuestionDash => "?-",
        QuestionPipe => "?|",
        Not | PGPostfixFactorial => return None,
    })
}
