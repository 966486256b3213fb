//! Triggers, as plain data: which function runs when rows of a table change on this device. What it changes is captured like any write, so that
//! peers never run it again for what they receive.

use serde::{Deserialize, Serialize};

use super::QualifiedName;

/// A trigger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// Name, unique for its table.
    pub name: String,
    /// Its table.
    pub table: QualifiedName,
    /// The function that runs, which takes no arguments.
    pub function: QualifiedName,
    /// Whether it runs before the change.
    pub before: bool,
    /// `i`nsert, `u`pdate, `d`elete.
    pub events: String,
    /// `UPDATE OF`, empty for any column.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Whether it runs for each row, rather than once for the statement.
    pub row: bool,
    /// `WHEN`, as PostgreSQL text.
    #[serde(default)]
    pub when: Option<String>,
    /// What the function finds in `TG_ARGV`.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// False after DISABLE TRIGGER.
    pub enabled: bool,
    /// `COMMENT ON`.
    #[serde(default)]
    pub comment: Option<String>,
}

impl Trigger {
    /// The key of a table's trigger within its class.
    pub fn key(table: &QualifiedName, name: &str) -> QualifiedName {
        QualifiedName { schema: table.schema.clone(), name: format!("{}.{name}", table.name) }
    }
}
