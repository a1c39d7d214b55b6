//! What GitHub's OAuth endpoints say when they say no.

use chrono::TimeDelta;
use deputy_core::ports::OAuthError;
use serde::Deserialize;

/// An answer, as far as it describes an error.
#[derive(Deserialize)]
pub(super) struct Described {
    error: Option<String>,
    /// With `slow_down`: seconds to wait from now on.
    interval: Option<u32>,
}

impl Described {
    /// The error, if it describes one.
    pub(super) fn into_error(self) -> Option<OAuthError> {
        let error = OAuthError::from_code(self.error.as_deref()?);
        Some(match (error, self.interval) {
            (OAuthError::SlowDown(_), Some(seconds)) => OAuthError::SlowDown(TimeDelta::seconds(seconds.into())),
            (error, _) => error,
        })
    }
}
