//! regproc and regprocedure: functions by name alone, or by name and argument types (`regproc.c`).

use std::sync::Arc;

use super::{
    Found, Oid, Qualified,
    qualified::{shown, split_name},
};
use crate::{
    catalog::Proc,
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

/// The functions of that name that a call would consider: of the written schema, or along the path, hidden ones left out.
pub(crate) fn candidates<'a>(name: &Qualified, cx: &'a Context) -> Vec<&'a Arc<Proc>> {
    let all: Vec<&Arc<Proc>> = cx.catalog.procs(&name.name).collect();
    if let Some(schema) = &name.schema {
        return all.into_iter().filter(|proc| proc.schema == *schema).collect();
    }
    let mut out: Vec<&Arc<Proc>> = Vec::new();
    for schema in cx.catalog.visible_schemas(&cx.search_path) {
        for proc in all.iter().filter(|proc| proc.schema == schema) {
            if !out.iter().any(|known| known.args == proc.args) {
                out.push(proc);
            }
        }
    }
    out
}

fn undefined(name: &Qualified, what: &str, cx: &Context) -> SqlError {
    let missing = || SqlError::new(SqlState::UNDEFINED_FUNCTION, format!("function \"{what}\" does not exist"));
    name.check_schema(cx).err().unwrap_or_else(missing)
}

/// The only function of a name.
pub(super) fn find_name(text: &str, cx: &Context) -> Result<Found> {
    let name = Qualified::parse(text, "qualified", cx)?;
    Ok(match candidates(&name, cx).as_slice() {
        [only] => Ok(only.oid),
        [] => Err(undefined(&name, text, cx)),
        _ => Err(SqlError::new(SqlState::AMBIGUOUS_FUNCTION, format!("more than one function named \"{text}\""))),
    })
}

/// A function by name and argument types.
pub(super) fn find(text: &str, cx: &Context) -> Result<Found> {
    let (name, types) = name_and_types(text, cx, false)?;
    let name = Qualified::of(name, "qualified", cx)?;
    let found = candidates(&name, cx).into_iter().find(|proc| proc.args == types);
    Ok(found.map(|proc| proc.oid).ok_or_else(|| undefined(&name, text, cx)))
}

/// `parseNameAndArgTypes`: what stands before the parenthesis as a name, and the types inside; NONE is 0 where it is allowed.
pub(super) fn name_and_types(text: &str, cx: &Context, none_allowed: bool) -> Result<(Vec<String>, Vec<Oid>)> {
    let (name, types) = split_signature(text)?;
    let mut out = Vec::new();
    for part in types {
        if none_allowed && part.eq_ignore_ascii_case("none") {
            out.push(0);
        } else {
            out.push(cx.catalog.parse_type(part, &cx.search_path)?.oid);
        }
    }
    // An operator's name is no identifier; only its schema is taken apart.
    let name = if none_allowed { operator_name(name)? } else { split_name(name)? };
    Ok((name, out))
}

/// The parts of an operator's name: `pg_catalog.+`.
pub(super) fn operator_name(text: &str) -> Result<Vec<String>> {
    let text = text.trim();
    match text.rfind('.') {
        Some(dot) => {
            let mut parts = split_name(&text[..dot])?;
            parts.push(text[dot + 1..].trim().to_owned());
            Ok(parts)
        }
        None => Ok(vec![text.to_owned()]),
    }
}

fn split_signature(text: &str) -> Result<(&str, Vec<&str>)> {
    let expected = |what: &str| SqlError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("expected a {what}"));
    let mut quoted = false;
    let open = text.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '(' && !quoted
    });
    let (open, _) = open.ok_or_else(|| expected("left parenthesis"))?;
    let inside = text[open + 1..].trim_end().strip_suffix(')').ok_or_else(|| expected("right parenthesis"))?;
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0i32);
    quoted = false;
    for (at, c) in inside.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    let last = inside[start..].trim();
    if !(parts.is_empty() && last.is_empty()) {
        parts.push(last);
    }
    if parts.iter().any(|part| part.is_empty()) {
        return Err(expected("type name"));
    }
    Ok((text[..open].trim(), parts))
}

/// Whether a call with exactly these argument types finds this function by its bare name.
pub(crate) fn is_visible(proc: &Proc, cx: &Context) -> bool {
    let name = Qualified { schema: None, name: proc.name.clone() };
    candidates(&name, cx).iter().any(|found| found.oid == proc.oid)
}

/// A function's name, bare where it is the only visible one of that name.
pub(super) fn show_name(oid: Oid, cx: &Context) -> Option<String> {
    let proc = cx.catalog.proc(oid)?;
    let name = Qualified { schema: None, name: proc.name.clone() };
    let is_only = matches!(candidates(&name, cx).as_slice(), [only] if only.oid == oid);
    Some(shown(&proc.schema, &proc.name, is_only))
}

/// A function's name and argument types: `format_procedure`.
pub(super) fn show(oid: Oid, cx: &Context) -> Option<String> {
    let proc = cx.catalog.proc(oid)?;
    let types: Vec<String> = proc.args.iter().map(|ty| cx.catalog.format_type_with(*ty, None, &cx.search_path)).collect();
    Some(format!("{}({})", shown(&proc.schema, &proc.name, is_visible(proc, cx)), types.join(",")))
}
