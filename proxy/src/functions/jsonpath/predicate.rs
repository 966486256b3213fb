//! Predicates of a path: true, false or unknown, which an error inside makes it.

use super::{
    evaluate::{Evaluator, Outcome, Place},
    pattern_flags,
};
use crate::{
    functions::regex::compile,
    types::{
        jsonb::Jsonb,
        jsonpath::{Item, Kind},
    },
};

/// Two values of a pair; none where they can't be compared.
type Test<'t> = dyn Fn(&Jsonb, Option<&Jsonb>) -> Outcome<Option<bool>> + 't;

impl Evaluator<'_> {
    /// A predicate; none is unknown.
    pub(super) fn predicate(&self, item: &Item, value: &Jsonb, place: Place<'_>) -> Outcome<Option<bool>> {
        match &item.kind {
            Kind::And(left, right) => {
                let left = self.predicate(left, value, place)?;
                if left == Some(false) {
                    return Ok(left);
                }
                let right = self.predicate(right, value, place)?;
                Ok(if right == Some(true) { left } else { right })
            }
            Kind::Or(left, right) => {
                let left = self.predicate(left, value, place)?;
                if left == Some(true) {
                    return Ok(left);
                }
                let right = self.predicate(right, value, place)?;
                Ok(if right == Some(false) { left } else { right })
            }
            Kind::Not(inner) => Ok(self.predicate(inner, value, place)?.map(|truth| !truth)),
            Kind::IsUnknown(inner) => Ok(Some(self.predicate(inner, value, place)?.is_none())),
            Kind::Compare(operator, left, right) => {
                self.pairs(left, Some(right), value, place, &|l, r| Ok(r.and_then(|r| compare(operator, l, r))))
            }
            Kind::StartsWith(left, right) => self.pairs(left, Some(right), value, place, &|l, r| match (l, r) {
                (Jsonb::String(l), Some(Jsonb::String(r))) => Ok(Some(l.starts_with(r.as_str()))),
                _ => Ok(None),
            }),
            Kind::LikeRegex(left, pattern, flags) => {
                let (pattern, flags) = pattern_flags(pattern, flags)?;
                let regex = compile(&pattern, flags)?;
                self.pairs(left, None, value, place, &|l, _| match l {
                    Jsonb::String(text) => Ok(Some(regex.is_match(text)?)),
                    _ => Ok(None),
                })
            }
            Kind::Exists(inner) => {
                let mut found = Vec::new();
                match self.item(inner, value, place, !self.strict, &mut found) {
                    Ok(()) => Ok(Some(!found.is_empty())),
                    Err(failure) if failure.can_be_silent => Ok(if self.strict || found.is_empty() { None } else { Some(true) }),
                    Err(failure) => Err(failure),
                }
            }
            _ => Err(crate::error::SqlError::internal("a path's condition is a predicate").into()),
        }
    }

    /// Any pair of the operands' values (`executePredicate`): in lax mode the first that holds decides.
    fn pairs(&self, left: &Item, right: Option<&Item>, value: &Jsonb, place: Place<'_>, test: &Test<'_>) -> Outcome<Option<bool>> {
        let values = |item: &Item| match self.operand(item, value, place) {
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.can_be_silent => Ok(None),
            Err(failure) => Err(failure),
        };
        let Some(lefts) = values(left)? else { return Ok(None) };
        let rights = match right {
            Some(right) => match values(right)? {
                Some(found) => found.into_iter().map(Some).collect(),
                None => return Ok(None),
            },
            None => vec![None],
        };
        let (mut found, mut unknown) = (false, false);
        for l in &lefts {
            for r in &rights {
                match test(l, r.as_ref())? {
                    None if self.strict => return Ok(None),
                    None => unknown = true,
                    Some(true) if !self.strict => return Ok(Some(true)),
                    Some(true) => found = true,
                    Some(false) => {}
                }
            }
        }
        Ok(if found {
            Some(true)
        } else if unknown {
            None
        } else {
            Some(false)
        })
    }
}

/// Two scalars of one type; those of different types are unequal only to null, unknown otherwise.
fn compare(operator: &str, left: &Jsonb, right: &Jsonb) -> Option<bool> {
    let order = match (left, right) {
        (Jsonb::Null, Jsonb::Null) | (Jsonb::Bool(_), Jsonb::Bool(_)) | (Jsonb::Number(_), Jsonb::Number(_)) => left.order(right),
        (Jsonb::String(l), Jsonb::String(r)) => l.cmp(r),
        (Jsonb::Null, _) | (_, Jsonb::Null) => return Some(operator == "!="),
        _ => return None,
    };
    Some(match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}
