//! The extensions known by name; what they offer is built in.

/// Names and the versions that PostgreSQL 15 ships, in order of name.
pub const EXTENSIONS: &[(&str, &str)] =
    &[("citext", "1.6"), ("pg_trgm", "1.6"), ("pgcrypto", "1.3"), ("plpgsql", "1.0"), ("uuid-ossp", "1.1")];
