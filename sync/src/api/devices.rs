//! `/devices`: registering, authorizing, revoking, inviting and joining.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    authentication::{Admin, Caller, JsonBody, Member, check_signature},
    problem::Problem,
};
use crate::{
    devices::{self, Device, Registration},
    identity::PublicKey,
    manager::Replica,
    peers::{
        self, Round,
        wire::{JoinAnswer, JoinRequest, RegisterAnswer, RegisterRequest},
    },
};

pub(super) fn routes() -> Router<Arc<Replica>> {
    Router::new()
        .route("/devices/register", post(register))
        .route("/devices/authorize", post(authorize))
        .route("/devices/list", get(list))
        .route("/devices/{device_id}/revoke", post(revoke))
        .route("/devices/rotate-key", post(rotate_key))
        .route("/devices/invite", post(invite))
        .route("/devices/join", post(join))
        .route("/devices/pair", post(pair))
}

/// Which device.
#[derive(Deserialize, ToSchema)]
pub(super) struct AuthorizeRequest {
    /// Its id, enough of its beginning, or its name.
    device_id: String,
}

/// The devices known.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct DeviceList {
    devices: Vec<Device>,
}

/// Where the other device reaches this one; by default where it listens.
#[derive(Deserialize, ToSchema)]
pub(super) struct InviteRequest {
    #[serde(default)]
    address: Option<String>,
}

/// A one-time code.
#[derive(Serialize, ToSchema)]
pub(super) struct InviteAnswer {
    code: String,
    /// Seconds since 1970.
    expires_at: i64,
}

/// A code that another device gave out.
#[derive(Deserialize, ToSchema)]
pub(super) struct PairRequest {
    code: String,
    /// This device's name from now on.
    #[serde(default)]
    name: Option<String>,
}

/// Checks that the request is signed by the key that it brings.
fn registration(replica: &Replica, caller: &Caller, request: &RegisterRequest) -> Result<Registration, Problem> {
    if !replica.strangers().allow() {
        return Err(Problem::new(429, "too many registrations; try again in a minute"));
    }
    let Caller::Stranger(opened) = caller else {
        return Err(Problem::new(401, "sign this request with the key that is to be registered (RFC 9421)"));
    };
    let public_key = PublicKey::parse(&request.public_key).map_err(|e| Problem::new(422, format!("public_key: {e}")))?;
    if opened.parameters.key_id != request.device_id.to_string() {
        return Err(Problem::new(401, "the signature's keyid is not the device_id"));
    }
    check_signature(replica, opened, &public_key)?;
    Ok(Registration {
        device_id: request.device_id,
        device_name: request.device_name.clone(),
        public_key,
        tailscale_ip: request.tailscale_ip.clone().filter(|ip| !ip.is_empty()),
        url: request.url.clone(),
    })
}

/// Registers a device; it is pending until the admin authorizes it. Anyone may, signed by the key being registered.
#[utoipa::path(post, path = "/devices/register", request_body = RegisterRequest, responses((status = 201, body = RegisterAnswer)))]
pub(super) async fn register(
    State(replica): State<Arc<Replica>>,
    caller: Caller,
    JsonBody(request): JsonBody<RegisterRequest>,
) -> Result<(StatusCode, Json<RegisterAnswer>), Problem> {
    let registration = registration(&replica, &caller, &request)?;
    let answer = replica.blocking(move |r| {
        let device = devices::register(r.database(), r.identity(), &registration)?;
        Ok(RegisterAnswer { device_id: device.device_id, is_authorized: device.is_authorized, device: r.introduction()? })
    });
    Ok((StatusCode::CREATED, Json(answer.await?)))
}

/// Authorizes a device, here and on all others. Admin.
#[utoipa::path(post, path = "/devices/authorize", request_body = AuthorizeRequest, responses((status = 200, body = Device)))]
pub(super) async fn authorize(
    State(replica): State<Arc<Replica>>,
    _: Admin,
    JsonBody(request): JsonBody<AuthorizeRequest>,
) -> Result<Json<Device>, Problem> {
    let device = replica.blocking(move |r| r.authorize(&request.device_id)).await?;
    if let Some(url) = &device.url {
        replica.schedule().add(&replica, url);
    }
    Ok(Json(device))
}

/// The devices known here. Admin or authorized device.
#[utoipa::path(get, path = "/devices/list", responses((status = 200, body = DeviceList)))]
pub(super) async fn list(State(replica): State<Arc<Replica>>, _: Member) -> Result<Json<DeviceList>, Problem> {
    let devices = replica.blocking(|r| r.devices()).await?;
    Ok(Json(DeviceList { devices }))
}

/// Shuts a device out, here and on all others; a pending one is forgotten. Admin.
#[utoipa::path(post, path = "/devices/{device_id}/revoke", params(("device_id" = String, Path)), responses((status = 200, body = Device)))]
pub(super) async fn revoke(State(replica): State<Arc<Replica>>, _: Admin, Path(id): Path<String>) -> Result<Json<Device>, Problem> {
    Ok(Json(replica.blocking(move |r| r.revoke(&id)).await?))
}

/// Replaces this device's key, signed by the old one. Admin.
#[utoipa::path(post, path = "/devices/rotate-key", responses((status = 200, body = Device)))]
pub(super) async fn rotate_key(State(replica): State<Arc<Replica>>, _: Admin) -> Result<Json<Device>, Problem> {
    let own = replica.blocking(|r| {
        r.rotate_key()?;
        Ok(r.devices()?.into_iter().find(|device| device.is_self))
    });
    own.await?.map(Json).ok_or_else(|| Problem::new(500, "this device is not in its own list"))
}

/// Makes a one-time code with which another device can join. Admin.
#[utoipa::path(post, path = "/devices/invite", request_body = InviteRequest, responses((status = 200, body = InviteAnswer)))]
pub(super) async fn invite(
    State(replica): State<Arc<Replica>>,
    _: Admin,
    JsonBody(request): JsonBody<InviteRequest>,
) -> Result<Json<InviteAnswer>, Problem> {
    let url = request.address.or_else(|| replica.public_url());
    let url = url.ok_or_else(|| Problem::new(422, "give the address under which the other device reaches this one"))?;
    let (code, expires_at) = replica.blocking(move |r| r.invite(&url)).await?;
    Ok(Json(InviteAnswer { code, expires_at }))
}

/// Lets in a device that proves to hold an invitation's secret. Anyone may, signed by the joiner's key.
#[utoipa::path(post, path = "/devices/join", request_body = JoinRequest, responses((status = 200, body = JoinAnswer)))]
pub(super) async fn join(
    State(replica): State<Arc<Replica>>,
    caller: Caller,
    JsonBody(request): JsonBody<JoinRequest>,
) -> Result<Json<JoinAnswer>, Problem> {
    let registration = registration(&replica, &caller, &request.device)?;
    // It is synced with from its first request on: until then it does not know this device.
    Ok(Json(replica.blocking(move |r| r.accept_join(&request, &registration)).await?))
}

/// Joins the devices of whoever gave out the code, and syncs. Admin.
#[utoipa::path(post, path = "/devices/pair", request_body = PairRequest, responses((status = 200, body = Round)))]
pub(super) async fn pair(
    State(replica): State<Arc<Replica>>,
    _: Admin,
    JsonBody(request): JsonBody<PairRequest>,
) -> Result<Json<Round>, Problem> {
    if let Some(name) = request.name {
        replica.blocking(move |r| Ok(r.identity().rename(&name)?)).await?;
    }
    Ok(Json(peers::join(&replica, &request.code).await?))
}
