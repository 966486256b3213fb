//! Comparisons: IS DISTINCT FROM, IN over lists, ANY and ALL over arrays. Where an operator is SQLite's own, SQLite's forms are used,
//! which can use an index; else the three-valued result is computed.

use peergres_sync::schema::{Object, TypeDefinition};

use super::{Printer, no_body, quote_text};
use crate::{
    bind::tree::{Call, CallForm, Expr, ExprKind, OperatorRef},
    error::{Result, SqlError},
    functions::{self, Body},
    types::{Kind, Oid, TypeRef},
};

/// Whether the operator is SQLite's own of that symbol.
pub(super) fn is_native(operator: &OperatorRef, symbol: &str) -> bool {
    let Some(entry) = functions::lookup(&operator.proc.signature) else { return false };
    let Body::Native(template) = entry.body else { return false };
    let inside = template.trim_start_matches('(').trim_end_matches(')');
    inside.strip_prefix("{0} ").and_then(|rest| rest.strip_suffix(" {1}")) == Some(symbol)
}

/// The operator's call over two expressions.
pub(super) fn operator_call(operator: &OperatorRef, left: &Expr, right: &Expr) -> Expr {
    let call = Call {
        proc: operator.proc.clone(),
        args: vec![left.clone(), right.clone()],
        variadic_array: false,
        form: CallForm::Operator(operator.oid),
    };
    Expr::boolean(ExprKind::Call(Box::new(call)))
}

/// ANY and ALL of the column `t` of a subquery, three-valued.
pub(super) fn three_valued(all: bool, tests: &str) -> String {
    if all {
        format!("(SELECT CASE WHEN min(\"t\") = 0 THEN 0 WHEN count(*) = count(\"t\") THEN 1 END FROM ({tests}))")
    } else {
        format!("(SELECT CASE WHEN max(\"t\") THEN 1 WHEN count(*) = count(\"t\") THEN 0 END FROM ({tests}))")
    }
}

impl Printer<'_> {
    /// `a IS [NOT] DISTINCT FROM b`.
    pub(super) fn distinct(&mut self, equal: &Expr, negated: bool) -> Result<String> {
        let ExprKind::Call(call) = &equal.kind else { return Err(SqlError::internal("IS DISTINCT FROM holds a call")) };
        let (left, right) = (self.expression(&call.args[0])?, self.expression(&call.args[1])?);
        let operator = OperatorRef { oid: 0, proc: call.proc.clone(), name: "=".to_owned() };
        if is_native(&operator, "=") {
            let left = self.collated(left, call.args[0].ty.concrete());
            return Ok(format!("({left} IS {}{right})", if negated { "" } else { "NOT " }));
        }
        let same = format!("ifnull({}, {left} IS NULL AND {right} IS NULL)", self.expression(equal)?);
        Ok(if negated { format!("({same})") } else { format!("(NOT {same})") })
    }

    /// `x [NOT] IN (a, b)`.
    pub(super) fn in_list(&mut self, expr: &Expr, list: &[Expr], operator: &OperatorRef, negated: bool) -> Result<String> {
        if is_native(operator, if negated { "<>" } else { "=" }) {
            let left = self.expression(expr)?;
            let left = self.collated(left, expr.ty.concrete());
            let items = self.all(list)?.join(", ");
            return Ok(format!("({left} {}IN ({items}))", if negated { "NOT " } else { "" }));
        }
        let tests = list.iter().map(|item| self.expression(&operator_call(operator, expr, item))).collect::<Result<Vec<_>>>()?;
        Ok(format!("({})", tests.join(if negated { " AND " } else { " OR " })))
    }

    /// `x op ANY (array)` where false and NULL are alike.
    pub(super) fn any_array(&mut self, left: &Expr, array: &Expr, operator: &OperatorRef) -> Result<String> {
        if is_native(operator, "=") {
            let text = self.expression(left)?;
            let text = self.collated(text, left.ty.concrete());
            return Ok(format!("({text} IN (SELECT \"c1\" FROM {}))", self.unnest(array)?));
        }
        self.array_tests(left, array, operator, false)
    }

    /// `x op ANY|ALL (array)`, three-valued.
    pub(super) fn array_comparison(&mut self, left: &Expr, array: &Expr, operator: &OperatorRef, all: bool) -> Result<String> {
        let text = match all {
            false => self.any_array(left, array, operator)?,
            true => self.array_tests(left, array, operator, true)?,
        };
        let never_null = match &array.kind {
            ExprKind::Array { .. } => true,
            ExprKind::Constant(value) => *value != rusqlite::types::Value::Null,
            _ => false,
        };
        if never_null {
            return Ok(text);
        }
        Ok(format!("(CASE WHEN {} IS NOT NULL THEN {text} END)", self.expression(array)?))
    }

    fn array_tests(&mut self, left: &Expr, array: &Expr, operator: &OperatorRef, all: bool) -> Result<String> {
        let element = self.cx.catalog.type_by_oid(self.base(array.ty.concrete())).map_or(0, |ty| ty.element());
        self.elements.push("\"c1\"".to_owned());
        let item = Expr::new(ExprKind::Element, TypeRef::new(element));
        let test = self.expression(&operator_call(operator, left, &item));
        self.elements.pop();
        let tests = format!("SELECT {} AS \"t\" FROM {}", test?, self.unnest(array)?);
        Ok(three_valued(all, &tests))
    }

    /// An array as rows of one column `c1`.
    fn unnest(&mut self, array: &Expr) -> Result<String> {
        let signature = "unnest(anyarray)";
        let entry = functions::lookup(signature).ok_or_else(|| no_body(signature))?;
        let array_type = self.base(array.ty.concrete());
        let element = self.cx.catalog.type_by_oid(array_type).map_or(0, |ty| ty.element());
        let text = self.expression(array)?;
        Ok(super::call::apply(entry, Some(&format!("{array_type}>{element}")), &[text]))
    }
}

/// A value on its way into a domain: checked as the domain, and those below it, ask.
pub(super) fn domain_check(printer: &Printer<'_>, value: &str, domain: Oid) -> Result<String> {
    let mut tests = String::new();
    domain_tests(printer, value, domain, &mut tests);
    Ok(if tests.is_empty() { value.to_owned() } else { format!("(CASE{tests} ELSE {value} END)") })
}

/// A branch of CASE for each test, those of the domain below first.
fn domain_tests(printer: &Printer<'_>, value: &str, domain: Oid, out: &mut String) {
    let Some(Object::Type(made)) = printer.cx.catalog.schema.objects.get(&domain).map(|object| &**object) else { return };
    let TypeDefinition::Domain { not_null, checks, .. } = &made.definition else { return };
    if let Some(Kind::Domain(base)) = printer.cx.catalog.type_by_oid(domain).map(|ty| &ty.kind) {
        domain_tests(printer, value, base.oid, out);
    }
    let (schema, name) = (&made.name.schema, &made.name.name);
    let raise = |state: &str, message: String, constraint: &str| {
        let args: Vec<String> = [state, &message, schema, name, constraint].into_iter().map(quote_text).collect();
        format!("\"peergres.raise(text,text,text,text,text)\"({})", args.join(", "))
    };
    if *not_null {
        let message = format!("domain {name} does not allow null values");
        *out += &format!(" WHEN {value} IS NULL THEN {}", raise("23502", message, ""));
    }
    for (constraint, expression) in checks {
        let check = expression.sqlite.replace("\"~value\"", value);
        let message = format!("value for domain {name} violates check constraint \"{constraint}\"");
        *out += &format!(" WHEN NOT ({check}) THEN {}", raise("23514", message, constraint));
    }
}
