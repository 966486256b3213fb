//! The admin page: three files that lie in the binary. It holds no data; what it shows it asks of the API with the admin's token.
//!
//! Enters: `GET`s of anyone. Leaves: the page, under a policy that lets nothing in from elsewhere. The token is typed in, kept by the browser's tab, and
//! sent as a header of each request: no cookie, so that no other site can act in the admin's name.

use axum::{
    Router,
    http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_FRAME_OPTIONS},
    response::IntoResponse,
    routing::{get, post},
};
use qrcode::{QrCode, render::svg};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

use super::{
    authentication::{Admin, JsonBody},
    problem::Problem,
};
use crate::manager::Replica;

/// Scripts, styles and requests of this address only; nothing inline, no frame, no form that is sent anywhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A QR code holds about twice as much.
const MAX_QR_BYTES: usize = 1_500;

pub(super) fn routes() -> Router<Arc<Replica>> {
    Router::new()
        .route("/", get(page))
        .route("/page.css", get(|| async { file("text/css; charset=utf-8", include_str!("page.css")) }))
        .route("/page.js", get(|| async { file("text/javascript; charset=utf-8", include_str!("page.js")) }))
        .route("/devices/qr", post(qr))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 4] =
        [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY), (X_FRAME_OPTIONS, "DENY"), (REFERRER_POLICY, "no-referrer")];
    (headers, text)
}

/// The admin page. Anyone; it shows nothing until the admin's token is given.
#[utoipa::path(get, path = "/", responses((status = 200, content_type = "text/html")))]
pub(super) async fn page() -> impl IntoResponse {
    file("text/html; charset=utf-8", include_str!("page.html"))
}

/// What to show as a QR code.
#[derive(Deserialize, ToSchema)]
pub(super) struct QrRequest {
    /// An invitation's code.
    text: String,
}

/// A text as a QR code, an SVG. Admin.
#[utoipa::path(post, path = "/devices/qr", request_body = QrRequest, responses((status = 200, content_type = "image/svg+xml")))]
pub(super) async fn qr(_: Admin, JsonBody(request): JsonBody<QrRequest>) -> Result<impl IntoResponse, Problem> {
    let too_long = || Problem::new(422, format!("a QR code holds at most {MAX_QR_BYTES} bytes here"));
    if request.text.len() > MAX_QR_BYTES {
        return Err(too_long());
    }
    let code = QrCode::new(request.text).map_err(|_| too_long())?;
    let image = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Ok(([(CONTENT_TYPE, "image/svg+xml")], image))
}

#[cfg(test)]
mod tests {
    use reqwest::{Method, StatusCode};
    use serde_json::json;

    use crate::manager::tests::serving;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_page_and_its_files_are_served_under_a_strict_policy_and_hold_no_data() {
        let node = serving("a-name-that-is-no-secret-word").await;
        for (path, kind, word) in [("/", "text/html", "<main"), ("/page.css", "text/css", "--"), ("/page.js", "text/javascript", "fetch(")]
        {
            let answer = reqwest::get(format!("{}{path}", node.url)).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert!(header("content-type").starts_with(kind) && header("content-security-policy").starts_with("default-src 'none'"));
            assert!(!header("content-security-policy").contains("unsafe"));
            assert_eq!((header("x-frame-options").as_str(), header("x-content-type-options").as_str()), ("DENY", "nosniff"));
            let text = answer.text().await.unwrap();
            assert!(text.contains(word), "{path}");
            assert!(
                !text.contains(&node.replica.identity().device_name()) && !text.contains(&node.replica.identity().device_id.to_string())
            );
            // Nothing from elsewhere, and nothing that the policy would stop.
            assert!(!text.contains("https://") && !text.contains(" style=") && !text.contains(" onclick="), "{path}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_request_that_the_page_makes_is_one_of_the_api() {
        let node = serving("a").await;
        let script = include_str!("page.js");
        let (_, api) = node.admin(Method::GET, "/openapi.json", json!({})).await;
        let known: Vec<String> = api["paths"].as_object().unwrap().keys().cloned().collect();
        let mut asked = 0;
        for call in script.split("api(\"").skip(1) {
            let path = call.split('"').nth(2).filter(|_| call.starts_with("GET\"") || call.starts_with("POST\"")).unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default();
            let fits = |template: &String| template == path || (path.ends_with('/') && template.starts_with(path));
            assert!(known.iter().any(fits), "{path} of {known:?}");
            asked += 1;
        }
        assert!(asked >= 10, "{asked}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_code_is_drawn_for_the_admin_alone() {
        let node = serving("a").await;
        let stranger = reqwest::Client::new().post(format!("{}/devices/qr", node.url)).body("{\"text\":\"x\"}").send().await.unwrap();
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
        let token = std::fs::read_to_string(node.replica.node().directory().join("admin.token")).unwrap();
        let drawn = |text: String| {
            let request = reqwest::Client::new().post(format!("{}/devices/qr", node.url)).bearer_auth(token.trim().to_owned());
            request.body(json!({ "text": text }).to_string()).send()
        };
        let answer = drawn("peergres1-abc".to_owned()).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "image/svg+xml");
        assert!(answer.text().await.unwrap().contains("<svg"));
        assert_eq!(drawn("x".repeat(4_000)).await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
