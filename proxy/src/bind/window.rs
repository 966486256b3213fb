//! Windows and sort keys: `OVER`, `WINDOW`, frames, `ORDER BY … NULLS`.

use sqlparser::ast;

use super::{
    Binder, Clause, CoercionContext, Scope,
    binder::fold,
    tree::{Expr, ExprKind, Frame, FrameBound, FrameExclusion, FrameUnit, SortKey, Window},
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{TypeRef, oid},
};

impl Binder<'_> {
    /// The window of an OVER clause.
    pub(super) fn window(&mut self, over: &ast::WindowType, scope: &Scope<'_>) -> Result<Window> {
        match over {
            ast::WindowType::NamedWindow(name) => {
                let mut window = self.named_window(name, scope)?;
                window.name = Some(fold(name));
                Ok(window)
            }
            ast::WindowType::WindowSpec(spec) => self.window_spec(spec, scope),
        }
    }

    fn named_window(&self, name: &ast::Ident, scope: &Scope<'_>) -> Result<Window> {
        let wanted = fold(name);
        let found = scope.windows.iter().find(|(known, _)| *known == wanted);
        found.map(|(_, window)| window.clone()).ok_or_else(|| {
            let message = format!("window \"{wanted}\" does not exist");
            SqlError::new(SqlState::UNDEFINED_OBJECT, message).at(self.position(name.span))
        })
    }

    /// A window's definition; one that it is copied from gives its partition, and its order unless it has one.
    pub(super) fn window_spec(&mut self, spec: &ast::WindowSpec, scope: &Scope<'_>) -> Result<Window> {
        let base = spec.window_name.as_ref().map(|name| self.named_window(name, scope)).transpose()?;
        let mut window = Window { name: None, partition_by: Vec::new(), order_by: Vec::new(), frame: None };
        let mut exclude = None;
        for expr in &spec.partition_by {
            if let Some(found) = exclusion(expr) {
                exclude = Some(found);
                continue;
            }
            let bound = self.expression(expr, scope)?;
            window.partition_by.push(self.settle_unknown(bound)?);
        }
        window.order_by = self.sort_keys(&spec.order_by, scope)?;
        if let (Some(base), Some(name)) = (base, &spec.window_name) {
            let fail = |what: &str| {
                let message = format!("cannot {what} of window \"{}\"", fold(name));
                Err(SqlError::new(SqlState::WINDOWING_ERROR, message).at(self.position(name.span)))
            };
            if !window.partition_by.is_empty() {
                return fail("override PARTITION BY clause");
            }
            if !window.order_by.is_empty() && !base.order_by.is_empty() {
                return fail("override ORDER BY clause");
            }
            if base.frame.is_some() {
                let message = format!("cannot copy window \"{}\" because it has a frame clause", fold(name));
                return Err(SqlError::new(SqlState::WINDOWING_ERROR, message).at(self.position(name.span)));
            }
            window.partition_by = base.partition_by;
            if window.order_by.is_empty() {
                window.order_by = base.order_by;
            }
        }
        if let Some(frame) = &spec.window_frame {
            window.frame = Some(Frame { exclude, ..self.frame(frame, &window, scope)? });
        }
        Ok(window)
    }

    fn frame(&mut self, frame: &ast::WindowFrame, window: &Window, scope: &Scope<'_>) -> Result<Frame> {
        let unit = match frame.units {
            ast::WindowFrameUnits::Rows => FrameUnit::Rows,
            ast::WindowFrameUnits::Range => FrameUnit::Range,
            ast::WindowFrameUnits::Groups => FrameUnit::Groups,
        };
        if unit == FrameUnit::Groups && window.order_by.is_empty() {
            return Err(SqlError::new(SqlState::WINDOWING_ERROR, "GROUPS mode requires an ORDER BY clause"));
        }
        let start = self.frame_bound(&frame.start_bound, unit, window, true, scope)?;
        let end = match &frame.end_bound {
            Some(end) => self.frame_bound(end, unit, window, false, scope)?,
            None => FrameBound::CurrentRow,
        };
        let wrong = |message: &str| Err(SqlError::new(SqlState::WINDOWING_ERROR, message));
        match (&start, &end) {
            (FrameBound::UnboundedFollowing, _) => wrong("frame start cannot be UNBOUNDED FOLLOWING"),
            (_, FrameBound::UnboundedPreceding) => wrong("frame end cannot be UNBOUNDED PRECEDING"),
            (FrameBound::CurrentRow, FrameBound::Preceding(_)) => wrong("frame starting from current row cannot have preceding rows"),
            (FrameBound::Following(_), FrameBound::Preceding(_)) => wrong("frame starting from following row cannot have preceding rows"),
            (FrameBound::Following(_), FrameBound::CurrentRow) => wrong("frame starting from following row cannot end with current row"),
            _ => Ok(Frame { unit, start, end, exclude: None }),
        }
    }

    fn frame_bound(
        &mut self,
        bound: &ast::WindowFrameBound,
        unit: FrameUnit,
        window: &Window,
        is_start: bool,
        scope: &Scope<'_>,
    ) -> Result<FrameBound> {
        let _ = is_start;
        Ok(match bound {
            ast::WindowFrameBound::CurrentRow => FrameBound::CurrentRow,
            ast::WindowFrameBound::Preceding(None) => FrameBound::UnboundedPreceding,
            ast::WindowFrameBound::Following(None) => FrameBound::UnboundedFollowing,
            ast::WindowFrameBound::Preceding(Some(offset)) => {
                FrameBound::Preceding(Box::new(self.frame_offset(offset, unit, window, scope)?))
            }
            ast::WindowFrameBound::Following(Some(offset)) => {
                FrameBound::Following(Box::new(self.frame_offset(offset, unit, window, scope)?))
            }
        })
    }

    fn frame_offset(&mut self, offset: &ast::Expr, unit: FrameUnit, window: &Window, scope: &Scope<'_>) -> Result<Expr> {
        let bound = self.expression(offset, scope)?;
        if unit != FrameUnit::Range {
            return self.coerce_to(bound, TypeRef::new(oid::INT8), CoercionContext::Implicit);
        }
        let [key] = window.order_by.as_slice() else {
            let message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column";
            return Err(SqlError::new(SqlState::WINDOWING_ERROR, message).at(bound.position));
        };
        match key.expr.ty.oid {
            oid::INT2 | oid::INT4 | oid::INT8 => self.coerce_to(bound, TypeRef::new(oid::INT8), CoercionContext::Implicit),
            oid::FLOAT4 | oid::FLOAT8 => self.coerce_to(bound, TypeRef::new(oid::FLOAT8), CoercionContext::Implicit),
            oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::DATE => self.frame_interval(bound, key.expr.ty.oid),
            other => Err(SqlError::unsupported(format!("RANGE with an offset over type {}", self.type_name(other))).at(bound.position)),
        }
    }

    /// An interval as the offset of a RANGE over points of time: microseconds, or days over dates. Months differ in length, so that no
    /// one number stands for them.
    fn frame_interval(&mut self, bound: Expr, key: crate::types::Oid) -> Result<Expr> {
        let position = bound.position;
        let bound = self.coerce_to(bound, TypeRef::new(oid::INTERVAL), CoercionContext::Implicit)?;
        let ExprKind::Constant(rusqlite::types::Value::Text(text)) = &bound.kind else {
            return Err(SqlError::unsupported("RANGE with an offset that is no literal over a type of time").at(position));
        };
        let interval = crate::types::interval::Interval::from_storage(text)?;
        if interval.span() < 0 {
            return Err(SqlError::new(SqlState("22013"), "invalid preceding or following size in window function").at(position));
        }
        let day = crate::types::datetime::calendar::MICROS_PER_DAY;
        let number = match key {
            oid::DATE if interval.microseconds % day == 0 => i64::from(interval.days) + interval.microseconds / day,
            oid::TIMESTAMP => i64::from(interval.days) * day + interval.microseconds,
            oid::TIMESTAMPTZ if interval.days == 0 => interval.microseconds,
            _ => return Err(SqlError::unsupported("RANGE with such an interval over this type").at(position)),
        };
        if interval.months != 0 {
            return Err(SqlError::unsupported("RANGE with an offset of months").at(position));
        }
        Ok(Expr::new(ExprKind::Constant(rusqlite::types::Value::Integer(number)), TypeRef::new(oid::INT8)).at(position))
    }

    /// The keys of an ORDER BY that names expressions only (in aggregates and windows).
    pub(super) fn sort_keys(&mut self, keys: &[ast::OrderByExpr], scope: &Scope<'_>) -> Result<Vec<SortKey>> {
        let mut out = Vec::with_capacity(keys.len());
        for key in keys {
            let bound = self.expression(&key.expr, scope)?;
            let bound = self.settle_unknown(bound)?;
            out.push(self.sort_key(bound, &key.options)?);
        }
        Ok(out)
    }

    /// A sort key over a bound expression, whose type must have an order.
    pub(super) fn sort_key(&mut self, expr: Expr, options: &ast::OrderByOptions) -> Result<SortKey> {
        let descending = match &options.sort {
            None | Some(ast::OrderBySort::Asc) => false,
            Some(ast::OrderBySort::Desc) => true,
            Some(ast::OrderBySort::Using(name)) => match name.to_string().trim_start_matches("pg_catalog.") {
                "<" => false,
                ">" => true,
                other => return Err(SqlError::unsupported(format!("ORDER BY USING {other}"))),
            },
        };
        self.require_order(&expr, "<", "an ordering operator")?;
        Ok(SortKey { expr, descending, nulls_first: options.nulls_first.unwrap_or(descending) })
    }

    /// 42883 where the type has no such operator: json, point, xml.
    pub(super) fn require_order(&self, expr: &Expr, operator: &str, what: &str) -> Result<()> {
        let ty = self.base_oid(expr.ty.oid);
        if !matches!(ty, oid::JSON | oid::XML | oid::POINT | oid::JSONPATH) {
            return Ok(());
        }
        let _ = operator;
        let message = format!("could not identify {what} for type {}", self.type_name(ty));
        Err(SqlError::new(SqlState::UNDEFINED_FUNCTION, message)
            .hint(if what.starts_with("an ord") { "Use an explicit ordering operator or modify the query." } else { "" })
            .at(expr.position))
    }

    /// Binds the WINDOW clause into the scope.
    pub(super) fn window_clause(&mut self, windows: &[ast::NamedWindowDefinition], scope: &mut Scope<'_>) -> Result<()> {
        for ast::NamedWindowDefinition(name, definition) in windows {
            let known = fold(name);
            if scope.windows.iter().any(|(other, _)| *other == known) {
                let message = format!("window \"{known}\" is already defined");
                return Err(SqlError::new(SqlState::WINDOWING_ERROR, message).at(self.position(name.span)));
            }
            let clause = std::mem::replace(&mut scope.clause, Clause::Window);
            let window = match definition {
                ast::NamedWindowExpr::NamedWindow(other) => self.named_window(other, scope)?,
                ast::NamedWindowExpr::WindowSpec(spec) => self.window_spec(spec, scope)?,
            };
            scope.clause = clause;
            scope.windows.push((known, window));
        }
        Ok(())
    }
}

/// The exclusion that a key of PARTITION BY stands for (see [`crate::parse::sugar`]).
fn exclusion(expr: &ast::Expr) -> Option<FrameExclusion> {
    let ast::Expr::Identifier(ident) = expr else { return None };
    match ident.value.strip_prefix(crate::parse::sugar::EXCLUDE)? {
        "ties" => Some(FrameExclusion::Ties),
        "group" => Some(FrameExclusion::Group),
        _ => Some(FrameExclusion::CurrentRow),
    }
}
