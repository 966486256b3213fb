//! Views, and what makes a table a materialized one: a query, kept as PostgreSQL text.

use serde::{Deserialize, Serialize};

use super::QualifiedName;

/// A view; it exists in the catalog only, the binder expands it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Name.
    pub name: QualifiedName,
    /// Column names and PostgreSQL type names.
    pub columns: Vec<(String, String)>,
    /// The query, as PostgreSQL text with all names qualified.
    pub query: String,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

/// The query of a materialized view. Its rows are what the query gave on this device when it was last refreshed, and stay there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Materialized {
    /// As PostgreSQL text; every relation in it has its schema.
    pub query: String,
    /// False after `WITH NO DATA`.
    pub populated: bool,
}
