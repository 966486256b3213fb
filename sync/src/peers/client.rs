//! The HTTP client: signed requests, verified answers, one clear line for everything that can go wrong.
//!
//! Enters: a peer's address, its device and key, a path and a body. Leaves: the answer's JSON, or a [`PeerError`]. An answer whose signature is
//! not the peer's is never looked into.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use futures_util::StreamExt as _;
use reqwest::{Method, Response, Url};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::coding;
use crate::{
    clock::{self, DeviceId},
    identity::{
        DEVICE_HEADER, Identity, Keys, MessageParts, PublicKey, ROTATIONS_HEADER, RequestParts, SignatureParameters, check_digest,
        fresh_nonce, open_signature, read_rotations, show_rotations, sign_request,
    },
};

/// The header with which a server answers a device whose clock is off.
pub(crate) const CHALLENGE_HEADER: HeaderName = HeaderName::from_static("peergres-challenge");
/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 1 << 30;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a peer could not be synced with: one line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The address is none.
    #[error("{0:?} is not a peer's address; give one such as http://host:8080")]
    Address(String),
    /// No connection.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// Too slow.
    #[error("{url} does not answer in time")]
    Timeout {
        /// Where.
        url: String,
    },
    /// Something else listens there.
    #[error("{url} is not a Peergres: {reason}")]
    NotPeergres {
        /// Where.
        url: String,
        /// What is missing.
        reason: String,
    },
    /// The connection ended in the middle.
    #[error("the connection to {url} broke: {reason}")]
    Broken {
        /// Where.
        url: String,
        /// How.
        reason: String,
    },
    /// Another device than expected, or somebody in between.
    #[error("the answer of {url} is not signed by device {device_id}")]
    NotAuthentic {
        /// Where.
        url: String,
        /// Who should have signed.
        device_id: DeviceId,
    },
    /// The peer says no.
    #[error("{url} refused: {detail}")]
    Refused {
        /// Where.
        url: String,
        /// The status code.
        status: u16,
        /// Its words.
        detail: String,
    },
    /// The device there is not authorized here.
    #[error("device {device_id} at {url} is not authorized here; run: peergres device authorize {device_id}")]
    NotAuthorized {
        /// Where.
        url: String,
        /// Which.
        device_id: DeviceId,
    },
    /// It is this device itself.
    #[error("{0} is this device itself")]
    Own(String),
    /// What it sent can't be taken.
    #[error("{url} sent what can't be applied: {reason}")]
    Unusable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// Something here went wrong.
    #[error("{0}")]
    Local(String),
}

impl PeerError {
    /// What it means where the address is known to be a Peergres.
    fn of_a_peer(self) -> PeerError {
        match self {
            PeerError::NotPeergres { url, reason } => PeerError::Broken { url, reason },
            other => other,
        }
    }
}

/// Who is expected at an address.
#[derive(Clone, Debug)]
pub struct PeerIdentity {
    /// Where its HTTP API is.
    pub url: String,
    /// Its id.
    pub device_id: DeviceId,
    /// Its key.
    pub key: PublicKey,
}

/// See the file's head.
#[derive(Clone, Debug)]
pub struct PeerClient {
    http: reqwest::Client,
    identity: Arc<Identity>,
}

/// An answer whose signature was checked.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl PeerClient {
    /// A client that signs as this device.
    pub fn new(identity: Arc<Identity>) -> Result<PeerClient, PeerError> {
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).no_proxy();
        let http = http.redirect(reqwest::redirect::Policy::none()).build().map_err(|e| PeerError::Local(e.to_string()))?;
        Ok(PeerClient { http, identity })
    }

    /// Asks who listens at an address. The answer is only a claim: what follows is checked against that device's key.
    pub async fn identify(&self, url: &str) -> Result<DeviceId, PeerError> {
        let target = target(url, "/health")?;
        let response = self.http.get(target).send().await.map_err(|e| transport(url, &e))?;
        let named = response.headers().get(DEVICE_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
        named.ok_or_else(|| PeerError::NotPeergres { url: url.to_owned(), reason: "it does not name its device".to_owned() })
    }

    /// A signed request to a device of known key; the answer's signature is checked before its body is read.
    pub async fn call<A: DeserializeOwned>(&self, peer: &PeerIdentity, path: &str, body: &impl Serialize) -> Result<A, PeerError> {
        let (answer, sent) = self.send(&peer.url, peer.device_id, path, body).await?;
        if !authentic(&answer, &sent, peer.device_id, |_| Some(peer.key)) {
            return Err(PeerError::NotAuthentic { url: peer.url.clone(), device_id: peer.device_id });
        }
        read_answer(&peer.url, &answer)
    }

    /// A signed request to a device whose key comes with the answer itself: `key` finds it there, and the caller decides whether to believe it.
    pub(crate) async fn introduce<A: DeserializeOwned>(
        &self,
        url: &str,
        device_id: DeviceId,
        path: &str,
        body: &impl Serialize,
        key: impl Fn(&Json) -> Option<PublicKey>,
    ) -> Result<A, PeerError> {
        let (answer, sent) = self.send(url, device_id, path, body).await?;
        if answer.status.is_success() {
            let plain = plain_body(&answer).unwrap_or_default();
            let claimed = serde_json::from_slice::<Json>(&plain).ok().and_then(|json| key(&json));
            if !authentic(&answer, &sent, device_id, |_| claimed) {
                return Err(PeerError::NotAuthentic { url: url.to_owned(), device_id });
            }
        }
        read_answer(url, &answer)
    }

    /// Listens to a peer's events: answers the response whose body tells of news line by line.
    pub(crate) async fn listen(&self, peer: &PeerIdentity, path: &str) -> Result<Response, PeerError> {
        let target = target(&peer.url, path)?;
        let mut nonce: Option<String> = None;
        loop {
            let sent = self.sign(peer.device_id, "GET", &target, b"", nonce.as_deref())?;
            let response = self.http.get(target.clone()).headers(sent).send().await.map_err(|e| transport(&peer.url, &e).of_a_peer())?;
            match challenge_of(response.status(), response.headers()) {
                Some(challenge) if nonce.is_none() => nonce = Some(challenge),
                _ if response.status() == StatusCode::OK => return Ok(response),
                _ => {
                    let (url, status) = (peer.url.clone(), response.status().as_u16());
                    return Err(PeerError::Refused { url, status, detail: "no events".to_owned() });
                }
            }
        }
    }

    /// A signed `GET` of a device of known key; the answer's signature is checked before its body is looked at. The answer's status is the caller's
    /// business.
    pub(crate) async fn download(&self, peer: &PeerIdentity, path: &str, query: &str) -> Result<Download, PeerError> {
        let mut target = target(&peer.url, path)?;
        target.set_query(query.strip_prefix('?'));
        let mut nonce: Option<String> = None;
        loop {
            let headers = self.sign(peer.device_id, "GET", &target, b"", nonce.as_deref())?;
            let request = self.http.get(target.clone()).headers(headers.clone());
            let response = request.send().await.map_err(|e| transport(&peer.url, &e).of_a_peer())?;
            let answer = read_bounded(&peer.url, response).await.map_err(PeerError::of_a_peer)?;
            match challenge_of(answer.status, &answer.headers) {
                Some(challenge) if nonce.is_none() => nonce = Some(challenge),
                _ => {
                    let sent = SentRequest { method: "GET", target, headers };
                    if !authentic(&answer, &sent, peer.device_id, |_| Some(peer.key)) {
                        return Err(PeerError::NotAuthentic { url: peer.url.clone(), device_id: peer.device_id });
                    }
                    return Ok(Download { status: answer.status, headers: answer.headers, body: answer.body });
                }
            }
        }
    }

    async fn send(&self, url: &str, device_id: DeviceId, path: &str, body: &impl Serialize) -> Result<(Answer, SentRequest), PeerError> {
        let plain = Bytes::from(serde_json::to_vec(body).map_err(|e| PeerError::Local(e.to_string()))?);
        let packed = coding::pack_aside(plain.clone()).await;
        let coded = packed.is_some();
        let body = packed.unwrap_or(plain);
        let target = target(url, path)?;
        let mut challenge: Option<String> = None;
        loop {
            let signed = self.sign(device_id, "POST", &target, &body, challenge.as_deref())?;
            let request = self.http.request(Method::POST, target.clone()).headers(signed.clone());
            let mut request = request.header(header::CONTENT_TYPE, "application/json").header(header::ACCEPT_ENCODING, coding::GZIP);
            if coded {
                request = request.header(header::CONTENT_ENCODING, coding::GZIP);
            }
            let request = request.body(body.clone());
            let response = request.send().await.map_err(|e| transport(url, &e).of_a_peer())?;
            let answer = read_bounded(url, response).await.map_err(PeerError::of_a_peer)?;
            match challenge_of(answer.status, &answer.headers) {
                Some(nonce) if challenge.is_none() => challenge = Some(nonce),
                _ => return Ok((answer, SentRequest { method: "POST", target, headers: signed })),
            }
        }
    }

    fn sign(&self, to: DeviceId, method: &str, target: &Url, body: &[u8], nonce: Option<&str>) -> Result<HeaderMap, PeerError> {
        let nonce = match nonce {
            Some(nonce) => nonce.to_owned(),
            None => fresh_nonce().ok_or_else(|| PeerError::Local("no randomness from the operating system".to_owned()))?,
        };
        let created = i64::try_from(clock::now_millis() / 1000).unwrap_or(i64::MAX);
        let parameters = SignatureParameters { created, nonce, key_id: self.identity.device_id.to_string() };
        let signed = sign_request(&self.identity.key(), &parameters, to, (method, target.path(), target.query()), body);
        let mut headers = signed.map_err(|e| PeerError::Local(e.to_string()))?;
        if let Some(shown) = show_rotations(&self.identity.rotations()).and_then(|text| text.parse().ok()) {
            headers.insert(ROTATIONS_HEADER, shown);
        }
        Ok(headers)
    }
}

/// The nonce with which a server asks to repeat a request.
fn challenge_of(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let nonce = headers.get(CHALLENGE_HEADER)?.to_str().ok()?;
    (status == StatusCode::UNAUTHORIZED).then(|| nonce.to_owned())
}

struct SentRequest {
    method: &'static str,
    target: Url,
    headers: HeaderMap,
}

/// Whether an answer is signed by the device's key, over its body and over the request that it answers.
fn authentic(answer: &Answer, sent: &SentRequest, device_id: DeviceId, key: impl Fn(&str) -> Option<PublicKey>) -> bool {
    let request = RequestParts { method: sent.method, path: sent.target.path(), query: sent.target.query(), headers: &sent.headers };
    let message = MessageParts::Answer { status: answer.status.as_u16(), headers: &answer.headers, request };
    let Ok(opened) = open_signature(&message) else { return false };
    opened.parameters.key_id == device_id.to_string()
        && answer.headers.get(DEVICE_HEADER).is_some_and(|value| value.as_bytes() == device_id.to_string().as_bytes())
        && key(&opened.parameters.key_id).is_some_and(|key| {
            // A peer that has replaced its key shows how.
            opened.verifies(&key)
                || opened.verifies(&Keys::follow(device_id, key, &read_rotations(answer.headers.get(ROTATIONS_HEADER))).current)
        })
        && check_digest(&answer.headers, &answer.body).is_ok()
}

fn plain_body(answer: &Answer) -> Result<Cow<'_, [u8]>, String> {
    coding::unpack(&answer.headers, &answer.body, MAX_ANSWER_BYTES)
}

fn read_answer<A: DeserializeOwned>(url: &str, answer: &Answer) -> Result<A, PeerError> {
    if answer.status.is_success() {
        let unusable = |reason: String| PeerError::Unusable { url: url.to_owned(), reason };
        let plain = plain_body(answer).map_err(unusable)?;
        return serde_json::from_slice(&plain).map_err(|e| unusable(e.to_string()));
    }
    let problem: Option<Json> = plain_body(answer).ok().and_then(|plain| serde_json::from_slice(&plain).ok());
    let words = problem.as_ref().and_then(|p| p.get("detail").or_else(|| p.get("title"))).and_then(Json::as_str);
    let status = answer.status.as_u16();
    // The words are the peer's: kept to one line of printable characters.
    let detail = words.map(|words| words.chars().filter(|c| !c.is_control()).take(300).collect());
    Err(PeerError::Refused { url: url.to_owned(), status, detail: detail.unwrap_or_else(|| format!("HTTP status {status}")) })
}

async fn read_bounded(url: &str, response: Response) -> Result<Answer, PeerError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|e| transport(url, &e))?;
        if body.len() + piece.len() > MAX_ANSWER_BYTES {
            return Err(PeerError::Unusable { url: url.to_owned(), reason: "its answer is too large".to_owned() });
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status, headers, body })
}

fn target(url: &str, path: &str) -> Result<Url, PeerError> {
    let bad = || PeerError::Address(url.to_owned());
    let mut target = Url::parse(url).map_err(|_| bad())?;
    if target.scheme() != "http" || target.host().is_none() || target.query().is_some() {
        return Err(bad());
    }
    let full = format!("{}{path}", target.path().trim_end_matches('/'));
    target.set_path(&full);
    Ok(target)
}

/// The innermost reason of a failure: "connection refused" says more than "error sending request".
fn transport(url: &str, error: &reqwest::Error) -> PeerError {
    let url = url.to_owned();
    if error.is_timeout() {
        return PeerError::Timeout { url };
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let reason = cause.to_string();
    if error.is_connect() { PeerError::Unreachable { url, reason } } else { PeerError::NotPeergres { url, reason } }
}
