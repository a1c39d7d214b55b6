//! Files of a repository.

use async_trait::async_trait;

use super::{Acting, GitHubError};
use crate::comment::Repository;

/// The largest file that is read, in bytes. GitHub's own limit for this way of reading is 100 MB.
pub const LARGEST_FILE: usize = 1024 * 1024;

/// What Deputy reads of a repository's files.
#[async_trait]
pub trait Contents: Send + Sync {
    /// A file at a branch, tag or SHA, or on the default branch; `None` where there is none, or a folder, or no such
    /// repository. Larger than [`LARGEST_FILE`] is [`GitHubError::Refused`].
    async fn file(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        path: &str,
        reference: Option<&str>,
    ) -> Result<Option<Vec<u8>>, GitHubError>;
}
