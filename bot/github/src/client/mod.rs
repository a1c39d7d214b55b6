//! GitHub's API: one pipeline that every request goes through, and what Deputy asks of it.
//!
//! A call names what it wants (`call`) and who asks (`identity`). The `pipeline` gets the token (`tokens`, `jwt`),
//! waits for the rate limits (`limits`, `budget`, `fair`), sends (`transport`), and repeats what is safe to repeat.
//! No token stands in an error, a log line or a `Debug`: they are secrets until they are a header.

mod actions;
mod answer;
mod budget;
mod call;
mod checks;
mod comments;
mod config;
mod contents;
mod deployments;
mod etags;
mod fair;
mod git;
mod graphql;
mod identity;
mod jwt;
mod limits;
mod pages;
mod people;
mod pipeline;
mod port;
mod pulls;
mod releases;
mod statuses;
mod tokens;
mod transport;

use std::fmt;
use std::sync::Arc;

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use deputy_core::ids::{InstallationId, UserId};
use deputy_core::ports::{AppSigner, Clock, GitHubError};
use http::HeaderValue;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

pub use budget::{Reading, Readings};
pub use config::{BadGitHubUrl, ClientConfig};
pub use tokens::{NoLogins, UserTokens};

pub(crate) use answer::Answer;
pub(crate) use call::{Call, Path, Repeat, encode};
pub(crate) use identity::Identity;
use tokens::Minted;

use crate::app::Scope;

/// A client of one GitHub for one App. Clones are the same client: one connection pool, one account of the rate limits,
/// one token for each installation.
#[derive(Clone)]
pub struct Client {
    config: ClientConfig,
    transport: Arc<transport::Transport>,
    limits: Arc<limits::Limits>,
    etags: Arc<etags::ETags>,
    app: Arc<jwt::AppJwt>,
    oauth: Option<OAuthClient>,
    installations: Arc<tokens::InstallationTokens>,
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

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(config: ClientConfig, app: App, users: Arc<dyn UserTokens>, clock: Arc<dyn Clock>) -> Self {
        Self {
            transport: Arc::new(transport::Transport::new(&config)),
            limits: Arc::new(limits::Limits::new(config.concurrency)),
            etags: Arc::default(),
            app: Arc::new(jwt::AppJwt::new(app.issuer, app.signer)),
            oauth: app.oauth,
            installations: Arc::default(),
            users,
            clock,
            config,
        }
    }

    /// The same client, which acts for people with these tokens. Whoever keeps people's grants needs a client to refresh
    /// them with, so it cannot be there before the client is.
    #[must_use]
    pub fn acting_for(&self, users: Arc<dyn UserTokens>) -> Self {
        Self { users, ..self.clone() }
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

    /// GitHub's latest word on an installation's hourly budgets; none until something was asked for it.
    pub fn readings(&self, installation: InstallationId) -> Readings {
        self.limits.readings(Identity::Installation(installation))
    }

    /// A token of the App itself, signed for this call, and its end: nine minutes from now.
    pub async fn app_token(&self) -> Result<(SecretString, DateTime<Utc>), GitHubError> {
        self.app.sign(self.clock.now()).await
    }

    pub(crate) fn note_readings(&self, installation: InstallationId, readings: Readings) {
        self.limits.note(Identity::Installation(installation), readings, self.clock.now());
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn oauth_client(&self) -> Result<&OAuthClient, GitHubError> {
        let missing =
            || GitHubError::Unauthorized(anyhow!("the App's client id and secret are not configured"));
        self.oauth.as_ref().ok_or_else(missing)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
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
                self.minted(installation, &Scope::default(), rejected).await?.token
            }
        };
        bearer(&token).map(Some)
    }

    /// The installation's token with its end, kept or fresh.
    pub(crate) async fn minted(
        &self,
        installation: InstallationId,
        scope: &Scope,
        rejected: Option<&SecretString>,
    ) -> Result<Minted, GitHubError> {
        let mint = self.mint(installation, scope);
        self.installations.token((installation, scope), rejected, &*self.clock, mint).await
    }

    /// Exchanges the App's JWT for an installation token. Doing it twice does no harm.
    async fn mint(&self, installation: InstallationId, scope: &Scope) -> Result<Minted, GitHubError> {
        #[derive(Deserialize)]
        struct AccessToken {
            token: SecretString,
            expires_at: DateTime<Utc>,
        }
        let path = Path::new(["app", "installations", &installation.to_string(), "access_tokens"])?;
        let mut call = Call::post(path).idempotent();
        if *scope != Scope::default() {
            call = call.json(scope)?;
        }
        // Boxed, as this is a call within a call.
        let answer = Box::pin(self.send(Identity::App, call)).await;
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
}

fn bearer(token: &SecretString) -> Result<Credential, GitHubError> {
    let header = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    Ok(Credential { header: sensitive(&header)?, token: Some(token.clone()) })
}

/// At most so many characters, the last an ellipsis where something is left out.
fn shorten(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    if text.chars().count() <= most {
        return text.into();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short.into()
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
