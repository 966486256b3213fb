//! `regexp_split_to_table`, `regexp_split_to_array`.

use super::{Flags, compile, find::next_character, operators::local_flags};
use crate::{
    error::Result,
    functions::{
        Body::{Scalar, Set},
        Call, Row, Rows,
        json::nested::text_array,
        row,
    },
    types::Value,
};

/// The rows.
pub(in crate::functions) const ROWS: &[Row] = &[
    row("regexp_split_to_table(text,text)", Set(to_table)),
    row("regexp_split_to_table(text,text,text)", Set(to_table)),
    row("regexp_split_to_array(text,text)", Scalar(to_array)),
    row("regexp_split_to_array(text,text,text)", Scalar(to_array)),
];

/// The pieces between matches; empty matches at an end or right behind another match do not count.
fn pieces(call: &Call<'_>, function: &str) -> Result<Vec<String>> {
    let flags = if call.args.len() > 2 { local_flags(call.text(2)?, function, None)? } else { Flags::default() };
    let (text, regex) = (call.text(0)?, compile(call.text(1)?, flags)?);
    let mut out = Vec::new();
    let (mut at, mut piece, mut previous_end) = (0, 0, 0);
    while at <= text.len() {
        let Some(spans) = regex.find_at(text, at)? else { break };
        let (start, end) = spans[0].expect("a match has a span");
        if start < text.len() && end > previous_end {
            out.push(text[piece..start].to_owned());
            piece = end;
        }
        previous_end = end;
        at = if start == end { next_character(text, end) } else { end };
    }
    out.push(text[piece..].to_owned());
    Ok(out)
}

fn to_table(call: &Call<'_>) -> Result<Rows> {
    let pieces = pieces(call, "regexp_split_to_table()")?;
    Ok(Box::new(pieces.into_iter().map(|piece| Ok(vec![Value::Text(piece)]))))
}

fn to_array(call: &Call<'_>) -> Result<Value> {
    Ok(text_array(pieces(call, "regexp_split_to_array()")?.into_iter().map(Some).collect()))
}
