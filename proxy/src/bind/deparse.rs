//! Typed tree → PostgreSQL text in canonical form, as `pg_get_expr` prints it (`ruleutils.c`, without line breaks but in CASE).
//! Casts that the binder put in are left out where they stand alone and shown where they are an argument; those that were written stay.
//! Subqueries are not printed: no stored expression has one.

use rusqlite::types::{Value, ValueRef};

use super::tree::{Aggregate, Call, CallForm, CastForm, Expr, ExprKind, SqlValue, Subscript};
use crate::{
    catalog::type_name::quote_identifier,
    session::context::Context,
    types::{TypeRef, oid},
};

/// An expression as `pg_get_expr` prints it.
pub fn deparse(expr: &Expr, cx: &Context) -> String {
    Deparser { cx, operands: Vec::new() }.expression(expr)
}

struct Deparser<'a> {
    cx: &'a Context,
    operands: Vec<String>,
}

impl Deparser<'_> {
    /// An expression whose outermost cast is hidden if the binder put it in.
    fn expression(&mut self, expr: &Expr) -> String {
        self.print(expr, false)
    }

    /// An argument, whose casts all show (`showimplicit` of `get_rule_expr`).
    fn argument(&mut self, expr: &Expr) -> String {
        self.print(expr, true)
    }

    fn print(&mut self, expr: &Expr, show_implicit: bool) -> String {
        match &expr.kind {
            ExprKind::Constant(value) => self.constant(value, expr.ty),
            ExprKind::Parameter(number) => format!("${number}"),
            ExprKind::Column(column) => quote_identifier(&column.name),
            ExprKind::Call(call) => self.call(call, expr.ty, show_implicit),
            ExprKind::Aggregate(aggregate) => self.aggregate(aggregate),
            ExprKind::Window(call) => format!("{}() OVER ()", quote_identifier(&call.proc.name)),
            ExprKind::Relabel(inner, form)
            | ExprKind::InputOutput(inner, form)
            | ExprKind::ArrayCast(inner, _, form)
            | ExprKind::RowCast(inner, form)
            | ExprKind::DomainCheck(inner, form) => self.cast(inner, expr.ty, *form, show_implicit),
            ExprKind::Element => "VALUE".to_owned(),
            ExprKind::And(list) => self.joined(list, " AND "),
            ExprKind::Or(list) => self.joined(list, " OR "),
            ExprKind::Not(inner) => format!("(NOT {})", self.expression(inner)),
            ExprKind::IsNull { expr, negated } => {
                format!("({} IS {}NULL)", self.argument(expr), if *negated { "NOT " } else { "" })
            }
            ExprKind::IsTruth { expr, truth, negated } => {
                let word = truth.map_or("UNKNOWN", |truth| if truth { "TRUE" } else { "FALSE" });
                format!("({} IS {}{word})", self.expression(expr), if *negated { "NOT " } else { "" })
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
            ExprKind::Distinct { equal, negated } => match &equal.kind {
                ExprKind::Call(call) => {
                    let (left, right) = (self.argument(&call.args[0]), self.argument(&call.args[1]));
                    let test = format!("({left} IS DISTINCT FROM {right})");
                    if *negated { format!("(NOT {test})") } else { test }
                }
                _ => self.expression(equal),
            },
            ExprKind::InList { expr, list, operator, negated } => {
                let word = if *negated { "ALL" } else { "ANY" };
                format!("({} {} {word} (ARRAY[{}]))", self.argument(expr), operator.name, self.list(list))
            }
            ExprKind::ArrayComparison { left, array, operator, all } => {
                let word = if *all { "ALL" } else { "ANY" };
                format!("({} {} {word} ({}))", self.argument(left), operator.name, self.argument(array))
            }
            ExprKind::Subquery(_) => "(SELECT)".to_owned(),
            ExprKind::Array { elements, .. } => match elements.is_empty() {
                true => format!("ARRAY[]::{}", self.type_name(expr.ty)),
                false => format!("ARRAY[{}]", self.list(elements)),
            },
            ExprKind::Row { fields, .. } => format!("ROW({})", self.list(fields)),
            ExprKind::Subscript { container, subscripts } => self.subscript(container, subscripts),
            ExprKind::Field { row, name, .. } => format!("({}).{}", self.argument(row), quote_identifier(name)),
            ExprKind::Collate(inner, name) => format!("({} COLLATE {})", self.expression(inner), quote_identifier(name)),
            ExprKind::SqlValue(value) => sql_value(*value).to_owned(),
            ExprKind::Grouping(_) => "GROUPING()".to_owned(),
            ExprKind::Default => "DEFAULT".to_owned(),
            ExprKind::HiddenKey => String::new(),
        }
    }

    fn list(&mut self, exprs: &[Expr]) -> String {
        exprs.iter().map(|expr| self.argument(expr)).collect::<Vec<_>>().join(", ")
    }

    fn joined(&mut self, exprs: &[Expr], connective: &str) -> String {
        let parts: Vec<String> = exprs.iter().map(|expr| self.expression(expr)).collect();
        format!("({})", parts.join(connective))
    }

    fn type_name(&self, ty: TypeRef) -> String {
        self.cx.catalog.format_type(ty, &["public".to_owned()])
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

    /// A cast; a constant under it already prints with its type.
    fn cast(&mut self, inner: &Expr, ty: TypeRef, form: CastForm, show_implicit: bool) -> String {
        let text = self.expression(inner);
        if form == CastForm::Implicit && !show_implicit {
            return text;
        }
        match inner.kind {
            ExprKind::Constant(_) if text.starts_with('\'') => format!("({text})::{}", self.type_name(ty)),
            _ => format!("({text})::{}", self.type_name(ty)),
        }
    }

    fn call(&mut self, call: &Call, ty: TypeRef, show_implicit: bool) -> String {
        match &call.form {
            CallForm::Cast(form) => self.cast(&call.args[0], ty, *form, show_implicit),
            CallForm::Operator(operator) => {
                let name = self.cx.catalog.operator(*operator).map_or("?", |found| found.name.as_str()).to_owned();
                match call.args.as_slice() {
                    [operand] => format!("({name} {})", self.argument(operand)),
                    [left, right] => format!("({} {name} {})", self.argument(left), self.argument(right)),
                    _ => String::new(),
                }
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
