//! What a server tells of itself: its settings, sessions, databases and locks, for the catalog relations that show them.
//! Enters: the state of the session and the server. Leaves: plain rows, times in microseconds since 1970.

use std::{net::SocketAddr, time::SystemTime};

use super::{context::Microseconds, services::Shared, settings};
use crate::{tls::Encryption, types::Oid};

/// A setting, as `pg_settings` shows it.
#[derive(Clone, Debug)]
pub struct SettingReport {
    /// What the table of settings says.
    pub definition: &'static settings::definition::Definition,
    /// Its value, in base units.
    pub value: String,
    /// What RESET would make of it.
    pub reset_value: String,
}

/// A session, as `pg_stat_activity` shows it.
#[derive(Clone, Debug)]
pub struct SessionReport {
    /// `pg_backend_pid()`.
    pub pid: i32,
    /// Its database.
    pub database: String,
    /// Its user.
    pub user: String,
    /// `application_name`.
    pub application_name: String,
    /// The client's address, none over a path.
    pub client: Option<SocketAddr>,
    /// How its connection is encrypted, if it is.
    pub encryption: Option<Encryption>,
    /// When it connected.
    pub started: Microseconds,
    /// When its transaction began.
    pub transaction_start: Option<Microseconds>,
    /// When its last statement began.
    pub query_start: Option<Microseconds>,
    /// When its state last changed.
    pub state_change: Microseconds,
    /// `active`, `idle`, …
    pub state: &'static str,
    /// Its last statement.
    pub query: String,
}

/// An advisory lock that a session holds or waits for, as `pg_locks` shows it.
#[derive(Clone, Debug)]
pub struct LockReport {
    /// The database in which the key is one.
    pub database: String,
    /// The key, two integers packed into one.
    pub number: i64,
    /// Whether it was given as two integers.
    pub pair: bool,
    /// Who.
    pub pid: i32,
    /// Shared or exclusive.
    pub shared: bool,
    /// Held, or waited for.
    pub granted: bool,
}

/// A prepared statement, as `pg_prepared_statements` shows it.
#[derive(Clone, Debug)]
pub struct StatementReport {
    /// Its name.
    pub name: String,
    /// Its text: the whole PREPARE where that made it.
    pub statement: String,
    /// When it was made.
    pub since: Microseconds,
    /// OIDs of its parameters' types.
    pub parameters: Vec<Oid>,
    /// Whether PREPARE made it.
    pub by_sql: bool,
}

/// A cursor, as `pg_cursors` shows it.
#[derive(Clone, Debug)]
pub struct CursorReport {
    /// Its name.
    pub name: String,
    /// The statement that declared it, or the query of a portal.
    pub statement: String,
    /// WITH HOLD.
    pub holdable: bool,
    /// BINARY.
    pub binary: bool,
    /// SCROLL.
    pub scrollable: bool,
    /// When it was made.
    pub since: Microseconds,
}

/// Microseconds since 1970.
fn micros(time: SystemTime) -> Microseconds {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Shared {
    /// All settings that the view lists.
    pub(super) fn setting_reports(&self) -> Vec<SettingReport> {
        let kept = self.settings.borrow();
        let listed = settings::definition::all().iter().filter(|definition| !definition.vartype.is_empty());
        listed
            .map(|definition| SettingReport {
                definition,
                value: kept.raw(&definition.name).unwrap_or_default(),
                reset_value: kept.reset_value(definition),
            })
            .collect()
    }

    /// The session's prepared statements, by name.
    pub(super) fn statement_reports(&self) -> Vec<StatementReport> {
        let statements = self.statements.borrow();
        let named = statements.iter().filter(|(name, _)| !name.is_empty());
        let report = |(name, named): (&String, &super::plans::Named)| StatementReport {
            name: name.clone(),
            statement: named.sql.as_ref().unwrap_or(&named.prepared.source).to_string(),
            since: named.since,
            parameters: named.first.as_ref().map_or_else(Vec::new, |plan| plan.plan.parameters.clone()),
            by_sql: named.sql.is_some(),
        };
        let mut reports: Vec<_> = named.map(report).collect();
        reports.sort_by(|a, b| (a.since, &a.name).cmp(&(b.since, &b.name)));
        reports
    }

    /// All sessions, this one included.
    pub(super) fn session_reports(&self) -> Vec<SessionReport> {
        let report = |handle: &std::sync::Arc<super::registry::Handle>| {
            let activity = handle.activity.lock();
            SessionReport {
                pid: handle.pid,
                database: handle.database.clone(),
                user: handle.user.clone(),
                application_name: activity.application_name.clone(),
                client: handle.client,
                encryption: handle.encryption.clone(),
                started: micros(handle.started),
                transaction_start: activity.transaction_start.map(micros),
                query_start: activity.query_start.map(micros),
                state_change: micros(activity.state_change),
                state: activity.state,
                query: activity.query.to_string(),
            }
        };
        self.server.registry.list().iter().map(report).collect()
    }
}
