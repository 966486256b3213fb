//! The refusal of a row that one statement would change twice. Enters: a connection; leaves: the same, knowing the function that a staged
//! change calls where it finds such a row: its argument is 0 for ON CONFLICT, 1 for MERGE.

use rusqlite::{Connection, functions::FunctionFlags};

use crate::{
    error::{SqlError, SqlState},
    session::context,
};

/// The name in SQLite of the function that refuses.
pub const FUNCTION: &str = "peergres_twice";

/// Registers the function.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function(FUNCTION, 1, FunctionFlags::SQLITE_UTF8, |call| {
        context::raise(refusal(call.get::<i64>(0)? == 1));
        Err::<i64, _>(rusqlite::Error::UserFunctionError("raised".into()))
    })
}

/// 21000.
pub fn refusal(merges: bool) -> SqlError {
    let (message, hint) = match merges {
        true => ("MERGE command cannot affect row a second time", "Ensure that not more than one source row matches any one target row."),
        false => (
            "ON CONFLICT DO UPDATE command cannot affect row a second time",
            "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
        ),
    };
    SqlError::new(SqlState::CARDINALITY_VIOLATION, message).hint(hint)
}
