//! `GET /metrics` in Prometheus' text format, on an address of its own: counters tell strangers how busy you are, and behind
//! a proxy on the same machine every peer looks like loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::app::App;
use crate::problem::Problem;

/// Something that is measured.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// What stands there now, in Prometheus' text format: whole families, each named by nobody else.
    async fn to_prometheus(&self) -> String;
}

#[async_trait]
impl Metrics for App {
    async fn to_prometheus(&self) -> String {
        self.counters().to_prometheus()
    }
}

#[async_trait]
impl Metrics for deputy_github::credentials::Credentials {
    async fn to_prometheus(&self) -> String {
        deputy_github::credentials::Credentials::to_prometheus(self)
    }
}

type Sources = Arc<[Arc<dyn Metrics>]>;

/// Serves what `sources` measure until it is dropped. Whoever can connect can read it, so the address is the operator's to
/// choose; loopback unless they know better.
pub async fn serve_metrics(listener: TcpListener, sources: Vec<Arc<dyn Metrics>>) {
    let address = listener.local_addr().ok();
    tracing::info!(address = address.map(|it: SocketAddr| it.to_string()), "metrics are served");
    let router = Router::new()
        .route("/metrics", get(metrics))
        .fallback(async || Problem::NotFound)
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .with_state(Sources::from(sources));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "metrics are served no more");
    }
}

async fn metrics(State(sources): State<Sources>) -> ([(axum::http::HeaderName, &'static str); 1], String) {
    let mut text = String::new();
    for source in sources.iter() {
        text.push_str(&source.to_prometheus().await);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}
