//! `has_table_privilege` and its kin. Every role that can connect may do everything (ownership is the device's), so that what remains to
//! be checked is what the question names: roles, objects, columns and privileges.

use super::super::{Body::Scalar, Call, Row, Value, ValueRef, row};
use crate::{
    catalog::lookup,
    error::{Result, SqlError, SqlState},
    session::context::Context,
    types::{
        Oid,
        registered::{kind, named},
        text::text,
    },
};

/// What a question may be about.
struct Family {
    /// Finds an object by the text that names it.
    find: fn(&str, &Context) -> Result<Oid>,
    /// Whether an OID is one of an object of the kind.
    exists: fn(Oid, &Context) -> Result<bool>,
    /// The privileges of the kind.
    privileges: &'static [&'static str],
}

const TABLE: Family = Family {
    find: |name, cx| kind("regclass")?.find(name, cx)?,
    exists: |oid, cx| Ok(cx.catalog.relation_by_oid(oid).is_some()),
    privileges: &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "RULE"],
};
const COLUMN: Family = Family { privileges: &["SELECT", "INSERT", "UPDATE", "REFERENCES"], ..TABLE };
const SEQUENCE: Family = Family { privileges: &["USAGE", "SELECT", "UPDATE"], ..TABLE };
const SCHEMA: Family = Family {
    find: |name, cx| cx.catalog.namespace_oid(name).ok_or_else(|| missing(SqlState::INVALID_SCHEMA_NAME, "schema", name)),
    exists: |oid, cx| Ok(cx.catalog.namespace_name(oid).is_some()),
    privileges: &["CREATE", "USAGE"],
};
const FUNCTION: Family = Family {
    find: |name, cx| kind("regprocedure")?.find(name, cx)?,
    exists: |oid, cx| Ok(cx.catalog.proc(oid).is_some()),
    privileges: &["EXECUTE"],
};
const TYPE: Family = Family {
    find: |name, cx| kind("regtype")?.find(name, cx)?,
    exists: |oid, cx| Ok(cx.catalog.type_by_oid(oid).is_some()),
    privileges: &["USAGE"],
};
const DATABASE: Family = Family {
    find: |name, cx| named_row("pg_database", "datname", name, cx, SqlState::INVALID_CATALOG_NAME, "database"),
    exists: |oid, cx| Ok(lookup::row("pg_database", "oid", oid, cx)?.is_some()),
    privileges: &["CREATE", "TEMPORARY", "TEMP", "CONNECT"],
};
const LANGUAGE: Family = Family {
    find: |name, cx| named_row("pg_language", "lanname", name, cx, SqlState::UNDEFINED_OBJECT, "language"),
    exists: |oid, cx| Ok(lookup::row("pg_language", "oid", oid, cx)?.is_some()),
    privileges: &["USAGE"],
};
const TABLESPACE: Family = Family {
    find: |name, cx| named_row("pg_tablespace", "spcname", name, cx, SqlState::UNDEFINED_OBJECT, "tablespace"),
    exists: |oid, cx| Ok(lookup::row("pg_tablespace", "oid", oid, cx)?.is_some()),
    privileges: &["CREATE"],
};
const SERVER: Family = Family {
    find: |name, cx| named_row("pg_foreign_server", "srvname", name, cx, SqlState::UNDEFINED_OBJECT, "server"),
    exists: |oid, cx| Ok(lookup::row("pg_foreign_server", "oid", oid, cx)?.is_some()),
    privileges: &["USAGE"],
};
const WRAPPER: Family = Family {
    find: |name, cx| named_row("pg_foreign_data_wrapper", "fdwname", name, cx, SqlState::UNDEFINED_OBJECT, "foreign-data wrapper"),
    exists: |oid, cx| Ok(lookup::row("pg_foreign_data_wrapper", "oid", oid, cx)?.is_some()),
    privileges: &["USAGE"],
};

/// Signatures of a question in its six forms: for a role by name or OID or the current one, of an object by name or OID.
macro_rules! forms {
    ($name:literal, $family:expr) => {
        [
            row(concat!($name, "(name,text,text)"), Scalar(|call| ask(call, &$family))),
            row(concat!($name, "(name,oid,text)"), Scalar(|call| ask(call, &$family))),
            row(concat!($name, "(oid,text,text)"), Scalar(|call| ask(call, &$family))),
            row(concat!($name, "(oid,oid,text)"), Scalar(|call| ask(call, &$family))),
            row(concat!($name, "(text,text)"), Scalar(|call| ask(call, &$family))),
            row(concat!($name, "(oid,text)"), Scalar(|call| ask(call, &$family))),
        ]
    };
}

/// The forms of a question about a column, which is named or numbered.
macro_rules! column_forms {
    ($($arguments:literal),*) => {
        &[$(row(concat!("has_column_privilege(", $arguments, ")"), Scalar(ask_column))),*]
    };
}

const COLUMNS: &[Row] = column_forms![
    "name,text,text,text",
    "name,text,smallint,text",
    "name,oid,text,text",
    "name,oid,smallint,text",
    "oid,text,text,text",
    "oid,text,smallint,text",
    "oid,oid,text,text",
    "oid,oid,smallint,text",
    "text,text,text",
    "text,smallint,text",
    "oid,text,text",
    "oid,smallint,text"
];

/// The questions, each in all its forms.
pub(super) const TOPICS: &[&[Row]] = &[
    &forms!("has_table_privilege", TABLE),
    &forms!("has_any_column_privilege", COLUMN),
    &forms!("has_sequence_privilege", SEQUENCE),
    &forms!("has_schema_privilege", SCHEMA),
    &forms!("has_function_privilege", FUNCTION),
    &forms!("has_type_privilege", TYPE),
    &forms!("has_database_privilege", DATABASE),
    &forms!("has_language_privilege", LANGUAGE),
    &forms!("has_tablespace_privilege", TABLESPACE),
    &forms!("has_server_privilege", SERVER),
    &forms!("has_foreign_data_wrapper_privilege", WRAPPER),
    COLUMNS,
    &[
        row("has_parameter_privilege(name,text,text)", Scalar(ask_parameter)),
        row("has_parameter_privilege(oid,text,text)", Scalar(ask_parameter)),
        row("has_parameter_privilege(text,text)", Scalar(ask_parameter)),
        row("pg_has_role(name,name,text)", Scalar(ask_role)),
        row("pg_has_role(name,oid,text)", Scalar(ask_role)),
        row("pg_has_role(oid,name,text)", Scalar(ask_role)),
        row("pg_has_role(oid,oid,text)", Scalar(ask_role)),
        row("pg_has_role(name,text)", Scalar(ask_role)),
        row("pg_has_role(oid,text)", Scalar(ask_role)),
        row("row_security_active(oid)", Scalar(|_| Ok(Value::Integer(0)))),
        row("row_security_active(text)", Scalar(|call| (TABLE.find)(call.text(0)?, call.cx).map(|_| Value::Integer(0)))),
    ],
];

fn missing(state: SqlState, noun: &str, name: &str) -> SqlError {
    SqlError::new(state, format!("{noun} \"{name}\" does not exist"))
}

fn named_row(relation: &str, column: &str, name: &str, cx: &Context, state: SqlState, noun: &str) -> Result<Oid> {
    let rows = lookup::rows_named(relation, column, name, cx)?;
    rows.first().map(|row| row.integer("oid") as Oid).ok_or_else(|| missing(state, noun, name))
}

/// The role of a question's first argument; an OID may be of no role, which then has no privilege.
fn check_role(value: ValueRef<'_>, cx: &Context) -> Result<bool> {
    match value {
        ValueRef::Integer(oid) => Ok(named::role_name(oid as Oid, cx)?.is_some()),
        _ => {
            let name = text(value)?;
            if name == "public" || name == cx.services.user() || named::role_by_name(name, cx)?.is_some() {
                return Ok(true);
            }
            Err(named::undefined_role(name))
        }
    }
}

/// `convert_any_priv_string`: words between commas, in any case, each perhaps WITH GRANT OPTION.
fn check_privileges(list: &str, allowed: &[&str]) -> Result<()> {
    for word in list.split(',') {
        let word = word.trim();
        let upper = word.to_ascii_uppercase();
        let bare = upper.strip_suffix(" WITH GRANT OPTION").unwrap_or(&upper).trim_end();
        if !allowed.contains(&bare) {
            return Err(SqlError::new(SqlState::INVALID_PARAMETER_VALUE, format!("unrecognized privilege type: \"{word}\"")));
        }
    }
    Ok(())
}

/// The object of an argument; none for an OID that nothing of the kind bears.
fn object(value: ValueRef<'_>, family: &Family, cx: &Context) -> Result<Option<Oid>> {
    match value {
        ValueRef::Integer(oid) => Ok((family.exists)(oid as Oid, cx)?.then_some(oid as Oid)),
        _ => (family.find)(text(value)?, cx).map(Some),
    }
}

fn ask(call: &Call<'_>, family: &Family) -> Result<Value> {
    let (role, rest) = split_role(call, 2)?;
    let found = object(rest[0], family, call.cx)?;
    check_privileges(text(rest[1])?, family.privileges)?;
    Ok(found.map_or(Value::Null, |_| Value::Integer(role.into())))
}

/// Whether the role exists, and the arguments after it; there is none where only `others` arguments were given.
fn split_role<'a>(call: &'a Call<'_>, others: usize) -> Result<(bool, &'a [ValueRef<'a>])> {
    if call.args.len() == others {
        return Ok((true, call.args));
    }
    Ok((check_role(call.args[0], call.cx)?, &call.args[1..]))
}

fn ask_column(call: &Call<'_>) -> Result<Value> {
    let (role, rest) = split_role(call, 3)?;
    let Some(oid) = object(rest[0], &TABLE, call.cx)? else { return Ok(Value::Null) };
    let Some(relation) = call.cx.catalog.relation_by_oid(oid) else { return Ok(Value::Null) };
    let exists = match rest[1] {
        ValueRef::Integer(number) => relation.columns.iter().any(|column| i64::from(column.number) == number),
        name => {
            let name = text(name)?;
            if relation.column(name).is_none() {
                let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name.name);
                return Err(SqlError::new(SqlState::UNDEFINED_COLUMN, message));
            }
            true
        }
    };
    check_privileges(text(rest[2])?, COLUMN.privileges)?;
    Ok(if exists { Value::Integer(role.into()) } else { Value::Null })
}

fn ask_parameter(call: &Call<'_>) -> Result<Value> {
    let (role, rest) = split_role(call, 2)?;
    check_privileges(text(rest[1])?, &["SET", "ALTER SYSTEM"])?;
    Ok(Value::Integer(role.into()))
}

fn ask_role(call: &Call<'_>) -> Result<Value> {
    let (role, rest) = split_role(call, 2)?;
    let other = check_role(rest[0], call.cx)?;
    let words = ["MEMBER", "USAGE"];
    let upper = text(rest[1])?.replace(" WITH ADMIN OPTION", "").replace(" with admin option", "");
    check_privileges(&upper, &words)?;
    Ok(Value::Integer((role && other).into()))
}
