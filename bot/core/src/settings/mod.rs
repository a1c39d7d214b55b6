//! What a repository sets for itself: `.github/deputy.toml`, on its default branch.
//!
//! Three files are laid over each other: the server's, the one of the organization's `.github` repository, and the
//! repository's own. What restricts adds up, so that a repository can ask for more than its organization and never for
//! less; everything else is the nearest file's.

mod apply;
mod explain;
mod problem;
mod read;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::apply::{Applied, Known};
pub use self::explain::explain;
pub use self::problem::{Problem, summary};
pub use self::read::read;
pub use self::source::{Commands, File, Source, View};
use crate::permission::Permission;

/// Where the file stands in a repository.
pub const PATH: &str = ".github/deputy.toml";
/// The repository whose file is the organization's.
pub const ORGANIZATION_REPOSITORY: &str = ".github";
/// The largest file that is read, in bytes.
pub const LARGEST: usize = 64 * 1024;
/// The JSON schema of the file, for editors.
pub const SCHEMA: &str = include_str!("deputy.schema.json");
/// Commands that nobody can take away, or make hard to reach: they are how people find out what is wrong.
pub const ALWAYS: &[&str] = &["config", "help", "login", "logout", "ping", "whoami"];

/// What was set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where things are deployed to.
    pub environments: BTreeMap<String, Environment>,
    /// The order in which a commit goes through environments: each only after the one before.
    pub order: Vec<String>,
    /// What holds for commands.
    pub commands: BTreeMap<String, CommandSettings>,
    /// Other words for commands, with what they stand for.
    pub aliases: BTreeMap<String, Vec<String>>,
}

/// Where things are deployed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// What it is, for people.
    pub description: Option<String>,
    /// Where it can be seen.
    pub url: Option<String>,
    /// The workflow of GitHub Actions that deploys to it: a file below `.github/workflows`.
    pub workflow: Option<String>,
    /// Whether people use it. `production` unless said.
    pub production: Option<bool>,
    /// Who may approve; nobody needs to where this is empty and no number of approvals is set.
    pub approvers: Vec<Approver>,
    /// How many must approve.
    pub approvals: Option<u32>,
    /// Whether whoever asks counts.
    pub allow_requester: Option<bool>,
    /// The least that a person must be allowed in the repository to deploy there.
    pub permission: Option<Permission>,
    /// The team that a person must be in to deploy there.
    pub team: Option<String>,
    /// The branches that may be deployed, `*` for anything but a slash and `**` for anything; all where empty.
    pub branches: Vec<String>,
    /// The checks that must be green.
    pub checks: Vec<String>,
    /// The files that belong to it, as patterns; all where empty.
    pub paths: Vec<String>,
}

/// Who may approve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approver {
    /// Members of a team of the organization, by its slug.
    Team(String),
    /// Somebody, by login.
    Person(String),
}

/// What holds for a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandSettings {
    /// Why it cannot be used here; empty where nobody said.
    pub disabled: Option<String>,
    /// The least that a person must be allowed in the repository, should it be more than the command's own.
    pub permission: Option<Permission>,
    /// The team that a person must be in.
    pub team: Option<String>,
    /// Flags that are added unless they are typed.
    pub flags: Vec<String>,
}

impl Settings {
    /// These, with another file's laid over them.
    #[must_use]
    pub fn under(mut self, over: Self) -> Self {
        for (name, environment) in over.environments {
            let below = self.environments.remove(&name).unwrap_or_default();
            self.environments.insert(name, below.under(environment));
        }
        for (name, command) in over.commands {
            let below = self.commands.remove(&name).unwrap_or_default();
            self.commands.insert(name, below.under(command));
        }
        if !over.order.is_empty() {
            self.order = over.order;
        }
        self.aliases.extend(over.aliases);
        self
    }

    /// The environment that a commit must have gone through before this one.
    pub fn before(&self, environment: &str) -> Option<&str> {
        let at = self.order.iter().position(|name| name == environment)?;
        at.checked_sub(1).map(|before| self.order[before].as_str())
    }
}

impl Environment {
    fn under(self, over: Self) -> Self {
        let list = |below: Vec<String>, over: Vec<String>| if over.is_empty() { below } else { over };
        Self {
            description: over.description.or(self.description),
            url: over.url.or(self.url),
            workflow: over.workflow.or(self.workflow),
            production: over.production.or(self.production),
            approvers: if over.approvers.is_empty() { self.approvers } else { over.approvers },
            approvals: self.approvals.max(over.approvals),
            // No counts: whoever forbids it below is not overruled.
            allow_requester: match (self.allow_requester, over.allow_requester) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (below, over) => over.or(below),
            },
            permission: self.permission.max(over.permission),
            team: self.team.or(over.team),
            branches: list(self.branches, over.branches),
            checks: {
                let mut checks = self.checks;
                checks.extend(over.checks);
                checks.sort();
                checks.dedup();
                checks
            },
            paths: list(self.paths, over.paths),
        }
    }

    /// How many people must approve.
    pub fn approvals_needed(&self) -> u32 {
        self.approvals.unwrap_or(u32::from(!self.approvers.is_empty()))
    }

    /// Whether people use it.
    pub fn is_production(&self, name: &str) -> bool {
        self.production.unwrap_or(name == "production")
    }

    /// Whether a branch may be deployed there.
    pub fn takes_branch(&self, branch: &str) -> bool {
        self.branches.is_empty() || self.branches.iter().any(|pattern| matches(pattern, branch))
    }

    /// Whether a changed file belongs to it.
    pub fn concerns(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|pattern| matches(pattern, path))
    }
}

impl CommandSettings {
    fn under(self, over: Self) -> Self {
        Self {
            disabled: self.disabled.or(over.disabled),
            permission: self.permission.max(over.permission),
            team: self.team.or(over.team),
            flags: if over.flags.is_empty() { self.flags } else { over.flags },
        }
    }
}

/// Whether a pattern matches a whole name: `*` stands for anything but a slash, `**` for anything, `**/` also for nothing.
///
/// Linear in the product of both lengths, whatever stands in the pattern.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (tokens(pattern), name.as_bytes());
    // Which ends of the name's beginnings the pattern so far can match.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for token in pattern {
        let mut next = vec![false; name.len() + 1];
        match token {
            Token::Byte(byte) => {
                for at in 0..name.len() {
                    next[at + 1] = reached[at] && name[at] == byte;
                }
            }
            Token::Star | Token::Anything => {
                let mut open = false;
                for at in 0..=name.len() {
                    if at > 0 && token == Token::Star && name[at - 1] == b'/' {
                        open = false;
                    }
                    open |= reached[at];
                    next[at] = open;
                }
            }
            Token::Folders => {
                let mut open = false;
                for at in 0..=name.len() {
                    open |= reached[at];
                    next[at] = reached[at] || (open && at > 0 && name[at - 1] == b'/');
                }
            }
        }
        reached = next;
    }
    reached[name.len()]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Star,
    Anything,
    Folders,
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = pattern.as_bytes();
    while let [first, after @ ..] = rest {
        let (token, left) = match rest {
            [b'*', b'*', b'/', left @ ..] => (Token::Folders, left),
            [b'*', b'*', left @ ..] => (Token::Anything, left),
            [b'*', left @ ..] => (Token::Star, left),
            _ => (Token::Byte(*first), after),
        };
        tokens.push(token);
        rest = left;
    }
    tokens
}
