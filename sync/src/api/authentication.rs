//! Who calls: the admin by token, a device by its signature, or anyone. And the signature under every answer.
//!
//! Enters: a raw request. Leaves: a request with a bounded, digest-checked body and a [`Caller`]; then the answer, signed by this device and bound
//! to the request's signature. A signature is checked before a byte of the body is read.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use super::problem::{Cause, Problem};
use crate::{
    devices::{self, Device},
    identity::{
        CONTENT_DIGEST, DEVICE_HEADER, Keys, MessageError, MessageParts, NonceError, OpenedSignature, PublicKey, RECEIVER_HEADER,
        ROTATIONS_HEADER, RequestParts, SignatureParameters, check_digest, open_signature, read_rotations, show_rotations, sign_answer,
    },
    manager::{Replica, now_seconds},
    peers::{CHALLENGE_HEADER, coding},
};

/// Largest bodies, by who sends them.
const MAX_DEVICE_BYTES: usize = 1 << 30;
const MAX_ADMIN_BYTES: usize = 16 << 20;
const MAX_STRANGER_BYTES: usize = 16 << 10;
/// How much of a refused request is read, and for how long.
const MAX_DRAINED_BYTES: usize = 64 << 20;
const MAX_DRAIN: Duration = Duration::from_secs(10);

/// Who calls.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Anyone.
    Anyone,
    /// The holder of the admin token.
    Admin,
    /// An authorized device.
    Device(Arc<Device>),
    /// Somebody with a signature of a key that is not known here: only registering and joining look at it.
    Stranger(Arc<OpenedSignature>),
}

/// Authenticates, bounds and checks the request; signs the answer.
pub(super) async fn guard(State(replica): State<Arc<Replica>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let asked = Asked::of(&parts);
    let answer = match authenticate(&replica, &parts, body).await {
        Ok((caller, body)) => {
            let is_admin = matches!(caller, Caller::Admin);
            parts.extensions.insert(caller);
            let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
            match answer.extensions().get::<Cause>() {
                Some(Cause(words)) if is_admin => Problem::new(500, words).into_response(),
                _ => answer,
            }
        }
        Err(problem) => problem.into_response(),
    };
    sign(&replica, &asked, answer).await
}

/// The parts of a request that its answer's signature needs.
struct Asked {
    method: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
}

impl Asked {
    fn of(parts: &Parts) -> Asked {
        Asked {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers: parts.headers.clone(),
        }
    }

    fn parts(&self) -> RequestParts<'_> {
        RequestParts { method: &self.method, path: &self.path, query: self.query.as_deref(), headers: &self.headers }
    }
}

async fn authenticate(replica: &Arc<Replica>, parts: &Parts, body: Body) -> Result<(Caller, Bytes), Problem> {
    let caller = match identify(replica, parts).await {
        Ok(caller) => caller,
        Err(problem) => {
            drain(body).await;
            return Err(problem);
        }
    };
    let limit = match &caller {
        Caller::Device(_) => MAX_DEVICE_BYTES,
        Caller::Admin => MAX_ADMIN_BYTES,
        Caller::Anyone | Caller::Stranger(_) => MAX_STRANGER_BYTES,
    };
    let body = to_bytes(body, limit).await.map_err(|_| Problem::new(413, format!("a body from you has at most {limit} bytes")))?;
    if matches!(caller, Caller::Device(_) | Caller::Stranger(_)) || parts.headers.contains_key(CONTENT_DIGEST) {
        check_digest(&parts.headers, &body).map_err(|e| Problem::new(401, e.to_string()))?;
    }
    match coding::unpack(&parts.headers, &body, limit).map_err(|reason| Problem::new(413, reason))? {
        Cow::Owned(plain) => Ok((caller, plain.into())),
        Cow::Borrowed(_) => Ok((caller, body.clone())),
    }
}

/// Reads a refused request's body to its end, within bounds, and forgets it: a client that is still writing hears a closed connection
/// instead of the answer.
async fn drain(body: Body) {
    let mut pieces = body.into_data_stream();
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            bytes += piece.len();
            if bytes > MAX_DRAINED_BYTES {
                break;
            }
        }
    };
    // Whoever is slower than that does not get an answer.
    let _ = tokio::time::timeout(MAX_DRAIN, read).await;
}

async fn identify(replica: &Arc<Replica>, parts: &Parts) -> Result<Caller, Problem> {
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        if token.is_some_and(|token| replica.is_admin_token(token.trim())) {
            return Ok(Caller::Admin);
        }
        // Only wrong tokens are bounded: nobody can lock the admin out by guessing.
        if !replica.guesses().allow() {
            return Err(Problem::new(429, "too many wrong tokens; try again in a minute"));
        }
        return Err(Problem::new(401, "not the admin token: it stands in the file admin.token of the data directory"));
    }
    let request = RequestParts { method: parts.method.as_str(), path: parts.uri.path(), query: parts.uri.query(), headers: &parts.headers };
    let opened = match open_signature(&MessageParts::Request(request)) {
        Ok(opened) => opened,
        Err(MessageError::Unsigned) => return Ok(Caller::Anyone),
        Err(error) => return Err(Problem::new(401, error.to_string())),
    };
    let me = replica.identity().device_id;
    let receiver = parts.headers.get(RECEIVER_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if receiver != me.to_string() {
        return Err(Problem::new(401, format!("this request is meant for device {receiver}, but this is device {me}")));
    }
    if matches!(parts.uri.path(), "/devices/register" | "/devices/join") {
        return Ok(Caller::Stranger(Arc::new(opened)));
    }
    let key_id = opened.parameters.key_id.clone();
    let unknown = || Problem::new(401, format!("device {key_id} is not known here; register it first"));
    let id = key_id.parse().map_err(|_| unknown())?;
    let known = replica.blocking(move |r| Ok(devices::get(&*r.database().glance()?, r.identity().device_id, id)?)).await?;
    let device = known.ok_or_else(unknown)?;
    let key = PublicKey::parse(&device.public_key).map_err(|_| unknown())?;
    // A device that has replaced its key shows how; its log tells the same as soon as it comes.
    let key = Keys::follow(id, key, &read_rotations(parts.headers.get(ROTATIONS_HEADER))).current;
    check_signature(replica, &opened, &key)?;
    if device.is_revoked {
        return Err(Problem::new(403, "this device was revoked"));
    }
    if !device.is_authorized {
        return Err(Problem::new(
            403,
            format!("this device is not authorized yet; on the other device run: peergres device authorize {id}"),
        ));
    }
    if device.is_forked {
        return Err(Problem::new(403, "this device is forked: two histories bear its identity; it needs a new one"));
    }
    Ok(Caller::Device(Arc::new(device)))
}

/// Checks a signature with the key, then its freshness; a device whose clock is off is given a challenge.
pub(super) fn check_signature(replica: &Replica, opened: &OpenedSignature, key: &PublicKey) -> Result<(), Problem> {
    if !opened.verifies(key) {
        return Err(Problem::new(401, "the signature is not of this device's key over this request"));
    }
    let SignatureParameters { created, nonce, key_id } = &opened.parameters;
    let now = now_seconds();
    let mut nonces = replica.nonces().lock();
    match nonces.accept(key_id, nonce, *created, now) {
        Ok(()) => Ok(()),
        Err(NonceError::Stale) => {
            let problem = Problem::new(401, NonceError::Stale.to_string());
            Err(match nonces.challenge(now) {
                Some(challenge) => problem.with_header(CHALLENGE_HEADER, &challenge),
                None => problem,
            })
        }
        Err(error @ NonceError::Replayed) => Err(Problem::new(401, error.to_string())),
        Err(error) => Err(Problem::new(429, error.to_string())),
    }
}

async fn sign(replica: &Replica, asked: &Asked, answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    parts.headers.insert("x-content-type-options", header::HeaderValue::from_static("nosniff"));
    parts.headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    let streams = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let device_id = replica.identity().device_id.to_string();
    if streams {
        if let Ok(value) = header::HeaderValue::from_str(&device_id) {
            parts.headers.insert(DEVICE_HEADER, value);
        }
        return Response::from_parts(parts, body);
    }
    let Ok(mut body) = to_bytes(body, usize::MAX).await else {
        return Problem::new(500, "the answer could not be read").into_response();
    };
    let is_json = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/json");
    let packed = if is_json && coding::reads_gzip(&asked.headers) { coding::pack_aside(body.clone()).await } else { None };
    if let Some(packed) = packed {
        body = packed;
        parts.headers.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static(coding::GZIP));
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let nonce = crate::identity::fresh_nonce().unwrap_or_default();
    let parameters = SignatureParameters { created: now_seconds(), nonce, key_id: device_id };
    match sign_answer(&replica.identity().key(), &parameters, parts.status.as_u16(), &body, asked.parts()) {
        Ok(headers) => {
            parts.headers.extend(headers);
            if let Some(shown) = show_rotations(&replica.identity().rotations()).and_then(|text| text.parse().ok()) {
                parts.headers.insert(ROTATIONS_HEADER, shown);
            }
            Response::from_parts(parts, Body::from(body))
        }
        Err(error) => Problem::new(500, error.to_string()).into_response(),
    }
}

/// Only the admin.
pub(super) struct Admin;

/// Only an authorized device.
pub(super) struct AuthorizedDevice(pub(super) Arc<Device>);

/// The admin or an authorized device.
pub(super) struct Member;

fn caller(parts: &Parts) -> Caller {
    parts.extensions.get::<Caller>().cloned().unwrap_or(Caller::Anyone)
}

impl<S: Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match caller(parts) {
            Caller::Admin => Ok(Admin),
            Caller::Device(_) => Err(Problem::new(403, "this needs the admin token; a device's signature does not do")),
            Caller::Anyone | Caller::Stranger(_) => Err(admin_needed()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for AuthorizedDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match caller(parts) {
            Caller::Device(device) => Ok(AuthorizedDevice(device)),
            Caller::Admin => Err(Problem::new(403, "this is for devices, who sign their requests; the admin token does not do")),
            Caller::Anyone | Caller::Stranger(_) => Err(Problem::new(401, MessageError::Unsigned.to_string())),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Member {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match caller(parts) {
            Caller::Admin | Caller::Device(_) => Ok(Member),
            Caller::Anyone | Caller::Stranger(_) => Err(admin_needed()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(caller(parts))
    }
}

fn admin_needed() -> Problem {
    Problem::new(401, "send the token of the file admin.token as \"Authorization: Bearer TOKEN\"")
        .with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"peergres\"")
}

/// A JSON body.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|e| Problem::new(400, e.to_string()))?;
        // An empty body stands for an object without members, for those whose members are all optional.
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        serde_json::from_slice(text).map(JsonBody).map_err(|e| {
            let status = if e.is_data() { 422 } else { 400 };
            Problem::new(status, format!("the body is not what this path takes: {e}"))
        })
    }
}
