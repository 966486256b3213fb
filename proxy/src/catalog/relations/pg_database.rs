//! `pg_database`, `pg_stat_database` and `pg_stat_database_conflicts`: the databases of this server.

use super::{
    super::{
        role::database_oid,
        segment::{Cell, Segment, row},
    },
    world::OWNER,
};
use crate::{error::Result, session::context::Context};

/// UTF-8.
const ENCODING: i32 = 6;
/// `pg_default`.
const TABLESPACE: u32 = 1663;

/// The databases.
pub(super) fn rows(cx: &Context, out: &mut Segment) -> Result<()> {
    for name in cx.services.databases() {
        out.push(row![
            database_oid(&name),
            name,
            OWNER,
            ENCODING,
            'c',
            false, // datistemplate
            true,  // datallowconn
            -1,    // datconnlimit
            3,     // datfrozenxid
            1,     // datminmxid
            TABLESPACE,
            "C",
            "C",
            Cell::Null,
            Cell::Null,
            Cell::Null,
        ]);
    }
    Ok(())
}

/// How many sessions each has; nothing else is counted.
pub(super) fn statistics(cx: &Context, out: &mut Segment) -> Result<()> {
    let sessions = cx.services.sessions();
    for name in cx.services.databases() {
        let connected = sessions.iter().filter(|session| session.database == name).count();
        let mut row = row![database_oid(&name), name, connected];
        row.extend((0..13).map(|_| Cell::from(0)));
        row.extend([Cell::Null, Cell::Null]); // checksum_failures, checksum_last_failure
        row.extend((0..5).map(|_| Cell::from(0.0)));
        row.extend((0..4).map(|_| Cell::from(0)));
        row.push(Cell::Null);
        out.push(row);
    }
    Ok(())
}

/// Queries cancelled by a standby's recovery: none.
pub(super) fn conflicts(cx: &Context, out: &mut Segment) -> Result<()> {
    for name in cx.services.databases() {
        out.push(row![database_oid(&name), name, 0, 0, 0, 0, 0]);
    }
    Ok(())
}
