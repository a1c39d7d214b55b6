//! One request over the wire, and whether it may have arrived when it failed.
//!
//! # Why not octocrab
//!
//! Used as transport only, octocrab 0.54 boxes the request, calls the hyper client that one has to build for
//! it anyway, and boxes the answer. What we need lies above it and it has no hook for: an external signer of
//! App JWTs, one token request in flight, refresh of people's tokens, rate limits, ETags, telling a request
//! that was never sent from one that may have arrived. Against that stand 103 further crates and 76,000 lines:
//! on two cores a cold debug build takes 120 s of processor time with it and 27 s with hyper's client alone.
//! So we use hyper's client, as octocrab does.

use std::time::Duration;

use bytes::Bytes;
use deputy_core::ports::{Clock, GitHubError};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::ClientConfig;

/// More than any answer that we ask for: a page of 100 comments of 64 KB each comes to 6.4 MB, more with escapes.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;
/// More than any log that somebody would wait for.
const LARGEST_TAIL: usize = 512 * 1024 * 1024;
/// How long the end of a long answer may take to come.
const LONG_PATIENCE: Duration = Duration::from_mins(1);

/// Connections to GitHub, kept alive between requests.
pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The end of a long answer.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) bytes: Vec<u8>,
    /// Whether something stood before it.
    pub(crate) is_cut: bool,
}

/// No answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// It never left: nothing can have happened.
    #[error("cannot connect")]
    NotSent(#[source] anyhow::Error),
    /// It may have arrived, and whatever it asks for may have been done.
    #[error("the connection failed before the answer came")]
    MaybeSent(#[source] anyhow::Error),
    /// As above, by our own patience.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

impl Transport {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        let timeout = config.request_timeout;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_mins(1)));
        tcp.set_connect_timeout(Some(Duration::from_secs(10).min(timeout)));
        let tls = hyper_rustls::HttpsConnectorBuilder::new();
        // The system's certificates know a company's own authority; a bare container has none, hence ours. A
        // GitHub on this machine needs neither, and reading the system's takes a while.
        let tls = if config.is_encrypted() {
            tls.with_native_roots().unwrap_or_else(|error| {
                tracing::debug!(%error, "no system certificates; using the built-in ones");
                hyper_rustls::HttpsConnectorBuilder::new().with_webpki_roots()
            })
        } else {
            tls.with_webpki_roots()
        };
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(50))
            .build(connector);
        Self { client, timeout }
    }

    /// Sends it and reads the answer whole.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        clock: &dyn Clock,
    ) -> Result<Received, SendError> {
        let give_up = clock.now() + self.timeout;
        tokio::select! {
            received = self.exchange(request) => received,
            () = clock.sleep_until(give_up) => Err(SendError::TimedOut(self.timeout)),
        }
    }

    /// Reads an answer of any length and keeps its end.
    pub(crate) async fn tail(
        &self,
        request: Request<Full<Bytes>>,
        keep: usize,
        clock: &dyn Clock,
    ) -> Result<Tail, GitHubError> {
        let give_up = clock.now() + LONG_PATIENCE;
        tokio::select! {
            tail = self.read_tail(request, keep) => tail,
            () = clock.sleep_until(give_up) => {
                Err(GitHubError::Unavailable(anyhow::anyhow!(SendError::TimedOut(LONG_PATIENCE))))
            }
        }
    }

    async fn read_tail(&self, request: Request<Full<Bytes>>, keep: usize) -> Result<Tail, GitHubError> {
        // The causes name the URL, which is a credential here.
        let lost = |_| GitHubError::Unavailable(anyhow::anyhow!("the log could not be downloaded"));
        let answer = self.client.request(request).await.map_err(|error| lost(error.is_connect()))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(GitHubError::NotFound),
            status => {
                return Err(GitHubError::Unavailable(anyhow::anyhow!("the log's place answered {status}")));
            }
        }
        let mut body = answer.into_body();
        let (mut bytes, mut is_cut, mut read) = (Vec::new(), false, 0_usize);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| lost(error.is_timeout()))?;
            let Ok(data) = frame.into_data() else { continue };
            read = read.saturating_add(data.len());
            if read > LARGEST_TAIL {
                return Err(GitHubError::Unavailable(anyhow::anyhow!("the log is too long to be read")));
            }
            bytes.extend_from_slice(&data);
            // Moved together once it is twice as much, so that each byte moves about once.
            if bytes.len() > 2 * keep {
                bytes.drain(..bytes.len() - keep);
                is_cut = true;
            }
        }
        if bytes.len() > keep {
            bytes.drain(..bytes.len() - keep);
            is_cut = true;
        }
        Ok(Tail { bytes, is_cut })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Received, SendError> {
        let answer = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                SendError::NotSent(error.into())
            } else {
                SendError::MaybeSent(error.into())
            }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| SendError::MaybeSent(anyhow::anyhow!(error)))?.to_bytes();
        Ok(Received { status: head.status, headers: head.headers, body })
    }
}
