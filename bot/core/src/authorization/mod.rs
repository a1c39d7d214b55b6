//! Who may ask for what: membership, permission and the person's own grant, checked together, each refusal with
//! its next step.

mod administrators;
mod cache;
mod checks;
mod grant;
mod refusal;
mod standing;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use self::administrators::{AdministratorName, Administrators, NamesNobody, NotAdministrator};
pub use self::checks::Authority;
pub use self::grant::GrantCheck;
pub use self::refusal::Refusal;
use crate::comment::{Account, Repository};
use crate::ids::UserId;
use crate::permission::Permission;
use crate::ports::{Acting, GitHubError};

/// Decides whether a person may run a command. The one place that does.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Finds out what is needed to know. An error means that it could not be found out: nothing runs then.
    async fn authorize(&self, request: &Request<'_>) -> Result<Decision, GitHubError>;

    /// Forgets all that was remembered of anybody's membership and permission: GitHub said that some of it changed.
    fn forget(&self);

    /// Forgets that the person's grant was valid: they logged out, or GitHub has just refused it.
    fn forget_grant(&self, user: UserId);
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
    /// The team that the command is kept for, by its slug in the organization that owns the repository.
    pub team: Option<&'a str>,
    /// Whose authority the command runs with.
    pub runs_as: RunsAs,
}

/// With whose authority a command runs, and so whether it needs their grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsAs {
    /// It does nothing for anybody but answer, and the App answers: help, logging in. No grant is needed.
    App,
    /// With the person's own grant, and the answer is theirs. What a command does unless it says otherwise.
    Person,
    /// The same, and nothing remembered counts: everything is asked anew right before it acts. For
    /// deployments and whatever else cannot be taken back.
    PersonAskedAnew,
}

impl RunsAs {
    /// Whether the person must have logged in.
    pub const fn needs_grant(self) -> bool {
        matches!(self, Self::Person | Self::PersonAskedAnew)
    }
}

/// Whether they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// They may.
    Allowed,
    /// They may not, and this is why.
    Refused(Refusal),
}
