//! Why a task failed, by the name that a definition retries or catches.

use std::borrow::Cow;

use crate::ports::{GitHubError, JobsError, LocksError, WaitsError};

/// A failure with a name. The cause is shown to people: what happened, and what to do; nothing internal.
#[derive(Debug, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct TaskError {
    /// What `Retry` and `Catch` match.
    pub error: Cow<'static, str>,
    /// What happened, for people.
    pub cause: String,
    /// What happened, for the log.
    #[source]
    pub source: Option<anyhow::Error>,
}

impl TaskError {
    /// The input does not fit the task. Trying again cannot help.
    pub const INVALID_INPUT: &'static str = "Task.InvalidInput";
    /// The vocabulary has no such task.
    pub const UNKNOWN: &'static str = "Task.Unknown";
    /// Deputy's own store cannot be reached. Try again.
    pub const UNAVAILABLE: &'static str = "Task.Unavailable";
    /// The requester must log in again. Trying again does not help before they did.
    pub const UNAUTHORIZED: &'static str = "GitHub.Unauthorized";
    /// The requester may not do it.
    pub const FORBIDDEN: &'static str = "GitHub.Forbidden";
    /// GitHub does not know it, or does not show it to the requester.
    pub const NOT_FOUND: &'static str = "GitHub.NotFound";
    /// GitHub refuses the request itself.
    pub const REFUSED: &'static str = "GitHub.Refused";
    /// The requester's or the App's rate limit is used up. Try again, in minutes.
    pub const RATE_LIMITED: &'static str = "GitHub.RateLimited";
    /// GitHub cannot be reached, or fails. Try again.
    pub const UNAVAILABLE_GITHUB: &'static str = "GitHub.Unavailable";

    /// A failure of this name.
    pub fn new(error: impl Into<Cow<'static, str>>, cause: impl Into<String>) -> Self {
        Self { error: error.into(), cause: cause.into(), source: None }
    }

    fn of_ours(error: impl Into<anyhow::Error>) -> Self {
        let cause = "Deputy's own store could not be reached.".to_owned();
        Self { error: Self::UNAVAILABLE.into(), cause, source: Some(error.into()) }
    }
}

impl From<GitHubError> for TaskError {
    fn from(error: GitHubError) -> Self {
        let (name, cause) = match &error {
            GitHubError::Unauthorized(_) => (
                Self::UNAUTHORIZED,
                "GitHub does not accept the login of whoever asked for this any more. They must log in again, with \
                 `login`, and then retry."
                    .to_owned(),
            ),
            GitHubError::Forbidden { message } => (Self::FORBIDDEN, format!("GitHub forbids it: {message}")),
            GitHubError::NotFound => {
                (Self::NOT_FOUND, "GitHub does not know it, or does not show it to whoever asked.".to_owned())
            }
            GitHubError::Refused { status, message } => {
                (Self::REFUSED, format!("GitHub refuses the request ({status}): {message}"))
            }
            GitHubError::RateLimited { retry_after } => (
                Self::RATE_LIMITED,
                format!("GitHub's rate limit is used up for another {} s.", retry_after.as_secs()),
            ),
            GitHubError::Unavailable(_) => {
                (Self::UNAVAILABLE_GITHUB, "GitHub could not be reached, or failed.".to_owned())
            }
        };
        Self { error: name.into(), cause, source: Some(error.into()) }
    }
}

impl From<JobsError> for TaskError {
    fn from(error: JobsError) -> Self {
        Self::of_ours(error)
    }
}

impl From<LocksError> for TaskError {
    fn from(error: LocksError) -> Self {
        Self::of_ours(error)
    }
}

impl From<WaitsError> for TaskError {
    fn from(error: WaitsError) -> Self {
        Self::of_ours(error)
    }
}
