//! SELECT: FROM, select list, WHERE, GROUP BY, HAVING, ORDER BY, DISTINCT, in PostgreSQL's order (`transformSelectStmt`).

use sqlparser::ast::{self, SelectItem, SelectItemQualifiedWildcardKind as Qualified};

use super::{
    Binder, Clause, Scope,
    binder::{fold, name_parts},
    from::visible_columns,
    syntax::same,
    tree::{Distinct, Expr, ExprKind, From, FromFunction, JoinKind, Select, SortKey, Target},
};
use crate::{
    error::{Result, SqlError, SqlState},
    execute::plan::OutputColumn,
    types::{TypeRef, oid},
};

/// A bound select with its order, which may name what is not in the list.
pub(super) struct Outcome {
    pub(super) select: Select,
    pub(super) order_by: Vec<SortKey>,
    pub(super) columns: Vec<OutputColumn>,
}

impl Binder<'_> {
    /// Binds a SELECT.
    pub(super) fn select(&mut self, select: &ast::Select, order_by: &[ast::OrderByExpr], outer: Option<&Scope<'_>>) -> Result<Outcome> {
        self.refuse_foreign_clauses(select)?;
        let (from, items) = self.from_clause(&select.from, outer)?;
        let mut scope = Scope { parent: outer, items, clause: Clause::Select, windows: Vec::new(), domain_value: None };
        let keys = self.group_items(select)?;
        self.group_keys = self.early_group_keys(&keys, select, &scope);
        self.window_clause(&select.named_window, &mut scope)?;
        scope.clause = Clause::Select;
        let mut targets = self.target_list(&select.projection, &scope)?;
        scope.clause = Clause::Where;
        let filter = self.condition(select.selection.as_ref(), "WHERE", &scope)?;
        scope.clause = Clause::Having;
        let having = self.condition(select.having.as_ref(), "HAVING", &scope)?;
        scope.clause = Clause::OrderBy;
        let mut sorted = self.order_by(order_by, &mut targets, &scope)?;
        scope.clause = Clause::GroupBy;
        let (group_by, grouping_sets) = self.group_by(&keys, &mut targets, &scope)?;
        scope.clause = Clause::DistinctOn;
        let distinct = self.distinct(select.distinct.as_ref(), &mut targets, &sorted, &scope)?;
        let aggregated = targets.iter().any(|target| target.expr.has_aggregate())
            || having.as_ref().is_some_and(Expr::has_aggregate)
            || sorted.iter().any(|key| key.expr.has_aggregate());
        // `GROUP BY ()` groups all rows into one.
        let has_keys =
            matches!(&select.group_by, ast::GroupByExpr::Expressions(exprs, modifiers) if !exprs.is_empty() || !modifiers.is_empty());
        if has_keys && keys.is_empty() && !aggregated && having.is_none() {
            return Err(SqlError::unsupported("GROUP BY () without an aggregate"));
        }
        let grouped = aggregated || has_keys || having.is_some();
        if grouped {
            let exprs = targets.iter().map(|t| &t.expr).chain(sorted.iter().map(|k| &k.expr)).chain(&having);
            self.check_grouping(exprs, &group_by, &scope)?;
        }
        if matches!(distinct, Distinct::Distinct) {
            if let Some(key) = sorted.iter().find(|key| !targets.iter().any(|target| same(&target.expr, &key.expr))) {
                let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(key.expr.position));
            }
            for target in &targets {
                self.require_order(&target.expr, "=", "an equality operator")?;
            }
        }
        let mut columns: Vec<OutputColumn> = targets.iter().map(output_of).collect();
        let has_window = targets.iter().any(|t| t.expr.has_window()) || sorted.iter().any(|key| key.expr.has_window());
        let has_sets = targets.iter().any(|target| target.expr.has_set());
        let mut select = Select { distinct, targets, from, filter, group_by, grouping_sets, having, grouped };
        if has_window && select.grouping_sets.is_some() {
            self.layer(&mut select, &mut sorted, &|e| matches!(e.kind, ExprKind::Window(_)));
        }
        if has_sets {
            if grouped || has_window {
                self.layer(&mut select, &mut sorted, &|e| matches!(&e.kind, ExprKind::Call(call) if call.proc.returns_set));
            }
            self.hoist_sets(&mut select, &mut sorted)?;
            // Rows of a set know their columns only now.
            for (column, target) in columns.iter_mut().zip(&select.targets).filter(|(column, _)| column.ty.oid == oid::RECORD) {
                column.ty = target.expr.ty;
            }
        }
        Ok(Outcome { select, order_by: sorted, columns })
    }

    fn refuse_foreign_clauses(&self, select: &ast::Select) -> Result<()> {
        let foreign = select.top.is_some()
            || select.exclude.is_some()
            || !select.lateral_views.is_empty()
            || select.prewhere.is_some()
            || !select.connect_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty()
            || select.qualify.is_some()
            || select.value_table_mode.is_some()
            || select.select_modifiers.is_some()
            || !matches!(select.flavor, ast::SelectFlavor::Standard);
        if foreign {
            return Err(SqlError::syntax(
                "select",
                self.position_at(&select.projection.first().map_or(ast::Expr::Identifier(ast::Ident::new("")), |item| match item {
                    SelectItem::UnnamedExpr(expr) => expr.clone(),
                    _ => ast::Expr::Identifier(ast::Ident::new("")),
                })),
            ));
        }
        if select.into.is_some() {
            return Err(SqlError::unsupported("SELECT INTO"));
        }
        Ok(())
    }

    fn condition(&mut self, condition: Option<&ast::Expr>, name: &str, scope: &Scope<'_>) -> Result<Option<Expr>> {
        let Some(condition) = condition else { return Ok(None) };
        let bound = self.expression(condition, scope)?;
        self.coerce_to_boolean(bound, name).map(Some)
    }

    /// The select list, also RETURNING: `*` and `t.*` spread out, names chosen as PostgreSQL does.
    pub fn target_list(&mut self, items: &[SelectItem], scope: &Scope<'_>) -> Result<Vec<Target>> {
        let mut targets = Vec::with_capacity(items.len());
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    if let Some(row) = star_of_row(expr) {
                        self.spread_row(&row, scope, &mut targets)?;
                        continue;
                    }
                    let bound = self.expression(expr, scope)?;
                    let name = super::naming::column_name(expr);
                    targets.push(Target { expr: bound, name });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let bound = self.expression(expr, scope)?;
                    targets.push(Target { expr: bound, name: fold(alias) });
                }
                SelectItem::Wildcard(options) => {
                    plain_wildcard(options)?;
                    if scope.items.is_empty() {
                        let message = "SELECT * with no tables specified is not valid";
                        return Err(SqlError::new(SqlState::SYNTAX_ERROR, message));
                    }
                    let columns = visible_columns(&scope.items);
                    targets.extend(columns.into_iter().map(|column| Target { expr: column.expr, name: column.name }));
                }
                SelectItem::QualifiedWildcard(Qualified::ObjectName(name), options) => {
                    plain_wildcard(options)?;
                    let mut parts = name_parts(name)?;
                    let table = parts.pop().unwrap_or_default();
                    let position = self.position_at(name);
                    let Some(item) = scope.item(parts.pop().as_deref(), &table, position)? else {
                        if let Some((row, _)) = self.variable(std::slice::from_ref(&table), position)? {
                            self.spread(row, &mut targets)?;
                            continue;
                        }
                        return Err(self.missing_item(&table, scope, position));
                    };
                    targets.extend(item.columns.iter().map(|c| Target { expr: c.expr.clone(), name: c.name.clone() }));
                }
                SelectItem::QualifiedWildcard(Qualified::Expr(expr), options) => {
                    plain_wildcard(options)?;
                    self.spread_row(expr, scope, &mut targets)?;
                }
                SelectItem::ExprWithAliases { .. } => return Err(SqlError::unsupported("several aliases for one column")),
            }
        }
        Ok(targets)
    }

    /// `(row).*`.
    fn spread_row(&mut self, row: &ast::Expr, scope: &Scope<'_>, targets: &mut Vec<Target>) -> Result<()> {
        let bound = self.expression(row, scope)?;
        self.spread(bound, targets)
    }

    fn spread(&mut self, bound: Expr, targets: &mut Vec<Target>) -> Result<()> {
        let names: Vec<String> = match (&bound.kind, self.catalog.type_by_oid(self.base_type(bound.ty).concrete()).map(|ty| &ty.kind)) {
            (ExprKind::Row { names, .. }, _) => names.clone(),
            (ExprKind::Call(call), _) if call.proc.returns_set && bound.ty.oid == oid::RECORD => {
                return self.spread_set(bound, targets);
            }
            (_, Some(crate::types::Kind::Composite(attributes))) => attributes.iter().map(|(name, _)| name.clone()).collect(),
            _ => {
                let message = "column notation .* applied to a value that is not a row";
                return Err(SqlError::new(SqlState::WRONG_OBJECT_TYPE, message).at(bound.position));
            }
        };
        for name in names {
            let expr = self.field(bound.clone(), &name, bound.position)?;
            targets.push(Target { expr, name });
        }
        Ok(())
    }

    /// `(f(…)).*` of a function that returns a set of records.
    fn spread_set(&self, call: Expr, targets: &mut Vec<Target>) -> Result<()> {
        let (outputs, _) = self.function_columns(&call, "set")?;
        for (index, (name, ty)) in outputs.into_iter().enumerate() {
            let kind = ExprKind::Field { row: Box::new(call.clone()), index, name: name.clone() };
            targets.push(Target { expr: Expr::new(kind, ty).at(call.position), name });
        }
        Ok(())
    }

    fn order_by(&mut self, keys: &[ast::OrderByExpr], targets: &mut [Target], scope: &Scope<'_>) -> Result<Vec<SortKey>> {
        let mut out: Vec<SortKey> = Vec::with_capacity(keys.len());
        for key in keys {
            if key.with_fill.is_some() {
                return Err(SqlError::unsupported("WITH FILL"));
            }
            let found = self.named_target(&key.expr, targets, "ORDER BY")?;
            let expr = match found {
                Some(at) => {
                    self.settle_target(targets, at)?;
                    targets[at].expr.clone()
                }
                None => {
                    let bound = self.expression(&key.expr, scope)?;
                    self.settle_unknown(bound)?
                }
            };
            out.push(self.sort_key(expr, &key.options)?);
        }
        Ok(out)
    }

    /// A target whose type is open becomes text as soon as its type matters.
    fn settle_target(&mut self, targets: &mut [Target], at: usize) -> Result<()> {
        if targets[at].expr.is_unknown() {
            let expr = targets[at].expr.clone();
            targets[at].expr = self.settle_unknown(expr)?;
        }
        Ok(())
    }

    /// An output name or an ordinal (`findTargetlistEntrySQL92`).
    fn named_target(&self, expr: &ast::Expr, targets: &[Target], clause: &str) -> Result<Option<usize>> {
        let position = self.position_at(expr);
        match expr {
            ast::Expr::Identifier(ident) => {
                let name = fold(ident);
                let mut found: Option<usize> = None;
                for (at, target) in targets.iter().enumerate().filter(|(_, target)| target.name == name) {
                    match found {
                        Some(known) if !same(&targets[known].expr, &target.expr) => {
                            let message = format!("{clause} \"{name}\" is ambiguous");
                            return Err(SqlError::new(SqlState::AMBIGUOUS_COLUMN, message).at(position));
                        }
                        Some(_) => {}
                        None => found = Some(at),
                    }
                }
                Ok(found)
            }
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::Number(number, _), .. }) => match number.parse::<usize>() {
                Ok(ordinal) if (1..=targets.len()).contains(&ordinal) => Ok(Some(ordinal - 1)),
                Ok(_) => {
                    let message = format!("{clause} position {number} is not in select list");
                    Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(position))
                }
                Err(_) => {
                    let message = format!("non-integer constant in {clause}");
                    Err(SqlError::new(SqlState::SYNTAX_ERROR, message).at(position))
                }
            },
            ast::Expr::Value(ast::ValueWithSpan { value: ast::Value::SingleQuotedString(_), .. }) => {
                Err(SqlError::new(SqlState::SYNTAX_ERROR, format!("non-integer constant in {clause}")).at(position))
            }
            _ => Ok(None),
        }
    }

    /// A grouping expression: a column in reach before an output name, an ordinal, any expression.
    pub(super) fn grouping_expression(&mut self, expr: &ast::Expr, targets: &mut [Target], scope: &Scope<'_>) -> Result<Expr> {
        if let ast::Expr::Identifier(ident) = expr {
            if let super::scope::Found::Column(bound) = scope.column(&fold(ident), self.position(ident.span))? {
                return Ok(bound);
            }
        }
        match self.named_target(expr, targets, "GROUP BY")? {
            Some(at) => {
                self.settle_target(targets, at)?;
                let bound = targets[at].expr.clone();
                if bound.has_aggregate() {
                    let message = "aggregate functions are not allowed in GROUP BY";
                    return Err(SqlError::new(SqlState::GROUPING_ERROR, message).at(bound.position));
                }
                Ok(bound)
            }
            None => {
                let bound = self.expression(expr, scope)?;
                self.settle_unknown(bound)
            }
        }
    }

    fn distinct(
        &mut self,
        distinct: Option<&ast::Distinct>,
        targets: &mut [Target],
        sorted: &[SortKey],
        scope: &Scope<'_>,
    ) -> Result<Distinct> {
        let exprs = match distinct {
            None | Some(ast::Distinct::All) => return Ok(Distinct::All),
            Some(ast::Distinct::Distinct) => return Ok(Distinct::Distinct),
            Some(ast::Distinct::On(exprs)) => exprs,
        };
        let mut on: Vec<Expr> = Vec::with_capacity(exprs.len());
        for expr in exprs {
            let bound = match self.named_target(expr, targets, "SELECT DISTINCT ON")? {
                Some(at) => {
                    self.settle_target(targets, at)?;
                    targets[at].expr.clone()
                }
                None => self.expression(expr, scope)?,
            };
            if !on.iter().any(|known| same(known, &bound)) {
                on.push(bound);
            }
        }
        let leading = sorted.iter().take_while(|key| on.iter().any(|expr| same(expr, &key.expr))).count();
        if leading < sorted.len() && on.iter().any(|expr| !sorted[..leading].iter().any(|key| same(expr, &key.expr))) {
            let message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions";
            return Err(SqlError::new(SqlState::INVALID_COLUMN_REFERENCE, message).at(on[0].position));
        }
        Ok(Distinct::On(on))
    }

    /// Set-returning functions of the select list become one lateral item of FROM, in which all run in step (`ProjectSet`).
    fn hoist_sets(&mut self, select: &mut Select, sorted: &mut [SortKey]) -> Result<()> {
        let mut sets = Sets(Vec::new());
        let on: &mut [Expr] = match &mut select.distinct {
            Distinct::On(on) => on,
            _ => &mut [],
        };
        let targets = select.targets.iter_mut().map(|target| &mut target.expr);
        for expr in targets.chain(sorted.iter_mut().map(|key| &mut key.expr)).chain(on) {
            self.hoist(expr, &mut sets)?;
        }
        // A set over the rows of another one comes after it.
        let levels = sets.0.into_iter().map(|(source, functions)| From::Function { source, functions, ordinality: false });
        select.from = std::mem::take(&mut select.from).into_iter().chain(levels).reduce(cross).into_iter().collect();
        Ok(())
    }

    /// Replaces the calls that return sets by columns of the item that they become; one that returns records by a row of columns.
    fn hoist(&mut self, expr: &mut Expr, sets: &mut Sets) -> Result<()> {
        let mut result = Ok(());
        expr.for_each_child_mut(&mut |child| {
            if result.is_ok() {
                result = self.hoist(child, sets);
            }
        });
        result?;
        if let ExprKind::Field { row, index, .. } = &mut expr.kind {
            if let ExprKind::Row { fields, .. } = &mut row.kind {
                *expr = fields.swap_remove(*index);
            }
            return Ok(());
        }
        if !matches!(&expr.kind, ExprKind::Call(call) if call.proc.returns_set) {
            return Ok(());
        }
        let (outputs, is_scalar) = self.function_columns(expr, "set")?;
        let depth = sets.depth(expr);
        if depth == sets.0.len() {
            let source = self.new_source();
            sets.0.push((source, Vec::new()));
        }
        let (source, functions) = &mut sets.0[depth];
        let mut first = 0;
        let mut known = None;
        for function in functions.iter() {
            if same(&function.expr, expr) {
                known = Some(first);
                break;
            }
            first += function.columns.len();
        }
        let first = known.unwrap_or_else(|| {
            let columns = outputs.iter().map(|(name, ty)| OutputColumn { name: name.clone(), ty: *ty, table: 0, number: 0 }).collect();
            functions.push(FromFunction { expr: expr.clone(), columns, defined: false });
            first
        });
        let column = |(at, (name, ty)): (usize, &(String, TypeRef))| super::scope::output_column(*source, first + at, name, *ty);
        let mut fields: Vec<Expr> = outputs.iter().enumerate().map(column).collect();
        if is_scalar {
            *expr = fields.remove(0);
            return Ok(());
        }
        let row = Expr::row(fields, outputs.into_iter().map(|(name, _)| name).collect());
        *expr = match expr.ty.oid {
            oid::RECORD => row,
            _ => Expr::new(ExprKind::Relabel(Box::new(row), super::tree::CastForm::Implicit), expr.ty),
        };
        Ok(())
    }
}

/// The sets of a select list, as they become items of FROM: those over plain values first, then those over these, …
struct Sets(Vec<(super::SourceId, Vec<FromFunction>)>);

impl Sets {
    /// At which level a call stands, whose arguments may be columns of others.
    fn depth(&self, call: &Expr) -> usize {
        let is_over = |source: super::SourceId| call.any(&mut |e| matches!(&e.kind, ExprKind::Column(column) if column.source == source));
        self.0.iter().rposition(|(source, _)| is_over(*source)).map_or(0, |at| at + 1)
    }
}

fn cross(left: From, right: From) -> From {
    From::Join { kind: JoinKind::Inner, left: Box::new(left), right: Box::new(right), on: None }
}

/// What RowDescription tells of a target.
fn output_of(target: &Target) -> OutputColumn {
    let (table, number) = match &target.expr.kind {
        ExprKind::Column(column) => (column.table, column.number),
        _ => (0, 0),
    };
    OutputColumn { name: target.name.clone(), ty: target.expr.ty, table, number }
}

fn plain_wildcard(options: &ast::WildcardAdditionalOptions) -> Result<()> {
    let plain = options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
        && options.opt_alias.is_none();
    if plain { Ok(()) } else { Err(SqlError::unsupported("* with options")) }
}

/// The row of `(row).*` (see [`crate::parse::sugar`]).
fn star_of_row(expr: &ast::Expr) -> Option<ast::Expr> {
    let ast::Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let (ast::AccessExpr::Dot(ast::Expr::Identifier(ident)), rest) = access_chain.split_last()? else { return None };
    if ident.value != crate::parse::sugar::STAR {
        return None;
    }
    Some(match rest {
        [] => (**root).clone(),
        rest => ast::Expr::CompoundFieldAccess { root: root.clone(), access_chain: rest.to_vec() },
    })
}
