//! What a person may do in a repository, in GitHub's order.

use std::fmt;
use std::str::FromStr;

/// A repository permission. Ordered: each one includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// No access.
    None,
    /// See and comment.
    Read,
    /// Manage issues and pull requests without pushing.
    Triage,
    /// Push. What a command asks for unless it says otherwise.
    Write,
    /// Manage the repository without destructive or sensitive settings.
    Maintain,
    /// Everything.
    Admin,
}

impl Permission {
    /// GitHub's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no repository permission. Custom roles answer with their base role, so this is unexpected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown permission `{0}`")]
pub struct UnknownPermission(String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        Ok(match text {
            "none" => Self::None,
            "read" | "pull" => Self::Read,
            "triage" => Self::Triage,
            "write" | "push" => Self::Write,
            "maintain" => Self::Maintain,
            "admin" => Self::Admin,
            other => return Err(UnknownPermission(other.to_owned())),
        })
    }
}
