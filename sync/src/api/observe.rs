//! Liveness, figures, and the API's description.

use std::{fmt::Write as _, sync::Arc};

use axum::{Json, Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use serde::Serialize;
use utoipa::ToSchema;

use super::{authentication::Admin, problem::Problem};
use crate::manager::{self, Figure, Replica, Status};

pub(super) fn routes() -> Router<Arc<Replica>> {
    Router::new().route("/health", get(health)).route("/metrics", get(metrics)).route("/openapi.json", get(description))
}

/// Alive.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`.
    status: &'static str,
}

/// Liveness, no data. Anyone.
#[utoipa::path(get, path = "/health", responses((status = 200, body = Health)))]
pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Figures in Prometheus' text format. Admin.
#[utoipa::path(get, path = "/metrics", responses((status = 200, content_type = "text/plain")))]
pub(super) async fn metrics(State(replica): State<Arc<Replica>>, _: Admin) -> Result<impl IntoResponse, Problem> {
    let figures = replica.blocking(|r| {
        let commits = r.database().commit_sequence();
        Ok(figures(&manager::status(r)?, commits, &r.figures()))
    });
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], figures.await?))
}

/// This description. Admin.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, content_type = "application/json")))]
pub(super) async fn description(_: Admin) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], super::openapi())
}

/// The figures, one family after the other.
fn figures(status: &Status, commits: u64, others: &[Figure]) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, f64)>| {
        let _ = writeln!(out, "# HELP peergres_{name} {help}\n# TYPE peergres_{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(out, "peergres_{name}{labels} {value}");
        }
    };
    let one = |value: f64| vec![(String::new(), value)];
    family("log_changes", "gauge", "Changes in the log.", one(status.log.changes as f64));
    family("log_unsynced_changes", "gauge", "Changes that not every authorized device is known to hold.", one(status.log.unsynced as f64));
    family("database_bytes", "gauge", "Size of the replicated database on disk.", one(status.log.bytes as f64));
    family("conflicts_pending", "gauge", "Conflicts that wait for a decision.", one(status.pending_conflicts as f64));
    family("changes_blocked", "gauge", "Changes that can't be put into the tables yet.", one(status.blocked.len() as f64));
    family("commits_total", "counter", "Commits of the replicated database since the start.", one(commits as f64));
    family("log_position", "counter", "The last position in the log.", one(status.log.position as f64));
    family("wal_bytes", "gauge", "Size of the replicated database's write-ahead log.", one(status.log.wal_bytes as f64));
    family(
        "clock_behind_seconds",
        "gauge",
        "How far this clock is behind what was written or seen.",
        one(status.clock_behind_ms as f64 / 1e3),
    );
    family("devices_pending", "gauge", "Devices that wait to be authorized.", one(status.pending_devices.len() as f64));
    family("devices_forked", "gauge", "Devices of two histories.", one(status.forked_devices.len() as f64));
    family("build_info", "gauge", "The program.", vec![(format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0)]);
    let by_device = |value: fn(&manager::Lag) -> f64| {
        status.devices.iter().map(|d| (format!("{{device=\"{}\"}}", d.device_id), value(d))).collect::<Vec<_>>()
    };
    family("device_lag_changes", "gauge", "Changes that a device is not known to hold.", by_device(|d| d.changes as f64));
    family("device_lag_seconds", "gauge", "Age of the oldest change that a device is not known to hold.", by_device(|d| d.seconds));
    family(
        "device_last_seen_timestamp_seconds",
        "gauge",
        "When a device was last in touch.",
        by_device(|d| d.last_seen.unwrap_or(0) as f64 / 1e6),
    );
    family(
        "device_clock_ahead_seconds",
        "gauge",
        "How far a device's clock was ahead.",
        by_device(|d| d.clock_ahead_ms.unwrap_or(0) as f64 / 1e3),
    );
    let by_peer = |value: fn(&crate::peers::PeerStatus) -> f64| {
        status.peers.iter().map(|p| (format!("{{url=\"{}\"}}", escape(&p.url)), value(p))).collect::<Vec<_>>()
    };
    family("peer_up", "gauge", "Whether the last round with a peer went well.", by_peer(|p| f64::from(u8::from(p.failures == 0))));
    family("peer_pushed_changes_total", "counter", "Changes pushed to a peer.", by_peer(|p| p.moved.pushed as f64));
    family("peer_failures", "gauge", "Rounds with a peer that failed since the last good one.", by_peer(|p| f64::from(p.failures)));
    family(
        "peer_last_contact_timestamp_seconds",
        "gauge",
        "The last good round with a peer.",
        by_peer(|p| p.last_contact.unwrap_or(0) as f64 / 1e6),
    );
    family("peer_conflicts_total", "counter", "Conflicts that rounds with a peer found.", by_peer(|p| p.moved.conflicts as f64));
    family(
        "peer_snapshot_bytes",
        "gauge",
        "Bytes downloaded of a peer's snapshot.",
        by_peer(|p| p.snapshot.map_or(0.0, |s| s.bytes as f64)),
    );
    family("peer_pulled_changes_total", "counter", "Changes pulled from a peer.", by_peer(|p| p.moved.pulled as f64));
    for named in others.chunk_by(|a, b| a.name == b.name) {
        let label =
            |figure: &Figure| figure.label.as_ref().map_or_else(String::new, |(name, value)| format!("{{{name}=\"{}\"}}", escape(value)));
        family(named[0].name, named[0].kind, named[0].help, named.iter().map(|figure| (label(figure), figure.value)).collect());
    }
    out
}

/// A label's value, as Prometheus' text format escapes it.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
