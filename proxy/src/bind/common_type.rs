//! The one type of several expressions: UNION, CASE, VALUES, ARRAY, GREATEST, IN (`select_common_type`; manual 10.5), and the
//! concrete types of polymorphic signatures (`enforce_generic_type_consistency`; manual 38.2.5).

use super::{Binder, CoercionContext, coerce::is_polymorphic, tree::Expr};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{Kind, Oid, TypeRef, oid},
};

impl Binder<'_> {
    /// The common type of the types given, with the position to blame; `construct` begins the message (`CASE`, `UNION`).
    pub(super) fn common_type(&self, types: &[(Oid, usize)], construct: &str) -> Result<Oid> {
        let Some(&(first, _)) = types.first() else { return Ok(oid::TEXT) };
        if first != oid::UNKNOWN && types.iter().all(|(ty, _)| *ty == first) {
            return Ok(first);
        }
        let mut chosen = self.base_oid(first);
        let (mut category, mut preferred) = self.category(chosen);
        for &(ty, position) in &types[1..] {
            let ty = self.base_oid(ty);
            if ty == oid::UNKNOWN || ty == chosen {
                continue;
            }
            let (other_category, other_preferred) = self.category(ty);
            if chosen == oid::UNKNOWN {
                (chosen, category, preferred) = (ty, other_category, other_preferred);
            } else if other_category != category {
                let message = format!("{construct} types {} and {} cannot be matched", self.type_name(chosen), self.type_name(ty));
                return Err(SqlError::new(SqlState::DATATYPE_MISMATCH, message).at(position));
            } else if !preferred
                && self.can_coerce(chosen, ty, CoercionContext::Implicit)
                && !self.can_coerce(ty, chosen, CoercionContext::Implicit)
            {
                (chosen, category, preferred) = (ty, other_category, other_preferred);
            }
        }
        Ok(if chosen == oid::UNKNOWN { oid::TEXT } else { chosen })
    }

    /// The common type of expressions, and its modifier where all agree on one.
    pub(super) fn common_type_of(&self, exprs: &[&Expr], construct: &str) -> Result<TypeRef> {
        let types: Vec<(Oid, usize)> = exprs.iter().map(|expr| (expr.ty.oid, expr.position)).collect();
        let oid = self.common_type(&types, construct)?;
        let typmod = exprs.first().map_or(-1, |first| first.ty.typmod);
        let agreed = exprs.iter().all(|expr| expr.ty.oid == oid && expr.ty.typmod == typmod);
        Ok(TypeRef { oid, typmod: if agreed { typmod } else { -1 } })
    }

    /// Coerces to the common type (`coerce_to_common_type`).
    pub(super) fn coerce_to_common(&mut self, expr: Expr, ty: TypeRef, construct: &str) -> Result<Expr> {
        if expr.ty.oid == ty.oid {
            return Ok(expr);
        }
        if !self.can_coerce(expr.ty.oid, ty.oid, CoercionContext::Implicit) {
            let message = format!("{construct} could not convert type {} to {}", self.type_name(expr.ty.oid), self.type_name(ty.oid));
            return Err(SqlError::new(SqlState::CANNOT_COERCE, message).at(expr.position));
        }
        self.coerce_to(expr, TypeRef::new(ty.oid), CoercionContext::Implicit)
    }

    /// Brings all to their common type, which it answers.
    pub(super) fn unify(&mut self, exprs: Vec<Expr>, construct: &str) -> Result<(Vec<Expr>, TypeRef)> {
        let ty = self.common_type_of(&exprs.iter().collect::<Vec<_>>(), construct)?;
        let exprs = exprs.into_iter().map(|expr| self.coerce_to_common(expr, ty, construct)).collect::<Result<Vec<_>>>()?;
        Ok((exprs, ty))
    }

    /// The concrete types of a call's declared argument types, and of its result. None where the arguments contradict each other.
    pub(super) fn resolve_polymorphic(&self, declared: &[Oid], actual: &[Oid], result: Oid) -> Option<(Vec<Oid>, Oid)> {
        let mut found = Concrete::default();
        let mut compatible: Vec<(Oid, usize)> = Vec::new();
        for (&declared, &actual) in declared.iter().zip(actual) {
            let actual = if actual == oid::UNKNOWN { continue } else { actual };
            let base = self.base_oid(actual);
            let agrees = match declared {
                oid::ANYELEMENT => set(&mut found.element, actual),
                oid::ANYNONARRAY => self.element_of(base) == 0 && set(&mut found.element, actual),
                oid::ANYENUM => self.is_enum(base) && set(&mut found.element, actual),
                oid::ANYARRAY => self.element_of(base) != 0 && set(&mut found.element, self.element_of(base)),
                oid::ANYRANGE => self.range_subtype(base).is_some_and(|sub| set(&mut found.range, base) && set(&mut found.element, sub)),
                oid::ANYMULTIRANGE => self.multirange_range(base).is_some_and(|range| {
                    set(&mut found.multirange, base)
                        && set(&mut found.range, range)
                        && self.range_subtype(range).is_some_and(|sub| set(&mut found.element, sub))
                }),
                oid::ANYCOMPATIBLE => {
                    compatible.push((actual, 0));
                    true
                }
                oid::ANYCOMPATIBLENONARRAY => {
                    compatible.push((actual, 0));
                    self.element_of(base) == 0
                }
                oid::ANYCOMPATIBLEARRAY => {
                    compatible.push((self.element_of(base), 0));
                    self.element_of(base) != 0
                }
                oid::ANYCOMPATIBLERANGE => self.range_subtype(base).is_some_and(|sub| {
                    compatible.push((sub, 0));
                    set(&mut found.compatible_range, base)
                }),
                _ => true,
            };
            if !agrees {
                return None;
            }
        }
        let uses_compatible = declared.iter().any(|ty| is_compatible(*ty));
        if uses_compatible {
            found.compatible = if compatible.is_empty() { oid::TEXT } else { self.common_type(&compatible, "").ok()? };
        }
        let types: Option<Vec<Oid>> = declared
            .iter()
            .zip(actual)
            .map(|(&declared, &actual)| match self.concrete(declared, &found) {
                Some(ty) => Some(ty),
                None if actual == oid::UNKNOWN && is_polymorphic(declared) => Some(oid::UNKNOWN),
                None => None,
            })
            .collect();
        let result = if is_polymorphic(result) { self.concrete(result, &found).unwrap_or(oid::UNKNOWN) } else { result };
        Some((types?, result))
    }

    fn concrete(&self, declared: Oid, found: &Concrete) -> Option<Oid> {
        let some = |ty: Oid| (ty != 0).then_some(ty);
        match declared {
            oid::ANYELEMENT | oid::ANYNONARRAY | oid::ANYENUM => some(found.element),
            oid::ANYARRAY => some(self.array_of(found.element)),
            oid::ANYRANGE => some(found.range),
            oid::ANYMULTIRANGE => some(if found.multirange != 0 { found.multirange } else { self.multirange_of(found.range) }),
            oid::ANYCOMPATIBLE | oid::ANYCOMPATIBLENONARRAY => some(found.compatible),
            oid::ANYCOMPATIBLEARRAY => some(self.array_of(found.compatible)),
            oid::ANYCOMPATIBLERANGE => some(found.compatible_range),
            other => Some(other),
        }
    }

    fn is_enum(&self, ty: Oid) -> bool {
        self.catalog.type_by_oid(ty).is_some_and(|ty| matches!(ty.kind, Kind::Enum(_)))
    }

    fn range_subtype(&self, ty: Oid) -> Option<Oid> {
        match self.catalog.type_by_oid(ty)?.kind {
            Kind::Range(subtype) => Some(subtype),
            _ => None,
        }
    }

    fn multirange_range(&self, ty: Oid) -> Option<Oid> {
        match self.catalog.type_by_oid(ty)?.kind {
            Kind::Multirange(range) => Some(range),
            _ => None,
        }
    }

    fn multirange_of(&self, range: Oid) -> Oid {
        let types = &crate::catalog::built_in::types().by_oid;
        types.values().find(|ty| ty.kind == Kind::Multirange(range)).map_or(0, |ty| ty.oid)
    }
}

/// What the polymorphic types of a signature stand for; 0 where nothing decides.
#[derive(Default)]
struct Concrete {
    element: Oid,
    range: Oid,
    multirange: Oid,
    compatible: Oid,
    compatible_range: Oid,
}

/// Sets a slot, or finds that it agrees.
fn set(slot: &mut Oid, ty: Oid) -> bool {
    if *slot == 0 {
        *slot = ty;
    }
    *slot == ty
}

fn is_compatible(ty: Oid) -> bool {
    matches!(
        ty,
        oid::ANYCOMPATIBLE | oid::ANYCOMPATIBLEARRAY | oid::ANYCOMPATIBLENONARRAY | oid::ANYCOMPATIBLERANGE | oid::ANYCOMPATIBLEMULTIRANGE
    )
}
