//! `deputy serve --forward URL`: webhooks from a smee channel, for a server without a public address.
//!
//! The channel is a stream of server-sent events, one a webhook. Each is posted to our own `/webhook` as GitHub would,
//! so that signature, duplicates and acceptance are the receiver's as always: the channel's word counts for nothing.
//! Whoever knows the channel's address reads along, so it is for development. What the channel loses, GitHub believes
//! delivered; the redelivery sweep misses it in our inbox, and asks for it again.

mod events;
mod message;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use deputy_core::ports::Clock;
use deputy_web::auth::is_loopback;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use url::Url;

use self::events::{Event, Stream};
use self::message::Message;
use crate::outside::{self, Outside, innermost};

/// smee sends a ping every 30 seconds: after this long without a byte, nobody is there any more.
const SILENCE: TimeDelta = TimeDelta::seconds(90);
/// Between tries, at first and at most. A channel that worked is tried again at once.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(1);
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(1);

/// Reads a channel's address.
pub(crate) fn channel(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "must look like https://smee.io/your-channel".to_owned())?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return Err("must begin with https://".to_owned()),
    }
    if matches!(url.path(), "" | "/" | "/new") {
        return Err(
            "names no channel: open https://smee.io/new in a browser, and give the address that you get"
                .to_owned(),
        );
    }
    Ok(url)
}

/// Where webhooks come from, and where they go.
pub(crate) struct Forwarder {
    channel: Url,
    /// Our own receiver.
    webhook: String,
    client: Outside,
    clock: Arc<dyn Clock>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("it closed the connection")]
    Closed,
    #[error("nothing came for {} s", SILENCE.num_seconds())]
    Silent,
    #[error("{0}")]
    Broken(String),
    #[error("it answers {0}; is the address a channel's?")]
    Refused(StatusCode),
    #[error("it does not answer with events; is the address a channel's?")]
    NoStream,
}

/// What is kept from one connection to the next.
#[derive(Default)]
struct Memory {
    last_id: Option<String>,
    retry: Option<Duration>,
    /// Whether the last connection brought anything.
    has_worked: bool,
}

impl Forwarder {
    /// From `channel` to the receiver that listens on `address`.
    pub(crate) fn new(channel: Url, address: SocketAddr, clock: Arc<dyn Clock>) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let webhook = format!("http://{host}:{}{}", address.port(), deputy_web::WEBHOOK_PATH);
        let client = outside::client(channel.scheme() == "https");
        Self { channel, webhook, client, clock }
    }

    /// Forwards, and connects again whenever it must. Never ends: drop it, or abort its task.
    pub(crate) async fn keep_forwarding(&self) {
        let mut memory = Memory::default();
        let mut pause = FIRST_PAUSE;
        loop {
            memory.has_worked = false;
            let ended = self.follow(&mut memory).await;
            let least = memory.retry.and_then(|retry| TimeDelta::from_std(retry).ok());
            let wait = if memory.has_worked {
                pause = FIRST_PAUSE;
                least.unwrap_or_default().min(LONGEST_PAUSE)
            } else {
                let wait = least.unwrap_or(pause).max(pause).min(LONGEST_PAUSE);
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait
            };
            // The path is the channel's name, and who knows it can read along.
            let host = self.channel.host_str().unwrap_or_default();
            let (seconds, reason) = (wait.num_seconds(), ended.to_string());
            if memory.has_worked {
                tracing::info!(host, reason, seconds, "the channel broke off; connecting again");
            } else {
                tracing::warn!(host, reason, seconds, "the channel cannot be reached; trying again");
            }
            self.clock.sleep_until(self.clock.now() + wait).await;
        }
    }

    /// Connects once, and forwards until that ends.
    async fn follow(&self, memory: &mut Memory) -> Ended {
        let mut body = match self.connect(memory).await {
            Ok(body) => body,
            Err(ended) => return ended,
        };
        let mut stream = Stream::after(memory.last_id.clone());
        loop {
            let silent = self.clock.now() + SILENCE;
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = self.clock.sleep_until(silent) => return Ended::Silent,
            };
            let piece = match frame {
                None => return Ended::Closed,
                Some(Err(error)) => return Ended::Broken(innermost(&error)),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            let events = match stream.read(&piece) {
                Ok(events) => events,
                Err(error) => return Ended::Broken(error.to_string()),
            };
            for event in events {
                if !memory.has_worked {
                    memory.has_worked = true;
                    let host = self.channel.host_str().unwrap_or_default();
                    tracing::info!(host, "webhooks come from the channel");
                }
                self.take(&event).await;
            }
            memory.last_id.clone_from(&stream.last_id);
            memory.retry = stream.retry.or(memory.retry);
        }
    }

    async fn connect(&self, memory: &Memory) -> Result<Incoming, Ended> {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.uri_mut() =
            self.channel.as_str().parse().map_err(|_| Ended::Broken("the address is none".to_owned()))?;
        let headers = request.headers_mut();
        // Exactly this: smee compares the text.
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("deputy/", env!("CARGO_PKG_VERSION"))));
        if let Some(id) = memory.last_id.as_deref().and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert(HeaderName::from_static("last-event-id"), id);
        }
        let give_up = self.clock.now() + TimeDelta::seconds(30);
        let answer = tokio::select! {
            answer = self.client.request(request) => answer.map_err(|error| Ended::Broken(innermost(&error)))?,
            () = self.clock.sleep_until(give_up) => return Err(Ended::Broken("no answer within 30 s".to_owned())),
        };
        if answer.status() != StatusCode::OK {
            return Err(Ended::Refused(answer.status()));
        }
        let is_stream = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| {
            kind.to_str().is_ok_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"))
        });
        if is_stream { Ok(answer.into_body()) } else { Err(Ended::NoStream) }
    }

    /// Hands a webhook to our receiver. `ready` and `ping` say only that the channel lives.
    async fn take(&self, event: &Event) {
        if event.kind != "message" {
            return;
        }
        let message = match Message::parse(&event.data) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!(%error, "the channel sent something that is no webhook");
                return;
            }
        };
        let delivery = message.header("x-github-delivery").unwrap_or_default().to_owned();
        match self.post(message).await {
            Ok(status) if status.is_success() => {
                tracing::debug!(delivery, "a webhook came through the channel");
            }
            Ok(StatusCode::UNAUTHORIZED) => tracing::warn!(
                delivery,
                "a webhook from the channel has no valid signature: the webhook secret is another one, somebody else sent \
                 it, or the channel wrote its JSON in another way than GitHub"
            ),
            Ok(status) => tracing::warn!(delivery, %status, "a webhook from the channel was not accepted"),
            Err(error) => {
                tracing::warn!(delivery, error, "a webhook from the channel could not be handed on");
            }
        }
    }

    async fn post(&self, message: Message) -> Result<StatusCode, String> {
        let mut request = Request::new(Full::new(Bytes::from(message.body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.webhook.parse().map_err(|_| "our own address is none".to_owned())?;
        for (name, value) in message.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                request.headers_mut().insert(name, value);
            }
        }
        let answer = self.client.request(request).await.map_err(|error| innermost(&error))?;
        Ok(answer.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_has_a_name_and_is_encrypted() {
        for text in [
            "https://smee.io/Q9xTW3DYm0j0",
            "http://127.0.0.1:3000/x",
            "http://localhost/x",
            "http://[::1]/x",
        ] {
            assert!(channel(text).is_ok(), "{text}");
        }
        for text in
            ["smee.io/x", "http://smee.io/x", "https://smee.io", "https://smee.io/new", "ftp://x/y", ""]
        {
            assert!(channel(text).is_err(), "{text}");
        }
    }
}
