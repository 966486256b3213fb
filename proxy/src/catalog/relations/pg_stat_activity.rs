//! `pg_stat_activity`, `pg_stat_ssl` and `pg_stat_gssapi`: the sessions of this server.

use super::super::{
    role::{database_oid, role_oid},
    segment::{Cell, Segment, row},
};
use crate::{error::Result, session::context::Context};

/// What each session is at.
pub(super) fn rows(cx: &Context, out: &mut Segment) -> Result<()> {
    for session in cx.services.sessions() {
        let idle = session.state != "active";
        out.push(row![
            database_oid(&session.database),
            session.database,
            session.pid,
            Cell::Null, // leader_pid
            role_oid(&session.user),
            session.user,
            session.application_name,
            session.client.map(|client| client.ip().to_string()),
            Cell::Null, // client_hostname
            session.client.map_or(-1, |client| i32::from(client.port())),
            session.started,
            session.transaction_start,
            session.query_start,
            session.state_change,
            idle.then_some("Client"),
            idle.then_some("ClientRead"),
            session.state,
            Cell::Null, // backend_xid
            Cell::Null, // backend_xmin
            Cell::Null, // query_id
            session.query,
            "client backend",
        ]);
    }
    Ok(())
}

/// How each session's connection is encrypted; clients show no certificates.
pub(super) fn ssl(cx: &Context, out: &mut Segment) -> Result<()> {
    for session in cx.services.sessions() {
        let encryption = session.encryption;
        out.push(row![
            session.pid,
            encryption.is_some(),
            encryption.as_ref().map(|e| e.version),
            encryption.as_ref().map(|e| e.cipher.clone()),
            encryption.as_ref().map(|e| e.bits),
            Cell::Null, // client_dn
            Cell::Null, // client_serial
            Cell::Null, // issuer_dn
        ]);
    }
    Ok(())
}

/// No session uses GSSAPI.
pub(super) fn gssapi(cx: &Context, out: &mut Segment) -> Result<()> {
    for session in cx.services.sessions() {
        out.push(row![session.pid, false, Cell::Null, false]);
    }
    Ok(())
}
