//! Who may operate this Deputy: the accounts that its configuration names, each asked of GitHub when it matters.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::GrantCheck;
use super::cache::Cache;
use crate::ids::UserId;
use crate::ports::{Clock, GitHubError, NeedsLogin, Viewer};

/// An administrator, as the configuration names them.
///
/// A login follows whoever holds it: a person who renames their account loses it here, and whoever takes the old
/// name has it. `id:583231`, GitHub's number for the account, stays with the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdministratorName {
    /// `octocat`; case does not matter.
    Login(Box<str>),
    /// `id:583231`.
    Id(UserId),
}

/// No name of a person on GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("names nobody: expected GitHub logins such as octocat, or account numbers such as id:583231")]
pub struct NamesNobody;

/// The people who may operate this Deputy. Nobody is one by any other way.
pub struct Administrators {
    named: Vec<AdministratorName>,
    check: GrantCheck,
    clock: Arc<dyn Clock>,
    known: Cache<UserId, ()>,
}

/// Nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum NotAdministrator {
    /// The configuration does not name them.
    #[error("{login} is none of the administrators that the configuration names")]
    NotNamed {
        /// Their login now.
        login: String,
    },
    /// GitHub does not say (any more) who they are.
    #[error("they must log in again: {0}")]
    NeedsLogin(NeedsLogin),
    /// It could not be found out.
    #[error("GitHub could not be asked who they are")]
    Unknown(#[source] GitHubError),
}

impl Administrators {
    /// Those whom `named` names; nobody where it is empty.
    pub fn new(named: Vec<AdministratorName>, check: GrantCheck, clock: Arc<dyn Clock>) -> Self {
        Self { named, check, clock, known: Cache::default() }
    }

    /// Whether the person is an administrator. GitHub is asked with their own token who they are now, because a login
    /// that was true when a session began may be somebody else's today. A yes is remembered for a minute, a no never.
    pub async fn check(&self, user: UserId) -> Result<(), NotAdministrator> {
        let now = self.clock.now();
        if self.known.get(&user, now).is_some() {
            return Ok(());
        }
        let asked = self.known.asking();
        let viewer = self.check.viewer(user).await.map_err(NotAdministrator::Unknown)?;
        let Viewer { id, login } = viewer.map_err(NotAdministrator::NeedsLogin)?;
        if !self.named.iter().any(|name| name.is(id, &login)) {
            return Err(NotAdministrator::NotNamed { login });
        }
        self.known.put(asked, user, (), now);
        Ok(())
    }
}

impl AdministratorName {
    fn is(&self, user: UserId, login: &str) -> bool {
        match self {
            Self::Login(name) => name.eq_ignore_ascii_case(login),
            Self::Id(id) => *id == user,
        }
    }
}

impl FromStr for AdministratorName {
    type Err = NamesNobody;

    fn from_str(text: &str) -> Result<Self, NamesNobody> {
        if let Some(id) = text.strip_prefix("id:") {
            return id.parse().map(|id| Self::Id(UserId(id))).map_err(|_| NamesNobody);
        }
        let login = text.strip_prefix('@').unwrap_or(text);
        // Accounts that a company manages have an underscore before the company's short code.
        let fits = matches!(login.len(), 1..=64)
            && login.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if fits { Ok(Self::Login(login.into())) } else { Err(NamesNobody) }
    }
}

impl fmt::Display for AdministratorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login(login) => f.write_str(login),
            Self::Id(id) => write!(f, "id:{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administrators_are_named_by_login_or_number() {
        for (text, shown) in [
            ("octocat", Some("octocat")),
            ("@Octo-Cat", Some("Octo-Cat")),
            ("ada_acme", Some("ada_acme")),
            ("583231", Some("583231")),
            ("id:583231", Some("id:583231")),
            ("id:", None),
            ("id:octocat", None),
            ("", None),
            ("@", None),
            ("*", None),
            ("octo cat", None),
            ("octo,cat", None),
        ] {
            let name = text.parse::<AdministratorName>().map(|name| name.to_string());
            assert_eq!(name.as_deref(), shown.ok_or(&NamesNobody), "{text}");
        }
    }

    #[test]
    fn a_login_of_digits_is_no_account_number() {
        let login: AdministratorName = "583231".parse().unwrap();
        assert!(login.is(UserId(1), "583231") && !login.is(UserId(583_231), "octocat"));
        let number: AdministratorName = "id:583231".parse().unwrap();
        assert!(number.is(UserId(583_231), "octocat") && !number.is(UserId(1), "583231"));
    }
}
