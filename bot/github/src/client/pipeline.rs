//! The way of every request: token, limits, wire, and what the answer means, again while that is safe.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ports::GitHubError;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use secrecy::SecretString;

use super::answer::{self, Answer};
use super::call::{Call, Repeat, Target};
use super::transport::{Received, SendError, Tail};
use super::{Client, ClientConfig, Credential, Identity, bearer, limits};

/// GitHub's REST API version that the code is written against.
const API_VERSION: &str = "2022-11-28";
/// After the first try, for failures that are not rate limits.
const RETRIES: u32 = 3;

/// What came of one try.
enum Outcome {
    Done(Answer),
    /// The token was not accepted.
    Rejected(GitHubError),
    /// Wait for the limit, then the same again.
    Limited,
    /// Worth another try, after a while.
    Again(GitHubError),
    /// The resource has moved.
    Moved(String),
    Failed(GitHubError),
}

impl Client {
    /// Sends a call until it is done, refused, or not worth waiting for any longer.
    pub(crate) async fn send(&self, identity: Identity, call: Call) -> Result<Answer, GitHubError> {
        self.send_with(identity, None, call).await
    }

    /// Sends a call with a token that belongs to nobody we know yet.
    pub(crate) async fn send_as(&self, token: &SecretString, call: Call) -> Result<Answer, GitHubError> {
        self.send_with(Identity::Anonymous, Some(token), call).await
    }

    async fn send_with(
        &self,
        identity: Identity,
        token: Option<&SecretString>,
        call: Call,
    ) -> Result<Answer, GitHubError> {
        let deadline = self.clock.now() + self.config.deadline;
        let mut url = self.url(&call.target);
        let (mut rejected, mut failures, mut moves) = (None, 0, 0);
        loop {
            let credential = match token {
                Some(token) => Some(bearer(token)?),
                None => self.credential(identity, rejected.as_ref()).await?,
            };
            let token = credential.as_ref().and_then(|credential| credential.token.clone());
            match self.attempt(identity, &call, &url, credential, deadline).await? {
                Outcome::Done(answer) => return Ok(answer),
                Outcome::Failed(error) => return Err(error),
                Outcome::Limited => {}
                // Once: a fresh token that is not accepted either will not become so.
                Outcome::Rejected(error) => match token {
                    Some(token) if rejected.is_none() && identity != Identity::Anonymous => {
                        rejected = Some(token);
                    }
                    _ => return Err(error),
                },
                Outcome::Moved(to) => {
                    moves += 1;
                    if moves > 3 || !self.is_ours(&to) {
                        return Err(GitHubError::Unavailable(anyhow!(
                            "GitHub redirects endlessly, or away from itself"
                        )));
                    }
                    url = to;
                }
                Outcome::Again(error) => {
                    let pause = TimeDelta::milliseconds(500 << failures);
                    failures += 1;
                    let next = self.clock.now() + pause + limits::jitter(pause);
                    if failures > RETRIES || next >= deadline {
                        return Err(error);
                    }
                    self.clock.sleep_until(next).await;
                }
            }
        }
    }

    /// One try: through the limits, over the wire, and what the answer means.
    async fn attempt(
        &self,
        identity: Identity,
        call: &Call,
        url: &str,
        credential: Option<Credential>,
        deadline: DateTime<Utc>,
    ) -> Result<Outcome, GitHubError> {
        // Whoever is anonymous to us is several people: nothing is kept of what they see, nor of their limits.
        let is_known = identity != Identity::Anonymous;
        let is_kept = is_known && call.method == Method::GET && !call.is_raw;
        let known = if is_kept { self.etags.get(identity, url) } else { None };
        let request = request(&self.config, call, url, credential, known.as_ref().map(|known| &known.etag))?;
        let pass = self.limits.admit(identity, call, deadline, &*self.clock).await?;
        let started = self.clock.now();
        let sent = self.transport.send(request, &*self.clock).await;
        let milliseconds = (self.clock.now() - started).num_milliseconds();
        let path = if call.has_secret_path { "…" } else { url.split('?').next().unwrap_or_default() };
        let received = match sent {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(method = %call.method, path, %identity, milliseconds, %error, "no answer from GitHub");
                let may_repeat = call.repeat == Repeat::Safe || matches!(error, SendError::NotSent(_));
                let error = anyhow::Error::new(error).context(format!("{} {path}", call.method));
                let error = GitHubError::Unavailable(error);
                return Ok(if may_repeat { Outcome::Again(error) } else { Outcome::Failed(error) });
            }
        };
        let status = received.status;
        tracing::debug!(method = %call.method, path, %identity, milliseconds, status = status.as_u16(), "GitHub answered");
        if answer::is_rate_limit(&received) {
            tracing::warn!(method = %call.method, path, %identity, "GitHub's rate limit is reached");
            if is_known {
                pass.refused(&received.headers, self.clock.now());
                return Ok(Outcome::Limited);
            }
            let error = GitHubError::RateLimited { retry_after: Duration::from_mins(1) };
            return Ok(Outcome::Failed(error));
        }
        if is_known {
            pass.observe(&received.headers);
        }
        Ok(match (status, known) {
            (StatusCode::NOT_MODIFIED, Some(known)) => Outcome::Done(Answer {
                status: StatusCode::OK,
                body: known.body,
                link: known.link,
                is_json: true,
                location: None,
                date: None,
            }),
            (status, _) if status.is_success() => {
                // A file and what GitHub says of it have one address: only the latter is kept.
                if is_kept {
                    self.etags.put(identity, url, &received.headers, &received.body);
                }
                let link = received.headers.get(header::LINK).cloned();
                let date = answer::date(&received.headers);
                let is_json = answer::is_json(&received.headers);
                Outcome::Done(Answer { status, body: received.body, link, is_json, location: None, date })
            }
            // A rename answers with other codes.
            (StatusCode::FOUND, _) if call.leads_away => match moved(&received) {
                Outcome::Moved(location) => Outcome::Done(Answer {
                    status,
                    body: Bytes::new(),
                    link: None,
                    is_json: true,
                    location: Some(location),
                    date: None,
                }),
                nowhere => nowhere,
            },
            (status, _) if status.is_redirection() => moved(&received),
            // OAuth describes its errors in the body, mostly but not always with status 200.
            (status, _) if status.is_client_error() && matches!(call.target, Target::Site(_)) => {
                Outcome::Done(Answer {
                    status,
                    body: received.body,
                    link: None,
                    is_json: true,
                    location: None,
                    date: None,
                })
            }
            (StatusCode::UNAUTHORIZED, _) => Outcome::Rejected(answer::error(&received)),
            // GitHub may have done it before it failed.
            (status, _) if status.is_server_error() && call.repeat == Repeat::Safe => {
                Outcome::Again(answer::error(&received))
            }
            _ => Outcome::Failed(answer::error(&received)),
        })
    }

    fn url(&self, target: &Target) -> String {
        match target {
            Target::Rest(path) => format!("{}{path}", self.config.api),
            Target::GraphQl => self.config.graphql.clone(),
            Target::Site(path) => format!("{}{path}", self.config.site),
        }
    }

    /// Whether a URL that GitHub names is below the API, so that tokens may go there.
    fn is_ours(&self, url: &str) -> bool {
        url.strip_prefix(&self.config.api).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The last `keep` bytes of what a call leads to.
    ///
    /// Such a place is a storage service with a signature in the URL. It gets no token of anybody's, and the URL
    /// stands in no error and no log: it works without one.
    pub(crate) async fn send_for_tail(
        &self,
        identity: Identity,
        call: Call,
        keep: usize,
    ) -> Result<Tail, GitHubError> {
        let answer = self.send(identity, call.leading_away()).await?;
        let unavailable = |why: &'static str| GitHubError::Unavailable(anyhow!(why));
        let location = answer.location.ok_or_else(|| unavailable("GitHub does not say where the log is"))?;
        if !location.starts_with("https://") && self.config.is_encrypted() {
            return Err(unavailable("GitHub says that the log is in a place without encryption"));
        }
        let request = Request::builder().uri(location).header(header::USER_AGENT, &self.config.user_agent);
        let request = request.body(Full::new(Bytes::new()));
        let request = request.map_err(|_| unavailable("GitHub's place of the log is no URL"))?;
        self.transport.tail(request, keep, &*self.clock).await
    }

    /// Path and query of a list's next page.
    pub(crate) fn next_page(&self, answer: &Answer) -> Option<String> {
        let next = answer.next_page().filter(|next| self.is_ours(next))?;
        Some(next[self.config.api.len()..].to_owned())
    }
}

fn request(
    config: &ClientConfig,
    call: &Call,
    url: &str,
    credential: Option<Credential>,
    etag: Option<&HeaderValue>,
) -> Result<Request<Full<Bytes>>, GitHubError> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(url)
        .header(header::USER_AGENT, &config.user_agent)
        .header("x-github-api-version", API_VERSION);
    request = match call.target {
        Target::Site(_) => request.header(header::ACCEPT, "application/json"),
        _ if call.is_raw => request.header(header::ACCEPT, "application/vnd.github.raw+json"),
        _ => request.header(header::ACCEPT, "application/vnd.github+json"),
    };
    if let Some(credential) = credential {
        request = request.header(header::AUTHORIZATION, credential.header);
    }
    if let Some(etag) = etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    let body = match &call.body {
        Some((content_type, body)) => {
            request = request.header(header::CONTENT_TYPE, content_type.as_str());
            body.clone()
        }
        None => Bytes::new(),
    };
    request.body(Full::new(body)).context("not a request").map_err(GitHubError::Unavailable)
}

fn moved(received: &Received) -> Outcome {
    match received.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()) {
        Some(to) => Outcome::Moved(to.to_owned()),
        None => Outcome::Failed(answer::error(received)),
    }
}
