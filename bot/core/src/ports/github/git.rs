//! Git objects and refs, without a clone.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Acting, GitHubError};
use crate::comment::Repository;
use crate::ids::{Sha, UserId};

/// What Deputy does with a repository's Git data. Refs are written as `heads/main` or `tags/v1`.
#[async_trait]
pub trait GitData: Send + Sync {
    /// The commit that a branch, tag or SHA names; `None` where there is none.
    async fn resolve(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        reference: &str,
    ) -> Result<Option<Sha>, GitHubError>;

    /// What a ref points to: for an annotated tag the tag object. `None` where there is none.
    async fn git_ref(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        name: &str,
    ) -> Result<Option<Sha>, GitHubError>;

    /// Makes a ref. Idempotent: one that points there already is fine; one that points elsewhere is
    /// [`GitHubError::Refused`] and left alone.
    async fn create_ref(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        name: &str,
        sha: &Sha,
    ) -> Result<(), GitHubError>;

    /// Deletes a ref. Idempotent: one that is not there is fine.
    async fn delete_ref(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        name: &str,
    ) -> Result<(), GitHubError>;

    /// A commit.
    async fn git_commit(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        sha: &Sha,
    ) -> Result<GitCommit, GitHubError>;

    /// Puts commits onto a branch, as `git cherry-pick -x` does, as a new branch.
    ///
    /// Idempotent: the commits that are made depend on nothing but [`CherryPick`], so a second try makes the very
    /// same, and finds its branch. While it works, a branch `deputy/tmp/…` stands in the repository; a second try
    /// takes it over. Empty changes are left out.
    async fn cherry_pick(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        pick: &CherryPick<'_>,
    ) -> Result<Picked, GitHubError>;
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCommit {
    /// Its name.
    pub sha: Sha,
    /// The name of its tree.
    pub tree: Sha,
    /// Its parents; two or more for a merge.
    pub parents: Vec<Sha>,
    /// Its whole message.
    pub message: String,
    /// Who wrote the change.
    pub author: Signature,
}

/// Who did something in Git, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// A name.
    pub name: String,
    /// An address.
    pub email: String,
    /// When.
    pub date: DateTime<Utc>,
}

impl Signature {
    /// A GitHub account, by the address that GitHub knows it by without telling a real one.
    pub fn of_account(id: UserId, login: &str, date: DateTime<Utc>) -> Self {
        let email = format!("{id}+{login}@users.noreply.github.com");
        Self { name: login.to_owned(), email, date }
    }
}

/// Commits to be put onto a branch.
#[derive(Debug, Clone)]
pub struct CherryPick<'a> {
    /// Oldest first. For a merge commit, its change against its first parent is taken.
    pub commits: &'a [Sha],
    /// Onto this commit.
    pub onto: &'a Sha,
    /// The name of the branch to be made, without `heads/`.
    pub branch: &'a str,
    /// Who does it. The date is when the job was asked for, so that it is the same at every try.
    pub committer: &'a Signature,
    /// Names the temporary branch: the job's id.
    pub marker: &'a str,
}

/// What came of a cherry-pick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picked {
    /// The branch stands, with this head.
    Done(Sha),
    /// This commit's change does not apply. Nothing is left behind.
    Conflict(Sha),
    /// All of it is there already. No branch was made.
    Nothing,
}
