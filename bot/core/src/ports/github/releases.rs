//! Releases, with their tags and notes.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Acting, GitHubError};
use crate::comment::Repository;
use crate::ids::Sha;

/// What Deputy does with releases.
#[async_trait]
pub trait Releases: Send + Sync {
    /// Makes a release, and its tag where there is none, or finds the release of that tag.
    ///
    /// Twice is once: GitHub allows one release for a tag. [`GitHubError::Refused`] with 422 where the tag points to
    /// another commit; nothing is made then.
    async fn create_release(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        new: &NewRelease<'_>,
    ) -> Result<Release, GitHubError>;

    /// The published release of a tag.
    async fn release_of_tag(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        tag: &str,
    ) -> Result<Option<Release>, GitHubError>;

    /// The latest release that is neither a draft nor a pre-release.
    async fn latest_release(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
    ) -> Result<Option<Release>, GitHubError>;
}

/// A release to be made.
#[derive(Debug, Clone)]
pub struct NewRelease<'a> {
    /// Its tag.
    pub tag: &'a str,
    /// What the tag must point to.
    pub target: &'a Sha,
    /// Its title.
    pub name: &'a str,
    /// Its text; `None` lets GitHub write it from the pull requests merged since the release before.
    pub notes: Option<&'a str>,
    /// Whether it is not for everybody yet.
    pub is_prerelease: bool,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its id.
    pub id: u64,
    /// Its tag.
    pub tag: String,
    /// Its title.
    pub name: String,
    /// Its text.
    pub notes: String,
    /// Its page.
    pub html_url: String,
}
