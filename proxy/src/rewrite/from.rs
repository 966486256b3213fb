//! Items of FROM: tables, subqueries, table-valued functions, joins.

use super::{Printer, no_body, quote_identifier};
use crate::{
    bind::tree::{Expr, ExprKind, From, FromFunction, JoinKind, Query, QueryBody, SourceId},
    error::Result,
    functions::{self, Body},
};

impl Printer<'_> {
    /// An item; one that is not the first stands in parentheses where SQLite's joining from the left would change its meaning.
    pub(super) fn from_item(&mut self, item: &From, nested: bool) -> Result<String> {
        self.deeper(|printer| printer.from_item_at_depth(item, nested))
    }

    fn from_item_at_depth(&mut self, item: &From, nested: bool) -> Result<String> {
        match item {
            From::Relation { source, relation, sample } => {
                let (name, alias) = (quote_identifier(&relation.physical), Self::source_name(*source));
                match sample {
                    None => Ok(format!("{name} AS {alias}")),
                    Some(percent) => {
                        let percent = self.expression(percent)?;
                        let checked = quote_identifier("peergres.percentage(real)");
                        Ok(format!("(SELECT * FROM {name} WHERE (random() & 16777215) < {checked}({percent}) * 167772.16) AS {alias}"))
                    }
                }
            }
            From::Query { source, query, lateral } => {
                if *lateral && refers_outside(query) {
                    return super::lateral::item(self, *source, query);
                }
                Ok(format!("({}) AS {}", self.query(query)?, Self::source_name(*source)))
            }
            From::Cte { source, physical } => Ok(format!("{} AS {}", quote_identifier(physical), Self::source_name(*source))),
            From::Function { source, functions, ordinality } => self.from_functions(*source, functions, *ordinality),
            From::Join { kind, left, right, on } => {
                let word = match kind {
                    JoinKind::Inner => "JOIN",
                    JoinKind::Left => "LEFT JOIN",
                    JoinKind::Right => "RIGHT JOIN",
                    JoinKind::Full => "FULL JOIN",
                };
                let left = self.from_item(left, false)?;
                let right = self.from_item(right, on.is_some() || *kind != JoinKind::Inner || !flat(right))?;
                let on = match on {
                    Some(on) => format!(" ON {}", self.condition(on)?),
                    None => String::new(),
                };
                let text = format!("{left} {word} {right}{on}");
                Ok(if nested { format!("({text})") } else { text })
            }
        }
    }

    fn from_functions(&mut self, source: SourceId, functions: &[FromFunction], ordinality: bool) -> Result<String> {
        let alias = Self::source_name(source);
        if let [function] = functions {
            return match self.table_function(function)? {
                Some(text) => Ok(format!("{text} AS {alias}")),
                None => {
                    let text = self.single_row(function)?;
                    if refers_to_columns(function) {
                        let columns = super::window_filter::column_names(function.columns.len());
                        return Ok(format!("{} AS {alias}", super::lateral::unpacked(&text, &columns)));
                    }
                    let number = if ordinality { ", 1 AS \"ordinality\"" } else { "" };
                    Ok(format!("(SELECT *{number} FROM ({text})) AS {alias}"))
                }
            };
        }
        // Several functions run in step: joined by their rows' numbers.
        let (mut columns, mut text) = (Vec::new(), String::new());
        for (at, function) in functions.iter().enumerate() {
            let call = match self.table_function(function)? {
                Some(call) => call,
                None => format!("(SELECT *, 1 AS \"ordinality\" FROM ({}))", self.single_row(function)?),
            };
            let name = format!("\"f{at}\"");
            columns.extend((1..=function.columns.len()).map(|column| format!("{name}.\"c{column}\"")));
            text = match at {
                0 => format!("{call} AS {name}"),
                _ => format!("{text} FULL JOIN {call} AS {name} ON {name}.\"ordinality\" = {}", numbers(at)),
            };
        }
        let columns: Vec<String> = columns.iter().enumerate().map(|(at, column)| format!("{column} AS \"c{}\"", at + 1)).collect();
        let number = format!("{} AS \"ordinality\"", numbers(functions.len()));
        if functions.iter().any(refers_to_columns) {
            let text = format!("SELECT {} FROM {text} ORDER BY {}", columns.join(", "), numbers(functions.len()));
            return Ok(format!("{} AS {alias}", super::lateral::unpacked(&text, &super::window_filter::column_names(columns.len()))));
        }
        Ok(format!("(SELECT {}, {number} FROM {text}) AS {alias}", columns.join(", ")))
    }

    /// The one row of a function that returns no set: its value, or the fields of its row.
    fn single_row(&mut self, function: &FromFunction) -> Result<String> {
        if function.columns.len() == 1 && !matches!(self.kind(function.expr.ty.concrete()), Some(crate::types::Kind::Composite(_))) {
            return Ok(format!("SELECT {} AS \"c1\"", self.expression(&function.expr)?));
        }
        let mut columns = Vec::with_capacity(function.columns.len());
        for (index, column) in function.columns.iter().enumerate() {
            let row = Box::new(function.expr.clone());
            let field = Expr::new(ExprKind::Field { row, index, name: column.name.clone() }, column.ty);
            columns.push(format!("{} AS \"c{}\"", self.expression(&field)?, index + 1));
        }
        Ok(format!("SELECT {}", columns.join(", ")))
    }

    fn kind(&self, ty: crate::types::Oid) -> Option<crate::types::Kind> {
        self.cx.catalog.type_by_oid(self.base(ty)).map(|found| found.kind.clone())
    }

    /// A set-returning function as SQLite's table-valued one; none where it is none.
    fn table_function(&mut self, function: &FromFunction) -> Result<Option<String>> {
        let ExprKind::Call(call) = &function.expr.kind else { return Ok(None) };
        if call.proc.body.is_some() {
            return self.routine_table(call, function).map(Some);
        }
        let Some(entry) = functions::lookup(&call.proc.signature) else { return Err(no_body(&call.proc.signature)) };
        if !matches!(entry.body, Body::Set(_)) {
            return Ok(None);
        }
        let args = super::call::gather_variadic(&call.proc, &call.args, call.variadic_array);
        let printed = self.all(&args)?;
        let mut types = self.types_literal(&args, function.expr.ty.oid);
        if function.defined {
            let columns: Vec<String> =
                function.columns.iter().map(|c| format!("{}/{}:{}", self.base(c.ty.concrete()), c.ty.typmod, c.name)).collect();
            types += &format!(";{}", columns.join("\u{1f}"));
        }
        Ok(Some(super::call::apply(entry, Some(&types), &printed)))
    }
}

/// Whether a function's arguments look at other items of FROM.
fn refers_to_columns(function: &FromFunction) -> bool {
    let is_outer = |query: &Query| refers_outside(query);
    function.expr.any(&mut |e| match &e.kind {
        ExprKind::Column(_) => true,
        ExprKind::Subquery(subquery) => is_outer(&subquery.query),
        _ => false,
    })
}

/// The row number of the functions joined so far.
fn numbers(count: usize) -> String {
    let all: Vec<String> = (0..count).map(|at| format!("\"f{at}\".\"ordinality\"")).collect();
    if all.len() == 1 { all[0].clone() } else { format!("coalesce({})", all.join(", ")) }
}

/// Whether an item may follow a comma without parentheses: joining from the left gives the same rows then.
pub(super) fn flat(item: &From) -> bool {
    match item {
        From::Join { kind: JoinKind::Inner | JoinKind::Left, left, .. } => flat(left),
        From::Join { .. } => false,
        _ => true,
    }
}

/// Whether a subquery of FROM refers to sources that are not its own.
fn refers_outside(query: &Query) -> bool {
    let (mut used, mut defined) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    query.sources(&mut used, &mut defined);
    used.difference(&defined).next().is_some()
}

/// Whether a query reads one table by all columns of its primary key.
pub(super) fn selects_by_key(query: &Query) -> bool {
    let QueryBody::Select(select) = &query.body else { return false };
    let ([From::Relation { source, relation, sample: None }], Some(filter)) = (select.from.as_slice(), &select.filter) else {
        return false;
    };
    let tests: &[Expr] = match &filter.kind {
        ExprKind::And(list) => list,
        _ => std::slice::from_ref(filter),
    };
    let fixed = |key: &usize| {
        let is_key = |e: &Expr| matches!(&e.kind, ExprKind::Column(c) if c.source == *source && c.index == *key);
        let is_foreign = |e: &Expr| !e.any(&mut |e| matches!(&e.kind, ExprKind::Column(c) if c.source == *source));
        tests.iter().any(|test| match &test.kind {
            ExprKind::Call(call) if call.args.len() == 2 && call.proc.name.ends_with("eq") => {
                is_key(&call.args[0]) && is_foreign(&call.args[1]) || is_key(&call.args[1]) && is_foreign(&call.args[0])
            }
            _ => false,
        })
    };
    !relation.primary_key.is_empty() && relation.primary_key.iter().all(fixed)
}
