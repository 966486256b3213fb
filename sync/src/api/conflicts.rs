//! `/conflicts`: listing, showing, resolving and ignoring. Admin.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    authentication::{Admin, JsonBody},
    problem::Problem,
};
use crate::{
    conflicts::{self, Conflict, Filter, Winner},
    manager::Replica,
};

pub(super) fn routes() -> Router<Arc<Replica>> {
    Router::new()
        .route("/conflicts/list", get(list))
        .route("/conflicts/{id}", get(show))
        .route("/conflicts/{id}/resolve", post(resolve))
        .route("/conflicts/{id}/ignore", post(ignore))
}

/// The conflicts.
#[derive(Serialize, ToSchema)]
pub(super) struct ConflictList {
    #[schema(value_type = Vec<Object>)]
    conflicts: Vec<Conflict>,
}

/// How to settle a conflict.
#[derive(Deserialize, ToSchema)]
pub(super) struct ResolveRequest {
    /// `local` or `remote`; with `custom_data` alone the local side is the base.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    winner: Option<Winner>,
    /// Columns with values of one's own, put over the winner's.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    custom_data: Option<Value>,
}

/// The pending conflicts, or those that the query names.
#[utoipa::path(get, path = "/conflicts/list",
    params(("status" = Option<String>, Query), ("all" = Option<bool>, Query), ("table_name" = Option<String>, Query),
        ("record_id" = Option<String>, Query), ("limit" = Option<u64>, Query)),
    responses((status = 200, body = ConflictList)))]
pub(super) async fn list(
    State(replica): State<Arc<Replica>>,
    _: Admin,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<ConflictList>, Problem> {
    let Query(filter) = filter.map_err(|e| Problem::new(422, e.body_text()))?;
    let conflicts = replica.blocking(move |r| Ok(conflicts::list(r.database(), &filter)?)).await?;
    Ok(Json(ConflictList { conflicts }))
}

/// One conflict.
#[utoipa::path(get, path = "/conflicts/{id}", params(("id" = String, Path)), responses((status = 200)))]
pub(super) async fn show(State(replica): State<Arc<Replica>>, _: Admin, Path(id): Path<String>) -> Result<Json<Conflict>, Problem> {
    Ok(Json(replica.blocking(move |r| r.conflict(&id)).await?))
}

/// Settles a conflict, on every device.
#[utoipa::path(post, path = "/conflicts/{id}/resolve", params(("id" = String, Path)), request_body = ResolveRequest, responses((status = 200)))]
pub(super) async fn resolve(
    State(replica): State<Arc<Replica>>,
    _: Admin,
    Path(id): Path<String>,
    JsonBody(request): JsonBody<ResolveRequest>,
) -> Result<Json<Conflict>, Problem> {
    let winner = match (request.winner, &request.custom_data) {
        (Some(winner), _) => winner,
        (None, Some(_)) => Winner::Local,
        (None, None) => return Err(Problem::new(422, "give a winner (\"local\" or \"remote\"), custom_data, or both")),
    };
    Ok(Json(replica.blocking(move |r| r.resolve(&id, winner, request.custom_data)).await?))
}

/// Leaves what shows as it is, and closes the conflict.
#[utoipa::path(post, path = "/conflicts/{id}/ignore", params(("id" = String, Path)), responses((status = 200)))]
pub(super) async fn ignore(State(replica): State<Arc<Replica>>, _: Admin, Path(id): Path<String>) -> Result<Json<Conflict>, Problem> {
    Ok(Json(replica.blocking(move |r| r.ignore(&id)).await?))
}
