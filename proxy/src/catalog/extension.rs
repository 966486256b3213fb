//! The extensions known by name; what they offer is built in.

/// Name, the version that PostgreSQL 15 ships, and what it says of it; in order of name.
pub const EXTENSIONS: &[(&str, &str, &str)] = &[
    ("citext", "1.6", "data type for case-insensitive character strings"),
    ("pg_trgm", "1.6", "text similarity measurement and index searching based on trigrams"),
    ("pgcrypto", "1.3", "cryptographic functions"),
    ("plpgsql", "1.0", "PL/pgSQL procedural language"),
    ("uuid-ossp", "1.1", "generate universally unique identifiers (UUIDs)"),
];
