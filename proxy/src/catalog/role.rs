//! Roles and databases by name and OID. Nothing stores them: a role is whoever connects, a database a file; so an OID that PostgreSQL does
//! not fix is computed from the name, and is the same after every restart.

use rusqlite::types::ValueRef;

use super::relations;
use crate::{session::context::Context, types::Oid};

/// Where computed OIDs begin and how many there can be.
const FIRST: u32 = 16384;
const COUNT: u32 = 0x0FFF_0000;

/// FNV-1a: stable across versions and platforms, which the standard library's hasher does not promise.
fn computed(name: &str) -> Oid {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    FIRST + hash % COUNT
}

/// A database's OID.
pub fn database_oid(name: &str) -> Oid {
    match name {
        "template1" => 1,
        "template0" => 4,
        "postgres" => 5,
        _ => computed(name),
    }
}

/// A role's OID: PostgreSQL's for its own roles, computed for any other name.
pub fn role_oid(name: &str) -> Oid {
    let rows = relations::by_name("pg_authid").built_in().expect("pg_authid has built-in rows");
    rows.one(1, ValueRef::Text(name.as_bytes())).map_or_else(|| computed(name), |row| row[0].integer() as Oid)
}

/// The users of this server who are not among PostgreSQL's own roles, each once.
pub(super) fn other_users(cx: &Context) -> Vec<String> {
    let mut users: Vec<String> = cx.services.sessions().into_iter().map(|session| session.user).collect();
    users.push(cx.services.user());
    users.sort();
    users.dedup();
    users.retain(|user| role_oid(user) == computed(user));
    users
}

/// A role's name by OID.
pub fn role_name(oid: Oid, cx: &Context) -> Option<String> {
    let rows = relations::by_name("pg_authid").built_in().expect("pg_authid has built-in rows");
    match rows.one(0, ValueRef::Integer(i64::from(oid))) {
        Some(row) => Some(row[1].text().to_owned()),
        None => other_users(cx).into_iter().find(|user| computed(user) == oid),
    }
}
