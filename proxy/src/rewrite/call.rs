//! Calls of functions, aggregates and window functions: the body is looked up by signature, so that nothing here knows any by name.

use super::{Printer, no_body, quote_identifier};
use crate::{
    bind::tree::{Aggregate, Call, CallForm, Expr, ExprKind, Frame, FrameBound, FrameExclusion, FrameUnit, ProcRef, SortKey, WindowCall},
    error::{Result, SqlError},
    functions::{self, Body, Entry},
    types::{Oid, TypeRef, oid},
};

/// A body applied to printed arguments; `types` is the literal that a polymorphic one gets first.
pub(super) fn apply(entry: &Entry, types: Option<&str>, args: &[String]) -> String {
    match entry.body {
        Body::Native(template) => fill(template, args),
        Body::NativeAggregate(name) => format!("{name}({})", args.join(", ")),
        _ => {
            let types = types.filter(|_| entry.polymorphic).map(super::quote_text);
            let all: Vec<&str> = types.iter().map(String::as_str).chain(args.iter().map(String::as_str)).collect();
            format!("{}({})", quote_identifier(entry.signature), all.join(", "))
        }
    }
}

/// A template with its `{n}` replaced.
fn fill(template: &str, args: &[String]) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let close = rest[open..].find('}').map(|at| at + open);
        match close.and_then(|close| Some((close, args.get(rest[open + 1..close].parse::<usize>().ok()?)?))) {
            Some((close, arg)) => {
                out.push_str(arg);
                rest = &rest[close + 1..];
            }
            None => {
                out.push('{');
                rest = &rest[open + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Whether a template compares, so that its operands need their type's collation.
fn compares(template: &str) -> bool {
    template.contains(['=', '<', '>'])
}

impl Printer<'_> {
    /// A function, operator or cast.
    pub(super) fn call(&mut self, call: &Call, result: TypeRef) -> Result<String> {
        if call.proc.body.is_some() {
            return self.routine(call, result);
        }
        let entry = functions::lookup(&call.proc.signature).ok_or_else(|| no_body(&call.proc.signature))?;
        let args = gather_variadic(&call.proc, &call.args, call.variadic_array);
        let mut printed = self.all(&args)?;
        // `evaluate_function` of clauses.c: with a NULL for an argument a strict function is never called, whatever the others hold.
        let is_null = |text: &String| text == "NULL";
        let mut others = printed.iter().zip(&args).filter(|(text, _)| !is_null(text));
        if entry.strict && printed.iter().any(is_null) && !others.any(|(_, arg)| arg.has_constant_call()) {
            return Ok("NULL".to_owned());
        }
        if let Body::Native(template) = entry.body {
            if compares(template) {
                if let (Some(first), Some(arg)) = (printed.first_mut(), args.first()) {
                    *first = self.collated(std::mem::take(first), arg.ty.concrete());
                }
            }
        }
        let mut types = self.types_literal(&args, result.oid);
        if call.variadic_array && call.proc.variadic == oid::ANY && !matches!(call.form, CallForm::Operator(_)) {
            // One type more than arguments says that the last of them is the array of the others.
            types = types.replacen('>', ",0>", 1);
        }
        let text = apply(entry, Some(&types), &printed);
        Ok(match super::prefix::bounds(call, &printed) {
            Some(bounds) => format!("({bounds} AND {text})"),
            None => text,
        })
    }

    /// `1007,23>1007`.
    pub(super) fn types_literal(&self, args: &[Expr], result: Oid) -> String {
        let types: Vec<String> = args.iter().map(|arg| self.base(arg.ty.concrete()).to_string()).collect();
        format!("{}>{}", types.join(","), self.base(result))
    }

    /// An aggregate.
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate, result: TypeRef) -> Result<String> {
        let entry = functions::lookup(&aggregate.proc.signature).ok_or_else(|| no_body(&aggregate.proc.signature))?;
        let mut args = aggregate.direct.clone();
        args.extend(gather_variadic(&aggregate.proc, &aggregate.args, aggregate.variadic_array));
        if let (true, Body::Aggregate(_)) = (aggregate.distinct, entry.body) {
            return self.distinct_aggregate(entry, aggregate, &args, result);
        }
        let mut inside = self.aggregate_arguments(entry, &args, result.oid, aggregate.star)?;
        if let (true, true, Some(literal)) = (aggregate.proc.aggregate_kind != 'n', entry.polymorphic, inside.first_mut()) {
            let keys: Vec<String> = aggregate.order_by.iter().enumerate().map(|(at, key)| key_text(at, key)).collect();
            *literal = format!("{};{}'", literal.trim_end_matches('\''), keys.join(","));
        }
        if let (true, Some(first), Some(arg)) = (aggregate.distinct, inside.first_mut(), args.first()) {
            if !first.contains(" COLLATE ") {
                *first = self.collated(std::mem::take(first), arg.ty.concrete());
            }
        }
        let order = if aggregate.order_by.is_empty() || aggregate.distinct {
            String::new()
        } else {
            format!(" ORDER BY {}", self.sort_keys(&aggregate.order_by)?)
        };
        let name = match entry.body {
            Body::NativeAggregate(name) => name.to_owned(),
            Body::Aggregate(_) => quote_identifier(entry.signature),
            _ => return Err(SqlError::internal(format!("{} is no aggregate", entry.signature))),
        };
        let distinct = if aggregate.distinct { "DISTINCT " } else { "" };
        let filter = self.filter(aggregate.filter.as_ref())?;
        Ok(format!("{name}({distinct}{}{order}){filter}", inside.join(", ")))
    }

    /// DISTINCT over our own aggregates: they sort, as PostgreSQL does, by ORDER BY first and then by what is left of the arguments.
    fn distinct_aggregate(&mut self, entry: &Entry, aggregate: &Aggregate, args: &[Expr], result: TypeRef) -> Result<String> {
        let place = |key: &SortKey| args.iter().position(|arg| *arg == key.expr);
        let mut keys: Vec<(usize, String)> = Vec::with_capacity(args.len());
        for key in &aggregate.order_by {
            let at = place(key).ok_or_else(|| SqlError::internal("a sort key of DISTINCT is an argument"))?;
            keys.push((at, key_text(at, key)));
        }
        for at in 0..args.len() {
            if !keys.iter().any(|(known, _)| *known == at) {
                keys.push((at, format!("{at}<")));
            }
        }
        let keys: Vec<String> = keys.into_iter().map(|(_, text)| text).collect();
        let mut inside = vec![format!("'{};{}'", self.types_literal(args, result.oid), keys.join(","))];
        inside.extend(self.all(args)?);
        let filter = self.filter(aggregate.filter.as_ref())?;
        Ok(format!("{}({}){filter}", quote_identifier(&functions::distinct_name(entry.signature)), inside.join(", ")))
    }

    fn aggregate_arguments(&mut self, entry: &Entry, args: &[Expr], result: Oid, star: bool) -> Result<Vec<String>> {
        if star {
            return Ok(vec!["*".to_owned()]);
        }
        let mut inside = self.all(args)?;
        match entry.body {
            Body::NativeAggregate(_) => {
                if let (Some(first), Some(arg)) = (inside.first_mut(), args.first()) {
                    *first = self.collated(std::mem::take(first), arg.ty.concrete());
                }
            }
            _ if entry.polymorphic => inside.insert(0, format!("'{}'", self.types_literal(args, result))),
            _ => {}
        }
        Ok(inside)
    }

    fn filter(&mut self, filter: Option<&Expr>) -> Result<String> {
        match filter {
            Some(filter) => Ok(format!(" FILTER (WHERE {})", self.condition(filter)?)),
            None => Ok(String::new()),
        }
    }

    /// A call over a window.
    pub(super) fn window_call(&mut self, call: &WindowCall, result: TypeRef) -> Result<String> {
        let entry = functions::lookup(&call.proc.signature).ok_or_else(|| no_body(&call.proc.signature))?;
        let args = gather_variadic(&call.proc, &call.args, false);
        let inside = self.aggregate_arguments(entry, &args, result.oid, call.star)?;
        let name = match entry.body {
            Body::NativeAggregate(name) => name.to_owned(),
            Body::Aggregate(_) => quote_identifier(entry.signature),
            _ => return Err(SqlError::internal(format!("{} is no window function", entry.signature))),
        };
        let filter = self.filter(call.filter.as_ref())?;
        let mut parts = Vec::new();
        if !call.window.partition_by.is_empty() {
            let mut keys = Vec::new();
            for key in &call.window.partition_by {
                let text = self.expression(key)?;
                keys.push(self.collated(text, key.ty.concrete()));
            }
            parts.push(format!("PARTITION BY {}", keys.join(", ")));
        }
        if !call.window.order_by.is_empty() {
            parts.push(format!("ORDER BY {}", self.sort_keys(&call.window.order_by)?));
        }
        if let Some(frame) = &call.window.frame {
            parts.push(self.frame(frame)?);
        }
        Ok(format!("{name}({}){filter} OVER ({})", inside.join(", "), parts.join(" ")))
    }

    fn frame(&mut self, frame: &Frame) -> Result<String> {
        let unit = match frame.unit {
            FrameUnit::Rows => "ROWS",
            FrameUnit::Range => "RANGE",
            FrameUnit::Groups => "GROUPS",
        };
        let mut bound = |bound: &FrameBound| {
            Ok(match bound {
                FrameBound::UnboundedPreceding => "UNBOUNDED PRECEDING".to_owned(),
                FrameBound::Preceding(offset) => format!("{} PRECEDING", self.expression(offset)?),
                FrameBound::CurrentRow => "CURRENT ROW".to_owned(),
                FrameBound::Following(offset) => format!("{} FOLLOWING", self.expression(offset)?),
                FrameBound::UnboundedFollowing => "UNBOUNDED FOLLOWING".to_owned(),
            })
        };
        let (start, end): (String, String) = (bound(&frame.start)?, bound(&frame.end)?);
        let exclude = match frame.exclude {
            None => "",
            Some(FrameExclusion::CurrentRow) => " EXCLUDE CURRENT ROW",
            Some(FrameExclusion::Group) => " EXCLUDE GROUP",
            Some(FrameExclusion::Ties) => " EXCLUDE TIES",
        };
        Ok(format!("{unit} BETWEEN {start} AND {end}{exclude}"))
    }

    /// The keys of an ORDER BY.
    pub(super) fn sort_keys(&mut self, keys: &[SortKey]) -> Result<String> {
        let mut out = Vec::with_capacity(keys.len());
        for key in keys {
            let text = self.expression(&key.expr)?;
            out.push(self.sort_key(text, key));
        }
        Ok(out.join(", "))
    }

    /// One key over printed text. SQLite holds NULL for the least value, PostgreSQL for the greatest, so that NULLS is written
    /// wherever NULL may occur (and left out elsewhere, since it keeps SQLite from using an index).
    pub(super) fn sort_key(&self, text: String, key: &SortKey) -> String {
        let mut out = self.collated(text, key.expr.ty.concrete());
        if key.descending {
            out += " DESC";
        }
        let nullable = !matches!(&key.expr.kind, ExprKind::Column(column) if !column.nullable);
        if nullable && key.nulls_first == key.descending {
            out += if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" };
        }
        out
    }
}

/// A sort key as our aggregates read it: the position of what it sorts by, the direction, `n` for NULLS FIRST.
fn key_text(at: usize, key: &SortKey) -> String {
    let nulls = if key.nulls_first { "n" } else { "" };
    format!("{at}{}{nulls}", if key.descending { ">" } else { "<" })
}

/// The arguments of a VARIADIC other than "any" gathered into its array.
pub(super) fn gather_variadic(proc: &ProcRef, args: &[Expr], is_array: bool) -> Vec<Expr> {
    if proc.variadic == 0 || proc.variadic == oid::ANY || is_array || args.len() < proc.args.len() {
        return args.to_vec();
    }
    let (fixed, rest) = args.split_at(proc.args.len() - 1);
    let mut out = fixed.to_vec();
    let array = proc.args.last().copied().unwrap_or(oid::TEXT_ARRAY);
    out.push(Expr::new(ExprKind::Array { elements: rest.to_vec(), nested: false }, TypeRef::new(array)));
    out
}
