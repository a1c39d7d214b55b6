//! From a raw request to an accepted delivery: signature, headers, payload, inbox, in this order.
//!
//! Nothing is parsed before the signature holds, so that who cannot sign learns nothing but that.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use deputy_core::delivery::Delivery;
use deputy_core::ports::InboxError;
use deputy_github::envelope::{Envelope, decode_form};
use hyper::body::Body;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Request, Response};

use crate::answer::Receipt;
use crate::app::App;
use crate::headers::{Encoding, Heading, SIGNATURE};
use crate::problem::Problem;

/// From this size on, hashing and parsing take milliseconds, and move off the threads that serve connections.
const HEAVY: usize = 1024 * 1024;

impl App {
    /// Checks and accepts one delivery. What every home calls, however the request reached it.
    ///
    /// The caller has read the body whole and bounded its size.
    ///
    /// When this returns `Ok`, the inbox's promise holds. Dropping the future half-way is safe: the delivery
    /// is then accepted whole or not at all, and GitHub sends the same GUID again.
    pub async fn receive(self: &Arc<Self>, headers: &HeaderMap, body: Bytes) -> Result<Receipt, Problem> {
        let bytes = body.len();
        let delivery = if bytes < HEAVY {
            self.check(headers, body)
        } else {
            let (app, headers) = (Arc::clone(self), headers.clone());
            let checked = tokio::task::spawn_blocking(move || app.check(&headers, body)).await;
            checked.unwrap_or_else(|panic| {
                tracing::error!(error = &panic as &dyn std::error::Error, "Checking a delivery failed.");
                Err(Problem::Internal)
            })
        }?;
        let (id, event) = (delivery.id, delivery.event.clone());
        let accepted = self.inbox.accept(delivery).await.map_err(|error| self.not_accepted(&error))?;
        self.counters.count_accepted(accepted, bytes);
        let app = (event.as_str() == "ping").then(|| self.name().into());
        let receipt = Receipt { delivery: id, accepted, app };
        tracing::debug!(delivery = %id, %event, bytes, status = receipt.status(), "Delivery accepted.");
        Ok(receipt)
    }

    /// Everything that needs no store: proves the delivery to be GitHub's, then reads it.
    fn check(&self, headers: &HeaderMap, body: Bytes) -> Result<Delivery, Problem> {
        self.verify(headers.get(SIGNATURE).map(HeaderValue::as_bytes), &body).map_err(Problem::Signature)?;
        let Heading { id, event, encoding, kept } = Heading::read(headers)?;
        let body = match encoding {
            Encoding::Json => body,
            Encoding::Form => decode_form(&body).map_err(|error| Problem::Payload(error.to_string()))?,
        };
        let about = Envelope::read(&body).map_err(|error| Problem::Payload(error.to_string()))?;
        Ok(Delivery { id, event, received_at: self.clock.now(), headers: kept, about, body })
    }

    fn not_accepted(&self, error: &InboxError) -> Problem {
        match error {
            InboxError::Full => Problem::InboxFull,
            InboxError::Unavailable(_) => {
                if let Some(held_back) = self.failures.pass() {
                    let error = error as &dyn std::error::Error;
                    tracing::error!(error, held_back, "A delivery could not be stored.");
                }
                Problem::InboxUnavailable
            }
        }
    }

    /// Counts and logs what was refused.
    fn refused(&self, problem: &Problem, peer: Option<SocketAddr>) {
        self.counters.count_refused(problem);
        // `Option<SocketAddr>` has no `Display`, and a field that is only sometimes there is hard to search.
        let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
        let (code, status) = (problem.code(), problem.status().as_u16());
        if !matches!(problem, Problem::Signature(_)) {
            tracing::debug!(peer, code, status, "A request was refused.");
        } else if let Some(held_back) = self.refusals.pass() {
            tracing::warn!(peer, code, status, held_back, "A request's signature was refused.");
        }
    }
}

/// Answers `POST /webhook`.
pub(crate) async fn answer<B, R>(app: &Arc<App>, peer: Option<SocketAddr>, request: Request<B>) -> Response<R>
where
    B: Body<Data = Bytes> + Unpin,
    R: From<Bytes>,
{
    let (head, body) = request.into_parts();
    let outcome = match crate::body::read(body, &app.limits, &app.room).await {
        Ok(whole) => {
            let outcome = app.receive(&head.headers, whole.bytes).await;
            // Only now: the body was in memory until here.
            drop(whole.place);
            outcome
        }
        Err(problem) => Err(problem),
    };
    match outcome {
        Ok(receipt) => receipt.response(),
        Err(problem) => {
            app.refused(&problem, peer);
            problem.response()
        }
    }
}
