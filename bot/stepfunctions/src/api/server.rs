//! The HTTP around the API: AWS JSON 1.0, `X-Amz-Target`, signatures.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::sign::{self, Refused};
use crate::config::{Credentials, ServerConfig};
use crate::engine::{Engine, random_uuid};
use crate::error::{ApiError, EngineError};

/// The largest request: a definition of 1 MiB, escaped as a JSON string, with room to spare.
const MAX_REQUEST: usize = 4 << 20;
const SERVICE: &str = "AWSStepFunctions.";

/// The API as a router, for servers that have more to serve. With `credentials`, every request must be signed with one of
/// them; without, any signature will do.
pub fn router(engine: Engine, credentials: Option<Vec<Credentials>>) -> Router {
    let api = Arc::new(Api { engine, credentials });
    Router::new().fallback(any(handle)).layer(DefaultBodyLimit::max(MAX_REQUEST)).with_state(api)
}

/// A server that is bound to its address.
pub struct Server {
    listener: TcpListener,
    router: Router,
    engine: Engine,
}

impl Server {
    /// Binds. Refuses an address that others can reach unless there are credentials to demand.
    pub async fn bind(engine: Engine, config: ServerConfig) -> Result<Self, EngineError> {
        let loopback = config.listen.ip().is_loopback();
        if !loopback && config.credentials.is_empty() {
            return Err(EngineError::Config(format!(
                "{} can be reached from elsewhere: configure credentials, or listen on 127.0.0.1",
                config.listen
            )));
        }
        let listener = TcpListener::bind(config.listen).await?;
        let credentials = (!loopback).then_some(config.credentials);
        Ok(Self { listener, router: router(engine.clone(), credentials), engine })
    }

    /// Where it listens; of use when the port was 0.
    pub fn address(&self) -> Result<SocketAddr, EngineError> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop` resolves or the store fails, then closes the engine.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), EngineError> {
        let failed = {
            let engine = self.engine.clone();
            async move { engine.failed().await }
        };
        let mut failure = None;
        let serving = axum::serve(self.listener, self.router).with_graceful_shutdown(stop);
        tokio::select! {
            served = serving.into_future() => served?,
            error = failed => failure = Some(error),
        }
        self.engine.close().await;
        match failure {
            Some(error) => Err(EngineError::Unreadable(format!("the store failed while running: {error}"))),
            None => Ok(()),
        }
    }
}

/// Opens an engine and serves its API until `stop` resolves.
pub async fn serve(
    config: crate::Config,
    server: ServerConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), EngineError> {
    let engine = Engine::open(config)?;
    Server::bind(engine, server).await?.run(stop).await
}

struct Api {
    engine: Engine,
    credentials: Option<Vec<Credentials>>,
}

async fn handle(
    State(api): State<Arc<Api>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let result = answer(&api, &method, &uri, &headers, &body).await;
    let (status, body) = match result {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut shown = json!({"__type": error.code, "message": error.message});
            if let (Some(members), Some(reason)) = (shown.as_object_mut(), error.reason) {
                members.insert("reason".into(), reason.into());
            }
            (status, shown)
        }
    };
    let mut response = (status, body.to_string()).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    if let Ok(id) = HeaderValue::from_str(&random_uuid()) {
        response.headers_mut().insert("x-amzn-RequestId", id);
    }
    response
}

async fn answer(
    api: &Api,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Value, ApiError> {
    if let Some(credentials) = &api.credentials {
        let now = api.engine.config().clock.now();
        let query = uri.query().unwrap_or_default();
        sign::verify(method.as_str(), uri.path(), query, headers, body, credentials, now)
            .map_err(unsigned)?;
    }
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix(SERVICE).ok_or_else(|| {
        ApiError::new("UnknownOperationException", "X-Amz-Target must name an operation of AWSStepFunctions")
    })?;
    let request: Value = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body).map_err(|error| {
            ApiError::new("SerializationException", format!("The request is no JSON: {error}"))
        })?
    };
    super::call(&api.engine, operation, &request).await
}

fn unsigned(refused: Refused) -> ApiError {
    let (code, message) = match refused {
        Refused::Missing => ("MissingAuthenticationTokenException", "Missing Authentication Token"),
        Refused::UnknownKey => {
            ("UnrecognizedClientException", "The security token included in the request is invalid.")
        }
        Refused::Expired => {
            ("InvalidSignatureException", "Signature expired: its time is too far from ours.")
        }
        Refused::Mismatch => (
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        ),
    };
    ApiError { status: 403, ..ApiError::new(code, message) }
}
