//! `pg_stat_bgwriter`, `pg_stat_archiver` and `pg_stat_wal`: one row each about a server's background work, of which nothing is counted here.

use super::super::segment::{Cell, Segment, row};
use crate::{error::Result, session::context::Context};

/// `pg_stat_bgwriter`.
pub(super) fn background_writer(_cx: &Context, out: &mut Segment) -> Result<()> {
    out.push(row![0, 0, 0.0, 0.0, 0, 0, 0, 0, 0, 0, Cell::Null]);
    Ok(())
}

/// `pg_stat_archiver`.
pub(super) fn archiver(_cx: &Context, out: &mut Segment) -> Result<()> {
    out.push(row![0, Cell::Null, Cell::Null, 0, Cell::Null, Cell::Null, Cell::Null]);
    Ok(())
}

/// `pg_stat_wal`.
pub(super) fn wal(_cx: &Context, out: &mut Segment) -> Result<()> {
    out.push(row![0, 0, "0", 0, 0, 0, 0.0, 0.0, Cell::Null]);
    Ok(())
}
