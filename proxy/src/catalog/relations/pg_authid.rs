//! `pg_authid`: PostgreSQL's own roles are built in; whoever is connected under another name is a role too, with all rights.

use super::super::{
    role,
    segment::{Cell, Segment, row},
};
use crate::{error::Result, session::context::Context};

/// The roles of those who are connected.
pub(super) fn rows(cx: &Context, out: &mut Segment) -> Result<()> {
    for user in role::other_users(cx) {
        out.push(row![role::role_oid(&user), user, true, true, true, true, true, true, true, -1, Cell::Null, Cell::Null]);
    }
    Ok(())
}
