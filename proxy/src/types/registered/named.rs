//! regtype, regnamespace, regrole, regcollation, regconfig and regdictionary: what is found by its name alone.

use super::{
    Found, Oid, Qualified,
    qualified::{shown, split_name},
};
use crate::{
    catalog::type_name::quote_identifier,
    error::{Result, SqlError, SqlState},
    session::context::Context,
    types::TypeRef,
};

/// A type by name, its modifier left aside.
pub(super) fn find_type(text: &str, cx: &Context) -> Result<Found> {
    match cx.catalog.parse_type(text, &cx.search_path) {
        Err(error) if error.state() == SqlState::SYNTAX_ERROR.0 => Err(error),
        found => Ok(found.map(|ty| ty.oid)),
    }
}

/// A type's name.
pub(super) fn show_type(oid: Oid, cx: &Context) -> Option<String> {
    cx.catalog.type_by_oid(oid)?;
    Some(cx.catalog.format_type(TypeRef::new(oid), &cx.search_path))
}

/// A name of one part.
fn single(text: &str) -> Result<String> {
    match <[String; 1]>::try_from(split_name(text)?) {
        Ok([name]) => Ok(name),
        Err(_) => Err(SqlError::new(SqlState::INVALID_NAME, "invalid name syntax")),
    }
}

/// A schema by name.
pub(super) fn find_namespace(text: &str, cx: &Context) -> Result<Found> {
    let name = single(text)?;
    let missing = || SqlError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"));
    Ok(cx.catalog.namespace_oid(&name).ok_or_else(missing))
}

/// A schema's name.
pub(super) fn show_namespace(oid: Oid, cx: &Context) -> Option<String> {
    cx.catalog.namespace_name(oid).map(quote_identifier)
}

/// A role by name.
pub(super) fn find_role(text: &str, _cx: &Context) -> Result<Found> {
    let name = single(text)?;
    let missing = || SqlError::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"));
    Ok(ROLES.iter().find(|(_, known)| *known == name).map(|(oid, _)| *oid).ok_or_else(missing))
}

/// A role's name.
pub(super) fn show_role(oid: Oid, _cx: &Context) -> Option<String> {
    ROLES.iter().find(|(known, _)| *known == oid).map(|(_, name)| quote_identifier(name))
}

const ROLES: &[(Oid, &str)] = &[(10, "postgres")];

const COLLATIONS: &[(Oid, &str)] = &[(100, "default"), (950, "C"), (951, "POSIX")];

const CONFIGURATIONS: &[(Oid, &str)] = &[(3748, "simple")];

const DICTIONARIES: &[(Oid, &str)] = &[(3765, "simple")];

/// An object of pg_catalog in `list`, by a name that may have a schema.
fn find_in(list: &[(Oid, &str)], text: &str, cx: &Context, missing: fn(&str) -> String) -> Result<Found> {
    let name = Qualified::parse(text, "qualified", cx)?;
    let reachable = name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
    let found = list.iter().find(|(_, known)| reachable && *known == name.name).map(|(oid, _)| *oid);
    let undefined = || SqlError::new(SqlState::UNDEFINED_OBJECT, missing(&name.plain()));
    Ok(found.ok_or_else(|| name.check_schema(cx).err().unwrap_or_else(undefined)))
}

fn show_in(list: &[(Oid, &str)], oid: Oid) -> Option<String> {
    list.iter().find(|(known, _)| *known == oid).map(|(_, name)| shown("pg_catalog", name, true))
}

/// A collation by name.
pub(super) fn find_collation(text: &str, cx: &Context) -> Result<Found> {
    find_in(COLLATIONS, text, cx, |name| format!("collation \"{name}\" for encoding \"UTF8\" does not exist"))
}

/// A collation's name.
pub(super) fn show_collation(oid: Oid, _cx: &Context) -> Option<String> {
    show_in(COLLATIONS, oid)
}

/// A text search configuration by name.
pub(super) fn find_configuration(text: &str, cx: &Context) -> Result<Found> {
    find_in(CONFIGURATIONS, text, cx, |name| format!("text search configuration \"{name}\" does not exist"))
}

/// A text search configuration's name.
pub(super) fn show_configuration(oid: Oid, _cx: &Context) -> Option<String> {
    show_in(CONFIGURATIONS, oid)
}

/// A text search dictionary by name.
pub(super) fn find_dictionary(text: &str, cx: &Context) -> Result<Found> {
    find_in(DICTIONARIES, text, cx, |name| format!("text search dictionary \"{name}\" does not exist"))
}

/// A text search dictionary's name.
pub(super) fn show_dictionary(oid: Oid, _cx: &Context) -> Option<String> {
    show_in(DICTIONARIES, oid)
}
