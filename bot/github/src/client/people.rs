//! Who somebody is to an organization and to a repository.

use deputy_core::comment::Repository;
use deputy_core::permission::Permission;
use deputy_core::ports::GitHubError;
use serde::Deserialize;

use super::{Call, Client, Identity, Path};

/// `GET /repos/{owner}/{repo}/collaborators/{login}/permission`.
#[derive(Debug, Deserialize)]
struct Collaborator {
    /// The old four words: `maintain` shows as `write` here, `triage` as `read`.
    permission: String,
    /// The real role, which can be one that the organization made up.
    #[serde(default)]
    role_name: String,
    user: Option<Flags>,
}

#[derive(Debug, Deserialize)]
struct Flags {
    permissions: Option<Permissions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Permissions {
    admin: bool,
    maintain: bool,
    push: bool,
    triage: bool,
    pull: bool,
}

impl Client {
    pub(super) async fn membership(
        &self,
        identity: Identity,
        organization: &str,
        login: &str,
    ) -> Result<bool, GitHubError> {
        self.active(identity, Path::new(["orgs", organization, "memberships", login])?).await
    }

    pub(super) async fn team_membership(
        &self,
        identity: Identity,
        (organization, team): (&str, &str),
        login: &str,
    ) -> Result<bool, GitHubError> {
        let path = ["orgs", organization, "teams", team, "memberships", login];
        self.active(identity, Path::new(path)?).await
    }

    /// Whether there is a membership, accepted.
    async fn active(&self, identity: Identity, path: Path) -> Result<bool, GitHubError> {
        #[derive(Deserialize)]
        struct Membership {
            state: String,
        }
        match self.send(identity, Call::get(path)).await {
            // `pending` is an invitation that nobody has accepted yet.
            Ok(answer) => Ok(answer.json::<Membership>()?.state == "active"),
            Err(GitHubError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn role(
        &self,
        identity: Identity,
        repository: &Repository<'_>,
        login: &str,
    ) -> Result<Permission, GitHubError> {
        let parts = ["repos", &repository.owner, &repository.name, "collaborators", login, "permission"];
        let answer = self.send(identity, Call::get(Path::new(parts)?).of(repository.id)).await?;
        Ok(answer.json::<Collaborator>()?.permission())
    }
}

impl Collaborator {
    /// GitHub's standard role where it is one, else what a role of the organization's own allows.
    fn permission(&self) -> Permission {
        if let Ok(role) = self.role_name.parse() {
            return role;
        }
        let flags = self.user.as_ref().and_then(|user| user.permissions.as_ref());
        match flags {
            Some(Permissions { admin: true, .. }) => Permission::Admin,
            Some(Permissions { maintain: true, .. }) => Permission::Maintain,
            Some(Permissions { push: true, .. }) => Permission::Write,
            Some(Permissions { triage: true, .. }) => Permission::Triage,
            Some(Permissions { pull: true, .. }) => Permission::Read,
            // A word that nobody knows gives nothing.
            Some(_) | None => self.permission.parse().unwrap_or(Permission::None),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_read_as_what_they_allow() {
        let read = |json| serde_json::from_value::<Collaborator>(json).unwrap().permission();
        let flags = |flag: &str| json!({"permissions": {"pull": true, flag: true}});
        assert_eq!(read(json!({"permission": "write", "role_name": "maintain"})), Permission::Maintain);
        assert_eq!(read(json!({"permission": "read", "role_name": "triage"})), Permission::Triage);
        assert_eq!(read(json!({"permission": "none", "role_name": ""})), Permission::None);
        assert_eq!(read(json!({"permission": "admin", "user": null})), Permission::Admin);
        let custom = json!({"permission": "read", "role_name": "labeller", "user": flags("triage")});
        assert_eq!(read(custom), Permission::Triage);
        let custom = json!({"permission": "write", "role_name": "shipper", "user": {"login": "x"}});
        assert_eq!(read(custom), Permission::Write);
        assert_eq!(read(json!({"permission": "owner", "role_name": "x"})), Permission::None);
    }
}
