//! Pull requests: reading, opening, merging.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Acting, GitHubError};
use crate::comment::Repository;
use crate::ids::{Number, RepositoryId, Sha};

/// What Deputy does with pull requests.
#[async_trait]
pub trait PullRequests: Send + Sync {
    /// A pull request as it is now.
    async fn pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        number: Number,
    ) -> Result<PullRequest, GitHubError>;

    /// Its commits, oldest first; GitHub lists at most 250.
    async fn commits_of_pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        number: Number,
    ) -> Result<Vec<Sha>, GitHubError>;

    /// Opens a pull request between branches of one repository, or finds the open one between the same branches.
    /// Twice is once: GitHub allows one.
    async fn open_pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        new: &NewPullRequest<'_>,
    ) -> Result<PullRequest, GitHubError>;

    /// Merges a pull request whose head is still the one expected, and answers with the commit that came of it.
    ///
    /// Idempotent: one that was merged at that head answers with its merge commit. [`GitHubError::Refused`] with
    /// 409 says that the head has moved, with 405 that it cannot be merged (conflicts, missing reviews or checks).
    async fn merge_pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        number: Number,
        merge: &Merge<'_>,
    ) -> Result<Sha, GitHubError>;
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// The number behind `#`.
    pub number: Number,
    /// Its title.
    pub title: String,
    /// Its page.
    pub html_url: String,
    /// Who opened it.
    pub author: String,
    /// Whether it is open.
    pub is_open: bool,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// Whether it was merged.
    pub is_merged: bool,
    /// The commit that merging made; while it is open, GitHub's trial of it.
    pub merge_commit_sha: Option<Sha>,
    /// The head's commit.
    pub head_sha: Sha,
    /// The head's branch.
    pub head_ref: String,
    /// The head's repository; `None` where it was deleted.
    pub head_repository: Option<RepositoryId>,
    /// The branch that it is to be merged into.
    pub base_ref: String,
}

impl PullRequest {
    /// Whether its code comes from elsewhere: from people whom this repository does not let push.
    pub fn is_from_fork(&self, repository: RepositoryId) -> bool {
        self.head_repository != Some(repository)
    }
}

/// A pull request to be opened.
#[derive(Debug, Clone)]
pub struct NewPullRequest<'a> {
    /// Its title.
    pub title: &'a str,
    /// Its text.
    pub body: &'a str,
    /// The branch with the change, in the same repository.
    pub head: &'a str,
    /// The branch that it is for.
    pub base: &'a str,
    /// Whether it is a draft.
    pub is_draft: bool,
}

/// How to merge.
#[derive(Debug, Clone)]
pub struct Merge<'a> {
    /// What the head must be.
    pub head: &'a Sha,
    /// How.
    pub method: MergeMethod,
    /// The message's first line; GitHub's own where there is none.
    pub title: Option<&'a str>,
    /// The rest of the message.
    pub message: Option<&'a str>,
}

/// GitHub's ways to merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeMethod {
    /// A merge commit.
    #[default]
    Merge,
    /// One commit.
    Squash,
    /// The commits, put onto the base.
    Rebase,
}

impl MergeMethod {
    /// GitHub's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Squash => "squash",
            Self::Rebase => "rebase",
        }
    }
}
