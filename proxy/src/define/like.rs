//! `CREATE TABLE … (LIKE other)`: the columns of another table with their NOT NULL, and with INCLUDING DEFAULTS their defaults.

use peergres_sync::schema::{Column, Table};
use sqlparser::ast::{CreateTableLikeDefaults, CreateTableLikeKind};

use super::{create_table, definer::Definer};
use crate::error::Result;

/// Copies the columns.
pub(super) fn columns(definer: &Definer<'_>, table: &mut Table, like: &CreateTableLikeKind) -> Result<()> {
    let (CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like)) = like;
    let original = definer.table(&like.name)?;
    let defaults = matches!(like.defaults, Some(CreateTableLikeDefaults::Including));
    for column in original.columns {
        let default = column.default.filter(|_| defaults && column.generated.is_none());
        let number = table.next_column_number;
        create_table::add_column(
            table,
            Column { number, default, identity: None, sequence: None, generated: None, comment: None, ..column },
        )?;
    }
    Ok(())
}
