//! What tells a table's rows apart: its primary key, and the name that SQLite knows a row by.

use super::{Column, Constraint, ConstraintRule, HIDDEN_KEY, Table};

impl Table {
    /// The primary key.
    pub fn primary_key(&self) -> Option<&Constraint> {
        self.constraints.iter().find(|c| matches!(c.rule, ConstraintRule::PrimaryKey { .. }))
    }

    /// The column that is the SQLite rowid: the only one of the primary key, of an integer type.
    pub fn rowid_column(&self) -> Option<&Column> {
        let ConstraintRule::PrimaryKey { columns } = &self.primary_key()?.rule else { return None };
        let [only] = columns.as_slice() else { return None };
        let column = self.columns.iter().find(|column| column.name == *only)?;
        let integer = matches!(column.type_name.as_str(), "smallint" | "integer" | "bigint");
        (integer && column.generated.is_none()).then_some(column)
    }

    /// The column of SQLite that names a row of the table: what a join with the table's own rows goes by.
    pub fn row_key(&self) -> &str {
        if self.hidden_key {
            return HIDDEN_KEY;
        }
        if let Some(column) = self.rowid_column() {
            return &column.physical;
        }
        ["rowid", "_rowid_", "oid"].into_iter().find(|name| self.columns.iter().all(|c| c.physical != *name)).unwrap_or("rowid")
    }
}
