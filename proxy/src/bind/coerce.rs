//! Casts: which way leads from one type to another, and the tree node that takes it (`parse_coerce.c`; manual 10.4 and 10.5).

use std::sync::Arc;

use rusqlite::types::Value;

use super::{
    Binder, CoercionContext,
    tree::{Call, CallForm, CastForm, Expr, ExprKind, ProcRef},
};
use crate::{
    catalog::{CastMethod, Proc},
    error::{Result, SqlError, SqlState},
    types::{Kind, Oid, TypeRef, oid},
};

/// A way from one type to another.
pub(super) enum Pathway {
    /// None.
    None,
    /// The value is the same.
    Relabel,
    /// A function.
    Function(Arc<Proc>),
    /// Output function, input function.
    InputOutput,
    /// Each element, from one element type to the other.
    Array(Oid, Oid),
}

/// Whether the type stands for others in a signature.
pub(super) fn is_polymorphic(ty: Oid) -> bool {
    matches!(
        ty,
        oid::ANYELEMENT
            | oid::ANYARRAY
            | oid::ANYNONARRAY
            | oid::ANYENUM
            | oid::ANYRANGE
            | oid::ANYMULTIRANGE
            | oid::ANYCOMPATIBLE
            | oid::ANYCOMPATIBLEARRAY
            | oid::ANYCOMPATIBLENONARRAY
            | oid::ANYCOMPATIBLERANGE
            | oid::ANYCOMPATIBLEMULTIRANGE
    )
}

impl Binder<'_> {
    /// The type below a domain, with the domain's modifier.
    pub fn base_type(&self, ty: TypeRef) -> TypeRef {
        let mut ty = ty;
        while let Some(found) = self.catalog.type_by_oid(ty.oid) {
            match found.kind {
                Kind::Domain(base) => ty = base,
                _ => break,
            }
        }
        ty
    }

    pub(super) fn base_oid(&self, ty: Oid) -> Oid {
        self.base_type(TypeRef::new(ty)).oid
    }

    /// `typcategory` and `typispreferred`.
    pub(super) fn category(&self, ty: Oid) -> (char, bool) {
        self.catalog.type_by_oid(ty).map_or(('X', false), |ty| (ty.category, ty.preferred))
    }

    pub(super) fn element_of(&self, array: Oid) -> Oid {
        self.catalog.type_by_oid(self.base_oid(array)).map_or(0, |ty| ty.element())
    }

    pub(super) fn array_of(&self, element: Oid) -> Oid {
        self.catalog.type_by_oid(element).map_or(0, |ty| ty.array)
    }

    pub(super) fn is_composite(&self, ty: Oid) -> bool {
        self.catalog.type_by_oid(self.base_oid(ty)).is_some_and(|ty| matches!(ty.kind, Kind::Composite(_)))
    }

    /// `find_coercion_pathway`.
    pub(super) fn pathway(&self, source: Oid, target: Oid, context: CoercionContext) -> Pathway {
        let (source, target) = (self.base_oid(source), self.base_oid(target));
        if source == target {
            return Pathway::Relabel;
        }
        if let Some(cast) = self.catalog.cast(source, target) {
            if context < cast.context {
                return Pathway::None;
            }
            return match cast.method {
                CastMethod::Binary => Pathway::Relabel,
                CastMethod::InputOutput => Pathway::InputOutput,
                CastMethod::Function => self.catalog.proc(cast.proc).map_or(Pathway::None, |p| Pathway::Function(p.clone())),
            };
        }
        let vector = |ty| matches!(ty, oid::INT2VECTOR | oid::OIDVECTOR);
        let (from, to) = (self.element_of(source), self.element_of(target));
        if from != 0 && to != 0 && !vector(target) {
            return match self.pathway(from, to, context) {
                Pathway::None => Pathway::None,
                _ => Pathway::Array(from, to),
            };
        }
        let by_text = context >= CoercionContext::Assignment && self.category(target).0 == 'S'
            || context >= CoercionContext::Explicit && self.category(source).0 == 'S';
        if by_text { Pathway::InputOutput } else { Pathway::None }
    }

    /// `can_coerce_type` for one pair, polymorphic targets aside.
    pub(super) fn can_coerce(&self, source: Oid, target: Oid, context: CoercionContext) -> bool {
        source == target
            || target == oid::ANY
            || is_polymorphic(target)
            || source == oid::UNKNOWN
            || !matches!(self.pathway(source, target, context), Pathway::None)
            || source == oid::RECORD && self.is_composite(target)
            || target == oid::RECORD && self.is_composite(source)
    }

    /// Coerces to a type with its modifier; 42846 where there is no way.
    pub fn coerce_to(&mut self, expr: Expr, target: TypeRef, context: CoercionContext) -> Result<Expr> {
        let (source, position) = (expr.ty.oid, expr.position);
        if !self.can_coerce(source, target.oid, context) {
            let message = format!("cannot cast type {} to {}", self.type_name(source), self.type_name(target.oid));
            return Err(SqlError::new(SqlState::CANNOT_COERCE, message).at(position));
        }
        let form = if context == CoercionContext::Explicit { CastForm::Explicit } else { CastForm::Implicit };
        let expr = self.coerce_type(expr, target, context, form)?;
        self.coerce_typmod(expr, target, context, form)
    }

    /// Coerces a value on its way into a column (or attribute); 42804 where there is no way.
    pub fn coerce_for_column(&mut self, expr: Expr, target: TypeRef, column: &str) -> Result<Expr> {
        if matches!(expr.kind, ExprKind::Default) {
            return Ok(Expr { ty: target, ..expr });
        }
        if !self.can_coerce(expr.ty.oid, target.oid, CoercionContext::Assignment) {
            let (wanted, given) = (self.type_name(target.oid), self.type_name(expr.ty.oid));
            let message = format!("column \"{column}\" is of type {wanted} but expression is of type {given}");
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message)
                .hint("You will need to rewrite or cast the expression.")
                .at(expr.position));
        }
        self.coerce_to(expr, target, CoercionContext::Assignment)
    }

    /// Coerces to boolean for a clause; 42804 as `coerce_to_boolean` words it.
    pub fn coerce_to_boolean(&mut self, expr: Expr, construct: &str) -> Result<Expr> {
        if expr.ty.oid != oid::BOOL && !self.can_coerce(expr.ty.oid, oid::BOOL, CoercionContext::Assignment) {
            let given = self.type_name(expr.ty.oid);
            let message = format!("argument of {construct} must be type boolean, not type {given}");
            return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).at(expr.position));
        }
        let bound = self.coerce_to(expr, TypeRef::new(oid::BOOL), CoercionContext::Assignment)?;
        match bound.kind {
            ExprKind::Call(ref call) if call.proc.returns_set => {
                let message = format!("argument of {construct} must not return a set");
                Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).at(bound.position))
            }
            _ => Ok(bound),
        }
    }

    /// An `unknown` that nothing decided becomes text.
    pub fn settle_unknown(&mut self, expr: Expr) -> Result<Expr> {
        if expr.is_unknown() { self.coerce_to(expr, TypeRef::new(oid::TEXT), CoercionContext::Implicit) } else { Ok(expr) }
    }

    /// `coerce_type`: without the modifier.
    pub(super) fn coerce_type(&mut self, expr: Expr, target: TypeRef, context: CoercionContext, form: CastForm) -> Result<Expr> {
        let source = expr.ty.oid;
        if source == target.oid || target.oid == oid::ANY || is_polymorphic(target.oid) && source != oid::UNKNOWN {
            return Ok(expr);
        }
        let base = self.base_type(TypeRef::new(target.oid));
        let is_domain = base.oid != target.oid;
        if source == oid::UNKNOWN {
            if let Some(typed) = self.coerce_unknown(&expr, base, target)? {
                return if is_domain { self.coerce_to_domain(typed, target, base, context, form) } else { Ok(typed) };
            }
        }
        if is_domain {
            let inner = self.coerce_type(expr, base, context, form)?;
            return self.coerce_to_domain(inner, target, base, context, form);
        }
        let position = expr.position;
        let ty = TypeRef::new(target.oid);
        if source == oid::RECORD && self.is_composite(target.oid) {
            return Ok(self.row_to_composite(expr, target.oid, context, form)?.at(position));
        }
        let shape = match &self.type_of(source)?.kind {
            Kind::Composite(attributes) if target.oid == oid::RECORD => Some(crate::types::anonymous::record(attributes.to_vec())),
            _ => None,
        };
        let ty = shape.unwrap_or(ty);
        let kind = match self.pathway(source, target.oid, context) {
            _ if target.oid == oid::RECORD && self.is_composite(source) => ExprKind::Relabel(Box::new(expr), form),
            Pathway::None if source == oid::UNKNOWN => ExprKind::InputOutput(Box::new(expr), form),
            Pathway::None => {
                let message = format!("cannot cast type {} to {}", self.type_name(source), self.type_name(target.oid));
                return Err(SqlError::new(SqlState::CANNOT_COERCE, message).at(position));
            }
            Pathway::Relabel => {
                let typmod = if self.base_oid(source) == target.oid { self.domain_typmod(expr.ty) } else { -1 };
                return Ok(Expr::new(ExprKind::Relabel(Box::new(expr), form), TypeRef { oid: target.oid, typmod }).at(position));
            }
            Pathway::InputOutput => ExprKind::InputOutput(Box::new(expr), form),
            Pathway::Function(proc) => return Ok(self.cast_call(proc, expr, target, context, form)),
            Pathway::Array(from, to) => {
                let element = Expr::new(ExprKind::Element, TypeRef::new(from));
                let element = self.coerce_type(element, TypeRef { oid: to, typmod: target.typmod }, context, form)?;
                ExprKind::ArrayCast(Box::new(expr), Box::new(element), form)
            }
        };
        Ok(Expr::new(kind, ty).at(position))
    }

    fn domain_typmod(&self, ty: TypeRef) -> i32 {
        let base = self.base_type(ty);
        if base.oid == ty.oid { ty.typmod } else { base.typmod }
    }

    /// A literal or parameter of unknown type takes the target's; none for any other expression.
    fn coerce_unknown(&mut self, expr: &Expr, base: TypeRef, target: TypeRef) -> Result<Option<Expr>> {
        match &expr.kind {
            ExprKind::Constant(value) => {
                let ty = TypeRef::new(base.oid);
                let value = match value {
                    Value::Text(text) => {
                        let found = self.type_of(base.oid)?.clone();
                        let typmod = if base.oid == oid::INTERVAL { target.typmod } else { -1 };
                        let value = found.codec.input(text, &found, typmod, self.cx).map_err(|error| error.at(expr.position))?;
                        self.timely |= may_name_now(text) && {
                            let later = crate::session::context::Context { transaction_time: i64::from(i32::MAX), ..self.cx.clone() };
                            found.codec.input(text, &found, typmod, &later).is_ok_and(|other| other != value)
                        };
                        value
                    }
                    other => other.clone(),
                };
                Ok(Some(Expr::new(ExprKind::Constant(value), ty).at(expr.position)))
            }
            ExprKind::Parameter(number) => {
                let slot = &mut self.parameters[*number as usize - 1];
                if *slot != oid::UNKNOWN && *slot != target.oid {
                    let (known, wanted) = (*slot, target.oid);
                    let message = format!("inconsistent types deduced for parameter ${number}");
                    return Err(SqlError::new(SqlState::AMBIGUOUS_PARAMETER, message)
                        .detail(format!("{} versus {}", self.type_name(known), self.type_name(wanted)))
                        .at(expr.position));
                }
                *slot = target.oid;
                Ok(Some(Expr::new(ExprKind::Parameter(*number), TypeRef::new(target.oid)).at(expr.position)))
            }
            ExprKind::Collate(inner, name) => {
                let inner = self.coerce_type((**inner).clone(), target, CoercionContext::Implicit, CastForm::Implicit)?;
                let ty = inner.ty;
                Ok(Some(Expr::new(ExprKind::Collate(Box::new(inner), name.clone()), ty).at(expr.position)))
            }
            _ => Ok(None),
        }
    }

    fn coerce_to_domain(&mut self, inner: Expr, target: TypeRef, base: TypeRef, context: CoercionContext, form: CastForm) -> Result<Expr> {
        let position = inner.position;
        if inner.ty.oid == target.oid {
            return Ok(inner);
        }
        let full = self.base_type(target);
        let inner = self.coerce_typmod(inner, TypeRef { oid: base.oid, typmod: full.typmod }, context, CastForm::Implicit)?;
        Ok(Expr::new(ExprKind::DomainCheck(Box::new(inner), form), TypeRef::new(target.oid)).at(position))
    }

    /// `ROW(…)::composite`: field by field where the row is written out.
    fn row_to_composite(&mut self, expr: Expr, target: Oid, context: CoercionContext, form: CastForm) -> Result<Expr> {
        let ty = self.type_of(target)?.clone();
        let Kind::Composite(attributes) = &ty.kind else { return Err(SqlError::internal("a row type without attributes")) };
        let kind = match expr.kind {
            ExprKind::Row { fields, .. } => {
                if fields.len() != attributes.len() {
                    let message = format!("cannot cast type record to {}", self.type_name(target));
                    let detail = if fields.len() < attributes.len() { "Input has too few columns." } else { "Input has too many columns." };
                    return Err(SqlError::new(SqlState::CANNOT_COERCE, message).detail(detail).at(expr.position));
                }
                let mut out = Vec::with_capacity(fields.len());
                for (field, (_, ty)) in fields.into_iter().zip(attributes.iter()) {
                    out.push(self.coerce_to(field, *ty, context)?);
                }
                let record = Expr::row(out, attributes.iter().map(|(name, _)| name.clone()).collect());
                ExprKind::Relabel(Box::new(record), form)
            }
            _ => ExprKind::RowCast(Box::new(expr), form),
        };
        Ok(Expr::new(kind, TypeRef::new(target)))
    }

    /// A cast through its function, which may also take the modifier and whether the cast is explicit.
    fn cast_call(&self, proc: Arc<Proc>, expr: Expr, target: TypeRef, context: CoercionContext, form: CastForm) -> Expr {
        let position = expr.position;
        let mut expr = expr;
        if let Some(argument) = proc.args.first() {
            if *argument != expr.ty.oid {
                expr = Expr::new(ExprKind::Relabel(Box::new(expr), CastForm::Implicit), TypeRef::new(*argument));
            }
        }
        let mut args = vec![expr];
        if proc.args.len() >= 2 {
            args.push(Expr::new(ExprKind::Constant(Value::Integer(i64::from(target.typmod))), TypeRef::new(oid::INT4)));
        }
        if proc.args.len() >= 3 {
            let explicit = i64::from(context == CoercionContext::Explicit);
            args.push(Expr::new(ExprKind::Constant(Value::Integer(explicit)), TypeRef::new(oid::BOOL)));
        }
        let declared = proc.result;
        let call = Call { proc: ProcRef(proc), args, variadic_array: false, form: CallForm::Cast(form) };
        let result = if call.args.len() >= 2 { target } else { TypeRef::new(target.oid) };
        if declared == oid::INT4 && target.oid != declared {
            // smallint to oid goes by way of integer.
            let call = Expr::new(ExprKind::Call(Box::new(call)), TypeRef::new(declared)).at(position);
            return Expr::new(ExprKind::Relabel(Box::new(call), form), result).at(position);
        }
        Expr::new(ExprKind::Call(Box::new(call)), result).at(position)
    }

    /// `coerce_type_typmod`: cuts or checks the value to the modifier's length.
    pub(super) fn coerce_typmod(&mut self, expr: Expr, target: TypeRef, context: CoercionContext, form: CastForm) -> Result<Expr> {
        let base = self.base_type(target);
        if base.oid != target.oid || target.typmod < 0 || expr.ty.typmod == target.typmod {
            return Ok(expr);
        }
        if matches!(expr.kind, ExprKind::Constant(Value::Null)) {
            return Ok(Expr { ty: target, ..expr });
        }
        let position = expr.position;
        let element = self.element_of(target.oid);
        if element != 0 {
            let inner = Expr::new(ExprKind::Element, TypeRef::new(element));
            let inner = self.coerce_typmod(inner, TypeRef { oid: element, typmod: target.typmod }, context, form)?;
            if matches!(inner.kind, ExprKind::Element) {
                return Ok(expr);
            }
            return Ok(Expr::new(ExprKind::ArrayCast(Box::new(expr), Box::new(inner), form), target).at(position));
        }
        let Some(cast) = self.catalog.cast(target.oid, target.oid) else { return Ok(expr) };
        let Some(proc) = self.catalog.proc(cast.proc).cloned() else { return Ok(expr) };
        Ok(self.cast_call(proc, expr, target, context, form))
    }
}

/// Whether a literal holds a word that stands for a time as seen from the present; whether it does so depends on the type.
fn may_name_now(text: &str) -> bool {
    let has = |word: &str| text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    ["now", "today", "tomorrow", "yesterday"].into_iter().any(has)
}
