//! Logging people in at GitHub: the web flow, the device flow, refresh and revocation.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use super::github::GitHubError;
use crate::ids::{RepositoryId, UserId};

/// GitHub's OAuth endpoints, with every answer typed.
///
/// Codes and refresh tokens are used up by being used. So nothing here is sent again by itself once it may have
/// arrived: [`GitHubError::Unavailable`] leaves open whether it did.
#[async_trait]
pub trait OAuth: Send + Sync {
    /// The page where a person agrees that Deputy acts for them. With PKCE (S256) always.
    fn authorize_url(&self, authorize: &Authorize<'_>) -> Result<String, OAuthError>;

    /// Exchanges a callback's code, with the redirect URI and the verifier that began it. `repository` narrows the
    /// token to one.
    async fn exchange(
        &self,
        code: &SecretString,
        redirect_uri: &str,
        verifier: &SecretString,
        repository: Option<RepositoryId>,
    ) -> Result<Tokens, OAuthError>;

    /// Exchanges a refresh token for the next pair. From then on neither it nor its access token is valid:
    /// store the new pair before using it.
    async fn refresh(&self, refresh_token: &SecretString) -> Result<Tokens, OAuthError>;

    /// Begins a device flow.
    async fn begin_device(&self) -> Result<DeviceCode, OAuthError>;

    /// Asks once whether the person has typed the code.
    async fn poll_device(&self, device_code: &SecretString) -> Result<DevicePoll, OAuthError>;

    /// Whose token it is. [`GitHubError::Unauthorized`] where it is not valid.
    async fn viewer(&self, access_token: &SecretString) -> Result<Viewer, GitHubError>;

    /// Ends a person's whole authorization of the App, with every token it has. Idempotent.
    async fn revoke(&self, access_token: &SecretString) -> Result<(), GitHubError>;

    /// Ends this token alone, where it is not to be kept; the person's other ones live on. Idempotent.
    async fn revoke_token(&self, access_token: &SecretString) -> Result<(), GitHubError>;
}

/// What GitHub hands out: the tokens and how long they live.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Acts for the person, within what both they and the App may do.
    pub access_token: SecretString,
    /// Eight hours from its making; `None` where the App opted out of expiry.
    pub expires_at: Option<DateTime<Utc>>,
    /// Gets the next pair, once. `None` where access tokens do not expire.
    pub refresh_token: Option<SecretString>,
    /// About six months from its making.
    pub refresh_expires_at: Option<DateTime<Utc>>,
}

/// Where to send a browser to log in.
#[derive(Debug, Clone, Copy)]
pub struct Authorize<'a> {
    /// One of the App's callback URLs.
    pub redirect_uri: &'a str,
    /// Single use; GitHub only carries it, checking it is ours.
    pub state: &'a str,
    /// RFC 7636's code verifier, which the code will be exchanged with. Only its challenge goes into the URL.
    pub verifier: &'a SecretString,
    /// The account to suggest, where somebody in particular was asked.
    pub login: Option<&'a str>,
}

/// A device flow that has begun: what the person is told, and what we poll with.
#[derive(Debug, Clone)]
pub struct DeviceCode {
    /// Polls with this. Secret: whoever has it gets the token.
    pub device_code: SecretString,
    /// What the person types, such as `WDJB-MJHT`.
    pub user_code: String,
    /// Where they type it.
    pub verification_uri: String,
    /// When it is too late; 15 minutes from the start.
    pub expires_at: DateTime<Utc>,
    /// The least time between polls.
    pub interval: TimeDelta,
}

/// Where a device flow stands.
#[derive(Debug, Clone)]
pub enum DevicePoll {
    /// They agreed.
    Granted(Tokens),
    /// They have not typed the code yet: poll again after the interval.
    Pending,
    /// We polled too fast: from now on, wait this long between polls.
    SlowDown(TimeDelta),
    /// Too late: begin anew.
    Expired,
    /// They said no.
    Denied,
}

/// A person, by their own token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Stable over renames.
    pub id: UserId,
    /// The name shown.
    pub login: String,
}

/// Why there is no grant, by what can be done about it.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The code is wrong, used, or older than ten minutes: the person logs in again.
    #[error("the login's code is wrong, used already, or too old")]
    BadCode,
    /// The refresh token is used, expired or revoked: the person logs in again.
    #[error("the refresh token is not valid any more")]
    BadRefreshToken,
    /// Device flow: the person has not typed the code yet.
    #[error("the code has not been entered yet")]
    Pending,
    /// Device flow: polled too fast; wait this long from now on.
    #[error("asked too often; wait {} s between requests", .0.num_seconds())]
    SlowDown(TimeDelta),
    /// Device flow: too late.
    #[error("the code has expired")]
    Expired,
    /// The person said no.
    #[error("the person did not agree")]
    Denied,
    /// The operator must switch the device flow on.
    #[error("the device flow is switched off in the App's settings")]
    DeviceFlowDisabled,
    /// The operator must mend the client id or secret.
    #[error("GitHub does not accept the App's client id and secret")]
    BadClient,
    /// The operator must add our callback URL.
    #[error("the callback URL is none of those in the App's settings")]
    RedirectMismatch,
    /// The person must verify their primary e-mail address.
    #[error("the person's primary e-mail address is not verified on GitHub")]
    UnverifiedEmail,
    /// The App was suspended by GitHub or its owner.
    #[error("the App is suspended")]
    AppSuspended,
    /// Something that GitHub does not document. Only the code: a description may quote what was sent.
    #[error("GitHub refuses the login: {0}")]
    Other(String),
    /// GitHub could not be asked.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
}

impl OAuthError {
    /// What one of GitHub's `error` codes means, from an answer or from a callback's address.
    pub fn from_code(code: &str) -> Self {
        match code {
            "bad_verification_code" | "incorrect_device_code" => Self::BadCode,
            "bad_refresh_token" => Self::BadRefreshToken,
            "authorization_pending" => Self::Pending,
            // Five seconds more than the five that it begins with; an answer that names another time has its own.
            "slow_down" => Self::SlowDown(TimeDelta::seconds(10)),
            // GitHub's pages name it both ways.
            "expired_token" | "token_expired" => Self::Expired,
            "access_denied" => Self::Denied,
            "device_flow_disabled" => Self::DeviceFlowDisabled,
            "incorrect_client_credentials" => Self::BadClient,
            "redirect_uri_mismatch" => Self::RedirectMismatch,
            "unverified_user_email" => Self::UnverifiedEmail,
            "application_suspended" => Self::AppSuspended,
            _ => Self::Other(
                code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect(),
            ),
        }
    }
}
