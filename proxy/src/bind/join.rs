//! Joins: two bound items of FROM become one, with USING's columns merged and the outer side nullable (`transformFromClauseItem`).

use rusqlite::types::Value;

use sqlparser::ast;

use super::{
    Binder, Clause, Scope,
    binder::schema_and_name,
    condition::all_of,
    from::{Bound, duplicate_alias, visible_columns},
    scope::{ScopeColumn, ScopeItem},
    tree::{Expr, ExprKind, From, JoinKind},
};
use crate::error::{Result, SqlError, SqlState};

impl Binder<'_> {
    pub(super) fn join(&mut self, left: Bound, right: Bound, operator: &ast::JoinOperator, outer: Option<&Scope<'_>>) -> Result<Bound> {
        use ast::{JoinConstraint as C, JoinOperator as J};
        let (kind, constraint) = match operator {
            J::Join(constraint) | J::Inner(constraint) => (JoinKind::Inner, constraint),
            J::Left(constraint) | J::LeftOuter(constraint) => (JoinKind::Left, constraint),
            J::Right(constraint) | J::RightOuter(constraint) => (JoinKind::Right, constraint),
            J::FullOuter(constraint) => (JoinKind::Full, constraint),
            J::CrossJoin(C::None) => (JoinKind::Inner, &C::None),
            other => return Err(SqlError::unsupported(format!("join {other:?}").split('(').next().unwrap_or("join"))),
        };
        let ((left, mut left_items), (right, mut right_items)) = (left, right);
        for item in right_items.iter().filter(|item| item.alias_visible) {
            let clashes = |known: &&ScopeItem| known.alias_visible && known.alias == item.alias && same_schema(known, item);
            if let (Some(alias), Some(_)) = (&item.alias, left_items.iter().find(clashes)) {
                return Err(duplicate_alias(alias));
            }
        }
        let (using, alias) = self.using(constraint, &left_items, &right_items)?;
        let mut shared = 0;
        let (on, merged) = match using {
            Some(names) => {
                shared = names.len();
                let (on, merged) = self.merge(kind, &names, &left_items, &right_items)?;
                (on, Some(merged))
            }
            None => {
                let mut items = left_items.clone();
                items.extend(right_items.iter().cloned());
                let scope = Scope { parent: outer, items, clause: Clause::JoinCondition, windows: Vec::new(), domain_value: None };
                let on = match constraint {
                    C::On(condition) => {
                        let bound = self.expression(condition, &scope)?;
                        Some(self.coerce_to_boolean(bound, "JOIN/ON")?)
                    }
                    _ if kind != JoinKind::Inner => {
                        return Err(SqlError::new(SqlState::SYNTAX_ERROR, "syntax error in JOIN: ON or USING is missing"));
                    }
                    _ => None,
                };
                (on, None)
            }
        };
        if matches!(kind, JoinKind::Left | JoinKind::Full) {
            right_items.iter_mut().for_each(make_nullable);
        }
        if matches!(kind, JoinKind::Right | JoinKind::Full) {
            left_items.iter_mut().for_each(make_nullable);
        }
        left_items.extend(right_items);
        if let Some(columns) = merged {
            left_items.iter_mut().for_each(|item| item.columns_visible = false);
            if let Some(alias) = alias {
                // The alias of USING names the merged columns only.
                if left_items.iter().any(|known| known.alias_visible && known.alias.as_ref() == Some(&alias)) {
                    return Err(duplicate_alias(&alias));
                }
                let named = join_item(columns[..shared].to_vec());
                left_items.push(ScopeItem { alias: Some(alias), alias_visible: true, columns_visible: false, ..named });
            }
            left_items.push(join_item(columns));
        }
        Ok((From::Join { kind, left: Box::new(left), right: Box::new(right), on }, left_items))
    }

    /// The names of USING or NATURAL with their places, and the alias of USING.
    #[allow(clippy::type_complexity)]
    fn using(
        &self,
        constraint: &ast::JoinConstraint,
        left_items: &[ScopeItem],
        right_items: &[ScopeItem],
    ) -> Result<(Option<Vec<(String, usize)>>, Option<String>)> {
        use ast::JoinConstraint as C;
        let mut alias = None;
        let using = match constraint {
            C::Using(names) => {
                let (names, aliases): (Vec<_>, Vec<_>) = names.iter().partition(|name| alias_of(name).is_none());
                alias = aliases.first().and_then(|name| alias_of(name));
                let names = names.into_iter().map(|name| Ok((schema_and_name(name, self.cx)?.1, self.position_at(name))));
                Some(names.collect::<Result<Vec<_>>>()?)
            }
            C::Natural => {
                let right = visible_columns(right_items);
                let shared = visible_columns(left_items).into_iter().filter(|l| right.iter().any(|r| r.name == l.name));
                Some(shared.map(|column| (column.name, 0)).collect())
            }
            _ => None,
        };
        Ok((using, alias))
    }

    /// The condition of USING, and the join's columns: the merged ones first, then what is left of each side.
    pub(super) fn merge(
        &mut self,
        kind: JoinKind,
        names: &[(String, usize)],
        left: &[ScopeItem],
        right: &[ScopeItem],
    ) -> Result<(Option<Expr>, Vec<ScopeColumn>)> {
        let (left_columns, right_columns) = (visible_columns(left), visible_columns(right));
        let (mut tests, mut columns) = (Vec::new(), Vec::new());
        for (name, position) in names {
            let find = |columns: &[ScopeColumn], side: &str| {
                let mut found = columns.iter().filter(|column| column.name == *name);
                match (found.next(), found.next()) {
                    (Some(column), None) => Ok(column.expr.clone()),
                    (Some(_), Some(_)) => {
                        let message = format!("common column name \"{name}\" appears more than once in {side} table");
                        Err(SqlError::new(SqlState::AMBIGUOUS_COLUMN, message).at(*position))
                    }
                    (None, _) => {
                        let message = format!("column \"{name}\" specified in USING clause does not exist in {side} table");
                        Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message))
                    }
                }
            };
            let (l, r) = (find(&left_columns, "left")?, find(&right_columns, "right")?);
            tests.push(self.operator("=", l.clone(), r.clone(), *position)?);
            let ty = self.common_type_of(&[&l, &r], "JOIN/USING")?;
            let (l, r) = (self.coerce_to_common(l, ty, "JOIN/USING")?, self.coerce_to_common(r, ty, "JOIN/USING")?);
            let expr = match kind {
                JoinKind::Inner | JoinKind::Left => l,
                JoinKind::Right => r,
                JoinKind::Full => Expr::new(ExprKind::Coalesce(vec![nullable(l), nullable(r)]), ty),
            };
            columns.push(ScopeColumn { name: name.clone(), expr });
        }
        let is_merged = |column: &ScopeColumn| names.iter().any(|(name, _)| *name == column.name);
        let rest = |columns: Vec<ScopeColumn>, outer: bool| {
            let rest = columns.into_iter().filter(|column| !is_merged(column));
            rest.map(|c| if outer { ScopeColumn { expr: nullable(c.expr), ..c } } else { c }).collect::<Vec<_>>()
        };
        columns.extend(rest(left_columns, matches!(kind, JoinKind::Right | JoinKind::Full)));
        columns.extend(rest(right_columns, matches!(kind, JoinKind::Left | JoinKind::Full)));
        let on = (!tests.is_empty()).then(|| all_of(tests));
        let on = on.or_else(|| (kind != JoinKind::Inner).then(|| Expr::boolean(ExprKind::Constant(Value::Integer(1)))));
        Ok((on, columns))
    }
}

/// The alias that a name of USING stands for (see [`crate::parse::sugar`]).
fn alias_of(name: &ast::ObjectName) -> Option<String> {
    let ast::ObjectNamePart::Identifier(ident) = name.0.last()? else { return None };
    ident.value.strip_prefix(crate::parse::sugar::USING_ALIAS).map(str::to_owned)
}

/// Two items of one name may stand side by side only where they go by their own names in different schemas.
pub(super) fn same_schema(a: &ScopeItem, b: &ScopeItem) -> bool {
    a.schema.is_none() || b.schema.is_none() || a.schema == b.schema
}

/// An unnamed join's columns as an item.
pub(super) fn join_item(columns: Vec<ScopeColumn>) -> ScopeItem {
    ScopeItem {
        alias: None,
        schema: None,
        hidden_name: None,
        source: super::SourceId::BARE,
        row_type: 0,
        scalar: false,
        columns,
        columns_visible: true,
        alias_visible: false,
        lateral_ok: true,
    }
}

pub(super) fn make_nullable(item: &mut ScopeItem) {
    for column in &mut item.columns {
        column.expr = nullable(column.expr.clone());
    }
}

/// The same expression with its columns nullable: it stands on the far side of an outer join.
pub(super) fn nullable(mut expr: Expr) -> Expr {
    fn each(expr: &mut Expr) {
        if let ExprKind::Column(column) = &mut expr.kind {
            (column.nullable, column.optional) = (true, true);
        }
        expr.for_each_child_mut(&mut each);
    }
    each(&mut expr);
    expr
}
