//! `to_char`, `to_date`, `to_timestamp`, `to_number`: templates as `formatting.c` reads them. Enters: a value and a template, or a text
//! and a template; leaves: the text, or the value. The locale is C.

mod date_template;
mod from_text;
mod number;
mod number_input;
mod number_template;
mod parsed;
mod to_text;

use super::Row;
use crate::error::{Result, SqlError, SqlState};

/// The rows.
pub(super) const TOPICS: &[&[Row]] = &[to_text::ROWS, from_text::ROWS, number::ROWS];

/// The ending of an ordinal number: `st`, `nd`, `rd`, `th`.
fn ordinal(number: &str) -> Result<&'static str> {
    let mut digits = number.bytes().rev();
    let last = digits.next();
    if !last.is_some_and(|b| b.is_ascii_digit()) {
        return Err(SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("\"{number}\" is not a number")));
    }
    Ok(match (last, digits.next()) {
        (_, Some(b'1')) => "th",
        (Some(b'1'), _) => "st",
        (Some(b'2'), _) => "nd",
        (Some(b'3'), _) => "rd",
        _ => "th",
    })
}
