//! SQL's own patterns: `SIMILAR TO` and `substring(… similar … escape …)`, by translation to a regular expression (`similar_escape`).

use super::operators::substring;
use crate::{
    error::{Result, SqlError, SqlState},
    functions::{Body::Scalar, Call, Row, row},
    types::Value,
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("similar_to_escape(text)", Scalar(|c| translate(c.text(0)?, Some('\\')).map(Value::Text))),
    row("similar_to_escape(text,text)", Scalar(|c| translate(c.text(0)?, escape_character(c.text(1)?)?).map(Value::Text))),
    row("similar_escape(text,text)", Scalar(older)),
    row("substring(text,text,text)", Scalar(|c| substring(c.text(0)?, &translate(c.text(1)?, escape_character(c.text(2)?)?)?))),
];

/// The escape character; none where it is empty.
fn escape_character(text: &str) -> Result<Option<char>> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (first, None) => Ok(first),
        _ => {
            Err(SqlError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string")
                .hint("Escape string must be empty or one character."))
        }
    }
}

/// The form that takes a NULL for the default escape.
fn older(call: &Call<'_>) -> Result<Value> {
    if call.is_null(0) {
        return Ok(Value::Null);
    }
    let escape = if call.is_null(1) { Some('\\') } else { escape_character(call.text(1)?)? };
    translate(call.text(0)?, escape).map(Value::Text)
}

/// The regular expression of an SQL pattern. `escape "` parts it in three, of which the middle one is captured.
fn translate(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut out = String::from("^(?:");
    let (mut after_escape, mut in_bracket, mut quotes) = (false, false, 0);
    for c in pattern.chars() {
        if after_escape {
            after_escape = false;
            if c == '"' && !in_bracket {
                match quotes {
                    0 => out.push_str("){1,1}?("),
                    1 => out.push_str("){1,1}(?:"),
                    _ => {
                        return Err(SqlError::new(
                            SqlState("2200C"),
                            "SQL regular expression may not contain more than two escape-double-quote separators",
                        ));
                    }
                }
                quotes += 1;
            } else {
                out.push('\\');
                out.push(c);
            }
        } else if Some(c) == escape {
            after_escape = true;
        } else if in_bracket {
            if c == '\\' {
                out.push('\\');
            }
            out.push(c);
            in_bracket = c != ']';
        } else {
            match c {
                '[' => {
                    out.push(c);
                    in_bracket = true;
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}
