//! Brings a delivery to its receiver as GitHub does: headers, signatures, ten seconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ring::hmac;
use serde_json::{Value, json};

use crate::http::pipeline::ENTERPRISE;
use crate::hub::Hub;
use crate::ids::DeliveryId;
use crate::random::hex;
use crate::schema;
use crate::state::app::Webhook;
use crate::state::delivery::{Delivery, Outcome};

/// GitHub gives up after this long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// GitHub never sends more than this.
const LARGEST: usize = 25 * 1024 * 1024;

/// What GitHub keeps of a receiver's answer.
const ANSWER_LIMIT: usize = 64 * 1024;

/// The client that webhooks are sent with.
#[derive(Debug)]
pub(crate) struct Sender(Client<HttpConnector, Full<Bytes>>);

impl Sender {
    pub(crate) fn new() -> Self {
        // No connection is kept: a server that a test stops and starts again finds none half closed.
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }
}

impl Hub {
    /// Makes one attempt and writes down how it went.
    pub(crate) async fn deliver(self: Arc<Self>, id: DeliveryId) {
        let (delivery, webhook) = self.read(|state| {
            let delivery = state.deliveries[&id].clone();
            let webhook = state.app(delivery.app).webhook.clone();
            (delivery, webhook)
        });
        if self.validate {
            self.check_webhook(&delivery);
        }
        if delivery.payload.to_string().len() > LARGEST {
            self.change(|state| {
                state.tell(format!("⇒ webhook {} is too large, and never sent", delivery.name()));
                state.deliveries.remove(&id);
            });
            return;
        }
        let started = Instant::now();
        let outcome = match tokio::time::timeout(TIMEOUT, self.post(&delivery, &webhook)).await {
            Ok(Ok((status, headers, body))) => {
                Outcome::Answered { status, seconds: started.elapsed().as_secs_f64(), headers, body }
            }
            Ok(Err(why)) => Outcome::Failed { why, seconds: started.elapsed().as_secs_f64() },
            Err(_) => {
                Outcome::Failed { why: "timed out".to_owned(), seconds: started.elapsed().as_secs_f64() }
            }
        };
        self.change(|state| {
            let how = match &outcome {
                Outcome::Pending => String::new(),
                Outcome::Answered { status, body, .. } => {
                    format!("{status} {}", body.chars().take(200).collect::<String>())
                }
                Outcome::Failed { why, .. } => format!("failed: {why}"),
            };
            if let Outcome::Answered { body, headers, .. } = &outcome
                && (state.gives_away(body) || state.gives_away(&headers.to_string()))
            {
                state.violation(format!("the answer to webhook {} holds a secret", delivery.guid));
            }
            let again = if delivery.redelivery { " again" } else { "" };
            state.tell(format!("⇒ webhook {} {}{again} ⇒ {how}", delivery.name(), delivery.guid));
            if let Some(delivery) = state.deliveries.get_mut(&id) {
                delivery.outcome = outcome;
            }
        });
    }

    fn check_webhook(self: &Arc<Self>, delivery: &Delivery) {
        let faults = schema::check_webhook(&delivery.event, delivery.action.as_deref(), &delivery.payload);
        if !faults.is_empty() {
            self.change(|state| {
                state.violation(format!("webhook {}: {}", delivery.name(), faults.join("; ")));
            });
        }
    }

    async fn post(
        self: &Arc<Self>,
        delivery: &Delivery,
        webhook: &Webhook,
    ) -> Result<(u16, Value, String), String> {
        let url = webhook.url.as_deref().unwrap_or_default();
        let uri: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let json = serde_json::to_string(&delivery.payload).map_err(|error| error.to_string())?;
        let body = if webhook.form {
            url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", &json).finish()
        } else {
            json
        };
        let mut request = Request::new(Full::new(Bytes::from(body.clone())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers(delivery, webhook, body.as_bytes());
        if let Some(host) = self.read(|state| state.is_enterprise.then(|| state.urls.web.clone())) {
            let host = host.trim_start_matches("http://");
            if let Ok(host) = HeaderValue::from_str(host) {
                request.headers_mut().insert("x-github-enterprise-host", host);
            }
            request.headers_mut().insert("x-github-enterprise-version", HeaderValue::from_static(ENTERPRISE));
        }
        let sent = json!(flat(request.headers()));
        self.change(|state| {
            if let Some(delivery) = state.deliveries.get_mut(&delivery.id) {
                delivery.request_headers = sent;
            }
        });
        let response = self.sender.0.request(request).await.map_err(|error| causes(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok((parts.status.as_u16(), json!(flat(&parts.headers)), text))
    }
}

/// GitHub's headers, by its "Webhook events and payloads", section "Delivery headers".
fn headers(delivery: &Delivery, webhook: &Webhook, body: &[u8]) -> HeaderMap {
    let sign =
        |algorithm| hex(hmac::sign(&hmac::Key::new(algorithm, webhook.secret.as_bytes()), body).as_ref());
    let content_type = if webhook.form { "application/x-www-form-urlencoded" } else { "application/json" };
    let mut all = vec![
        ("accept", "*/*".to_owned()),
        ("content-type", content_type.to_owned()),
        ("user-agent", "GitHub-Hookshot/d0ub1e0".to_owned()),
        ("x-github-delivery", delivery.guid.clone()),
        ("x-github-event", delivery.event.clone()),
        ("x-github-hook-id", webhook.hook_id.to_string()),
        ("x-github-hook-installation-target-id", delivery.app.to_string()),
        ("x-github-hook-installation-target-type", "integration".to_owned()),
    ];
    // Without a secret GitHub does not sign.
    if !webhook.secret.is_empty() {
        let sha1 = sign(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY);
        all.push(("x-hub-signature", format!("sha1={sha1}")));
        all.push(("x-hub-signature-256", format!("sha256={}", sign(hmac::HMAC_SHA256))));
    }
    all.into_iter()
        .map(|(name, value)| {
            let value = HeaderValue::try_from(value).expect("GitHub's headers are plain text");
            (HeaderName::from_static(name), value)
        })
        .collect()
}

fn flat(headers: &HeaderMap) -> serde_json::Map<String, Value> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect()
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
