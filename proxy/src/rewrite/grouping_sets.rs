//! The rule for GROUPING SETS, ROLLUP and CUBE: one grouped select per set, joined by UNION ALL; in each, the keys that its set lacks
//! are NULL and GROUPING() is a constant.

use super::{Printer, print::GroupingSet};
use crate::{
    bind::tree::{Aggregate, Expr, Select},
    error::{Result, SqlError},
    types::TypeRef,
};

/// The selects of all sets.
pub(super) fn expand(printer: &mut Printer<'_>, select: &Select, sets: &[Vec<usize>], extra: &[&Expr]) -> Result<String> {
    if select.targets.iter().any(|target| target.expr.has_window()) {
        return Err(SqlError::unsupported("a window function over grouping sets"));
    }
    let mut parts = Vec::with_capacity(sets.len());
    for set in sets {
        printer.grouping = Some(GroupingSet { keys: select.group_by.clone(), present: set.clone() });
        parts.push(printer.core(select, extra, false)?);
    }
    printer.grouping = None;
    Ok(parts.join(" UNION ALL "))
}

impl Printer<'_> {
    /// Whether the set being printed has the grouping key that the expression is; none where it is no key.
    pub(super) fn grouping_key(&self, expr: &Expr) -> Option<bool> {
        let set = self.grouping.as_ref()?;
        let at = set.keys.iter().position(|key| crate::bind::is_same(key, expr))?;
        Some(set.present.contains(&at))
    }

    /// An aggregate, which is over the rows as they come, whatever the grouping set lacks; its direct arguments are of the group.
    pub(super) fn grouped_aggregate(&mut self, aggregate: &Aggregate, ty: TypeRef) -> Result<String> {
        if self.grouping.is_none() {
            return self.aggregate(aggregate, ty);
        }
        let mut aggregate = aggregate.clone();
        for arg in &mut aggregate.direct {
            if self.grouping_key(arg) == Some(false) {
                *arg = Expr::null(arg.ty);
            }
        }
        self.ungrouped(|printer| printer.aggregate(&aggregate, ty))
    }

    /// Prints with no grouping set in mind.
    pub(super) fn ungrouped<T>(&mut self, print: impl FnOnce(&mut Self) -> T) -> T {
        let grouping = self.grouping.take();
        let printed = print(self);
        self.grouping = grouping;
        printed
    }

    /// `GROUPING(…)`: a bit for each argument, set where the grouping set lacks it.
    pub(super) fn grouping_mask(&mut self, positions: &[usize]) -> Result<String> {
        let present = |at: &usize| self.grouping.as_ref().is_none_or(|set| set.present.contains(at));
        let mask = positions.iter().fold(0i64, |mask, at| mask << 1 | i64::from(!present(at)));
        Ok(mask.to_string())
    }
}
