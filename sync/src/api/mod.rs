//! The HTTP API: a router per resource, every request authenticated and every answer signed in one place.
//!
//! Enters: HTTP requests, bounded in size and rate. Leaves: JSON, or RFC 9457 problem details. Who may call what stands beside each handler.

mod authentication;
mod conflicts;
mod devices;
mod history;
mod observe;
mod page;
mod problem;
mod rate;
mod sync;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware};
use utoipa::OpenApi;

pub use problem::Problem;
pub use rate::RateLimit;

use crate::manager::Replica;

/// The API's description, made from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Peergres",
        description = "Devices, sync, conflicts and the audit trail of one Peergres node.\n\nDevices sign each request by HTTP Message \
            Signatures (RFC 9421) with Ed25519, tag \"peergres\", over \"@method\" \"@path\" \"@query\" \"peergres-receiver\" \
            \"content-digest\", with the parameters created, nonce and keyid (the device's id); the header Peergres-Receiver names the \
            device that the request is meant for. Answers are signed over \"@status\" \"peergres-device\" \"content-digest\" and the \
            request's signature. An answer of 401 with the header Peergres-Challenge asks to repeat the request with that nonce."
    ),
    paths(
        observe::health,
        observe::metrics,
        observe::description,
        page::page,
        page::qr,
        devices::register,
        devices::authorize,
        devices::list,
        devices::revoke,
        devices::rotate_key,
        devices::invite,
        devices::join,
        devices::pair,
        sync::push,
        sync::pull,
        sync::snapshot,
        sync::status,
        sync::events,
        sync::now,
        conflicts::list,
        conflicts::show,
        conflicts::resolve,
        conflicts::ignore,
        history::show,
        history::verify,
        history::prune,
    )
)]
struct Description;

/// The API as JSON (OpenAPI 3.1).
pub fn openapi() -> String {
    Description::openapi().to_pretty_json().expect("the description is plain data")
}

/// All routes, behind authentication.
pub fn router(replica: &Arc<Replica>) -> Router {
    Router::new()
        .merge(observe::routes())
        .merge(page::routes())
        .merge(devices::routes())
        .merge(sync::routes())
        .merge(conflicts::routes())
        .merge(history::routes())
        .fallback(|| async { Problem::new(404, "there is no such path; GET /openapi.json describes the API") })
        .method_not_allowed_fallback(|| async {
            Problem::new(405, "this path does not know that method; GET /openapi.json describes the API")
        })
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(Arc::clone(replica), authentication::guard))
        .with_state(Arc::clone(replica))
}
