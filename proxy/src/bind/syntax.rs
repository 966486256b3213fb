//! Functions that SQL writes in a way of their own: EXTRACT, SUBSTRING, TRIM, LIKE, COALESCE, CURRENT_DATE, …

use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned};

use super::{
    Binder, CoercionContext, Scope,
    binder::fold,
    tree::{CallForm, Expr, ExprKind, SqlValue},
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{TypeRef, oid},
};

/// The value that SQL writes as a bare word.
pub(super) fn sql_value(word: &str) -> Option<SqlValue> {
    Some(match word {
        "current_date" => SqlValue::CurrentDate,
        "current_time" => SqlValue::CurrentTime,
        "current_timestamp" => SqlValue::CurrentTimestamp,
        "localtime" => SqlValue::LocalTime,
        "localtimestamp" => SqlValue::LocalTimestamp,
        "current_user" | "current_role" | "user" => SqlValue::CurrentUser,
        "session_user" => SqlValue::SessionUser,
        "current_catalog" => SqlValue::CurrentCatalog,
        "current_schema" => SqlValue::CurrentSchema,
        _ => return None,
    })
}

/// The node of such a value.
pub(super) fn sql_value_expr(value: SqlValue) -> Expr {
    let ty = match value {
        SqlValue::CurrentDate => oid::DATE,
        SqlValue::CurrentTime => oid::TIMETZ,
        SqlValue::CurrentTimestamp => oid::TIMESTAMPTZ,
        SqlValue::LocalTime => oid::TIME,
        SqlValue::LocalTimestamp => oid::TIMESTAMP,
        _ => oid::NAME,
    };
    Expr::new(ExprKind::SqlValue(value), TypeRef::new(ty))
}

impl Binder<'_> {
    /// Nodes that only call a function.
    pub(super) fn special_syntax(&mut self, expr: &ast::Expr, scope: &Scope<'_>) -> Result<Expr> {
        use ast::Expr::*;
        let position = self.position_at(expr);
        match expr {
            Like { negated, any: false, expr: value, pattern, escape_char } => {
                let name = if *negated { "!~~" } else { "~~" };
                self.like(name, value, pattern, escape_char.as_deref(), scope)
            }
            ILike { negated, any: false, expr: value, pattern, escape_char } => {
                let name = if *negated { "!~~*" } else { "~~*" };
                self.like(name, value, pattern, escape_char.as_deref(), scope)
            }
            SimilarTo { negated, expr: value, pattern, escape_char } => {
                let mut args = vec![self.expression(pattern, scope)?];
                if let Some(escape) = escape_char {
                    args.push(self.expression(escape, scope)?);
                }
                let pattern = self.call_named("similar_to_escape", args, CallForm::Function, position)?;
                let value = self.expression(value, scope)?;
                self.operator(if *negated { "!~" } else { "~" }, value, pattern, position)
            }
            AtTimeZone { timestamp, time_zone } => {
                let args = vec![self.expression(time_zone, scope)?, self.expression(timestamp, scope)?];
                self.call_named("timezone", args, CallForm::Syntax("AT TIME ZONE"), position)
            }
            Extract { field, expr: value, .. } => {
                let name = field.to_string().trim_matches(['\'', '"']).to_lowercase();
                let args = vec![self.text_constant(&name), self.expression(value, scope)?];
                self.call_named("extract", args, CallForm::Syntax("EXTRACT"), position)
            }
            Ceil { expr: value, field } => self.rounding("ceil", value, field, scope, position),
            Floor { expr: value, field } => self.rounding("floor", value, field, scope, position),
            Position { .. } | Substring { .. } | Overlay { .. } | Trim { .. } => self.string_syntax(expr, position, scope),
            IsNormalized { expr: value, form, negated } => {
                let form = form.as_ref().map_or("NFC".to_owned(), ToString::to_string);
                let args = vec![self.expression(value, scope)?, self.text_constant(&form)];
                let test = self.call_named("is_normalized", args, CallForm::Function, position)?;
                Ok(if *negated { Expr::boolean(ExprKind::Not(Box::new(test))).at(position) } else { test })
            }
            Interval(interval) => self.interval(interval, position),
            QualifiedWildcard(name, _) => Ok(super::name::whole_row(self.item_named(name, scope)?).at(position)),
            other => Err(SqlError::unsupported(node_name(other)).at(position)),
        }
    }

    /// The nodes of strings that name their arguments by words.
    fn string_syntax(&mut self, expr: &ast::Expr, position: usize, scope: &Scope<'_>) -> Result<Expr> {
        use ast::Expr::*;
        match expr {
            Position { expr: part, r#in: whole } => {
                let args = vec![self.expression(whole, scope)?, self.expression(part, scope)?];
                self.call_named("position", args, CallForm::Syntax("POSITION"), position)
            }
            Substring { expr: value, substring_from, substring_for, .. } => {
                if let (SimilarTo { expr: value, pattern, escape_char: Some(escape), .. }, None, None) =
                    (&**value, substring_from, substring_for)
                {
                    let pattern = vec![self.expression(pattern, scope)?, self.expression(escape, scope)?];
                    let pattern = self.call_named("similar_to_escape", pattern, CallForm::Function, position)?;
                    let args = vec![self.expression(value, scope)?, pattern];
                    return self.call_named("substring", args, CallForm::Function, position);
                }
                let mut args = vec![self.expression(value, scope)?];
                match (substring_from, substring_for) {
                    (Some(from), _) => args.push(self.expression(from, scope)?),
                    (None, Some(_)) => args.push(self.number("1", position)?),
                    (None, None) => {}
                }
                if let Some(length) = substring_for {
                    args.push(self.expression(length, scope)?);
                }
                self.call_named("substring", args, CallForm::Syntax("SUBSTRING"), position)
            }
            Overlay { expr: value, overlay_what, overlay_from, overlay_for } => {
                let parts = [Some(value), Some(overlay_what), Some(overlay_from), overlay_for.as_ref()];
                let mut args = Vec::new();
                for part in parts.into_iter().flatten() {
                    args.push(self.expression(part, scope)?);
                }
                self.call_named("overlay", args, CallForm::Syntax("OVERLAY"), position)
            }
            Trim { trim_where, trim_what, expr: value, trim_characters } => {
                let name = match trim_where {
                    None | Some(ast::TrimWhereField::Both) => "btrim",
                    Some(ast::TrimWhereField::Leading) => "ltrim",
                    Some(ast::TrimWhereField::Trailing) => "rtrim",
                };
                let mut args = vec![self.expression(value, scope)?];
                if let Some(what) = trim_what {
                    args.push(self.expression(what, scope)?);
                }
                for what in trim_characters.iter().flatten() {
                    args.push(self.expression(what, scope)?);
                }
                self.call_named(name, args, CallForm::Syntax("TRIM"), position)
            }
            other => Err(SqlError::unsupported(node_name(other)).at(position)),
        }
    }

    fn like(
        &mut self,
        operator: &str,
        value: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
        scope: &Scope<'_>,
    ) -> Result<Expr> {
        let position = self.operator_position(value, pattern);
        let value = self.expression(value, scope)?;
        let mut bound = self.expression(pattern, scope)?;
        if let Some(escape) = escape {
            let args = vec![bound, self.expression(escape, scope)?];
            bound = self.call_named("like_escape", args, CallForm::Function, position)?;
        }
        self.operator(operator, value, bound, position)
    }

    fn rounding(&mut self, name: &str, value: &ast::Expr, field: &ast::CeilFloorKind, scope: &Scope<'_>, position: usize) -> Result<Expr> {
        if !matches!(field, ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime)) {
            return Err(SqlError::unsupported(format!("{name} with a field")).at(position));
        }
        let args = vec![self.expression(value, scope)?];
        self.call_named(name, args, CallForm::Function, position)
    }

    /// `INTERVAL '1' DAY`.
    fn interval(&mut self, interval: &ast::Interval, position: usize) -> Result<Expr> {
        let ast::Expr::Value(value) = interval.value.as_ref() else {
            return Err(SqlError::syntax("interval", position));
        };
        let mut name = "interval".to_owned();
        if let Some(leading) = &interval.leading_field {
            name += &format!(" {leading}");
            if let Some(last) = &interval.last_field {
                name += &format!(" to {last}");
            }
        }
        if let Some(precision) = interval.fractional_seconds_precision.or(interval.leading_precision) {
            name += &format!("({precision})");
        }
        let target = self.catalog.parse_type(&name, &self.path).map_err(|error| error.at(position))?;
        let literal = self.literal(value)?;
        self.coerce_to(literal, target, CoercionContext::Explicit)
    }

    /// Constructs that look like functions and have no row in `pg_proc`.
    pub(super) fn special_function(&mut self, function: &ast::Function, position: usize, scope: &Scope<'_>) -> Result<Option<Expr>> {
        let [ast::ObjectNamePart::Identifier(ident)] = function.name.0.as_slice() else { return Ok(None) };
        if ident.quote_style.is_some() {
            return Ok(None);
        }
        let name = fold(ident);
        if let Some(value) = sql_value(&name) {
            if let Some(bound) = self.sql_value_call(value, &function.args, scope)? {
                return Ok(Some(bound));
            }
        }
        if name == "normalize" {
            return self.normalize(&function.args, scope, position);
        }
        if let (FunctionArguments::Subquery(query), "array") = (&function.args, name.as_str()) {
            return self.array_subquery(query, scope, position).map(Some);
        }
        if !matches!(name.as_str(), "coalesce" | "nullif" | "greatest" | "least" | "row" | "grouping") || function.over.is_some() {
            return Ok(None);
        }
        if name == "row" {
            return self.row_call(function, scope).map(Some);
        }
        let args = plain_arguments(&function.args)?;
        let bound = match name.as_str() {
            "grouping" => return self.grouping(&args, scope, position).map(Some),
            _ => self.expressions(&args, scope)?,
        };
        let (state, message) = (SqlState::SYNTAX_ERROR, "syntax error at or near \")\"");
        if bound.is_empty() || name == "nullif" && bound.len() != 2 {
            return Err(SqlError::new(state, message));
        }
        Ok(Some(match name.as_str() {
            "coalesce" => {
                self.refuse_sets(&bound, "set-returning functions are not allowed in COALESCE")?;
                let (args, ty) = self.unify(bound, "COALESCE")?;
                Expr::new(ExprKind::Coalesce(args), ty)
            }
            "nullif" => {
                let mut args = bound;
                let right = args.remove(1);
                let left = args.remove(0);
                let equal = self.operator("=", left, right, position)?;
                let ty = match &equal.kind {
                    ExprKind::Call(call) => call.args[0].ty,
                    _ => return Err(SqlError::internal("= is a call")),
                };
                Expr::new(ExprKind::NullIf(Box::new(equal)), ty)
            }
            greatest_or_least => {
                let greatest = greatest_or_least == "greatest";
                let (args, ty) = self.unify(bound, if greatest { "GREATEST" } else { "LEAST" })?;
                Expr::new(ExprKind::MinMax { greatest, args }, ty)
            }
        }))
    }

    /// `ROW(a, t.*)`.
    fn row_call(&mut self, function: &ast::Function, scope: &Scope<'_>) -> Result<Expr> {
        let FunctionArguments::List(list) = &function.args else { return Err(SqlError::unsupported("this form of ROW")) };
        let mut fields = Vec::with_capacity(list.args.len());
        for arg in &list.args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => fields.push(self.expression(expr, scope)?),
                FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(name)) => {
                    let item = self.item_named(name, scope)?;
                    fields.extend(item.columns.iter().map(|column| column.expr.clone()));
                }
                _ => return Err(SqlError::unsupported("this argument of ROW")),
            }
        }
        let names = (1..=fields.len()).map(|at| format!("f{at}")).collect();
        Ok(Expr::row(fields, names).at(self.position(function.name.span())))
    }

    /// The item of FROM before `.*`.
    pub(super) fn item_named<'s>(&self, name: &ast::ObjectName, scope: &'s Scope<'_>) -> Result<&'s super::scope::ScopeItem> {
        let mut parts = super::binder::name_parts(name)?;
        let (table, position) = (parts.pop().unwrap_or_default(), self.position_at(name));
        match scope.item(parts.pop().as_deref(), &table, position)? {
            Some(item) => Ok(item),
            None => Err(self.missing_item(&table, scope, position)),
        }
    }

    /// `normalize(x, NFC)`: the form is a bare word.
    fn normalize(&mut self, args: &FunctionArguments, scope: &Scope<'_>, position: usize) -> Result<Option<Expr>> {
        let args = plain_arguments(args)?;
        let form = match args.as_slice() {
            [_] => "NFC".to_owned(),
            [_, ast::Expr::Identifier(form)] if form.quote_style.is_none() => form.value.to_ascii_uppercase(),
            _ => return Ok(None),
        };
        if !matches!(form.as_str(), "NFC" | "NFD" | "NFKC" | "NFKD") {
            return Ok(None);
        }
        let args = vec![self.expression(&args[0], scope)?, self.text_constant(&form)];
        self.call_named("normalize", args, CallForm::Function, position).map(Some)
    }

    fn sql_value_call(&mut self, value: SqlValue, args: &FunctionArguments, scope: &Scope<'_>) -> Result<Option<Expr>> {
        let bound = sql_value_expr(value);
        match args {
            FunctionArguments::None => Ok(Some(bound)),
            FunctionArguments::List(list) if bound.ty.oid != oid::NAME && list.args.len() == 1 => {
                let args = plain_arguments(args)?;
                let precision = self.expression(&args[0], scope)?;
                let ExprKind::Constant(rusqlite::types::Value::Integer(precision)) = precision.kind else {
                    return Err(SqlError::syntax("(", precision.position));
                };
                let target = TypeRef { oid: bound.ty.oid, typmod: precision.clamp(0, 6) as i32 };
                self.coerce_to(bound, target, CoercionContext::Implicit).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `GROUPING(a, b)`: each argument must be one of the query's grouping expressions, which the select fills in.
    fn grouping(&mut self, args: &[ast::Expr], scope: &Scope<'_>, position: usize) -> Result<Expr> {
        if !scope.clause.allows_aggregates() {
            let message = format!("grouping operations are not allowed in {}", scope.clause.name());
            return Err(SqlError::new(SqlState::GROUPING_ERROR, message).at(position));
        }
        let bound = self.expressions(args, scope)?;
        let mut positions = Vec::with_capacity(bound.len());
        for arg in bound {
            let Some(at) = self.group_keys.iter().position(|key| same(key, &arg)) else {
                let message = "arguments to GROUPING must be grouping expressions of the associated query level";
                return Err(SqlError::new(SqlState::GROUPING_ERROR, message).at(arg.position));
            };
            positions.push(at);
        }
        Ok(Expr::new(ExprKind::Grouping(positions), TypeRef::new(oid::INT4)))
    }
}

/// Whether two expressions are the same, wherever they stand.
pub(crate) fn same(a: &Expr, b: &Expr) -> bool {
    strip_positions(a) == strip_positions(b)
}

/// The expression with all positions forgotten.
pub(super) fn strip_positions(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    forget(&mut expr);
    expr
}

fn forget(expr: &mut Expr) {
    expr.position = 0;
    expr.for_each_child_mut(&mut forget);
}

/// Unnamed arguments without any clause.
pub(super) fn plain_arguments(args: &FunctionArguments) -> Result<Vec<ast::Expr>> {
    let FunctionArguments::List(list) = args else { return Ok(Vec::new()) };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return Err(SqlError::unsupported("this argument list"));
    }
    let one = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr.clone()),
        _ => Err(SqlError::unsupported("this argument")),
    };
    list.args.iter().map(one).collect()
}

/// What errors call a node that is not mapped.
fn node_name(expr: &ast::Expr) -> String {
    let text = format!("{expr:?}");
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    format!("expression {}", &text[..end])
}
