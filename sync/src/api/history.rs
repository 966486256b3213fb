//! `/log`: the audit trail. Admin.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    authentication::{Admin, JsonBody},
    problem::Problem,
};
use crate::{
    log::{self, HistoryEntry, Pruned},
    manager::{LogReport, Replica},
};

pub(super) fn routes() -> Router<Arc<Replica>> {
    Router::new().route("/log/history", get(show)).route("/log/verify", post(verify)).route("/log/prune", post(prune))
}

/// Which record.
#[derive(Deserialize)]
pub(super) struct RecordQuery {
    table: String,
    record_id: String,
}

/// A record's history.
#[derive(Serialize, ToSchema)]
pub(super) struct HistoryAnswer {
    /// From oldest to newest.
    #[schema(value_type = Vec<Object>)]
    history: Vec<HistoryEntry>,
}

/// A record's history: who, when, before and after.
#[utoipa::path(get, path = "/log/history", params(("table" = String, Query), ("record_id" = String, Query)), responses((status = 200, body = HistoryAnswer)))]
pub(super) async fn show(
    State(replica): State<Arc<Replica>>,
    _: Admin,
    query: Result<Query<RecordQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<HistoryAnswer>, Problem> {
    let Query(query) = query.map_err(|e| Problem::new(422, e.body_text()))?;
    let history = replica.blocking(move |r| Ok(log::history(&*r.database().glance()?, &query.table, &query.record_id)?)).await?;
    Ok(Json(HistoryAnswer { history }))
}

/// Checks every chain and signature, and that replaying the log gives the tables.
#[utoipa::path(post, path = "/log/verify", responses((status = 200, body = LogReport)))]
pub(super) async fn verify(State(replica): State<Arc<Replica>>, _: Admin) -> Result<Json<LogReport>, Problem> {
    Ok(Json(replica.blocking(|r| r.verify_log()).await?))
}

/// How old a change must be to be pruned.
#[derive(Deserialize, ToSchema)]
pub(super) struct PruneRequest {
    /// Its age in seconds.
    older_than_seconds: u64,
}

/// Prunes what every authorized device has and what is older than so many seconds. What a later merge may need stays beneath.
#[utoipa::path(post, path = "/log/prune", request_body = PruneRequest, responses((status = 200, body = Pruned)))]
pub(super) async fn prune(
    State(replica): State<Arc<Replica>>,
    _: Admin,
    JsonBody(request): JsonBody<PruneRequest>,
) -> Result<Json<Pruned>, Problem> {
    Ok(Json(replica.blocking(move |r| r.prune_log(Duration::from_secs(request.older_than_seconds))).await?))
}
