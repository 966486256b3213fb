//! The choice among several functions or operators of one name (`func_match_argtypes`, `func_select_candidate`; manual 10.2, 10.3).

use super::{Binder, CoercionContext, coerce::is_polymorphic};
use crate::types::{Oid, oid};

/// What the choice found.
pub(super) enum Choice {
    /// This one.
    One(usize),
    /// None fits.
    None,
    /// Several fit as well.
    Ambiguous,
}

impl Binder<'_> {
    /// Chooses among candidates' argument types for the given argument types; no exact match is assumed to have been found.
    pub(super) fn choose(&self, candidates: &[&[Oid]], given: &[Oid]) -> Choice {
        let fits = |declared: &&[Oid]| {
            let each = declared.iter().zip(given).all(|(to, from)| self.can_coerce(*from, *to, CoercionContext::Implicit));
            let generic = declared.iter().any(|ty| is_polymorphic(*ty));
            each && (!generic || self.resolve_polymorphic(declared, given, oid::VOID).is_some())
        };
        let mut left: Vec<usize> = (0..candidates.len()).filter(|at| fits(&candidates[*at])).collect();
        match left.as_slice() {
            [] => return Choice::None,
            [one] => return Choice::One(*one),
            _ => {}
        }
        let bases: Vec<Oid> = given.iter().map(|ty| self.base_oid(*ty)).collect();
        let unknowns = bases.iter().filter(|ty| **ty == oid::UNKNOWN).count();
        keep_best(&mut left, |at| {
            let pairs = candidates[at].iter().zip(&bases);
            pairs.filter(|(declared, given)| **given != oid::UNKNOWN && declared == given).count()
        });
        if let [one] = left.as_slice() {
            return Choice::One(*one);
        }
        let categories: Vec<char> = bases.iter().map(|ty| self.category(*ty).0).collect();
        keep_best(&mut left, |at| {
            let slots = candidates[at].iter().zip(&bases).zip(&categories);
            let matches = |((declared, given), category): &((&Oid, &Oid), &char)| {
                **given != oid::UNKNOWN && (declared == given || self.category(**declared) == (**category, true))
            };
            slots.filter(matches).count()
        });
        if let [one] = left.as_slice() {
            return Choice::One(*one);
        }
        if unknowns == 0 {
            return Choice::Ambiguous;
        }
        self.choose_by_unknowns(candidates, &bases, left, unknowns)
    }

    /// The steps that look at arguments of unknown type: their category, then the assumption that they are of the known ones' type.
    fn choose_by_unknowns(&self, candidates: &[&[Oid]], bases: &[Oid], mut left: Vec<usize>, unknowns: usize) -> Choice {
        let mut slots: Vec<Option<(char, bool)>> = vec![None; bases.len()];
        let mut resolved = true;
        for (slot, _) in bases.iter().enumerate().filter(|(_, ty)| **ty == oid::UNKNOWN) {
            let (mut chosen, mut conflict): (Option<(char, bool)>, bool) = (None, false);
            for at in &left {
                let (category, preferred) = self.category(candidates[*at][slot]);
                match chosen {
                    None => chosen = Some((category, preferred)),
                    Some((known, has)) if known == category => chosen = Some((known, has || preferred)),
                    _ if category == 'S' => chosen = Some(('S', preferred)),
                    _ => conflict = true,
                }
            }
            if conflict && chosen.is_none_or(|(category, _)| category != 'S') {
                resolved = false;
                break;
            }
            slots[slot] = chosen;
        }
        if resolved {
            let fits = |at: &usize| {
                slots.iter().enumerate().all(|(slot, wanted)| {
                    wanted.is_none_or(|(category, preferred)| {
                        let found = self.category(candidates[*at][slot]);
                        found.0 == category && (!preferred || found.1)
                    })
                })
            };
            let kept: Vec<usize> = left.iter().copied().filter(fits).collect();
            if !kept.is_empty() {
                left = kept;
            }
            if let [one] = left.as_slice() {
                return Choice::One(*one);
            }
        }
        if unknowns < bases.len() {
            let known: Vec<Oid> = bases.iter().copied().filter(|ty| *ty != oid::UNKNOWN).collect();
            if known.iter().all(|ty| *ty == known[0]) {
                let alike = vec![known[0]; bases.len()];
                let fits = |at: &&usize| {
                    let declared = candidates[**at];
                    let each = declared.iter().all(|declared| self.can_coerce(known[0], *declared, CoercionContext::Implicit));
                    let generic = declared.iter().any(|ty| is_polymorphic(*ty));
                    each && (!generic || self.resolve_polymorphic(declared, &alike, oid::VOID).is_some())
                };
                let kept: Vec<usize> = left.iter().filter(fits).copied().collect();
                if let [one] = kept.as_slice() {
                    return Choice::One(*one);
                }
            }
        }
        Choice::Ambiguous
    }
}

/// Keeps those with the greatest score.
fn keep_best(left: &mut Vec<usize>, score: impl Fn(usize) -> usize) {
    let best = left.iter().map(|at| score(*at)).max().unwrap_or(0);
    left.retain(|at| score(*at) == best);
}
