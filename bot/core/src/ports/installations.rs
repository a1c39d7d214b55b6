//! Where the App is installed, and being told when that changes.

use async_trait::async_trait;

use super::github::GitHubError;
use crate::ids::InstallationId;

/// Whoever remembers the App's installations.
///
/// What is remembered lives in memory: a new process reads it from GitHub, and a sweep reads it again, so that an event
/// that never came is made up for.
#[async_trait]
pub trait Installations: Send + Sync {
    /// Something about this installation has changed: looks at GitHub what it is now, and forgets the tokens of one
    /// that is gone or suspended. Idempotent, and in any order: what counts is GitHub's answer, not the event.
    async fn changed(&self, installation: InstallationId) -> Result<(), GitHubError>;
}

/// For a home that remembers none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoInstallations;

#[async_trait]
impl Installations for NoInstallations {
    async fn changed(&self, _: InstallationId) -> Result<(), GitHubError> {
        Ok(())
    }
}
