//! Errors as RFC 9457 problem details.
//!
//! Enters: a status and a sentence, or an error of another room. Leaves: `application/problem+json`.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    conflicts::ConflictError,
    devices::DeviceError,
    manager::ReplicaError,
    peers::{PeerError, pairing::RedeemError},
    store::StoreError,
};

/// A problem.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: the status says it all.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong, and what to do.
    pub detail: String,
    #[serde(skip)]
    headers: Box<HeaderMap>,
    #[serde(skip)]
    cause: Option<Cause>,
}

/// What really went wrong: for the admin's eyes.
#[derive(Clone, Debug)]
pub(super) struct Cause(pub(super) String);

impl Problem {
    /// A problem of that status.
    pub fn new(status: u16, detail: impl Into<String>) -> Problem {
        let title = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Error").to_owned();
        Problem { kind: "about:blank", title, status, detail: detail.into(), headers: Box::default(), cause: None }
    }

    /// With a header field.
    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Problem {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("numbers and text are JSON");
        let mut response = (status, body).into_response();
        response.headers_mut().extend(*self.headers);
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(cause);
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<ReplicaError> for Problem {
    fn from(error: ReplicaError) -> Self {
        match error {
            ReplicaError::Store(error) => error.into(),
            ReplicaError::Device(error) => error.into(),
            ReplicaError::Conflict(error) => error.into(),
            ReplicaError::Peer(error) => error.into(),
            ReplicaError::Redeem(error) => error.into(),
            ReplicaError::Message(reason) => Problem::new(422, reason),
            ReplicaError::Identity(_) | ReplicaError::Interrupted => internal(&error),
        }
    }
}

impl From<RedeemError> for Problem {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Unknown => Problem::new(403, error.to_string()),
            RedeemError::TooMany => Problem::new(429, error.to_string()),
            RedeemError::File(_) => internal(&error),
        }
    }
}

impl From<DeviceError> for Problem {
    fn from(error: DeviceError) -> Self {
        let status = match &error {
            DeviceError::NotFound(_) => 404,
            DeviceError::Ambiguous(_) | DeviceError::Invalid(_) => 422,
            DeviceError::KeyDiffers(_) | DeviceError::Own => 409,
            DeviceError::Revoked(_) => 403,
            DeviceError::TooManyPending => 429,
            DeviceError::Store(_) => return internal(&error),
        };
        Problem::new(status, error.to_string())
    }
}

impl From<ConflictError> for Problem {
    fn from(error: ConflictError) -> Self {
        let status = match &error {
            ConflictError::NotFound(_) => 404,
            ConflictError::Invalid(_) => 422,
            ConflictError::Store(_) => return internal(&error),
            _ => 409,
        };
        Problem::new(status, error.to_string())
    }
}

impl From<PeerError> for Problem {
    fn from(error: PeerError) -> Self {
        let status = match &error {
            PeerError::Address(_) | PeerError::Own(_) => 422,
            PeerError::Local(_) => 500,
            PeerError::NotAuthorized { .. } => 409,
            PeerError::Timeout { .. } => 504,
            _ => 502,
        };
        Problem::new(status, error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        internal(&error)
    }
}

/// The store's own words stay in our log, since they may tell of data; only the admin hears them.
fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = %error, "a request failed");
    let cause = Some(Cause(error.to_string()));
    Problem { cause, ..Problem::new(500, "the request failed here; this device's log says why") }
}
