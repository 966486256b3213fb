//! The refusal of NULL in a primary key that is the SQLite rowid, which SQLite would number by itself. Enters: a connection; leaves: the
//! same, knowing the function that an INSERT or UPDATE calls in place of such a NULL.

use peergres_sync::schema::ConstraintRule;
use rusqlite::{Connection, functions::FunctionFlags};

use super::failure;
use crate::{error::SqlError, session::context};

/// The name in SQLite of the function that refuses: its argument is the table's name in SQLite.
pub const FUNCTION: &str = "peergres_null_key";

/// Registers the function.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function(FUNCTION, 1, FunctionFlags::SQLITE_UTF8, |call| {
        let physical: String = call.get(0)?;
        context::raise(refusal(&physical));
        Err::<i64, _>(rusqlite::Error::UserFunctionError("raised".into()))
    })
}

/// 23502 for the key of that table.
fn refusal(physical: &str) -> SqlError {
    let cx = context::current();
    let Some(table) = cx.catalog.schema.table_by_physical(physical) else {
        return SqlError::internal(format!("no table lies at {physical}"));
    };
    let key = table.constraints.iter().find_map(|constraint| match &constraint.rule {
        ConstraintRule::PrimaryKey { columns } => columns.first(),
        _ => None,
    });
    failure::null_in_column(table, key.map_or("", String::as_str))
}
