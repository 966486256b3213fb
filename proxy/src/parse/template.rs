//! Statements that differ in nothing but whole numbers are one statement with parameters. A query text enters; its template (the text with a mark
//! in each number's place) and the numbers leave, read byte by byte without parsing; and from a parsed statement the same with `$1`, `$2`, …
//! in their places. So a program that writes its values into the text, as drivers of the simple protocol do, is parsed and bound once.
//!
//! A number of no more than 32 bits is an integer, one of no more than 64 a bigint, with or without the template: nothing is resolved
//! differently. Where a number is no value (`ORDER BY 1`, `varchar(10)`) there is no template at all.

use std::{collections::HashMap, ops::ControlFlow};

use sqlparser::ast::{
    Distinct, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, OrderByKind, Query, SetExpr, Statement, Value, Visit,
    VisitMut, Visitor, VisitorMut,
};

use super::{Node, Parsed, Positions};
use crate::types::{Oid, oid};

/// Longer texts are not looked at: they are rarely sent twice.
const LONGEST_BYTES: usize = 4096;
/// Nor are those with more numbers.
const MOST_NUMBERS: usize = 64;
/// What stands in the template for a number of 32 bits; the next byte, for one of 64.
const MARK: u8 = 1;

/// A text taken apart.
#[derive(Debug, Default)]
pub struct Lifted {
    /// The text with marks in place of its whole numbers.
    pub template: String,
    /// Each number and where it begins in the text.
    pub numbers: Vec<(usize, i64)>,
}

impl Lifted {
    /// Takes a text apart, into the buffers of the last one. False where it holds no whole number, or something that would take a parser to skip:
    /// comments, parameters, escapes.
    pub fn lift(&mut self, sql: &str) -> bool {
        self.template.clear();
        self.numbers.clear();
        if sql.len() > LONGEST_BYTES {
            return false;
        }
        let bytes = sql.as_bytes();
        // What was not copied yet begins here.
        let mut copied = 0;
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            match bytes[at] {
                b'0'..=b'9' => {
                    at = end_of(bytes, at, |b| is_word(b) || b == b'.');
                    let Some((number, mark)) = number(&sql[start..at]).filter(|_| start == 0 || bytes[start - 1] != b'.') else { continue };
                    self.template.push_str(&sql[copied..start]);
                    self.template.push(char::from(mark));
                    self.numbers.push((start, number));
                    copied = at;
                }
                b if is_word(b) => at = end_of(bytes, at, is_word),
                quote @ (b'\'' | b'"') => match skip_quoted(bytes, at, quote) {
                    Some(end) => at = end,
                    None => return false,
                },
                b'$' | b'\\' | 0..=8 => return false,
                b'-' if bytes.get(at + 1) == Some(&b'-') => return false,
                b'/' if bytes.get(at + 1) == Some(&b'*') => return false,
                _ => at += 1,
            }
        }
        self.template.push_str(&sql[copied..]);
        !self.numbers.is_empty() && self.numbers.len() <= MOST_NUMBERS
    }

    /// The parameters' types.
    pub fn types(&self) -> Vec<Oid> {
        self.numbers.iter().map(|(_, number)| if i32::try_from(*number).is_ok() { oid::INT4 } else { oid::INT8 }).collect()
    }

    /// The only statement of the text with parameters in place of all its numbers; none where one of them is no plain value.
    pub fn parameterize(&self, parsed: &[Parsed], sql: &str) -> Option<Parsed> {
        let [Parsed { node: Node::Statement(statement), span }] = parsed else { return None };
        // Data changes have a syntax tree of their own, which nothing visits yet.
        if !matches!(**statement, Statement::Query(_)) {
            return None;
        }
        let mut places = Places { positions: Positions::new(sql), found: HashMap::new(), replaced: 0 };
        places.found.extend(self.numbers.iter().enumerate().map(|(n, (byte, _))| (*byte, n + 1)));
        let mut kept = Positional;
        if statement.visit(&mut kept).is_break() {
            return None;
        }
        let mut statement = statement.clone();
        if VisitMut::visit(&mut statement, &mut places).is_break() || places.replaced != self.numbers.len() {
            return None;
        }
        Some(Parsed { node: Node::Statement(statement), span: span.clone() })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn end_of(bytes: &[u8], start: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[start..].iter().position(|b| !belongs(*b)).map_or(bytes.len(), |length| start + length)
}

/// The number that a token of digits is, and its mark.
fn number(token: &str) -> Option<(i64, u8)> {
    if !token.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = token.parse().ok()?;
    Some((number, if i32::try_from(number).is_ok() { MARK } else { MARK + 1 }))
}

/// The end of a quoted string or name; none where a letter before it or a backslash in it gives it rules of its own.
fn skip_quoted(bytes: &[u8], start: usize, quote: u8) -> Option<usize> {
    if start > 0 && (is_word(bytes[start - 1]) || bytes[start - 1] == b'&') {
        return None;
    }
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => return None,
            b if b == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            b if b == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// Puts parameters in place of numbers, by where these begin.
struct Places<'s> {
    positions: Positions<'s>,
    found: HashMap<usize, usize>,
    replaced: usize,
}

impl VisitorMut for Places<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && matches!(value.value, Value::Number(..))
        {
            let start = value.span.start;
            if let Some(number) = self.found.remove(&self.positions.byte(start.line, start.column)) {
                value.value = Value::Placeholder(format!("${number}"));
                self.replaced += 1;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Breaks off where a number stands in ORDER BY, GROUP BY or DISTINCT ON: it may be a column's place, and an expression there must be equal to
/// one elsewhere; and at an expression of constants alone, which is evaluated before the statement runs, its errors included.
#[derive(Default)]
struct Positional;

/// Breaks off at any number.
struct AnyNumber;

impl Visitor for AnyNumber {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Value(value) if matches!(value.value, Value::Number(..)) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

impl Visitor for Positional {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let folds = match expr {
            Expr::BinaryOp { left, right, .. } => is_constant(left) && is_constant(right),
            Expr::Cast { expr, .. } => is_constant(expr),
            Expr::UnaryOp { expr, .. } => is_constant(expr) && !matches!(**expr, Expr::Value(_)),
            Expr::Function(function) => match &function.args {
                FunctionArguments::List(list) => list.args.iter().all(|arg| match arg {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => is_constant(expr),
                    _ => false,
                }),
                _ => false,
            },
            _ => false,
        };
        if folds { expr.visit(&mut AnyNumber) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(order) = &query.order_by {
            match &order.kind {
                OrderByKind::Expressions(list) => list.iter().try_for_each(|item| item.visit(&mut AnyNumber))?,
                OrderByKind::All(_) => return ControlFlow::Break(()),
            }
        }
        in_grouping(&query.body)
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::Nested(expr) | Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } => is_constant(expr),
        Expr::BinaryOp { left, right, .. } => is_constant(left) && is_constant(right),
        _ => false,
    }
}

fn in_grouping(body: &SetExpr) -> ControlFlow<()> {
    match body {
        SetExpr::Select(select) => {
            match &select.group_by {
                GroupByExpr::Expressions(list, _) => list.iter().try_for_each(|item| item.visit(&mut AnyNumber))?,
                GroupByExpr::All(_) => return ControlFlow::Break(()),
            }
            match &select.distinct {
                Some(Distinct::On(list)) => list.iter().try_for_each(|item| item.visit(&mut AnyNumber)),
                _ => ControlFlow::Continue(()),
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            in_grouping(left)?;
            in_grouping(right)
        }
        _ => ControlFlow::Continue(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_lifted_out_of_texts() {
        let mut lifted = Lifted::default();
        let mut shown = |sql: &str| {
            let found = lifted.lift(sql);
            let numbers: Vec<_> = lifted.numbers.iter().map(|(_, n)| n.to_string()).collect();
            found.then(|| format!("{} {}", lifted.template.replace('\u{1}', "?").replace('\u{2}', "??"), numbers.join(",")))
        };
        let lifts = [
            ("SELECT 1", "SELECT ? 1"),
            ("update t1 set a=a+-12 where b = 3000000000", "update t1 set a=a+-? where b = ?? 12,3000000000"),
            ("select 1.5, .5, 1e3, 1., 7, x1, a.b2, é3, '4 ''5', \"6\"", "select 1.5, .5, 1e3, 1., ?, x1, a.b2, é3, '4 ''5', \"6\" 7"),
            ("values (1,2)", "values (?,?) 1,2"),
            ("select 99999999999999999999, 2", "select 99999999999999999999, ? 2"),
            ("select a[1:2]", "select a[?:?] 1,2"),
        ];
        for (sql, expected) in lifts {
            assert_eq!(shown(sql).as_deref(), Some(expected), "{sql}");
        }
        for sql in [
            "select x",
            "select $1, 2",
            "select 1 -- 2",
            "select /* */ 1",
            "select E'a', 1",
            "select 'a\\', 1",
            "select 'a, 1",
            "select 1, U&'x'",
        ] {
            assert_eq!(shown(sql), None, "{sql}");
        }
    }

    #[test]
    fn parameters_stand_where_numbers_were_values() {
        let cases = [
            ("select a + 1 from t where b in (2, 3) limit 4", Some("SELECT a + $1 FROM t WHERE b IN ($2, $3) LIMIT $4")),
            ("insert into t values (1, -2)", None),
            ("select a from t order by 1", None),
            ("select a + 1 from t group by a + 1", None),
            ("select x::varchar(10), 1", None),
            ("select 1; select 2", None),
            ("select a, 1 / 0 from t", None),
            ("select a from t where b = 40000::smallint", None),
            ("select lower('X'), a + abs(-5) from t", None),
            ("select round(a, 2) from t where a > -5", Some("SELECT round(a, $1) FROM t WHERE a > -$2")),
            ("create table t (a int default 5)", None),
            ("select a from (select a from t order by 1) s where a = 1", None),
        ];
        for (sql, expected) in cases {
            let mut lifted = Lifted::default();
            assert!(lifted.lift(sql), "{sql}");
            let template = lifted.parameterize(&super::super::parse(sql).unwrap(), sql);
            let text = template.map(|t| match t.node {
                Node::Statement(statement) => statement.to_string(),
                _ => String::new(),
            });
            assert_eq!(text.as_deref(), expected, "{sql}");
        }
    }
}
