//! Who somebody is to an organization and to a repository.

use async_trait::async_trait;

use super::{Acting, GitHubError};
use crate::comment::Repository;
use crate::permission::Permission;

/// What Deputy asks of GitHub about people.
#[async_trait]
pub trait People: Send + Sync {
    /// Whether `login` is an active member of `organization`, concealed membership included.
    async fn is_member(&self, acting: &Acting, organization: &str, login: &str) -> Result<bool, GitHubError>;

    /// Whether `login` is an active member of the team `team` (its slug) of `organization`, or of a team below it.
    /// Where there is no such team, nobody is.
    async fn is_team_member(
        &self,
        acting: &Acting,
        organization: &str,
        team: &str,
        login: &str,
    ) -> Result<bool, GitHubError>;

    /// What `login` may do in `repository`. Custom roles count as the role they are based on.
    async fn permission(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        login: &str,
    ) -> Result<Permission, GitHubError>;
}
