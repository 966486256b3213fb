//! Qualified names in texts: `a.b`, `"A b".c`, taken apart as `SplitIdentifierString` and `makeRangeVarFromNameList` do.
//! Enters: a text. Leaves: folded parts, and a schema with a name.

use crate::{
    catalog::type_name::quote_identifier,
    error::{Result, SqlError, SqlState},
    session::context::Context,
};

fn invalid() -> SqlError {
    SqlError::new(SqlState::INVALID_NAME, "invalid name syntax")
}

/// The parts of a dotted name, folded where they are not quoted.
pub(crate) fn split_name(text: &str) -> Result<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(inside) => quoted_part(inside).ok_or_else(invalid)?,
            None => {
                let end = rest.find(|c: char| c == '.' || c.is_whitespace()).unwrap_or(rest.len());
                (rest[..end].to_lowercase(), &rest[end..])
            }
        };
        if part.is_empty() {
            return Err(invalid());
        }
        parts.push(cut(part));
        rest = after.trim_start();
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start(),
            None if rest.is_empty() => return Ok(parts),
            None => return Err(invalid()),
        }
    }
}

/// What stands before the closing quote, and what follows it.
fn quoted_part(inside: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut chars = inside.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                part.push('"');
            }
            '"' => return Some((part, &inside[at + 1..])),
            c => part.push(c),
        }
    }
    None
}

/// A name cut at 63 bytes, as the type `name` holds it.
fn cut(mut name: String) -> String {
    let mut end = name.len().min(63);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name
}

/// A name that may have a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Qualified {
    /// The schema, where it was written.
    pub(crate) schema: Option<String>,
    /// The name.
    pub(crate) name: String,
}

impl Qualified {
    /// From a text; `noun` is the word of the error for too many parts.
    pub(crate) fn parse(text: &str, noun: &str, cx: &Context) -> Result<Qualified> {
        Self::of(split_name(text)?, noun, cx)
    }

    /// From parts; a leading database must be the current one.
    pub(crate) fn of(mut parts: Vec<String>, noun: &str, cx: &Context) -> Result<Qualified> {
        let whole = parts.join(".");
        let name = parts.pop().ok_or_else(invalid)?;
        match parts.as_slice() {
            [] => Ok(Qualified { schema: None, name }),
            [schema] => Ok(Qualified { schema: Some(schema.clone()), name }),
            [database, schema] if *database == cx.services.database() => Ok(Qualified { schema: Some(schema.clone()), name }),
            [_, _] => {
                let message = format!("cross-database references are not implemented: \"{whole}\"");
                Err(SqlError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
            }
            _ => {
                let message = format!("improper {noun} name (too many dotted names): {whole}");
                Err(SqlError::new(SqlState::SYNTAX_ERROR, message))
            }
        }
    }

    /// The error of a written schema that does not exist.
    pub(crate) fn check_schema(&self, cx: &Context) -> Result<()> {
        match self.schema.as_deref().filter(|schema| !cx.catalog.has_namespace(schema)) {
            Some(schema) => Err(SqlError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"))),
            None => Ok(()),
        }
    }

    /// As it was written, without quotes: for messages.
    pub(crate) fn plain(&self) -> String {
        self.schema.as_ref().map_or_else(|| self.name.clone(), |schema| format!("{schema}.{}", self.name))
    }
}

/// A name as it shows: without its schema where it is visible.
pub(crate) fn shown(schema: &str, name: &str, is_visible: bool) -> String {
    let name = quote_identifier(name);
    if is_visible { name } else { format!("{}.{name}", quote_identifier(schema)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_and_folded_as_postgresql_does() {
        let parts = |text: &str| split_name(text).ok();
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(parts("Public.T"), names(&["public", "t"]));
        assert_eq!(parts(" \"A.\"\"b\" . c "), names(&["A.\"b", "c"]));
        for bad in ["", "a b", "a.", ".a", "\"a", "a..b", "\"\""] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
