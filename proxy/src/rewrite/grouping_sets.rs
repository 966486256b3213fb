//! The rule for GROUPING SETS, ROLLUP and CUBE: one grouped select per set, joined by UNION ALL; in each, the keys that its set lacks
//! are NULL and GROUPING() is a constant.

use super::{Printer, print::GroupingSet};
use crate::{
    bind::tree::{Expr, Select},
    error::{Result, SqlError},
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
    /// NULL, if the expression is a grouping key that the set being printed lacks.
    pub(super) fn absent_key(&self, expr: &Expr) -> Option<String> {
        let set = self.grouping.as_ref()?;
        let at = set.keys.iter().position(|key| crate::bind::is_same(key, expr))?;
        (!set.present.contains(&at)).then(|| "NULL".to_owned())
    }

    /// `GROUPING(…)`: a bit for each argument, set where the grouping set lacks it.
    pub(super) fn grouping_mask(&mut self, positions: &[usize]) -> Result<String> {
        let present = |at: &usize| self.grouping.as_ref().is_none_or(|set| set.present.contains(at));
        let mask = positions.iter().fold(0i64, |mask, at| mask << 1 | i64::from(!present(at)));
        Ok(mask.to_string())
    }
}
