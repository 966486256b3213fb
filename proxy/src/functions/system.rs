//! Functions that ask the session: sequences, settings, who and where, advisory locks, notifications, other sessions, waiting.
//! The session answers by name ([`crate::session::context::Services`]); here arguments and results change their form only.

use super::{
    Body::{Native, Scalar, Set},
    Call, Row, Rows, Value, ValueRef, row,
};
use peergres_sync::schema::TEMPORARY_PREFIX;

use crate::error::{Result, SqlError, SqlState};

pub(super) const ROWS: &[Row] = &[
    row("nextval(regclass)", Scalar(|c| integer_service(c, "nextval"))),
    row("setval(regclass,bigint)", Scalar(|c| integer_service(c, "setval"))),
    row("setval(regclass,bigint,boolean)", Scalar(|c| integer_service(c, "setval"))),
    row("currval(regclass)", Scalar(|c| integer_service(c, "currval"))),
    row("lastval()", Scalar(|c| integer_service(c, "lastval"))),
    row("current_setting(text)", Scalar(current_setting)),
    row("current_setting(text,boolean)", Scalar(current_setting)),
    row("set_config(text,text,boolean)", Scalar(set_config)),
    row("pg_backend_pid()", Scalar(|c| Ok(Value::Integer(c.cx.services.backend_pid().into())))),
    row("current_user()", Scalar(|c| Ok(Value::Text(c.cx.services.user())))),
    row("getpgusername()", Scalar(|c| Ok(Value::Text(c.cx.services.user())))),
    row("session_user()", Scalar(|c| text_service(c, "session_user"))),
    row("current_database()", Scalar(|c| Ok(Value::Text(c.cx.services.database())))),
    row("current_schema()", Scalar(current_schema)),
    row("current_schemas(boolean)", Scalar(current_schemas)),
    row("version()", Scalar(version)),
    row("pg_advisory_lock(bigint)", Scalar(|c| void_service(c, "pg_advisory_lock"))),
    row("pg_advisory_lock(integer,integer)", Scalar(|c| void_service(c, "pg_advisory_lock"))),
    row("pg_advisory_lock_shared(bigint)", Scalar(|c| void_service(c, "pg_advisory_lock_shared"))),
    row("pg_advisory_lock_shared(integer,integer)", Scalar(|c| void_service(c, "pg_advisory_lock_shared"))),
    row("pg_advisory_xact_lock(bigint)", Scalar(|c| void_service(c, "pg_advisory_xact_lock"))),
    row("pg_advisory_xact_lock(integer,integer)", Scalar(|c| void_service(c, "pg_advisory_xact_lock"))),
    row("pg_advisory_xact_lock_shared(bigint)", Scalar(|c| void_service(c, "pg_advisory_xact_lock_shared"))),
    row("pg_advisory_xact_lock_shared(integer,integer)", Scalar(|c| void_service(c, "pg_advisory_xact_lock_shared"))),
    row("pg_try_advisory_lock(bigint)", Scalar(|c| boolean_service(c, "pg_try_advisory_lock"))),
    row("pg_try_advisory_lock(integer,integer)", Scalar(|c| boolean_service(c, "pg_try_advisory_lock"))),
    row("pg_try_advisory_lock_shared(bigint)", Scalar(|c| boolean_service(c, "pg_try_advisory_lock_shared"))),
    row("pg_try_advisory_lock_shared(integer,integer)", Scalar(|c| boolean_service(c, "pg_try_advisory_lock_shared"))),
    row("pg_try_advisory_xact_lock(bigint)", Scalar(|c| boolean_service(c, "pg_try_advisory_xact_lock"))),
    row("pg_try_advisory_xact_lock(integer,integer)", Scalar(|c| boolean_service(c, "pg_try_advisory_xact_lock"))),
    row("pg_try_advisory_xact_lock_shared(bigint)", Scalar(|c| boolean_service(c, "pg_try_advisory_xact_lock_shared"))),
    row("pg_try_advisory_xact_lock_shared(integer,integer)", Scalar(|c| boolean_service(c, "pg_try_advisory_xact_lock_shared"))),
    row("pg_advisory_unlock(bigint)", Scalar(|c| boolean_service(c, "pg_advisory_unlock"))),
    row("pg_advisory_unlock(integer,integer)", Scalar(|c| boolean_service(c, "pg_advisory_unlock"))),
    row("pg_advisory_unlock_shared(bigint)", Scalar(|c| boolean_service(c, "pg_advisory_unlock_shared"))),
    row("pg_advisory_unlock_shared(integer,integer)", Scalar(|c| boolean_service(c, "pg_advisory_unlock_shared"))),
    row("pg_advisory_unlock_all()", Scalar(|c| void_service(c, "pg_advisory_unlock_all"))),
    row("pg_notify(text,text)", Scalar(|c| void_service(c, "pg_notify"))),
    row("pg_listening_channels()", Set(listening_channels)),
    row("pg_notification_queue_usage()", Native("0.0")),
    row("pg_cancel_backend(integer)", Scalar(|c| boolean_service(c, "pg_cancel_backend"))),
    row("pg_terminate_backend(integer,bigint)", Scalar(|c| boolean_service(c, "pg_terminate_backend"))),
    row("pg_postmaster_start_time()", Scalar(|c| integer_service(c, "pg_postmaster_start_time"))),
    row("pg_conf_load_time()", Scalar(|c| integer_service(c, "pg_postmaster_start_time"))),
    row("inet_client_addr()", Scalar(|c| text_service(c, "inet_client_addr"))),
    row("inet_client_port()", Scalar(|c| integer_service(c, "inet_client_port"))),
    row("inet_server_addr()", Scalar(|c| text_service(c, "inet_server_addr"))),
    row("inet_server_port()", Scalar(|c| integer_service(c, "inet_server_port"))),
    row("pg_is_in_recovery()", Native("0")),
    row("pg_jit_available()", Native("0")),
    row("pg_client_encoding()", Scalar(|c| Ok(c.cx.services.setting("client_encoding").map_or(Value::Null, Value::Text)))),
];

/// An argument as text; storage forms of numbers and booleans are their digits.
fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(n) => Some(n.to_string()),
        ValueRef::Real(n) => Some(n.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn service(call: &Call<'_>, name: &str) -> Result<Option<String>> {
    let args: Vec<_> = call.args.iter().map(|arg| text(*arg)).collect();
    call.cx.services.call(name, &args)
}

fn text_service(call: &Call<'_>, name: &str) -> Result<Value> {
    Ok(service(call, name)?.map_or(Value::Null, Value::Text))
}

fn integer_service(call: &Call<'_>, name: &str) -> Result<Value> {
    match service(call, name)? {
        None => Ok(Value::Null),
        Some(digits) => digits.parse().map(Value::Integer).map_err(|_| SqlError::internal(format!("{name} answered \"{digits}\""))),
    }
}

fn boolean_service(call: &Call<'_>, name: &str) -> Result<Value> {
    Ok(service(call, name)?.map_or(Value::Null, |answer| Value::Integer((answer == "t").into())))
}

/// A value of type void shows as an empty string.
fn void_service(call: &Call<'_>, name: &str) -> Result<Value> {
    service(call, name).map(|_| Value::Text(String::new()))
}

fn current_setting(call: &Call<'_>) -> Result<Value> {
    let name = text(call.args[0]).unwrap_or_default();
    match call.cx.services.setting(&name) {
        Some(value) => Ok(Value::Text(value)),
        None if call.args.get(1) == Some(&ValueRef::Integer(1)) => Ok(Value::Null),
        None => {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            Err(SqlError::new(SqlState::UNDEFINED_OBJECT, message))
        }
    }
}

fn set_config(call: &Call<'_>) -> Result<Value> {
    let Some(name) = text(call.args[0]) else {
        return Err(SqlError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "SET requires parameter name"));
    };
    let local = call.args[2] == ValueRef::Integer(1);
    call.cx.services.set_setting(&name, &text(call.args[1]).unwrap_or_default(), local).map(Value::Text)
}

fn current_schema(call: &Call<'_>) -> Result<Value> {
    let first = call.cx.search_path.iter().find(|name| !name.starts_with(TEMPORARY_PREFIX) && call.cx.catalog.has_namespace(name));
    Ok(first.map_or(Value::Null, |name| Value::Text(name.clone())))
}

/// The schemas of the search path that exist; with the implicit ones, `pg_catalog` stands first unless it is named.
fn current_schemas(call: &Call<'_>) -> Result<Value> {
    let path = &call.cx.search_path;
    let implicit = call.args[0] == ValueRef::Integer(1) && !path.iter().any(|name| name == "pg_catalog");
    let mut names: Vec<&str> = if implicit { vec!["pg_catalog"] } else { Vec::new() };
    let shown = |name: &&String| implicit || !name.starts_with(TEMPORARY_PREFIX);
    names.extend(path.iter().filter(shown).filter(|name| call.cx.catalog.has_namespace(name)).map(String::as_str));
    let element = |name: &str| {
        let plain = !name.is_empty()
            && !name.eq_ignore_ascii_case("null")
            && name.chars().all(|c| !c.is_whitespace() && !matches!(c, '"' | '\\' | '{' | '}' | ','));
        if plain { name.to_owned() } else { format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")) }
    };
    Ok(Value::Text(format!("{{{}}}", names.into_iter().map(element).collect::<Vec<_>>().join(","))))
}

/// What `version()` says: clients look for the word PostgreSQL and the number after it.
fn version(call: &Call<'_>) -> Result<Value> {
    let number = call.cx.services.setting("server_version").unwrap_or_default();
    let number = number.split(' ').next().unwrap_or_default();
    Ok(Value::Text(format!("PostgreSQL {number} (Peergres {})", env!("CARGO_PKG_VERSION"))))
}

fn listening_channels(call: &Call<'_>) -> Result<Rows> {
    let channels = service(call, "pg_listening_channels")?.unwrap_or_default();
    let names: Vec<String> = channels.lines().map(str::to_owned).collect();
    Ok(Box::new(names.into_iter().map(|name| Ok(vec![Value::Text(name)]))))
}
