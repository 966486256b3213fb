//! The join of bodies with `pg_proc`: each [`Row`] of the topics gets what PostgreSQL says of its signature.
//! Enters: the topics' rows, the comparison operators' rows, `data/pg_proc.csv`. Leaves: an [`Entry`] by signature.

use std::{collections::HashMap, sync::LazyLock};

use super::{Body, TOPICS, coercion, comparison};

/// A function that can be called.
pub struct Entry {
    /// Its signature, its name in SQLite.
    pub signature: &'static str,
    /// What runs.
    pub body: Body,
    /// A NULL argument makes the result NULL, uncalled.
    pub strict: bool,
    /// `provolatile` is `i`.
    pub immutable: bool,
    /// A Scalar, Aggregate or Set body with this flag takes the concrete types as its first argument: `'1007,23>1007'`.
    pub polymorphic: bool,
    /// Result columns that a set-returning body may have.
    pub columns: usize,
}

/// What `pg_proc` says of a signature.
struct Properties {
    strict: bool,
    immutable: bool,
    result: String,
}

/// A signature from a name and `argtypes` as `pg_proc.csv` has it (long names between blanks): `name(type,type)`.
pub fn signature(name: &str, argument_types: &str) -> String {
    let mut out = format!("{name}(");
    let mut previous = "";
    for word in argument_types.split(' ').filter(|w| !w.is_empty()) {
        let continues = matches!(
            (previous, word),
            ("double", "precision" | "precision[]")
                | ("time" | "timestamp", "with" | "without")
                | ("character" | "bit", "varying" | "varying[]")
                | ("with" | "without", "time")
                | (_, "zone" | "zone[]")
        );
        if previous.is_empty() || out.ends_with('(') {
        } else if continues {
            out.push(' ');
        } else {
            out.push(',');
        }
        out.push_str(word);
        previous = if matches!((previous, word), ("with" | "without", "time")) { "of a time zone" } else { word };
    }
    out.push(')');
    out
}

fn properties() -> HashMap<String, Properties> {
    let mut reader = csv::Reader::from_reader(include_bytes!("../../data/pg_proc.csv").as_slice());
    let mut map: HashMap<String, Properties> = HashMap::with_capacity(4096);
    for row in reader.records() {
        let row = row.expect("pg_proc.csv is well-formed CSV");
        let properties = Properties { strict: &row[4] == "t", immutable: &row[5] == "i", result: row[9].to_owned() };
        map.insert(signature(&row[1], &row[11]), properties);
    }
    for own in coercion::OWN
        .iter()
        .chain(super::datetime::now::OWN)
        .chain(super::sync::OWN)
        .chain(super::information_schema::OWN)
        .chain(super::routine::OWN)
    {
        map.insert(own.0.to_owned(), Properties { strict: own.1, immutable: own.2, result: own.3.to_owned() });
    }
    map
}

/// Whether a function of that signature and result gets its concrete types as a leading argument.
fn is_polymorphic(signature: &str, result: &str) -> bool {
    let arguments = signature.split_once('(').map_or("", |(_, a)| a.trim_end_matches(')'));
    let is_any = |t: &str| t.starts_with("any") || t.starts_with("\"any\"") || t == "record";
    arguments.split(',').any(is_any) || result.starts_with("any") || result == "record"
}

static REGISTRY: LazyLock<HashMap<&'static str, Entry>> = LazyLock::new(|| {
    let properties = properties();
    let mut entries = HashMap::with_capacity(2048);
    let topics = TOPICS.iter().flat_map(|topics| topics.iter()).flat_map(|rows| rows.iter()).map(|row| (row.signature, row.body));
    for (signature, body) in topics.chain(comparison::rows()) {
        // A signature unknown to pg_proc cannot be resolved to; a test keeps such rows out.
        let Some(p) = properties.get(signature) else { continue };
        let polymorphic = is_polymorphic(signature, &p.result);
        let columns = if p.result == "record" || polymorphic { 64 } else { 1 };
        entries.insert(signature, Entry { signature, body, strict: p.strict, immutable: p.immutable, polymorphic, columns });
    }
    entries
});

/// The function of that signature, if it has a body.
pub fn lookup(signature: &str) -> Option<&'static Entry> {
    REGISTRY.get(signature)
}

/// All functions that have a body.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> {
    REGISTRY.values()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_is_a_function_of_postgresql_and_stands_once() {
        let (known, mut seen) = (properties(), HashSet::new());
        let topics = TOPICS.iter().flat_map(|topics| topics.iter()).flat_map(|rows| rows.iter()).map(|row| row.signature);
        let signatures: Vec<_> = topics.chain(comparison::rows().map(|(signature, _)| signature)).collect();
        let unknown: Vec<_> = signatures.iter().filter(|s| !known.contains_key(**s)).collect();
        let twice: Vec<_> = signatures.iter().filter(|s| !seen.insert(**s)).collect();
        assert!(unknown.is_empty(), "not in pg_proc.csv: {unknown:?}");
        assert!(twice.is_empty(), "registered twice: {twice:?}");
    }

    #[test]
    fn signatures_join_the_words_of_long_names() {
        assert_eq!(signature("f", "double precision double precision[] text"), "f(double precision,double precision[],text)");
        assert_eq!(
            signature("f", "time with time zone time without time zone interval"),
            "f(time with time zone,time without time zone,interval)"
        );
        assert_eq!(signature("f", ""), "f()");
        assert_eq!(signature("f", "bit varying bit time without time zone"), "f(bit varying,bit,time without time zone)");
    }
}
