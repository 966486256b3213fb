//! LIKE over a column whose pattern begins with plain text: the range of texts that begin with it goes along, so that SQLite can use an
//! index (`match_pattern_prefix` of `like_support.c`; the collation is C, so that the range is exact).

use rusqlite::types::Value;

use super::{quote_identifier, quote_text};
use crate::{
    bind::tree::{Call, Expr, ExprKind},
    functions::pattern::{first_after, plain_prefix},
};

/// The operators whose pattern can bound its other operand.
const BOUNDED: &[&str] = &["textlike(text,text)", "like(text,text)", "namelike(name,text)", "like(name,text)"];

/// The bounds of the call's first argument, to be tested before the call itself; none where there are none.
pub(super) fn bounds(call: &Call, printed: &[String]) -> Option<String> {
    let ([value, pattern], [column, parameter]) = (call.args.as_slice(), printed) else { return None };
    if !BOUNDED.contains(&call.proc.signature.as_str()) || !is_column(value) {
        return None;
    }
    match &pattern.kind {
        ExprKind::Constant(Value::Text(text)) => {
            let prefix = plain_prefix(text);
            let upper = first_after(&prefix)?;
            Some(format!("{column} >= {} AND {column} < {}", quote_text(&prefix), quote_text(&upper)))
        }
        ExprKind::Parameter(_) => {
            let bound = |function: &str| format!("{}({parameter})", quote_identifier(function));
            Some(format!("{column} >= {} AND {column} < {}", bound("peergres.like_low(text)"), bound("peergres.like_high(text)")))
        }
        _ => None,
    }
}

/// A column as it is, or under another type of the same texts.
fn is_column(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Column(_) => true,
        ExprKind::Relabel(inner, _) => is_column(inner),
        _ => false,
    }
}
