//! `pg_locks`: advisory locks. Tables are not locked one by one: who writes holds the one write lock.

use super::super::{
    role::database_oid,
    segment::{Cell, Segment, row},
};
use crate::{error::Result, session::context::Context};

/// The locks that sessions hold and wait for.
pub(super) fn rows(cx: &Context, out: &mut Segment) -> Result<()> {
    for lock in cx.services.locks() {
        out.push(row![
            "advisory",
            database_oid(&lock.database),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            (lock.number >> 32) & 0xffff_ffff, // classid
            lock.number & 0xffff_ffff,         // objid
            if lock.pair { 2 } else { 1 },     // objsubid
            format!("{}/0", lock.pid),
            lock.pid,
            if lock.shared { "ShareLock" } else { "ExclusiveLock" },
            lock.granted,
            false,
            Cell::Null,
        ]);
    }
    Ok(())
}
