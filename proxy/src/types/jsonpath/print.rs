//! Prints a path as PostgreSQL does (`printJsonPathItem`).

use super::{Item, Jsonpath, Kind};
use crate::types::{json::escape, jsonb::Jsonb};

/// A path's text.
pub(super) fn print(path: &Jsonpath) -> String {
    let mut out = String::from(if path.strict { "strict " } else { "" });
    item(&path.item, false, true, &mut out);
    out
}

/// How tight an operator binds (`operationPriority`).
fn priority(item: &Item) -> u8 {
    match &item.kind {
        Kind::Or(..) => 0,
        Kind::And(..) => 1,
        Kind::Compare(..) | Kind::StartsWith(..) => 2,
        Kind::Arithmetic("+" | "-", ..) => 3,
        Kind::Arithmetic(..) => 4,
        Kind::Sign(..) => 5,
        _ => 6,
    }
}

fn binary(whole: &Item, left: &Item, operator: &str, right: &Item, brackets: bool, out: &mut String) {
    out.push_str(if brackets { "(" } else { "" });
    item(left, false, priority(left) <= priority(whole), out);
    out.push(' ');
    out.push_str(operator);
    out.push(' ');
    item(right, false, priority(right) <= priority(whole), out);
    out.push_str(if brackets { ")" } else { "" });
}

fn wrapped(before: &str, inner: &Item, after: &str, out: &mut String) {
    out.push_str(before);
    item(inner, false, false, out);
    out.push_str(after);
}

fn item(whole: &Item, in_key: bool, brackets: bool, out: &mut String) {
    match &whole.kind {
        Kind::Literal(Jsonb::String(text)) => escape(text, out),
        Kind::Literal(literal) => literal.write(out),
        Kind::Variable(name) => {
            out.push('$');
            escape(name, out);
        }
        Kind::Root => out.push('$'),
        Kind::Current => out.push('@'),
        Kind::Last => out.push_str("last"),
        Kind::Key(key) => {
            out.push_str(if in_key { "." } else { "" });
            escape(key, out);
        }
        Kind::AnyKey => out.push_str(if in_key { ".*" } else { "*" }),
        Kind::AnyElement => out.push_str("[*]"),
        Kind::Elements(ranges) => {
            out.push('[');
            for (at, (from, to)) in ranges.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                item(from, false, false, out);
                to.iter().for_each(|to| wrapped(" to ", to, "", out));
            }
            out.push(']');
        }
        Kind::Anywhere(first, last) => {
            out.push_str(if in_key { "." } else { "" });
            out.push_str(&anywhere(*first, *last));
        }
        Kind::Filter(inner) => wrapped("?(", inner, ")", out),
        Kind::Method(method) => {
            out.push('.');
            out.push_str(method.name());
            out.push_str("()");
        }
        Kind::Datetime(template) => {
            out.push_str(".datetime(");
            if let Some(template) = template {
                escape(template, out);
            }
            out.push(')');
        }
        Kind::Arithmetic(operator, left, right) | Kind::Compare(operator, left, right) => {
            binary(whole, left, operator, right, brackets, out)
        }
        Kind::And(left, right) => binary(whole, left, "&&", right, brackets, out),
        Kind::Or(left, right) => binary(whole, left, "||", right, brackets, out),
        Kind::StartsWith(left, right) => binary(whole, left, "starts with", right, brackets, out),
        Kind::Sign(sign, inner) => {
            out.push_str(if brackets { "(" } else { "" });
            out.push_str(sign);
            item(inner, false, priority(inner) <= priority(whole), out);
            out.push_str(if brackets { ")" } else { "" });
        }
        Kind::Not(inner) => wrapped("!(", inner, ")", out),
        Kind::IsUnknown(inner) => wrapped("(", inner, ") is unknown", out),
        Kind::Exists(inner) => wrapped("exists (", inner, ")", out),
        Kind::LikeRegex(inner, pattern, flags) => {
            out.push_str(if brackets { "(" } else { "" });
            item(inner, false, priority(inner) <= priority(whole), out);
            like_regex(pattern, flags, out);
            out.push_str(if brackets { ")" } else { "" });
        }
    }
    if let Some(next) = &whole.next {
        item(next, true, true, out);
    }
}

/// `**`, with the levels that it reaches.
fn anywhere(first: Option<u32>, last: Option<u32>) -> String {
    let shown = |level: Option<u32>| level.map_or_else(|| "last".to_owned(), |level| level.to_string());
    match (first, last) {
        (Some(0), None) => "**".to_owned(),
        (first, last) if first == last => format!("**{{{}}}", shown(first)),
        (first, last) => format!("**{{{} to {}}}", shown(first), shown(last)),
    }
}

fn like_regex(pattern: &str, flags: &str, out: &mut String) {
    out.push_str(" like_regex ");
    escape(pattern, out);
    if !flags.is_empty() {
        out.push_str(" flag \"");
        out.push_str(flags);
        out.push('"');
    }
}
