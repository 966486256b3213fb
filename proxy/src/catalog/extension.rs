//! The extensions known by name. What `pgcrypto` and `uuid-ossp` offer is built in; of the others the name is known and no more, so that
//! programs start that ask for one and then do without.

/// Name, the version that PostgreSQL 15 ships, and what it says of it; in order of name.
pub const EXTENSIONS: &[(&str, &str, &str)] = &[
    ("btree_gin", "1.3", "support for indexing common datatypes in GIN"),
    ("btree_gist", "1.7", "support for indexing common datatypes in GiST"),
    ("citext", "1.6", "data type for case-insensitive character strings"),
    ("hstore", "1.8", "data type for storing sets of (key, value) pairs"),
    ("pg_trgm", "1.6", "text similarity measurement and index searching based on trigrams"),
    ("pgcrypto", "1.3", "cryptographic functions"),
    ("plpgsql", "1.0", "PL/pgSQL procedural language"),
    ("unaccent", "1.1", "text search dictionary that removes accents"),
    ("uuid-ossp", "1.1", "generate universally unique identifiers (UUIDs)"),
];

/// Whether what the extension offers is here.
pub fn is_offered(name: &str) -> bool {
    matches!(name, "pgcrypto" | "plpgsql" | "uuid-ossp")
}
