//! PostgreSQL's commands that are not here at all: the first words of a statement enter, the name for 0A000 leaves, so that a sound statement
//! of PostgreSQL is never called a syntax error (manual of PostgreSQL 15, part VI, "SQL Commands").

/// What CREATE, ALTER and DROP take beside the objects that there are here.
const OBJECTS: &[&str] = &[
    "access method",
    "aggregate",
    "cast",
    "collation",
    "constraint trigger",
    "conversion",
    "default conversion",
    "default privileges",
    "event trigger",
    "foreign data wrapper",
    "foreign table",
    "function",
    "group",
    "language",
    "large object",
    "materialized view",
    "operator",
    "operator class",
    "operator family",
    "owned",
    "policy",
    "procedural language",
    "procedure",
    "publication",
    "role",
    "routine",
    "rule",
    "server",
    "statistics",
    "subscription",
    "system",
    "tablespace",
    "text search",
    "transform",
    "trigger",
    "trusted language",
    "user",
    "user mapping",
];

/// Commands of other kinds.
const COMMANDS: &[&str] = &[
    "cluster",
    "commit prepared",
    "grant",
    "import foreign schema",
    "load",
    "prepare transaction",
    "reassign owned",
    "refresh materialized view",
    "reindex",
    "revoke",
    "rollback prepared",
    "security label",
];

/// The name of the command that begins with these words, in capitals as the manual writes it; none where it is not one of these.
pub(crate) fn name(words: &[String]) -> Option<String> {
    let begins = |words: &[String], name: &str| name.split(' ').enumerate().all(|(at, word)| words.get(at).is_some_and(|w| w == word));
    let longest = |words: &[String], names: &[&'static str]| names.iter().copied().filter(|n| begins(words, n)).max_by_key(|n| n.len());
    let found = match words {
        [verb, or, replace, rest @ ..] if verb == "create" && or == "or" && replace == "replace" => {
            longest(rest, OBJECTS).map(|object| format!("create {object}"))
        }
        [verb, rest @ ..] if matches!(verb.as_str(), "create" | "alter" | "drop") => {
            longest(rest, OBJECTS).map(|object| format!("{verb} {object}"))
        }
        words => longest(words, COMMANDS).map(str::to_owned),
    };
    found.map(|name| name.to_uppercase())
}

/// What an error calls a statement that is not supported: one of the commands above, else its first word.
pub(crate) fn name_of(statement: &str) -> String {
    let words: Vec<String> = statement.split_whitespace().take(5).map(str::to_lowercase).collect();
    name(&words).unwrap_or_else(|| words.first().map_or("this statement".to_owned(), |word| word.to_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_is_found() {
        let cases = [
            ("create rule r as", Some("CREATE RULE")),
            ("create or replace procedure p", Some("CREATE PROCEDURE")),
            ("alter operator family f", Some("ALTER OPERATOR FAMILY")),
            ("drop user mapping for u", Some("DROP USER MAPPING")),
            ("prepare transaction 'x'", Some("PREPARE TRANSACTION")),
            ("prepare q as", None),
            ("create table t", None),
            ("creat rule", None),
        ];
        for (text, expected) in cases {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            assert_eq!(name(&words).as_deref(), expected, "{text}");
        }
    }
}
