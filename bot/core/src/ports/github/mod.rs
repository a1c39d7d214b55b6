//! What Deputy does on GitHub, and as whom: one trait a subject, and [`GitHub`] for all of them.
//!
//! Calls wait for rate limits and retry what is safe to retry by themselves, within a deadline of about a minute.
//! What makes something says how often it is made when the process dies in the middle: most calls look first, by a
//! marker or by what GitHub allows once only, so that calling twice is calling once.

mod actions;
mod checks;
mod contents;
mod conversations;
mod deployments;
mod git;
mod people;
mod pulls;
mod releases;
mod statuses;

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::actions::{Actions, ActionsJob, Dispatch, Dispatched, WorkflowRun};
pub use self::checks::{
    Annotation, AnnotationLevel, Button, CheckResult, CheckRunUpdate, CheckState, CheckSuite, Checks,
    LONGEST_OUTPUT, MOST_ANNOTATIONS, MOST_BUTTONS, NewCheckRun,
};
pub use self::contents::{Contents, LARGEST_FILE};
pub use self::conversations::{Conversations, Marked, Minimized, PostedComment, Reaction};
pub use self::deployments::{Deployment, DeploymentState, Deployments, NewDeployment, NewDeploymentStatus};
pub use self::git::{CherryPick, GitCommit, GitData, Picked, Signature};
pub use self::people::People;
pub use self::pulls::{Merge, MergeMethod, NewPullRequest, PullRequest, PullRequests};
pub use self::releases::{NewRelease, Release, Releases};
pub use self::statuses::{NewStatus, StatusState, Statuses};
use crate::ids::{InstallationId, UserId};

/// GitHub, as handlers see it: every subject at once.
pub trait GitHub:
    Actions
    + Checks
    + Contents
    + Conversations
    + Deployments
    + GitData
    + People
    + PullRequests
    + Releases
    + Statuses
{
}

impl<T> GitHub for T where
    T: Actions
        + Checks
        + Contents
        + Conversations
        + Deployments
        + GitData
        + People
        + PullRequests
        + Releases
        + Statuses
{
}

/// As whom something is done. Tokens stay inside the adapter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Acting {
    /// As the App's installation: look-ups, check runs, asking somebody to log in.
    Installation(InstallationId),
    /// As a person, with their own grant.
    User(UserId),
}

/// How a check, a run or a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Well.
    Success,
    /// Not well.
    Failure,
    /// Neither well nor badly; nothing is blocked by it.
    Neutral,
    /// Somebody stopped it.
    Cancelled,
    /// It did not run, and did not have to.
    Skipped,
    /// It took too long.
    TimedOut,
    /// Somebody must do something first.
    ActionRequired,
    /// Nothing was heard of it for two weeks.
    Stale,
    /// It could not begin.
    StartupFailure,
}

impl Conclusion {
    /// GitHub's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Neutral => "neutral",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::TimedOut => "timed_out",
            Self::ActionRequired => "action_required",
            Self::Stale => "stale",
            Self::StartupFailure => "startup_failure",
        }
    }

    /// Whether nothing stands in the way by it: GitHub's branch protection sees it alike.
    pub const fn is_green(self) -> bool {
        matches!(self, Self::Success | Self::Neutral | Self::Skipped)
    }
}

/// A word that is no conclusion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown conclusion `{0}`")]
pub struct UnknownConclusion(String);

impl FromStr for Conclusion {
    type Err = UnknownConclusion;

    fn from_str(text: &str) -> Result<Self, UnknownConclusion> {
        Ok(match text {
            "success" => Self::Success,
            "failure" => Self::Failure,
            "neutral" => Self::Neutral,
            "cancelled" => Self::Cancelled,
            "skipped" => Self::Skipped,
            "timed_out" => Self::TimedOut,
            "action_required" => Self::ActionRequired,
            "stale" => Self::Stale,
            "startup_failure" => Self::StartupFailure,
            other => return Err(UnknownConclusion(other.to_owned())),
        })
    }
}

/// Why GitHub did not do it, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// 401: the credentials are not valid (any more).
    #[error("GitHub does not accept the credentials")]
    Unauthorized(#[source] anyhow::Error),
    /// 403 that is no rate limit: they may not do this.
    #[error("GitHub forbids it: {message}")]
    Forbidden {
        /// GitHub's own words.
        message: String,
    },
    /// 404 or 410: it is not there, or they may not see it.
    #[error("GitHub does not know it, or does not show it")]
    NotFound,
    /// 422 and other refusals of the request itself.
    #[error("GitHub refuses the request ({status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// GitHub's own words.
        message: String,
    },
    /// A rate limit that ends later than the call could wait.
    #[error("GitHub's rate limit is used up for another {} s", retry_after.as_secs())]
    RateLimited {
        /// How long until it is worth trying again.
        retry_after: Duration,
    },
    /// No answer, a broken one, or 5xx, after the retries that were safe. A write may have arrived.
    #[error("GitHub cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}
