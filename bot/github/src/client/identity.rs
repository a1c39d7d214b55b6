//! As whom a request is made: each has its own token, its own budget and its own view of GitHub.

use std::fmt;

use deputy_core::ids::{InstallationId, UserId};
use deputy_core::ports::Acting;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    /// The App itself, by JWT.
    App,
    /// The App's OAuth client, by id and secret.
    OAuthClient,
    /// Nobody we know yet: people logging in.
    Anonymous,
    /// One installation of the App.
    Installation(InstallationId),
    /// A person, by their own grant.
    User(UserId),
}

impl From<&Acting> for Identity {
    fn from(acting: &Acting) -> Self {
        match acting {
            Acting::Installation(id) => Self::Installation(*id),
            Acting::User(id) => Self::User(*id),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App => f.write_str("app"),
            Self::OAuthClient => f.write_str("oauth client"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Installation(id) => write!(f, "installation {id}"),
            Self::User(id) => write!(f, "user {id}"),
        }
    }
}
