//! Who may ask for what: membership and permission, checked together, each refusal with its next step.

use std::sync::Arc;

use async_trait::async_trait;

use crate::comment::{Account, Repository};
use crate::permission::Permission;
use crate::ports::{Acting, GitHub, GitHubError};

/// Decides whether a person may run a command. The one place that does.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Asks GitHub what is needed to know. An error means that it could not be found out: nothing runs then.
    async fn authorize(&self, request: &Request<'_>) -> Result<Decision, GitHubError>;
}

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// As whom to look things up: the installation.
    pub acting: &'a Acting,
    /// The person.
    pub person: &'a Account<'a>,
    /// Where.
    pub repository: &'a Repository<'a>,
    /// What the command asks for at least.
    pub permission: Permission,
}

/// Whether they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// They may.
    Allowed,
    /// They may not, and this is why.
    Refused(Refusal),
}

/// Why somebody may not run a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not a member of the organization that owns the repository.
    NotAMember {
        /// The organization's login.
        organization: String,
    },
    /// Not a collaborator of somebody's own repository.
    NotACollaborator {
        /// The owner's login.
        owner: String,
    },
    /// A member whose permission does not reach.
    PermissionTooLow {
        /// What the command asks for.
        needed: Permission,
        /// What they have.
        has: Permission,
    },
}

impl Refusal {
    /// The text for the person: what is missing and who can help. `command` is the command's name, if known.
    pub fn message(&self, command: Option<&str>) -> String {
        let what = command.map_or_else(|| "Commands".to_owned(), |name| format!("`{name}`"));
        match self {
            Self::NotAMember { organization } => format!(
                "{what} can only be used by members of the organization **{organization}**. \
                 If you are one, ask an owner whether your invitation is still pending; \
                 otherwise ask a member to run it for you."
            ),
            Self::NotACollaborator { owner } => format!(
                "{what} can only be used by collaborators of this repository. \
                 Ask **{owner}** to add you, or to run it for you."
            ),
            Self::PermissionTooLow { needed, has } => format!(
                "{what} needs **{needed}** permission on this repository, and you have **{has}**. \
                 Ask a maintainer to raise it, or to run the command for you."
            ),
        }
    }
}

/// Organization membership and repository permission, as GitHub tells them at this moment.
///
/// Fails closed: an answer that GitHub does not give is an error, never a yes.
pub struct MembershipAndPermission {
    github: Arc<dyn GitHub>,
}

impl MembershipAndPermission {
    /// Asks `github`.
    pub fn new(github: Arc<dyn GitHub>) -> Self {
        Self { github }
    }
}

#[async_trait]
impl Authorizer for MembershipAndPermission {
    async fn authorize(&self, request: &Request<'_>) -> Result<Decision, GitHubError> {
        let Request { acting, person, repository, permission: needed } = *request;
        let permission = self.github.permission(acting, repository, &person.login);
        if repository.owner_is_organization {
            let member = self.github.is_member(acting, &repository.owner, &person.login);
            let (member, has) = tokio::join!(member, permission);
            // Membership first: to somebody from outside, their permission is beside the point. A repository
            // that hides from them answers "not found", which must not turn into an error for a stranger.
            if !member? {
                let organization = repository.owner.to_string();
                return Ok(Decision::Refused(Refusal::NotAMember { organization }));
            }
            let has = has?;
            if has < needed {
                return Ok(Decision::Refused(Refusal::PermissionTooLow { needed, has }));
            }
            return Ok(Decision::Allowed);
        }
        // On a public repository GitHub answers "read" for everybody. A collaborator of a personal repository
        // always has write, so that is what tells them from a passer-by.
        let has = match permission.await {
            Err(GitHubError::NotFound) => Permission::None,
            answer => answer?,
        };
        if has < Permission::Write {
            let owner = repository.owner.to_string();
            return Ok(Decision::Refused(Refusal::NotACollaborator { owner }));
        }
        if has < needed {
            return Ok(Decision::Refused(Refusal::PermissionTooLow { needed, has }));
        }
        Ok(Decision::Allowed)
    }
}
