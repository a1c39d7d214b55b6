//! GitHub's API: one pipeline that every request goes through, and what Deputy asks of it.
//!
//! A call names what it wants ([`call`]) and who asks. The pipeline gets the token ([`tokens`], [`jwt`]), waits
//! for the rate limits ([`limits`], [`budget`], [`fair`]), sends ([`transport`]), and repeats what is safe to
//! repeat. No token stands in an error, a log line or a `Debug`: they are secrets until they are a header.

mod answer;
mod budget;
mod call;
mod comments;
mod config;
mod etags;
mod fair;
mod graphql;
mod identity;
mod jwt;
mod limits;
mod people;
mod port;
mod tokens;
mod transport;

use std::fmt;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ids::{InstallationId, UserId};
use deputy_core::ports::{AppSigner, Clock, GitHubError};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

pub use budget::Reading;
pub use config::{BadGitHubUrl, ClientConfig};
pub use tokens::{NoLogins, UserTokens};

pub(crate) use answer::Answer;
pub(crate) use call::{Call, Path, Repeat, Target};
pub(crate) use identity::Identity;
use tokens::Minted;
use transport::{Received, SendError};

/// GitHub's REST API version that the code is written against.
const API_VERSION: &str = "2022-11-28";
/// After the first try, for failures that are not rate limits.
const RETRIES: u32 = 3;

/// A client of one GitHub for one App. Cheap to share behind an `Arc`.
pub struct Client {
    config: ClientConfig,
    transport: transport::Transport,
    limits: limits::Limits,
    etags: etags::ETags,
    app: jwt::AppJwt,
    oauth: Option<OAuthClient>,
    installations: tokens::InstallationTokens,
    users: Arc<dyn UserTokens>,
    clock: Arc<dyn Clock>,
}

/// The App as GitHub knows it.
pub struct App {
    /// The client id (`Iv23…`), or the App's number: who the JWTs are issued by.
    pub issuer: String,
    /// Its private key, wherever that is.
    pub signer: Arc<dyn AppSigner>,
    /// Its OAuth client, where people can log in.
    pub oauth: Option<OAuthClient>,
}

/// The App's OAuth credentials.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// The client id, which is public.
    pub id: String,
    /// The client secret.
    pub secret: SecretString,
}

/// An `Authorization` header, and the token in it where another one could be had.
struct Credential {
    header: HeaderValue,
    token: Option<SecretString>,
}

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
    /// A client; nothing is sent yet.
    pub fn new(config: ClientConfig, app: App, users: Arc<dyn UserTokens>, clock: Arc<dyn Clock>) -> Self {
        Self {
            transport: transport::Transport::new(config.request_timeout),
            limits: limits::Limits::new(config.concurrency),
            etags: etags::ETags::default(),
            app: jwt::AppJwt::new(app.issuer, app.signer),
            oauth: app.oauth,
            installations: tokens::InstallationTokens::default(),
            users,
            clock,
            config,
        }
    }

    /// Forgets what was kept of an installation: it was suspended or removed.
    pub fn forget_installation(&self, installation: InstallationId) {
        self.installations.forget(installation);
        self.etags.forget(Identity::Installation(installation));
    }

    /// Forgets what was kept of a person: they logged out.
    pub fn forget_user(&self, user: UserId) {
        self.etags.forget(Identity::User(user));
    }

    /// GitHub's latest word on an installation's hourly budget; `None` until something was asked for it.
    pub fn reading(&self, installation: InstallationId) -> Option<Reading> {
        self.limits.reading(Identity::Installation(installation))
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn oauth_client(&self) -> Result<&OAuthClient, GitHubError> {
        let missing =
            || GitHubError::Unauthorized(anyhow!("the App's client id and secret are not configured"));
        self.oauth.as_ref().ok_or_else(missing)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Sends a call until it is done, refused, or not worth waiting for any longer.
    pub(crate) async fn send(&self, identity: Identity, call: Call) -> Result<Answer, GitHubError> {
        let deadline = self.clock.now() + self.config.deadline;
        let mut url = self.url(&call.target);
        let (mut rejected, mut failures, mut moves) = (None, 0, 0);
        loop {
            let credential = self.credential(identity, rejected.as_ref()).await?;
            let token = credential.as_ref().and_then(|credential| credential.token.clone());
            match self.attempt(identity, &call, &url, credential, deadline).await? {
                Outcome::Done(answer) => return Ok(answer),
                Outcome::Failed(error) => return Err(error),
                Outcome::Limited => {}
                // Once: a fresh token that is not accepted either will not become so.
                Outcome::Rejected(error) => match token {
                    Some(token) if rejected.is_none() => rejected = Some(token),
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
        let known = if call.method == Method::GET { self.etags.get(identity, url) } else { None };
        let request = request(&self.config, call, url, credential, known.as_ref().map(|known| &known.etag))?;
        let pass = self.limits.admit(identity, call, deadline, &*self.clock).await?;
        let started = self.clock.now();
        let sent = self.transport.send(request, &*self.clock).await;
        let milliseconds = (self.clock.now() - started).num_milliseconds();
        let path = url.split('?').next().unwrap_or_default();
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
            pass.refused(&received.headers, self.clock.now());
            return Ok(Outcome::Limited);
        }
        pass.observe(&received.headers);
        Ok(match (status, known) {
            (StatusCode::NOT_MODIFIED, Some(known)) => {
                Outcome::Done(Answer { status: StatusCode::OK, body: known.body, link: known.link })
            }
            (status, _) if status.is_success() => {
                if call.method == Method::GET {
                    self.etags.put(identity, url, &received.headers, &received.body);
                }
                let link = received.headers.get(header::LINK).cloned();
                Outcome::Done(Answer { status, body: received.body, link })
            }
            (status, _) if status.is_redirection() => moved(&received),
            (StatusCode::UNAUTHORIZED, _) => Outcome::Rejected(answer::error(&received)),
            // GitHub may have done it before it failed.
            (status, _) if status.is_server_error() && call.repeat == Repeat::Safe => {
                Outcome::Again(answer::error(&received))
            }
            _ => Outcome::Failed(answer::error(&received)),
        })
    }

    async fn credential(
        &self,
        identity: Identity,
        rejected: Option<&SecretString>,
    ) -> Result<Option<Credential>, GitHubError> {
        let token = match identity {
            Identity::Anonymous => return Ok(None),
            Identity::OAuthClient => {
                let OAuthClient { id, secret } = self.oauth_client()?;
                let pair = Zeroizing::new(format!("{id}:{}", secret.expose_secret()));
                let header = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                return Ok(Some(Credential { header: sensitive(&header)?, token: None }));
            }
            Identity::App => self.app.token(rejected, &*self.clock).await?,
            Identity::User(user) => self.users.token(user, rejected).await?,
            Identity::Installation(installation) => {
                let mint = self.mint(installation);
                self.installations.token(installation, rejected, &*self.clock, mint).await?
            }
        };
        let header = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
        Ok(Some(Credential { header: sensitive(&header)?, token: Some(token) }))
    }

    /// Exchanges the App's JWT for an installation token. Doing it twice does no harm.
    async fn mint(&self, installation: InstallationId) -> Result<Minted, GitHubError> {
        #[derive(Deserialize)]
        struct AccessToken {
            token: SecretString,
            expires_at: DateTime<Utc>,
        }
        let path = Path::new(["app", "installations", &installation.to_string(), "access_tokens"])?;
        // Boxed, as this is a call within a call.
        let answer = Box::pin(self.send(Identity::App, Call::post(path).idempotent())).await;
        let answer = answer.map_err(|error| match error {
            // Not found is an answer to what the caller asks for; this is not about that.
            GitHubError::NotFound => {
                GitHubError::Unauthorized(anyhow!("the App has no installation {installation} (any more)"))
            }
            other => other,
        })?;
        let AccessToken { token, expires_at } = answer.json()?;
        tracing::debug!(%installation, %expires_at, "got an installation token");
        Ok(Minted { token, expires_at })
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
        _ => request.header(header::ACCEPT, "application/vnd.github+json"),
    };
    if let Some(credential) = credential {
        request = request.header(header::AUTHORIZATION, credential.header);
    }
    if let Some(etag) = etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    let body = match &call.body {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
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

/// A header value that no `Debug` shows.
fn sensitive(text: &str) -> Result<HeaderValue, GitHubError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| GitHubError::Unauthorized(anyhow!("the token holds characters that no header may")))?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.config).finish_non_exhaustive()
    }
}
