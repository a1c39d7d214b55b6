//! The paths, as an axum router. Whatever the web grows later is merged into it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::problem::Problem;
use crate::receive;

/// Where GitHub's deliveries go.
pub const WEBHOOK_PATH: &str = "/webhook";

/// `POST /webhook`, `GET /healthz`, `GET /readyz`, `GET /public`, and JSON for everything that is not there.
///
/// Merge other routers into this one; they must not bring a fallback of their own.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(WEBHOOK_PATH, post(webhook))
        .route("/healthz", get(async || json(StatusCode::OK, r#"{"status":"alive"}"#)))
        .route("/readyz", get(ready))
        .route("/public", get(async || json(StatusCode::OK, r#"{"ok":true}"#)))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .with_state(app)
}

async fn webhook(State(app): State<Arc<App>>, request: Request) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    receive::answer(&app, peer, request).await
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    if app.readiness.ask(&*app.inbox).await {
        json(StatusCode::OK, r#"{"status":"ready"}"#)
    } else {
        Problem::InboxUnavailable.into_response()
    }
}

fn json(status: StatusCode, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
