//! Expressions: one node in, its SQLite text out, in parentheses wherever it is not a single operand.

use super::{Printer, no_body, quote_identifier};
use crate::{
    bind::tree::{CastForm, Expr, ExprKind, SqlValue, Subscript},
    error::{Result, SqlError},
    types::{Oid, TypeRef, oid},
};

/// Arguments of one call, its types literal aside (`SQLITE_MAX_FUNCTION_ARG` is 1000).
const MAXIMUM_ARGUMENTS: usize = 900;

impl Printer<'_> {
    /// An expression.
    pub fn expression(&mut self, expr: &Expr) -> Result<String> {
        match self.grouping_key(expr) {
            Some(false) => Ok("NULL".to_owned()),
            // What a key is made of are values of its group, also where the set lacks a key that is part of it.
            Some(true) => self.ungrouped(|printer| printer.deeper(|printer| printer.expression_at_depth(expr))),
            None => self.deeper(|printer| printer.expression_at_depth(expr)),
        }
    }

    /// A condition where only true counts (WHERE, ON, FILTER): false and NULL need not be told apart.
    pub fn condition(&mut self, expr: &Expr) -> Result<String> {
        match &expr.kind {
            ExprKind::And(list) => {
                let parts = list.iter().map(|part| self.condition(part)).collect::<Result<Vec<_>>>()?;
                Ok(format!("({})", parts.join(" AND ")))
            }
            ExprKind::ArrayComparison { left, array, operator, all: false } => self.any_array(left, array, operator),
            _ => self.expression(expr),
        }
    }

    fn expression_at_depth(&mut self, expr: &Expr) -> Result<String> {
        match &expr.kind {
            ExprKind::Constant(value) => Ok(Self::constant(value)),
            ExprKind::Parameter(number) => Ok(format!("?{number}")),
            ExprKind::Column(column) => {
                let name = quote_identifier(&column.physical);
                Ok(match self.bare.contains(&column.source) {
                    true => name,
                    false => format!("{}.{name}", Self::source_name(column.source)),
                })
            }
            ExprKind::Call(call) => self.call(call, expr.ty),
            ExprKind::Aggregate(aggregate) => self.grouped_aggregate(aggregate, expr.ty),
            ExprKind::Window(call) => self.window_call(call, expr.ty),
            ExprKind::Relabel(inner, _) => self.relabel(inner, expr.ty.oid),
            ExprKind::InputOutput(inner, _) => self.input_output(inner, expr.ty),
            ExprKind::ArrayCast(inner, _, _) => self.array_cast(inner, expr.ty),
            ExprKind::RowCast(inner, _) => self.expression(inner),
            ExprKind::DomainCheck(inner, form) => self.domain_check(inner, expr.ty.oid, *form),
            ExprKind::Element => match self.elements.last() {
                Some(text) => Ok(text.clone()),
                None => Ok("\"~value\"".to_owned()),
            },
            ExprKind::And(list) => self.list(list, " AND "),
            ExprKind::Or(list) => self.list(list, " OR "),
            ExprKind::Not(inner) => Ok(format!("(NOT {})", self.expression(inner)?)),
            ExprKind::IsNull { expr, negated } => Ok(format!("({} IS {}NULL)", self.expression(expr)?, if *negated { "NOT " } else { "" })),
            ExprKind::IsTruth { expr, truth, negated } => {
                let word = match truth {
                    Some(true) => "TRUE",
                    Some(false) => "FALSE",
                    None => "NULL",
                };
                Ok(format!("({} IS {}{word})", self.expression(expr)?, if *negated { "NOT " } else { "" }))
            }
            ExprKind::Case { operand, whens, otherwise } => self.case(operand.as_deref(), whens, otherwise.as_deref()),
            ExprKind::CaseOperand => self.case_operands.last().cloned().ok_or_else(|| SqlError::internal("a CASE operand outside CASE")),
            ExprKind::Coalesce(args) => {
                let printed = self.all(args)?;
                Ok(if printed.len() == 1 { printed[0].clone() } else { format!("coalesce({})", printed.join(", ")) })
            }
            ExprKind::NullIf(equal) => self.null_if(equal),
            ExprKind::MinMax { greatest, args } => self.min_max(*greatest, args, expr.ty.concrete()),
            ExprKind::Distinct { equal, negated } => self.distinct(equal, *negated),
            ExprKind::InList { expr, list, operator, negated } => self.in_list(expr, list, operator, *negated),
            ExprKind::ArrayComparison { left, array, operator, all } => self.array_comparison(left, array, operator, *all),
            ExprKind::Subquery(subquery) => self.subquery(subquery, expr.ty),
            ExprKind::Array { elements, .. } => self.array(elements, expr.ty.oid),
            ExprKind::Row { fields, .. } => self.construct("peergres.row(\"any\")", fields, oid::RECORD),
            ExprKind::Subscript { container, subscripts } => self.subscript(container, subscripts, expr.ty.oid),
            ExprKind::Assign { container, subscripts, value } => self.assign(container, subscripts, value),
            ExprKind::Field { row, index, .. } => {
                let number = format!("{}", index + 1);
                let row_text = self.expression(row)?;
                let types = format!("'{},{}>{}'", row.ty.concrete(), oid::INT4, expr.ty.oid);
                Ok(format!("\"peergres.field(record,integer)\"({types}, {row_text}, {number})"))
            }
            ExprKind::Collate(inner, _) => self.expression(inner),
            ExprKind::SqlValue(value) => sql_value(*value),
            ExprKind::Grouping(positions) => self.grouping_mask(positions),
            ExprKind::Default => Err(SqlError::unsupported("DEFAULT here").at(expr.position)),
            ExprKind::HiddenKey => Ok("randomblob(16)".to_owned()),
        }
    }

    pub(super) fn all(&mut self, exprs: &[Expr]) -> Result<Vec<String>> {
        exprs.iter().map(|expr| self.expression(expr)).collect()
    }

    fn list(&mut self, list: &[Expr], connective: &str) -> Result<String> {
        Ok(format!("({})", self.all(list)?.join(connective)))
    }

    /// A constructor of our own over concrete types.
    fn construct(&mut self, signature: &str, args: &[Expr], result: Oid) -> Result<String> {
        let types: Vec<String> = args.iter().map(|arg| self.base(arg.ty.concrete()).to_string()).collect();
        let mut printed = vec![format!("'{}>{}'", types.join(","), self.base(result))];
        printed.extend(self.all(args)?);
        Ok(format!("{}({})", quote_identifier(signature), printed.join(", ")))
    }

    /// An ARRAY constructor. SQLite's functions take at most a thousand arguments, so that a longer one is put together of parts.
    fn array(&mut self, elements: &[Expr], ty: Oid) -> Result<String> {
        let mut parts = elements.chunks(MAXIMUM_ARGUMENTS);
        let mut array = self.construct("peergres.array(\"any\")", parts.next().unwrap_or_default(), ty)?;
        for part in parts {
            let part = self.construct("peergres.array(\"any\")", part, ty)?;
            let base = self.base(ty);
            array = format!(
                "{}('{base},{base}>{base}', {array}, {part})",
                quote_identifier("array_cat(anycompatiblearray,anycompatiblearray)")
            );
        }
        Ok(array)
    }

    /// Through text: the output function of one type, the input function of the other; either falls away where it does nothing.
    fn input_output(&mut self, inner: &Expr, target: TypeRef) -> Result<String> {
        let source = self.base(inner.ty.concrete());
        let mut text = self.expression(inner)?;
        if text == "NULL" {
            return Ok(text);
        }
        let is_text = |ty: Oid| matches!(ty, oid::TEXT | oid::VARCHAR | oid::UNKNOWN | oid::CSTRING);
        if matches!(source, oid::INT2 | oid::INT4 | oid::INT8) {
            // No setting changes it, and SQLite knows that, so that a generated column may say it.
            text = format!("CAST({text} AS TEXT)");
        } else if !is_text(source) && source != oid::NAME && source != oid::BPCHAR {
            text = format!("\"peergres.output(\"\"any\"\")\"('{source}>{}', {text})", oid::TEXT);
        }
        let target_base = self.base(target.oid);
        if !is_text(target_base) {
            text = format!("\"peergres.input(text,oid,integer)\"({text}, {target_base}, -1)");
        }
        Ok(text)
    }

    /// Arrays keep the text form of their elements, so that an element-wise cast goes through text as well.
    fn array_cast(&mut self, inner: &Expr, target: TypeRef) -> Result<String> {
        let text = self.expression(inner)?;
        let (source, to) = (self.base(inner.ty.concrete()), self.base(target.oid));
        let signature = "peergres.array_cast(anyarray,integer)";
        if crate::functions::lookup(signature).is_some() {
            let types = format!("'{source},{}>{to}'", oid::INT4);
            return Ok(format!("{}({types}, {text}, {})", quote_identifier(signature), target.typmod));
        }
        let output = format!("\"peergres.output(\"\"any\"\")\"('{source}>{}', {text})", oid::TEXT);
        Ok(format!("\"peergres.input(text,oid,integer)\"({output}, {to}, {})", target.typmod))
    }

    fn case(&mut self, operand: Option<&Expr>, whens: &[(Expr, Expr)], otherwise: Option<&Expr>) -> Result<String> {
        let has_operand = operand.is_some();
        if let Some(operand) = operand {
            let text = self.expression(operand)?;
            self.case_operands.push(text);
        }
        let mut out = "CASE".to_owned();
        for (condition, result) in whens {
            out += &format!(" WHEN {}", self.condition(condition)?);
            // The operand is this CASE's only within its conditions.
            let saved = if has_operand { self.case_operands.pop() } else { None };
            out += &format!(" THEN {}", self.expression(result)?);
            self.case_operands.extend(saved);
        }
        if has_operand {
            self.case_operands.pop();
        }
        if let Some(otherwise) = otherwise {
            out += &format!(" ELSE {}", self.expression(otherwise)?);
        }
        Ok(format!("({out} END)"))
    }

    fn null_if(&mut self, equal: &Expr) -> Result<String> {
        let ExprKind::Call(call) = &equal.kind else { return Err(SqlError::internal("NULLIF holds a call")) };
        let first = self.expression(&call.args[0])?;
        Ok(format!("(CASE WHEN {} THEN NULL ELSE {first} END)", self.expression(equal)?))
    }

    /// The same bits under another type. Storage differs for one pair alone: an integer has a sign, an oid has none.
    fn relabel(&mut self, inner: &Expr, target: Oid) -> Result<String> {
        let (from, to) = (self.base(inner.ty.oid), self.base(target));
        if (from, to) == (oid::CIDR, oid::INET) {
            // Their text differs: cidr always shows the length of its network.
            return self.input_output(inner, TypeRef::new(to));
        }
        let text = self.expression(inner)?;
        Ok(match (from, to) {
            (oid::INT4, oid::INT4) => text,
            (oid::INT4, _) if text.parse::<u32>().is_err() => format!("({text} & 4294967295)"),
            (_, oid::INT4) => format!("(({text} + 2147483648) % 4294967296 - 2147483648)"),
            _ => text,
        })
    }

    /// PostgreSQL's GREATEST and LEAST skip NULLs, which SQLite's aggregate does and its function does not.
    fn min_max(&mut self, greatest: bool, args: &[Expr], ty: Oid) -> Result<String> {
        let rows: Vec<String> = self.all(args)?.into_iter().map(|arg| format!("SELECT {arg} AS \"c1\"")).collect();
        let column = self.collated("\"c1\"".to_owned(), ty);
        let function = if greatest { "max" } else { "min" };
        Ok(format!("(SELECT {function}({column}) FROM ({}))", rows.join(" UNION ALL ")))
    }

    fn subscript(&mut self, container: &Expr, subscripts: &[Subscript], result: Oid) -> Result<String> {
        if self.base(container.ty.concrete()) == oid::JSONB {
            return self.json_subscript(container, subscripts);
        }
        let is_slice = subscripts.iter().any(|s| matches!(s, Subscript::Slice(..)));
        let (mut args, mut types) = (vec![self.expression(container)?], vec![self.base(container.ty.concrete())]);
        for subscript in subscripts {
            let bounds: Vec<String> = match subscript {
                Subscript::Index(index) if is_slice => vec!["1".to_owned(), self.expression(index)?],
                Subscript::Index(index) => vec![self.expression(index)?],
                Subscript::Slice(lower, upper) => {
                    let mut bound = |bound: &Option<Expr>| match bound {
                        Some(bound) => self.expression(bound),
                        None => Ok("'*'".to_owned()),
                    };
                    vec![bound(lower)?, bound(upper)?]
                }
            };
            types.extend(bounds.iter().map(|_| oid::INT4));
            args.extend(bounds);
        }
        let signature = if is_slice { "peergres.slice(anyarray,\"any\")" } else { "peergres.element(anyarray,\"any\")" };
        let types: Vec<String> = types.iter().map(Oid::to_string).collect();
        let types = format!("'{}>{}'", types.join(","), self.base(result));
        Ok(format!("{}({types}, {})", quote_identifier(signature), args.join(", ")))
    }

    /// The container with an element, slice or member replaced.
    fn assign(&mut self, container: &Expr, subscripts: &[Subscript], value: &Expr) -> Result<String> {
        let ty = self.base(container.ty.concrete());
        let is_slice = subscripts.iter().any(|s| matches!(s, Subscript::Slice(..)));
        let signature = match (ty, is_slice) {
            (oid::JSONB, _) => "peergres.assign_member(jsonb,jsonb,\"any\")",
            (_, true) => "peergres.assign_slice(anyarray,anyarray,\"any\")",
            (_, false) => "peergres.assign_element(anyarray,anyelement,\"any\")",
        };
        let mut args = vec![self.expression(container)?, self.expression(value)?];
        let mut types = vec![ty, self.base(value.ty.concrete())];
        for subscript in subscripts {
            match subscript {
                Subscript::Index(index) => {
                    if is_slice {
                        types.push(oid::INT4);
                        args.push("1".to_owned());
                    }
                    types.push(index.ty.concrete());
                    args.push(self.expression(index)?);
                }
                Subscript::Slice(lower, upper) => {
                    for bound in [lower, upper] {
                        types.push(oid::INT4);
                        args.push(match bound {
                            Some(bound) => self.expression(bound)?,
                            None => "'*'".to_owned(),
                        });
                    }
                }
            }
        }
        let types: Vec<String> = types.iter().map(Oid::to_string).collect();
        Ok(format!("{}('{}>{ty}', {})", quote_identifier(signature), types.join(","), args.join(", ")))
    }

    /// `j['a'][1]` is `j #> '{a,1}'`: a subscript is a key or a position, as the value has them.
    fn json_subscript(&mut self, container: &Expr, subscripts: &[Subscript]) -> Result<String> {
        let json = self.expression(container)?;
        let mut keys = Vec::with_capacity(subscripts.len());
        for subscript in subscripts {
            let Subscript::Index(index) = subscript else { return Err(SqlError::unsupported("a slice of jsonb")) };
            let key = self.expression(index)?;
            keys.push(if index.ty.oid == oid::INT4 { format!("CAST({key} AS TEXT)") } else { key });
        }
        let types = vec![oid::TEXT.to_string(); keys.len()].join(",");
        let path = format!("\"peergres.array(\"\"any\"\")\"('{types}>{}', {})", oid::TEXT_ARRAY, keys.join(", "));
        self.by_signature("jsonb_extract_path(jsonb,text[])", &[json, path])
    }

    fn domain_check(&mut self, inner: &Expr, domain: Oid, form: CastForm) -> Result<String> {
        let _ = form;
        let text = self.expression(inner)?;
        super::compare::domain_check(self, &text, domain)
    }

    /// A call of a function without polymorphic arguments.
    pub(super) fn by_signature(&mut self, signature: &str, args: &[String]) -> Result<String> {
        let entry = crate::functions::lookup(signature).ok_or_else(|| no_body(signature))?;
        Ok(super::call::apply(entry, None, args))
    }
}

fn sql_value(value: SqlValue) -> Result<String> {
    let call = |signature: &str| {
        let entry = crate::functions::lookup(signature).ok_or_else(|| no_body(signature))?;
        Ok(super::call::apply(entry, None, &[]))
    };
    let of_now = |signature: &str| {
        let now = crate::functions::lookup("now()").ok_or_else(|| no_body("now()"))?;
        let entry = crate::functions::lookup(signature).ok_or_else(|| no_body(signature))?;
        Ok(super::call::apply(entry, None, &[super::call::apply(now, None, &[])]))
    };
    match value {
        SqlValue::CurrentTimestamp => call("now()"),
        SqlValue::CurrentDate => of_now("date(timestamp with time zone)"),
        SqlValue::CurrentTime => of_now("timetz(timestamp with time zone)"),
        SqlValue::LocalTime => of_now("time(timestamp with time zone)"),
        SqlValue::LocalTimestamp => of_now("timestamp(timestamp with time zone)"),
        SqlValue::CurrentUser => call("current_user()"),
        SqlValue::SessionUser => call("session_user()"),
        SqlValue::CurrentCatalog => call("current_database()"),
        SqlValue::CurrentSchema => call("current_schema()"),
    }
}
