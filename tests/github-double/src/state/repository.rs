//! Repositories: who owns them, who may do what in them, and their branches and commits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::State;
use super::git::Files;
use crate::clock::Moment;
use crate::ids::{AccountId, RepositoryId};

/// What somebody may do in a repository, from nothing to everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Not even see it, if it is private.
    None,
    /// See, comment, open issues.
    Read,
    /// Manage issues and pull requests.
    Triage,
    /// Push.
    Write,
    /// Manage the repository without what is dangerous.
    Maintain,
    /// Everything.
    Admin,
}

impl Permission {
    /// The role's name, as in `role_name`.
    pub fn role_name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        }
    }

    /// The legacy name, as in `permission`: maintain counts as write, triage as read.
    pub fn legacy_name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

/// A commit's 40 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha(pub(crate) String);

impl Sha {
    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug)]
pub(crate) struct Repository {
    pub(crate) id: RepositoryId,
    pub(crate) owner: AccountId,
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) default_branch: String,
    pub(crate) fork_of: Option<RepositoryId>,
    pub(crate) collaborators: BTreeMap<AccountId, Permission>,
    pub(crate) branches: BTreeMap<String, Sha>,
    pub(crate) tags: BTreeMap<String, Sha>,
    pub(crate) commits: BTreeMap<Sha, Commit>,
    /// Trees made through the Git data API, before a commit uses them.
    pub(crate) trees: BTreeMap<Sha, Arc<Files>>,
    pub(crate) blobs: BTreeMap<Sha, Arc<str>>,
    pub(crate) environments: BTreeSet<String>,
    /// Checks that must be green before a merge into the default branch.
    pub(crate) required_checks: Vec<String>,
    pub(crate) releases: Vec<Release>,
    pub(crate) last_number: u64,
    pub(crate) created_at: Moment,
    pub(crate) pushed_at: Moment,
}

#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) message: String,
    pub(crate) author: AccountId,
    pub(crate) parents: Vec<Sha>,
    pub(crate) files: Arc<Files>,
    pub(crate) at: Moment,
    /// Author and committer, where whoever made it said who they are.
    pub(crate) people: Option<Arc<[serde_json::Value; 2]>>,
    /// Later commits have greater ones, also within one second.
    pub(crate) serial: u64,
}

/// A release, as far as anybody here asks.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) id: u64,
    pub(crate) tag: String,
    pub(crate) target: String,
    pub(crate) name: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) is_draft: bool,
    pub(crate) is_prerelease: bool,
    pub(crate) author: AccountId,
    pub(crate) at: Moment,
}

impl State {
    pub(crate) fn repository(&self, id: RepositoryId) -> &Repository {
        self.repositories.get(&id).expect("repositories are never deleted")
    }

    pub(crate) fn repository_mut(&mut self, id: RepositoryId) -> &mut Repository {
        self.repositories.get_mut(&id).expect("repositories are never deleted")
    }

    pub(crate) fn repository_by_name(&self, owner: &str, name: &str) -> Option<&Repository> {
        let owner = self.account_by_login(owner)?.id;
        self.repositories.values().find(|repo| repo.owner == owner && repo.name.eq_ignore_ascii_case(name))
    }

    /// `owner/name`
    pub(crate) fn full_name(&self, id: RepositoryId) -> String {
        let repository = self.repository(id);
        format!("{}/{}", self.login(repository.owner), repository.name)
    }

    pub(crate) fn add_repository(&mut self, owner: AccountId, name: &str) -> RepositoryId {
        let id = RepositoryId(self.next_id());
        let now = self.now();
        let repository = Repository {
            id,
            owner,
            name: name.to_owned(),
            private: true,
            default_branch: "main".to_owned(),
            fork_of: None,
            collaborators: BTreeMap::new(),
            branches: BTreeMap::new(),
            tags: BTreeMap::new(),
            commits: BTreeMap::new(),
            trees: BTreeMap::new(),
            blobs: BTreeMap::new(),
            environments: BTreeSet::new(),
            required_checks: Vec::new(),
            releases: Vec::new(),
            last_number: 0,
            created_at: now,
            pushed_at: now,
        };
        self.repositories.insert(id, repository);
        self.add_commit(id, "main", owner, "Start");
        id
    }

    /// The number that the next issue, pull request or discussion gets: GitHub counts them together.
    pub(crate) fn next_number(&mut self, id: RepositoryId) -> u64 {
        let repository = self.repository_mut(id);
        repository.last_number += 1;
        repository.last_number
    }

    /// What `user` may do in a repository, by all the ways that GitHub knows; the highest counts.
    pub(crate) fn permission(&self, user: AccountId, id: RepositoryId) -> Permission {
        let repository = self.repository(id);
        if repository.owner == user {
            return Permission::Admin;
        }
        let mut permission = repository.collaborators.get(&user).copied().unwrap_or(Permission::None);
        if let Some(organization) = self.organization(repository.owner)
            && let Some(membership) = organization.active(user)
        {
            if membership.owner {
                return Permission::Admin;
            }
            permission = permission.max(organization.base_permission);
            for team in organization.teams.values().filter(|team| team.members.contains_key(&user)) {
                permission = permission.max(team.repositories.get(&id).copied().unwrap_or(Permission::None));
            }
        }
        if repository.private { permission } else { permission.max(Permission::Read) }
    }
}
