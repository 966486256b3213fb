//! GROUP BY: grouping sets, and the check that nothing ungrouped is used (`parse_agg.c`).

use sqlparser::ast::{self, GroupByExpr, GroupByWithModifier};

use super::{
    Binder, Scope,
    syntax::same,
    tree::{Expr, ExprKind, SourceId, Target},
};
use crate::error::{Result, SqlError, SqlState};

/// How many grouping sets a query may expand to.
const SETS_LIMIT: usize = 4096;

/// One element of GROUP BY.
#[derive(Clone, Debug)]
pub(super) enum GroupItem {
    /// An expression.
    Plain(ast::Expr),
    /// Sets of expressions, of which each row of the product takes one.
    Sets(Vec<Vec<ast::Expr>>),
}

impl Binder<'_> {
    /// Takes GROUP BY apart.
    pub(super) fn group_items(&self, select: &ast::Select) -> Result<Vec<GroupItem>> {
        let GroupByExpr::Expressions(exprs, modifiers) = &select.group_by else {
            return Err(SqlError::unsupported("GROUP BY ALL"));
        };
        let mut items = Vec::new();
        for expr in exprs {
            items.push(self.group_item(expr)?);
        }
        for modifier in modifiers {
            match modifier {
                GroupByWithModifier::GroupingSets(expr) => items.push(self.group_item(expr)?),
                _ => return Err(SqlError::unsupported("GROUP BY … WITH")),
            }
        }
        Ok(items.into_iter().flatten().collect())
    }

    fn group_item(&self, expr: &ast::Expr) -> Result<Vec<GroupItem>> {
        Ok(match expr {
            ast::Expr::Tuple(list) => list.iter().cloned().map(GroupItem::Plain).collect(),
            ast::Expr::GroupingSets(sets) => vec![GroupItem::Sets(self.nested_sets(sets)?)],
            ast::Expr::Rollup(parts) => vec![GroupItem::Sets(rollup(parts))],
            ast::Expr::Cube(parts) => {
                if parts.len() > 12 {
                    return Err(SqlError::new(SqlState::TOO_MANY_COLUMNS, "CUBE is limited to 12 elements"));
                }
                vec![GroupItem::Sets(cube(parts))]
            }
            other => vec![GroupItem::Plain(other.clone())],
        })
    }

    /// The sets of GROUPING SETS, with ROLLUP and CUBE inside them spread out.
    fn nested_sets(&self, sets: &[Vec<ast::Expr>]) -> Result<Vec<Vec<ast::Expr>>> {
        let mut out = Vec::new();
        for set in sets {
            match set.as_slice() {
                [ast::Expr::Rollup(parts)] => out.extend(rollup(parts)),
                [ast::Expr::Cube(parts)] => out.extend(cube(parts)),
                [ast::Expr::GroupingSets(inner)] => out.extend(self.nested_sets(inner)?),
                [ast::Expr::Function(function)] if spreads(function).is_some() => {
                    let parts: Vec<Vec<ast::Expr>> = super::syntax::plain_arguments(&function.args)?.into_iter().map(listed).collect();
                    out.extend(if spreads(function) == Some("rollup") { rollup(&parts) } else { cube(&parts) });
                }
                [list @ (ast::Expr::Tuple(_) | ast::Expr::Nested(_))] => out.push(listed(list.clone())),
                list => out.push(list.to_vec()),
            }
        }
        Ok(out)
    }

    /// The grouping expressions as GROUPING() will find them, as far as they can be bound before the select list is.
    pub(super) fn early_group_keys(&mut self, items: &[GroupItem], select: &ast::Select, scope: &Scope<'_>) -> Vec<Expr> {
        if items.is_empty() {
            return Vec::new();
        }
        let mut keys: Vec<Expr> = Vec::new();
        let parameters = self.parameters.clone();
        for expr in items.iter().flat_map(GroupItem::expressions) {
            let ordinal = match expr {
                ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(n, _), .. }) => n.parse::<usize>().ok(),
                _ => None,
            };
            let expr = match ordinal.and_then(|n| select.projection.get(n.wrapping_sub(1))) {
                Some(ast::SelectItem::UnnamedExpr(expr) | ast::SelectItem::ExprWithAlias { expr, .. }) => expr,
                _ => expr,
            };
            if let Ok(bound) = self.expression(expr, scope) {
                if !keys.iter().any(|key| same(key, &bound)) {
                    keys.push(bound);
                }
            }
        }
        self.parameters = parameters;
        keys
    }

    /// The grouping expressions and, unless there is only one plain set, the grouping sets.
    #[allow(clippy::type_complexity)]
    pub(super) fn group_by(
        &mut self,
        items: &[GroupItem],
        targets: &mut [Target],
        scope: &Scope<'_>,
    ) -> Result<(Vec<Expr>, Option<Vec<Vec<usize>>>)> {
        let mut keys: Vec<Expr> = Vec::new();
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        let mut plain = true;
        for item in items {
            let mut choices: Vec<Vec<usize>> = Vec::new();
            let lists: Vec<Vec<ast::Expr>> = match item {
                GroupItem::Plain(expr) => vec![vec![expr.clone()]],
                GroupItem::Sets(lists) => {
                    plain = false;
                    lists.clone()
                }
            };
            for list in lists {
                let mut choice = Vec::with_capacity(list.len());
                for expr in list {
                    let bound = self.grouping_expression(&expr, targets, scope)?;
                    self.require_order(&bound, "=", "an equality operator")?;
                    choice.push(match keys.iter().position(|key| same(key, &bound)) {
                        Some(at) => at,
                        None => {
                            keys.push(bound);
                            keys.len() - 1
                        }
                    });
                }
                choices.push(choice);
            }
            sets = sets.iter().flat_map(|set| choices.iter().map(move |c| union(set, c))).collect();
            if sets.len() > SETS_LIMIT {
                let message = "too many grouping sets present (maximum 4096)";
                return Err(SqlError::new(SqlState::STATEMENT_TOO_COMPLEX, message));
            }
        }
        Ok((keys, (!plain).then_some(sets)))
    }

    /// 42803 for a column of this level that is neither grouped, nor inside an aggregate, nor determined by a grouped primary key.
    pub(super) fn check_grouping<'e>(&self, exprs: impl Iterator<Item = &'e Expr>, keys: &[Expr], scope: &Scope<'_>) -> Result<()> {
        let mut determined: Vec<SourceId> = Vec::new();
        for item in &scope.items {
            let relation = self.catalog.relation_by_oid(item.row_type & !crate::types::ROW_OID_BIT);
            let Some(relation) = relation.filter(|relation| !relation.primary_key.is_empty()) else { continue };
            let grouped =
                |at: &usize| keys.iter().any(|key| matches!(&key.kind, ExprKind::Column(c) if c.source == item.source && c.index == *at));
            if relation.primary_key.iter().all(grouped) {
                determined.push(item.source);
            }
        }
        for expr in exprs {
            self.check_grouped(expr, keys, &determined, scope)?;
        }
        Ok(())
    }

    fn check_grouped(&self, expr: &Expr, keys: &[Expr], determined: &[SourceId], scope: &Scope<'_>) -> Result<()> {
        if keys.iter().any(|key| same(key, expr)) {
            return Ok(());
        }
        match &expr.kind {
            ExprKind::Aggregate(aggregate) => {
                let detail = "Direct arguments of an ordered-set aggregate must use only grouped columns.";
                let mut direct = aggregate.direct.iter();
                return direct.try_for_each(|arg| self.check_grouped(arg, keys, determined, scope).map_err(|error| error.detail(detail)));
            }
            ExprKind::Grouping(_) => return Ok(()),
            ExprKind::Column(column) => {
                let own = scope.items.iter().find(|item| item.source == column.source && item.alias.is_some());
                let Some(item) = own else { return Ok(()) };
                if determined.contains(&column.source) {
                    return Ok(());
                }
                let alias = item.alias.as_deref().unwrap_or_default();
                let name = item.columns.get(column.index).map_or(&*column.name, |known| known.name.as_str());
                let message = format!("column \"{alias}.{name}\" must appear in the GROUP BY clause or be used in an aggregate function");
                return Err(SqlError::new(SqlState::GROUPING_ERROR, message).at(expr.position));
            }
            _ => {}
        }
        let mut result = Ok(());
        expr.for_each_child(&mut |child| {
            if result.is_ok() {
                result = self.check_grouped(child, keys, determined, scope);
            }
        });
        result
    }
}

impl GroupItem {
    fn expressions(&self) -> Vec<&ast::Expr> {
        match self {
            GroupItem::Plain(expr) => vec![expr],
            GroupItem::Sets(sets) => sets.iter().flatten().collect(),
        }
    }
}

/// The word of ROLLUP or CUBE inside GROUPING SETS, which look like calls there.
fn spreads(function: &ast::Function) -> Option<&'static str> {
    let name = function.name.to_string().to_ascii_lowercase();
    ["rollup", "cube"].into_iter().find(|word| *word == name)
}

/// The expressions of `(a, (b, c))`, those of inner lists included; of anything else, itself.
fn listed(expr: ast::Expr) -> Vec<ast::Expr> {
    match expr {
        ast::Expr::Tuple(list) => list.into_iter().flat_map(listed).collect(),
        ast::Expr::Nested(inner) if matches!(*inner, ast::Expr::Tuple(_) | ast::Expr::Nested(_)) => listed(*inner),
        other => vec![other],
    }
}

/// The sets of ROLLUP: all, all but the last, …, none.
fn rollup(parts: &[Vec<ast::Expr>]) -> Vec<Vec<ast::Expr>> {
    (0..=parts.len()).rev().map(|n| parts[..n].concat()).collect()
}

/// The sets of CUBE: every subset, in PostgreSQL's order.
fn cube(parts: &[Vec<ast::Expr>]) -> Vec<Vec<ast::Expr>> {
    let all = 1usize << parts.len();
    let subset = |mask: usize| {
        let chosen = (0..parts.len()).filter(move |at| mask & (1 << (parts.len() - 1 - at)) != 0);
        chosen.flat_map(|at| parts[at].clone()).collect()
    };
    (0..all).rev().map(subset).collect()
}

fn union(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut out = a.to_vec();
    for at in b {
        if !out.contains(at) {
            out.push(*at);
        }
    }
    out
}
