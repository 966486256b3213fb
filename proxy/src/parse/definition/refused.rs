//! Statements of PostgreSQL's that there is no room for yet: each is refused by its name, so that nobody takes it for a misspelling.

use crate::{
    error::SqlError,
    parse::command::{Grammar, Parsing},
};

/// The words that such a statement begins with, and what it is called in the refusal.
const REFUSED: &[(&[&str], &str)] = &[
    (&["create", "event", "trigger"], "CREATE EVENT TRIGGER"),
    (&["create", "rule"], "CREATE RULE"),
    (&["create", "or", "replace", "rule"], "CREATE RULE"),
    (&["create", "policy"], "CREATE POLICY"),
    (&["create", "recursive", "view"], "CREATE RECURSIVE VIEW"),
    (&["create", "foreign"], "CREATE FOREIGN TABLE"),
    (&["create", "server"], "CREATE SERVER"),
    (&["create", "user", "mapping"], "CREATE USER MAPPING"),
    (&["create", "publication"], "CREATE PUBLICATION"),
    (&["create", "subscription"], "CREATE SUBSCRIPTION"),
    (&["create", "aggregate"], "CREATE AGGREGATE"),
    (&["create", "or", "replace", "aggregate"], "CREATE AGGREGATE"),
    (&["create", "operator"], "CREATE OPERATOR"),
    (&["create", "cast"], "CREATE CAST"),
    (&["create", "collation"], "CREATE COLLATION"),
    (&["create", "conversion"], "CREATE CONVERSION"),
    (&["create", "language"], "CREATE LANGUAGE"),
    (&["create", "statistics"], "CREATE STATISTICS"),
    (&["create", "tablespace"], "CREATE TABLESPACE"),
    (&["create", "text", "search"], "CREATE TEXT SEARCH"),
    (&["create", "transform"], "CREATE TRANSFORM"),
    (&["create", "access", "method"], "CREATE ACCESS METHOD"),
    (&["alter", "default", "privileges"], "ALTER DEFAULT PRIVILEGES"),
    (&["alter", "policy"], "ALTER POLICY"),
    (&["alter", "extension"], "ALTER EXTENSION"),
    (&["alter", "system"], "ALTER SYSTEM"),
    (&["alter", "publication"], "ALTER PUBLICATION"),
    (&["alter", "subscription"], "ALTER SUBSCRIPTION"),
    (&["alter", "large"], "ALTER LARGE OBJECT"),
    (&["alter", "aggregate"], "ALTER AGGREGATE"),
    (&["alter", "operator"], "ALTER OPERATOR"),
    (&["drop", "event", "trigger"], "DROP EVENT TRIGGER"),
    (&["drop", "rule"], "DROP RULE"),
    (&["drop", "policy"], "DROP POLICY"),
    (&["drop", "publication"], "DROP PUBLICATION"),
    (&["drop", "subscription"], "DROP SUBSCRIPTION"),
    (&["drop", "aggregate"], "DROP AGGREGATE"),
    (&["drop", "operator"], "DROP OPERATOR"),
    (&["drop", "cast"], "DROP CAST"),
    (&["drop", "collation"], "DROP COLLATION"),
    (&["drop", "language"], "DROP LANGUAGE"),
    (&["drop", "statistics"], "DROP STATISTICS"),
    (&["drop", "tablespace"], "DROP TABLESPACE"),
    (&["drop", "owned"], "DROP OWNED"),
    (&["drop", "text", "search"], "DROP TEXT SEARCH"),
    (&["reassign", "owned"], "REASSIGN OWNED"),
    (&["security", "label"], "SECURITY LABEL"),
    (&["import", "foreign", "schema"], "IMPORT FOREIGN SCHEMA"),
    (&["load"], "LOAD"),
];

/// 0A000 where one of them begins.
pub(super) fn refuse(g: &Grammar<'_, '_>) -> Parsing<()> {
    let begins = |words: &[&str]| words.iter().enumerate().all(|(n, word)| g.peek(n) == *word);
    match REFUSED.iter().find(|(words, _)| begins(words)) {
        Some((_, name)) => Err(SqlError::unsupported(name).into()),
        None => Ok(()),
    }
}
