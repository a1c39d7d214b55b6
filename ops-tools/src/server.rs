//! Talking to a Deputy: one JSON request, one JSON answer, and every way in which that fails.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::address::ServerUrl;
use crate::failure::Failure;

/// For one request. GitHub is asked within it.
const PATIENCE: Duration = Duration::from_secs(45);
/// More than any answer here: a list of thousands of installations.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// A Deputy.
pub struct Server {
    /// Where it is.
    pub url: ServerUrl,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What a Deputy says when it says no.
#[derive(Deserialize)]
struct Problem {
    error: String,
    message: String,
}

impl Server {
    pub fn new(url: ServerUrl) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(Duration::from_secs(15)));
        let tls = HttpsConnectorBuilder::new();
        // The system's certificates know a company's own authority; a bare container has none, hence ours. A Deputy
        // on this machine needs neither, and reading the system's takes a while.
        let tls = if url.is_encrypted() {
            let built_in = |_| HttpsConnectorBuilder::new().with_webpki_roots();
            tls.with_native_roots().unwrap_or_else(built_in)
        } else {
            tls.with_webpki_roots()
        };
        let client = Client::builder(TokioExecutor::new())
            .build(tls.https_or_http().enable_http1().wrap_connector(tcp));
        Self { url, client }
    }

    /// `GET`, with a session.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, session: &SecretString) -> Result<T, Failure> {
        self.send(Method::GET, path, Some(session), None).await
    }

    /// `POST` of JSON.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        session: Option<&SecretString>,
        body: &serde_json::Value,
    ) -> Result<T, Failure> {
        self.send(Method::POST, path, session, Some(body)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        session: Option<&SecretString>,
        body: Option<&serde_json::Value>,
    ) -> Result<T, Failure> {
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = Request::new(Full::new(bytes));
        *request.method_mut() = method;
        *request.uri_mut() =
            format!("{}{path}", self.url).parse().map_err(|_| Failure::NotADeputy(self.url.clone()))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers
            .insert(USER_AGENT, HeaderValue::from_static(concat!("deputyctl/", env!("CARGO_PKG_VERSION"))));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(session) = session {
            let bearer = format!("Bearer {}", session.expose_secret());
            let bearer =
                HeaderValue::from_str(&bearer).map_err(|_| Failure::SessionEnded(self.url.clone()))?;
            headers.insert(AUTHORIZATION, bearer);
        }
        let (status, body) = tokio::time::timeout(PATIENCE, self.exchange(request))
            .await
            .map_err(|_| self.unreachable(format!("no answer within {} seconds", PATIENCE.as_secs())))??;
        self.understand(status, &body)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        let answer =
            self.client.request(request).await.map_err(|error| self.unreachable(innermost(&error)))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        Ok((head.status, body.map_err(|error| self.unreachable(innermost(&*error)))?.to_bytes()))
    }

    fn understand<T: DeserializeOwned>(&self, status: StatusCode, body: &[u8]) -> Result<T, Failure> {
        let strange = || Failure::NotADeputy(self.url.clone());
        if status.is_success() {
            return serde_json::from_slice(body).map_err(|_| strange());
        }
        let Ok(Problem { error, message }) = serde_json::from_slice(body) else {
            // A proxy in front of a Deputy that restarts says so in its own words.
            return Err(match status {
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                    self.unreachable(format!("what stands before it answers {status}"))
                }
                _ => strange(),
            });
        };
        Err(match error.as_str() {
            "session_missing" | "session_expired" => Failure::SessionEnded(self.url.clone()),
            "code_expired" => Failure::CodeExpired,
            "access_denied" => Failure::Denied,
            "not_found" => Failure::TooOld(self.url.clone()),
            "github_unavailable" | "store_unavailable" => {
                Failure::Refused { code: error, message, may_pass: true }
            }
            _ => Failure::Refused { code: error, message, may_pass: false },
        })
    }

    fn unreachable(&self, why: String) -> Failure {
        Failure::Unreachable { server: self.url.clone(), why }
    }
}

/// What is at the bottom of an error: `connection refused`, and not the five layers above.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
