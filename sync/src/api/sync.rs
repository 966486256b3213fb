//! `/sync`: taking in, handing out, telling of news.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};
use futures_util::stream;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    authentication::{Admin, AuthorizedDevice, JsonBody, Member},
    problem::Problem,
};
use crate::{
    clock::DeviceId,
    devices::{self, Device},
    manager::{self, Replica, Status},
    peers::{
        Round,
        exchange::{answer_pull, answer_push},
        wire::{PullAnswer, PullRequest, PushAnswer, PushRequest},
    },
    snapshot::TakeError,
};

pub(super) fn routes() -> Router<Arc<Replica>> {
    Router::new()
        .route("/sync/push", post(push))
        .route("/sync/pull", post(pull))
        .route("/sync/status", get(status))
        .route("/sync/snapshot", get(snapshot))
        .route("/sync/events", get(events))
        .route("/sync/now", post(now))
}

/// The device named in the body is the one that signed.
fn check_sender(signer: &Device, named: DeviceId) -> Result<(), Problem> {
    if signer.device_id == named {
        return Ok(());
    }
    Err(Problem::new(403, format!("the body says device {named}, but device {} signed", signer.device_id)))
}

/// Takes changes in: whole transactions, each author's chain verified. Authorized device.
#[utoipa::path(post, path = "/sync/push", request_body = PushRequest, responses((status = 200, body = PushAnswer)))]
pub(super) async fn push(
    State(replica): State<Arc<Replica>>,
    AuthorizedDevice(signer): AuthorizedDevice,
    JsonBody(request): JsonBody<PushRequest>,
) -> Result<Json<PushAnswer>, Problem> {
    check_sender(&signer, request.device_id)?;
    let answer = replica.blocking(move |r| answer_push(r, request));
    let answer = answer.await?;
    heard_from(&replica, &signer).await?;
    Ok(Json(answer))
}

/// An authorized device that speaks is up: it is synced with from now on, and at once if it could not be reached before.
async fn heard_from(replica: &Arc<Replica>, device: &Arc<Device>) -> Result<(), Problem> {
    if let Some(url) = &device.url {
        replica.schedule().heard_from(replica, url);
    }
    let id = device.device_id;
    Ok(replica.blocking(move |r| Ok(devices::saw(r.database(), id)?)).await?)
}

/// Hands out what the caller lacks, a page at a time. Authorized device.
#[utoipa::path(post, path = "/sync/pull", request_body = PullRequest, responses((status = 200, body = PullAnswer)))]
pub(super) async fn pull(
    State(replica): State<Arc<Replica>>,
    AuthorizedDevice(signer): AuthorizedDevice,
    JsonBody(request): JsonBody<PullRequest>,
) -> Result<Json<PullAnswer>, Problem> {
    check_sender(&signer, request.device_id)?;
    let answer = replica.blocking(move |r| answer_pull(r, request));
    let answer = answer.await?;
    heard_from(&replica, &signer).await?;
    Ok(Json(answer))
}

/// This device, its peers, what is behind, pending or blocked. Admin or authorized device.
#[utoipa::path(get, path = "/sync/status", responses((status = 200, body = Status)))]
pub(super) async fn status(State(replica): State<Arc<Replica>>, _: Member) -> Result<Json<Status>, Problem> {
    Ok(Json(replica.blocking(manager::status).await?))
}

/// Which piece of which snapshot.
#[derive(Deserialize, ToSchema)]
pub(super) struct SnapshotQuery {
    /// The snapshot's id, from the header ETag of its first piece; without it a new one is made.
    #[serde(default)]
    id: Option<String>,
    /// Where the piece begins.
    #[serde(default)]
    offset: u64,
    /// Without an id: one that is made now, not one that was made a moment ago.
    #[serde(default)]
    fresh: bool,
}

/// The whole database at one version vector, piece by piece: compressed lines of JSON. 206 with the next piece; 202 while it has not grown so far;
/// 416 at its end, 410 when it is gone. Content-Range tells its size once it is whole. Authorized device.
#[utoipa::path(get, path = "/sync/snapshot",
    params(("id" = Option<String>, Query), ("offset" = Option<u64>, Query), ("fresh" = Option<bool>, Query)),
    responses((status = 206, content_type = "application/gzip"), (status = 202), (status = 410), (status = 416)))]
pub(super) async fn snapshot(
    State(replica): State<Arc<Replica>>,
    AuthorizedDevice(signer): AuthorizedDevice,
    query: Result<Query<SnapshotQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(SnapshotQuery { id, offset, fresh }) = query.map_err(|e| Problem::new(422, e.body_text()))?;
    let taken = replica.blocking(move |r| Ok(r.snapshots().piece(r, id.as_deref(), offset, fresh))).await?;
    let piece = taken.map_err(|error| Problem::new(if matches!(error, TakeError::Gone) { 410 } else { 500 }, error.to_string()))?;
    heard_from(&replica, &signer).await?;
    let end = offset + piece.bytes.len() as u64;
    let total = piece.total.map_or_else(|| "*".to_owned(), |total| total.to_string());
    let (status, range) = match (piece.bytes.is_empty(), piece.total) {
        (false, _) => (StatusCode::PARTIAL_CONTENT, format!("bytes {offset}-{}/{total}", end - 1)),
        (true, None) => (StatusCode::ACCEPTED, format!("bytes */{total}")),
        (true, Some(_)) => (StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{total}")),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::ETAG, format!("\"{}\"", piece.id)),
        (header::CONTENT_RANGE, range),
    ];
    Ok((status, headers, piece.bytes))
}

/// Server-sent events: `change` whenever something new is on disk here, its data the log's position. Authorized device or admin.
#[utoipa::path(get, path = "/sync/events", responses((status = 200, content_type = "text/event-stream")))]
pub(super) async fn events(State(replica): State<Arc<Replica>>, _: Member) -> impl IntoResponse {
    let mut news = replica.database().subscribe();
    news.mark_changed();
    let stopping = replica.stopping();
    let stream = stream::unfold((news, stopping, -1_i64), |(mut news, mut stopping, mut last)| async move {
        loop {
            tokio::select! {
                changed = news.changed() => changed.ok()?,
                _ = stopping.wait_for(|stop| *stop) => return None,
            }
            let position = news.borrow_and_update().position;
            if position != last {
                last = position;
                let event = Event::default().event("change").data(position.to_string());
                return Some((Ok::<_, Infallible>(event), (news, stopping, last)));
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(10)))
}

/// Which peer.
#[derive(Deserialize, ToSchema)]
pub(super) struct NowRequest {
    /// Its address; all peers by default.
    #[serde(default)]
    peer: Option<String>,
    /// Peers beside those known.
    #[serde(default)]
    peers: Vec<String>,
}

/// One round now, with one peer or with all. Admin.
#[utoipa::path(post, path = "/sync/now", request_body = NowRequest, responses((status = 200, body = Round)))]
pub(super) async fn now(
    State(replica): State<Arc<Replica>>,
    _: Admin,
    JsonBody(request): JsonBody<NowRequest>,
) -> Result<Json<Round>, Problem> {
    for url in &request.peers {
        replica.schedule().add(&replica, url);
    }
    Ok(Json(replica.sync_now(request.peer.as_deref()).await?))
}
