//! regtype, regnamespace, regrole, regcollation, regconfig and regdictionary: what is found by its name alone.

use super::{
    Found, Oid, Qualified,
    qualified::{shown, split_name},
};
use crate::{
    catalog::{lookup, type_name::quote_identifier},
    error::{Result, SqlError, SqlState},
    session::context::Context,
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
    Some(cx.catalog.format_type_with(oid, None, &cx.search_path))
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
pub(super) fn find_role(text: &str, cx: &Context) -> Result<Found> {
    let name = single(text)?;
    Ok(role_by_name(&name, cx)?.ok_or_else(|| undefined_role(&name)))
}

/// 42704.
pub(crate) fn undefined_role(name: &str) -> SqlError {
    SqlError::new(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist"))
}

/// A role's OID.
pub(crate) fn role_by_name(name: &str, cx: &Context) -> Result<Option<Oid>> {
    Ok(lookup::rows_named("pg_authid", "rolname", name, cx)?.first().map(|row| row.integer("oid") as Oid))
}

/// A role's name, as it is.
pub(crate) fn role_name(oid: Oid, cx: &Context) -> Result<Option<String>> {
    Ok(lookup::row("pg_authid", "oid", oid, cx)?.and_then(|row| row.text("rolname").map(str::to_owned)))
}

/// A role's name.
pub(super) fn show_role(oid: Oid, cx: &Context) -> Option<String> {
    role_name(oid, cx).ok()?.map(|name| quote_identifier(&name))
}

/// A catalog relation whose rows have a name in a schema.
struct Named {
    relation: &'static str,
    name: &'static str,
    namespace: &'static str,
}

const COLLATION: Named = Named { relation: "pg_collation", name: "collname", namespace: "collnamespace" };
const CONFIGURATION: Named = Named { relation: "pg_ts_config", name: "cfgname", namespace: "cfgnamespace" };
const DICTIONARY: Named = Named { relation: "pg_ts_dict", name: "dictname", namespace: "dictnamespace" };

impl Named {
    /// The first of that name along the path, or in the written schema.
    fn named(&self, name: &Qualified, cx: &Context) -> Result<Option<Oid>> {
        let rows = lookup::rows_named(self.relation, self.name, &name.name, cx)?;
        let in_schema = |schema: &str| {
            let namespace = cx.catalog.namespace_oid(schema)?;
            rows.iter().find(|row| row.integer(self.namespace) as Oid == namespace).map(|row| row.integer("oid") as Oid)
        };
        Ok(match &name.schema {
            Some(schema) => in_schema(schema),
            None => cx.catalog.visible_schemas(&cx.search_path).find_map(in_schema),
        })
    }

    fn find(&self, text: &str, cx: &Context, missing: fn(&str) -> String) -> Result<Found> {
        let name = Qualified::parse(text, "qualified", cx)?;
        let undefined = || SqlError::new(SqlState::UNDEFINED_OBJECT, missing(&name.plain()));
        Ok(self.named(&name, cx)?.ok_or_else(|| name.check_schema(cx).err().unwrap_or_else(undefined)))
    }

    fn show(&self, oid: Oid, cx: &Context) -> Option<String> {
        let row = lookup::row(self.relation, "oid", oid, cx).ok()??;
        let name = row.text(self.name)?.to_owned();
        let schema = cx.catalog.namespace_name(row.integer(self.namespace) as Oid)?;
        let bare = Qualified { schema: None, name };
        let is_visible = self.named(&bare, cx).ok()? == Some(oid);
        Some(shown(schema, &bare.name, is_visible))
    }
}

/// A collation by name.
pub(super) fn find_collation(text: &str, cx: &Context) -> Result<Found> {
    COLLATION.find(text, cx, |name| format!("collation \"{name}\" for encoding \"UTF8\" does not exist"))
}

/// A collation's name.
pub(super) fn show_collation(oid: Oid, cx: &Context) -> Option<String> {
    COLLATION.show(oid, cx)
}

/// A text search configuration by name.
pub(super) fn find_configuration(text: &str, cx: &Context) -> Result<Found> {
    CONFIGURATION.find(text, cx, |name| format!("text search configuration \"{name}\" does not exist"))
}

/// A text search configuration's name.
pub(super) fn show_configuration(oid: Oid, cx: &Context) -> Option<String> {
    CONFIGURATION.show(oid, cx)
}

/// A text search dictionary by name.
pub(super) fn find_dictionary(text: &str, cx: &Context) -> Result<Found> {
    DICTIONARY.find(text, cx, |name| format!("text search dictionary \"{name}\" does not exist"))
}

/// A text search dictionary's name.
pub(super) fn show_dictionary(oid: Oid, cx: &Context) -> Option<String> {
    DICTIONARY.show(oid, cx)
}
