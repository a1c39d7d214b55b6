//! What GitHub's OAuth endpoints say when they say no.

use chrono::TimeDelta;
use deputy_core::ports::GitHubError;
use serde::Deserialize;

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

/// An answer, as far as it describes an error.
#[derive(Deserialize)]
pub(super) struct Described {
    pub(super) error: Option<String>,
    /// With `slow_down`: seconds to wait from now on.
    pub(super) interval: Option<u32>,
}

impl OAuthError {
    /// The `error` that GitHub appends to the callback URL instead of a code.
    pub fn from_callback(error: &str) -> Self {
        Self::of(error, None)
    }

    pub(super) fn of(code: &str, interval: Option<u32>) -> Self {
        match code {
            "bad_verification_code" | "incorrect_device_code" => Self::BadCode,
            "bad_refresh_token" => Self::BadRefreshToken,
            "authorization_pending" => Self::Pending,
            // Five seconds more than the five that it begins with, where GitHub does not say.
            "slow_down" => Self::SlowDown(TimeDelta::seconds(interval.unwrap_or(10).into())),
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
