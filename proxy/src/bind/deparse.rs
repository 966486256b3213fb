//! Typed tree → PostgreSQL text in canonical form, as `pg_get_expr` prints it (`ruleutils.c`), plainly (every operation in parentheses) or
//! prettily (only where precedence asks for them). Casts that the binder put in are shown where PostgreSQL shows them: inside operands and
//! arguments. Subqueries are not printed: no stored expression has one.

use rusqlite::types::{Value, ValueRef};

use super::{
    precedence::{Parent, is_simple},
    tree::{Aggregate, Call, CallForm, CastForm, Expr, ExprKind, SqlValue, Subscript},
};
use crate::{
    catalog::type_name::quote_identifier,
    session::context::Context,
    types::{TypeRef, oid},
};

/// An expression as `pg_get_expr` prints it.
pub fn deparse(expr: &Expr, cx: &Context) -> String {
    Deparser { cx, is_pretty: false, operands: Vec::new() }.expression(expr)
}

/// An expression as `pg_get_expr(…, true)` prints it.
pub fn deparse_prettily(expr: &Expr, cx: &Context) -> String {
    Deparser { cx, is_pretty: true, operands: Vec::new() }.expression(expr)
}

struct Deparser<'a> {
    cx: &'a Context,
    is_pretty: bool,
    operands: Vec<String>,
}

impl Deparser<'_> {
    /// An expression whose own implicit cast is not shown.
    fn expression(&mut self, expr: &Expr) -> String {
        self.shown(expr, false)
    }

    /// An argument or operand: its implicit cast is shown.
    fn argument(&mut self, expr: &Expr) -> String {
        self.shown(expr, true)
    }

    /// In parentheses where the pretty form needs them below `parent`.
    fn below(&mut self, expr: &Expr, parent: Parent<'_>, shows_implicit: bool) -> String {
        let text = self.shown(expr, shows_implicit);
        if self.is_pretty && !is_simple(expr, parent) { format!("({text})") } else { text }
    }

    /// In the parentheses that the plain form has around every operation.
    fn operation(&self, text: String) -> String {
        if self.is_pretty { text } else { format!("({text})") }
    }

    fn shown(&mut self, expr: &Expr, shows_implicit: bool) -> String {
        let parent = Parent::of(expr);
        match &expr.kind {
            ExprKind::Constant(value) => self.constant(value, expr.ty),
            ExprKind::Parameter(number) => format!("${number}"),
            ExprKind::Column(column) => quote_identifier(&column.name),
            ExprKind::Call(call) => self.call(call, expr, shows_implicit),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ExprKind::Window(call) => format!("{}() OVER ()", quote_identifier(&call.proc.name)),
            ExprKind::Relabel(inner, form)
            | ExprKind::InputOutput(inner, form)
            | ExprKind::ArrayCast(inner, _, form)
            | ExprKind::RowCast(inner, form)
            | ExprKind::DomainCheck(inner, form) => self.cast(inner, expr, *form, shows_implicit),
            ExprKind::Element => "VALUE".to_owned(),
            ExprKind::And(list) => self.joined(list, " AND ", parent),
            ExprKind::Or(list) => self.joined(list, " OR ", parent),
            ExprKind::Not(inner) => {
                let inner = self.below(inner, parent, false);
                self.operation(format!("NOT {inner}"))
            }
            ExprKind::IsNull { expr, negated } => {
                let inner = self.below(expr, parent, true);
                self.operation(format!("{inner} IS {}NULL", if *negated { "NOT " } else { "" }))
            }
            ExprKind::IsTruth { expr, truth, negated } => {
                let word = truth.map_or("UNKNOWN", |truth| if truth { "TRUE" } else { "FALSE" });
                let inner = self.below(expr, parent, false);
                self.operation(format!("{inner} IS {}{word}", if *negated { "NOT " } else { "" }))
            }
            ExprKind::Case { operand, whens, otherwise } => self.case(operand.as_deref(), whens, otherwise.as_deref(), expr.ty),
            ExprKind::CaseOperand => self.operands.last().cloned().unwrap_or_default(),
            ExprKind::Coalesce(args) => format!("COALESCE({})", self.list(args)),
            ExprKind::NullIf(equal) => match &equal.kind {
                ExprKind::Call(call) => format!("NULLIF({})", self.list(&call.args)),
                _ => self.expression(equal),
            },
            ExprKind::MinMax { greatest, args } => {
                format!("{}({})", if *greatest { "GREATEST" } else { "LEAST" }, self.list(args))
            }
            ExprKind::Distinct { .. } | ExprKind::InList { .. } | ExprKind::ArrayComparison { .. } => self.comparison(expr),
            ExprKind::Subquery(_) => "(SELECT)".to_owned(),
            ExprKind::Array { elements, .. } => match elements.is_empty() {
                true => format!("ARRAY[]::{}", self.type_name(expr.ty)),
                false => format!("ARRAY[{}]", self.list(elements)),
            },
            ExprKind::Row { fields, .. } => format!("ROW({})", self.list(fields)),
            ExprKind::Subscript { container, subscripts } => self.subscript(container, subscripts),
            // Stands in SET only, which no catalog shows.
            ExprKind::Assign { value, .. } => self.expression(value),
            ExprKind::Field { row, name, .. } => format!("({}).{}", self.argument(row), quote_identifier(name)),
            ExprKind::Collate(inner, name) => {
                let inner = self.below(inner, parent, shows_implicit);
                self.operation(format!("{inner} COLLATE {}", quote_identifier(name)))
            }
            ExprKind::SqlValue(value) => sql_value(*value).to_owned(),
            ExprKind::Grouping(_) => "GROUPING()".to_owned(),
            ExprKind::Default => "DEFAULT".to_owned(),
            ExprKind::HiddenKey => String::new(),
        }
    }

    /// IS DISTINCT FROM, IN, ANY and ALL.
    fn comparison(&mut self, expr: &Expr) -> String {
        let parent = Parent::of(expr);
        match &expr.kind {
            ExprKind::Distinct { equal, negated } => {
                let ExprKind::Call(call) = &equal.kind else { return self.expression(equal) };
                let (left, right) = (self.below(&call.args[0], parent, true), self.below(&call.args[1], parent, true));
                let test = self.operation(format!("{left} IS DISTINCT FROM {right}"));
                if *negated { self.operation(format!("NOT {test}")) } else { test }
            }
            ExprKind::InList { expr: subject, list, operator, negated } => {
                let word = if *negated { "ALL" } else { "ANY" };
                let (left, list) = (self.below(subject, parent, true), self.list(list));
                self.operation(format!("{left} {} {word} (ARRAY[{list}])", operator.name))
            }
            ExprKind::ArrayComparison { left, array, operator, all } => {
                let word = if *all { "ALL" } else { "ANY" };
                let (left, array) = (self.below(left, parent, true), self.below(array, parent, true));
                self.operation(format!("{left} {} {word} ({array})", operator.name))
            }
            _ => self.expression(expr),
        }
    }

    fn list(&mut self, exprs: &[Expr]) -> String {
        exprs.iter().map(|expr| self.argument(expr)).collect::<Vec<_>>().join(", ")
    }

    fn joined(&mut self, exprs: &[Expr], connective: &str, parent: Parent<'_>) -> String {
        let parts: Vec<String> = exprs.iter().map(|expr| self.below(expr, parent, false)).collect();
        self.operation(parts.join(connective))
    }

    fn type_name(&self, ty: TypeRef) -> String {
        self.cx.catalog.format_type(ty, &self.cx.search_path)
    }

    fn constant(&self, value: &Value, ty: TypeRef) -> String {
        let name = self.type_name(ty);
        let text = match value {
            Value::Null => return if ty.oid == oid::UNKNOWN { "NULL".to_owned() } else { format!("NULL::{name}") },
            value => self.output(value, ty),
        };
        match ty.oid {
            oid::BOOL => return if text == "t" { "true".to_owned() } else { "false".to_owned() },
            oid::INT4 if !text.starts_with('-') => return text,
            oid::NUMERIC if text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.') => return text,
            oid::UNKNOWN => return format!("'{}'", text.replace('\'', "''")),
            _ => {}
        }
        format!("'{}'::{name}", text.replace('\'', "''"))
    }

    fn output(&self, value: &Value, ty: TypeRef) -> String {
        let Some(found) = self.cx.catalog.type_by_oid(ty.oid) else { return String::new() };
        let mut out = Vec::new();
        match found.codec.output(ValueRef::from(value), found, self.cx, &mut out) {
            Ok(()) => String::from_utf8_lossy(&out).into_owned(),
            Err(_) => match value {
                Value::Text(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            },
        }
    }

    /// A cast; one that was not written shows only in operands and arguments.
    fn cast(&mut self, inner: &Expr, cast: &Expr, form: CastForm, shows_implicit: bool) -> String {
        let parent = Parent::of(cast);
        if form == CastForm::Implicit && !shows_implicit {
            return self.below(inner, parent, false);
        }
        let text = self.below(inner, parent, false);
        format!("{}::{}", self.operation(text), self.type_name(cast.ty))
    }

    fn call(&mut self, call: &Call, expr: &Expr, shows_implicit: bool) -> String {
        match &call.form {
            CallForm::Cast(form) => self.cast(&call.args[0], expr, *form, shows_implicit),
            CallForm::Operator(operator) => {
                let name = self.cx.catalog.operator(*operator).map_or("?", |found| found.name.as_str()).to_owned();
                let parent = Parent::of(expr);
                let text = match call.args.as_slice() {
                    [operand] => format!("{name} {}", self.below(operand, parent, true)),
                    [left, right] => {
                        let left = self.below(left, parent.with_first(), true);
                        format!("{left} {name} {}", self.below(right, parent, true))
                    }
                    _ => String::new(),
                };
                self.operation(text)
            }
            CallForm::Syntax(keyword) => self.syntax(keyword, call),
            CallForm::Function => {
                let schema = match call.proc.schema.as_str() {
                    "pg_catalog" | "public" => String::new(),
                    other => format!("{}.", quote_identifier(other)),
                };
                format!("{schema}{}({})", quote_identifier(&call.proc.name), self.list(&call.args))
            }
        }
    }

    fn syntax(&mut self, keyword: &str, call: &Call) -> String {
        let args: Vec<String> = call.args.iter().map(|arg| self.argument(arg)).collect();
        match (keyword, args.as_slice()) {
            ("EXTRACT", [field, from]) => {
                let field = field.split('\'').nth(1).unwrap_or("epoch").to_owned();
                format!("EXTRACT({field} FROM {from})")
            }
            ("AT TIME ZONE", [zone, time]) => format!("({time} AT TIME ZONE {zone})"),
            ("SUBSTRING", [text, from]) => format!("SUBSTRING({text} FROM {from})"),
            ("SUBSTRING", [text, from, length]) => format!("SUBSTRING({text} FROM {from} FOR {length})"),
            ("POSITION", [text, part]) => format!("POSITION(({part}) IN ({text}))"),
            ("TRIM", [text]) => format!("TRIM({} FROM {text})", trim_side(&call.proc.name)),
            ("TRIM", [text, what]) => format!("TRIM({} {what} FROM {text})", trim_side(&call.proc.name)),
            ("OVERLAY", [text, what, from]) => format!("OVERLAY({text} PLACING {what} FROM {from})"),
            ("OVERLAY", [text, what, from, length]) => format!("OVERLAY({text} PLACING {what} FROM {from} FOR {length})"),
            ("OVERLAPS", [a, b, c, d]) => format!("(({a}, {b}) OVERLAPS ({c}, {d}))"),
            (_, args) => format!("{}({})", quote_identifier(&call.proc.name), args.join(", ")),
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> String {
        let distinct = if aggregate.distinct { "DISTINCT " } else { "" };
        let args = if aggregate.star { "*".to_owned() } else { self.list(&aggregate.args) };
        format!("{}({distinct}{args})", quote_identifier(&aggregate.proc.name))
    }

    fn case(&mut self, operand: Option<&Expr>, whens: &[(Expr, Expr)], otherwise: Option<&Expr>, ty: TypeRef) -> String {
        let operand = operand.map(|operand| self.argument(operand));
        let mut out = format!("\nCASE{}", operand.as_ref().map(|operand| format!(" {operand}")).unwrap_or_default());
        for (condition, result) in whens {
            let condition = match (&operand, &condition.kind) {
                (Some(_), ExprKind::Call(call)) if call.args.len() == 2 => self.argument(&call.args[1]),
                _ => self.expression(condition),
            };
            out += &format!("\n    WHEN {condition} THEN {}", self.argument(result));
        }
        let otherwise = match otherwise {
            Some(otherwise) => self.argument(otherwise),
            None => format!("NULL::{}", self.type_name(ty)),
        };
        out + &format!("\n    ELSE {otherwise}\nEND")
    }

    fn subscript(&mut self, container: &Expr, subscripts: &[Subscript]) -> String {
        let mut out = match container.kind {
            ExprKind::Column(_) => self.expression(container),
            _ => format!("({})", self.expression(container)),
        };
        for subscript in subscripts {
            out += &match subscript {
                Subscript::Index(index) => format!("[{}]", self.expression(index)),
                Subscript::Slice(lower, upper) => {
                    let lower = lower.as_ref().map(|e| self.expression(e)).unwrap_or_default();
                    let upper = upper.as_ref().map(|e| self.expression(e)).unwrap_or_default();
                    format!("[{lower}:{upper}]")
                }
            };
        }
        out
    }
}

fn trim_side(function: &str) -> &'static str {
    match function {
        "ltrim" => "LEADING",
        "rtrim" => "TRAILING",
        _ => "BOTH",
    }
}

fn sql_value(value: SqlValue) -> &'static str {
    match value {
        SqlValue::CurrentDate => "CURRENT_DATE",
        SqlValue::CurrentTime => "CURRENT_TIME",
        SqlValue::CurrentTimestamp => "CURRENT_TIMESTAMP",
        SqlValue::LocalTime => "LOCALTIME",
        SqlValue::LocalTimestamp => "LOCALTIMESTAMP",
        SqlValue::CurrentUser => "CURRENT_USER",
        SqlValue::SessionUser => "SESSION_USER",
        SqlValue::CurrentCatalog => "CURRENT_CATALOG",
        SqlValue::CurrentSchema => "CURRENT_SCHEMA",
    }
}
