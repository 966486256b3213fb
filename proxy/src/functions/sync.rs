//! The functions of schema `peergres`: a round with the peers now, conflicts settled, devices let in and shut out; and the guard of what is
//! deleted from the log. Enters: ids and words; leaves: requests to the session ([`crate::session::context::Services`]), which carries
//! them out in its transaction once the statement has run.

use rusqlite::{Connection, functions::FunctionFlags};

use super::{Body::Scalar, Call, Row, Value, ValueRef, row};
use crate::{
    error::{Result, SqlError, SqlState},
    session::context,
};

/// Signature, strict, immutable, result type.
pub(super) const OWN: &[(&str, bool, bool, &str)] = &[
    ("peergres.sync_now()", false, false, "json"),
    ("peergres.resolve_conflict(text,text,jsonb)", false, false, "void"),
    ("peergres.ignore_conflict(text)", false, false, "void"),
    ("peergres.authorize_device(text)", false, false, "void"),
    ("peergres.authorize_device(uuid)", false, false, "void"),
    ("peergres.revoke_device(text)", false, false, "void"),
    ("peergres.revoke_device(uuid)", false, false, "void"),
];

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row("peergres.sync_now()", Scalar(sync_now)),
    row("peergres.resolve_conflict(text,text,jsonb)", Scalar(|c| ask(c, "peergres.resolve_conflict"))),
    row("peergres.ignore_conflict(text)", Scalar(|c| ask(c, "peergres.ignore_conflict"))),
    row("peergres.authorize_device(text)", Scalar(|c| ask(c, "peergres.authorize_device"))),
    row("peergres.authorize_device(uuid)", Scalar(|c| ask(c, "peergres.authorize_device"))),
    row("peergres.revoke_device(text)", Scalar(|c| ask(c, "peergres.revoke_device"))),
    row("peergres.revoke_device(uuid)", Scalar(|c| ask(c, "peergres.revoke_device"))),
];

/// The name in SQLite of the guard that the deletion from the log calls.
const PRUNE: &str = "peergres_prune";

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => uuid::Uuid::from_slice(bytes).ok().map(|id| id.to_string()),
        _ => None,
    }
}

/// Asks the session; what is asked for happens once the statement has run, so the result is void.
fn ask(call: &Call<'_>, name: &str) -> Result<Value> {
    let args: Vec<_> = call.args.iter().map(|arg| text(*arg)).collect();
    call.cx.services.call(name, &args).map(|_| Value::Text(String::new()))
}

fn sync_now(call: &Call<'_>) -> Result<Value> {
    Ok(call.cx.services.call("peergres.sync_now", &[])?.map_or(Value::Null, Value::Text))
}

/// Registers the guard: `peergres_prune(version, whether every device has it)` marks a row as pruned, or refuses.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function(PRUNE, 2, FunctionFlags::SQLITE_UTF8, |call| {
        let (version, below): (i64, bool) = (call.get(0)?, call.get(1)?);
        if below {
            return match context::current().services.call(PRUNE, &[]) {
                Ok(_) => Ok(1_i64),
                Err(error) => Err(super::register::fail(error)),
            };
        }
        let message = format!("cannot delete version {version} from sync_log: not every authorized device is known to have it");
        let hint = "Only rows below the horizon can be deleted. Sync with all devices first, or revoke those that are gone.";
        Err(super::register::fail(SqlError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint(hint)))
    })
}
