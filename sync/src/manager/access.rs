//! How a command reaches a node, whether or not a server is running on its directory: always through the HTTP API, over the network to the server
//! that runs, or straight into the API's router where none does.
//!
//! Enters: a data directory. Leaves: answers of the API as JSON, or one clear line.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, header},
};
use serde_json::Value as Json;
use tower::ServiceExt as _;

use super::{
    replica::{Replica, ReplicaError},
    server::ServerFile,
};
use crate::{
    api,
    conflicts::Strategies,
    store::{Node, Setup, StoreError},
};

/// How long a server may take to show that it is alive.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a server may take to start or end before a command gives up on it.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Why a command failed: one line each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The node can't be opened.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// A server has the directory, but its API does not answer.
    #[error("a peergres server has {0}, but its HTTP API does not answer; look at its log, or stop it")]
    Silent(String),
    /// Its admin token can't be read.
    #[error("{path}: {error}")]
    Token {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The server went away.
    #[error("the server at {url} does not answer: {reason}")]
    Server {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// The API says no, in its own words.
    #[error("{0}")]
    Refused(String),
}

/// See the file's head.
pub enum Access {
    /// Through the server that runs.
    Server {
        /// Where its API is.
        url: String,
        /// The admin's token.
        token: String,
        /// The client.
        http: reqwest::Client,
    },
    /// On the files.
    Files {
        /// The node.
        replica: Arc<Replica>,
        /// Its API.
        router: Router,
        /// The admin's token.
        token: String,
    },
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Access::Server { url, .. } => write!(f, "Access::Server({url})"),
            Access::Files { .. } => f.write_str("Access::Files"),
        }
    }
}

impl Access {
    /// Finds the server, or opens the files; what is missing on disk is made. A directory that is taken and has no server yet is asked again
    /// for a while: its server is starting or ending, or another command is at work there.
    pub async fn open(directory: &Path, database: &str, setup: Setup, strategies: Strategies) -> Result<Access, AccessError> {
        let end = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(access) = Access::server(directory).await? {
                return Ok(access);
            }
            match Access::files(directory, database, &setup, &strategies).await {
                Err(AccessError::Replica(ReplicaError::Store(StoreError::InUse(_)))) if Instant::now() < end => {
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                Err(AccessError::Replica(ReplicaError::Store(StoreError::InUse(_)))) => {
                    return Err(AccessError::Silent(directory.display().to_string()));
                }
                done => return done,
            }
        }
    }

    async fn files(directory: &Path, database: &str, setup: &Setup, strategies: &Strategies) -> Result<Access, AccessError> {
        let (place, name, setup, strategies) = (directory.to_owned(), database.to_owned(), setup.clone(), strategies.clone());
        let opened = tokio::task::spawn_blocking(move || Replica::open(&Node::open(&place, &name, setup)?, None, strategies));
        let replica = opened.await.map_err(|_| ReplicaError::Interrupted)??;
        let token = read_token(directory)?;
        Ok(Access::Files { router: api::router(&replica), replica, token })
    }

    /// The server that runs on a directory, if one does.
    async fn server(directory: &Path) -> Result<Option<Access>, AccessError> {
        let file = std::fs::read_to_string(directory.join("server.json")).ok();
        let Some(file) = file.and_then(|text| serde_json::from_str::<ServerFile>(&text).ok()) else { return Ok(None) };
        let http = reqwest::Client::builder().no_proxy().connect_timeout(PROBE_TIMEOUT).build();
        let http = http.map_err(|e| AccessError::Server { url: file.url.clone(), reason: e.to_string() })?;
        let alive = http.get(format!("{}/health", file.url)).timeout(PROBE_TIMEOUT).send().await;
        if !alive.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(None);
        }
        Ok(Some(Access::Server { url: file.url, token: read_token(directory)?, http }))
    }

    /// Whether a server runs there.
    pub fn is_server(&self) -> bool {
        matches!(self, Access::Server { .. })
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Result<Json, AccessError> {
        self.call("GET", path, None).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: &Json) -> Result<Json, AccessError> {
        self.call("POST", path, Some(body)).await
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Json, AccessError> {
        let (good, answer) = match self {
            Access::Server { url, token, http } => {
                let failed = |e: reqwest::Error| AccessError::Server { url: url.clone(), reason: e.to_string() };
                let request = if method == "GET" { http.get(format!("{url}{path}")) } else { http.post(format!("{url}{path}")) };
                let request = request.bearer_auth(token).body(body.map(Json::to_string).unwrap_or_default());
                let answer = request.send().await.map_err(failed)?;
                (answer.status().is_success(), answer.bytes().await.map_err(failed)?)
            }
            Access::Files { router, token, .. } => {
                let request = Request::builder().method(method).uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
                let request = request.body(Body::from(body.map(Json::to_string).unwrap_or_default()));
                let request = request.map_err(|e| AccessError::Refused(e.to_string()))?;
                let Ok(answer) = router.clone().oneshot(request).await;
                let good = answer.status().is_success();
                (good, to_bytes(answer.into_body(), usize::MAX).await.map_err(|e| AccessError::Refused(e.to_string()))?)
            }
        };
        let json: Json = serde_json::from_slice(&answer).unwrap_or(Json::Null);
        if good {
            return Ok(json);
        }
        let words = json.get("detail").and_then(Json::as_str).map(str::to_owned);
        Err(AccessError::Refused(words.unwrap_or_else(|| String::from_utf8_lossy(&answer).chars().take(300).collect())))
    }
}

fn read_token(directory: &Path) -> Result<String, AccessError> {
    let path = directory.join("admin.token");
    let text = std::fs::read_to_string(&path).map_err(|error| AccessError::Token { path: path.display().to_string(), error })?;
    Ok(text.trim().to_owned())
}
