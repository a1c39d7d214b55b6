//! Commit statuses: the older kind of check, which people may write.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Acting, GitHubError};
use crate::comment::Repository;
use crate::ids::Sha;

/// What Deputy does with commit statuses. Reading them is part of
/// [`check_results`](super::Checks::check_results).
#[async_trait]
pub trait Statuses: Send + Sync {
    /// Sets the status of a context on a commit, unless its newest one says the same already. Twice in a row is
    /// once.
    async fn set_commit_status(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        sha: &Sha,
        status: &NewStatus<'_>,
    ) -> Result<(), GitHubError>;
}

/// A status to be set.
#[derive(Debug, Clone)]
pub struct NewStatus<'a> {
    /// What it is called among the commit's checks.
    pub context: &'a str,
    /// How it stands.
    pub state: StatusState,
    /// At most 140 characters; more are cut.
    pub description: &'a str,
    /// Where *Details* leads.
    pub target_url: Option<&'a str>,
}

/// How a status stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusState {
    /// It could not be found out.
    Error,
    /// No.
    Failure,
    /// Not yet.
    Pending,
    /// Yes.
    Success,
}

impl StatusState {
    /// GitHub's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Success => "success",
        }
    }
}
