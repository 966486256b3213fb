//! Functions of `jsonpath` over `jsonb`: exists, match, query, and their operators (`jsonpath_exec.c`).

mod evaluate;
mod predicate;

use super::{
    Body::{Scalar, Set},
    Call, Row, Rows, Value,
    arguments::{bool_value, text_value},
    regex::{Flags, compile},
    row,
};
use crate::{
    error::{Result, SqlError, SqlState},
    types::{jsonb::Jsonb, jsonpath::Jsonpath},
};
use evaluate::Evaluator;

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("jsonb_path_exists(jsonb,jsonpath,jsonb,boolean)", Scalar(|c| exists(c, silent(c)?))),
    row("jsonb_path_exists_tz(jsonb,jsonpath,jsonb,boolean)", Scalar(|c| exists(c, silent(c)?))),
    row("jsonb_path_exists_opr(jsonb,jsonpath)", Scalar(|c| exists(c, true))),
    row("jsonb_path_match(jsonb,jsonpath,jsonb,boolean)", Scalar(|c| matches(c, silent(c)?))),
    row("jsonb_path_match_tz(jsonb,jsonpath,jsonb,boolean)", Scalar(|c| matches(c, silent(c)?))),
    row("jsonb_path_match_opr(jsonb,jsonpath)", Scalar(|c| matches(c, true))),
    row("jsonb_path_query(jsonb,jsonpath,jsonb,boolean)", Set(query)),
    row("jsonb_path_query_tz(jsonb,jsonpath,jsonb,boolean)", Set(query)),
    row("jsonb_path_query_array(jsonb,jsonpath,jsonb,boolean)", Scalar(query_array)),
    row("jsonb_path_query_array_tz(jsonb,jsonpath,jsonb,boolean)", Scalar(query_array)),
    row("jsonb_path_query_first(jsonb,jsonpath,jsonb,boolean)", Scalar(query_first)),
    row("jsonb_path_query_first_tz(jsonb,jsonpath,jsonb,boolean)", Scalar(query_first)),
];

fn silent(call: &Call<'_>) -> Result<bool> {
    call.boolean(3)
}

/// What a path finds; an error is none where it is silent.
fn found(call: &Call<'_>, silent: bool) -> Result<Option<Vec<Jsonb>>> {
    let (items, failed) = found_so_far(call, silent)?;
    Ok((!failed).then_some(items))
}

/// What a path finds before an error that is kept silent, and whether there was one.
fn found_so_far(call: &Call<'_>, silent: bool) -> Result<(Vec<Jsonb>, bool)> {
    let root = Jsonb::from_storage(call.text(0)?)?;
    let path = Jsonpath::parse(call.text(1)?)?;
    let variables = if call.args.len() > 2 { Jsonb::from_storage(call.text(2)?)? } else { Jsonb::Object(Vec::new()) };
    if !matches!(variables, Jsonb::Object(_)) {
        return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, "\"vars\" argument is not an object")
            .detail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object."));
    }
    let mut items = Vec::new();
    let evaluator = Evaluator::new(&root, &variables, path.strict);
    match evaluator.run(&path.item, &mut items) {
        Ok(()) => Ok((items, false)),
        Err(failure) if failure.can_be_silent && silent => Ok((items, true)),
        Err(failure) => Err(failure.error),
    }
}

fn exists(call: &Call<'_>, silent: bool) -> Result<Value> {
    let strict = Jsonpath::parse(call.text(1)?)?.strict;
    if silent && !strict {
        // In lax mode the first item found decides, before any error behind it.
        let (items, failed) = found_so_far(call, true)?;
        return if items.is_empty() && failed { Ok(Value::Null) } else { bool_value(!items.is_empty()) };
    }
    found(call, silent)?.map_or(Ok(Value::Null), |items| bool_value(!items.is_empty()))
}

fn matches(call: &Call<'_>, silent: bool) -> Result<Value> {
    let items = found(call, silent)?.unwrap_or_default();
    match items.as_slice() {
        [Jsonb::Bool(value)] => bool_value(*value),
        [Jsonb::Null] => Ok(Value::Null),
        _ if silent => Ok(Value::Null),
        _ => Err(SqlError::new(SqlState("22038"), "single boolean result is expected")),
    }
}

fn query(call: &Call<'_>) -> Result<Rows> {
    let (items, _) = found_so_far(call, silent(call)?)?;
    Ok(Box::new(items.into_iter().map(|item| Ok(vec![Value::Text(item.to_storage())]))))
}

fn query_array(call: &Call<'_>) -> Result<Value> {
    let (items, _) = found_so_far(call, silent(call)?)?;
    text_value(Jsonb::Array(items).to_storage())
}

fn query_first(call: &Call<'_>) -> Result<Value> {
    let (items, _) = found_so_far(call, silent(call)?)?;
    Ok(items.first().map_or(Value::Null, |item| Value::Text(item.to_storage())))
}

/// A pattern of `like_regex` as PostgreSQL's regular expressions have it.
fn pattern_flags(pattern: &str, flags: &str) -> Result<(String, Flags)> {
    let mut letters = String::new();
    letters.push_str(if flags.contains('i') { "i" } else { "c" });
    if flags.contains('q') {
        letters.push('q');
    } else {
        // XQuery's dot stops at line ends unless `s`, its anchors match there with `m`.
        letters.push_str(match (flags.contains('s'), flags.contains('m')) {
            (true, false) => "s",
            (true, true) => "w",
            (false, false) => "p",
            (false, true) => "n",
        });
    }
    Ok((pattern.to_owned(), Flags::parse(&letters)?))
}

/// Whether `like_regex` can read a pattern.
pub(crate) fn check_pattern(pattern: &str, flags: &str) -> Result<()> {
    let (pattern, flags) = pattern_flags(pattern, flags)?;
    compile(&pattern, flags).map(|_| ())
}
