//! Users, organizations with their members and teams, and the bots of Apps.

use std::collections::BTreeMap;

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, RepositoryId, TeamId};
use crate::state::repository::Permission;

/// Whoever can own or do something.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) login: String,
    pub(crate) kind: Kind,
    pub(crate) created_at: Moment,
}

#[derive(Debug)]
pub(crate) enum Kind {
    User,
    Bot,
    Organization(Organization),
}

/// What makes an account an organization.
#[derive(Debug)]
pub(crate) struct Organization {
    pub(crate) members: BTreeMap<AccountId, Membership>,
    pub(crate) teams: BTreeMap<String, Team>,
    /// What every member may do in every repository; GitHub's default is read.
    pub(crate) base_permission: Permission,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) owner: bool,
    /// Invited, and not yet accepted.
    pub(crate) pending: bool,
}

#[derive(Debug)]
pub(crate) struct Team {
    pub(crate) id: TeamId,
    pub(crate) name: String,
    pub(crate) slug: String,
    /// Members, and whether each maintains the team.
    pub(crate) members: BTreeMap<AccountId, bool>,
    pub(crate) repositories: BTreeMap<RepositoryId, Permission>,
}

impl Account {
    pub(crate) fn organization(&self) -> Option<&Organization> {
        match &self.kind {
            Kind::Organization(organization) => Some(organization),
            Kind::User | Kind::Bot => None,
        }
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::User => "User",
            Kind::Bot => "Bot",
            Kind::Organization(_) => "Organization",
        }
    }
}

impl Organization {
    /// An active member's or owner's membership.
    pub(crate) fn active(&self, user: AccountId) -> Option<Membership> {
        self.members.get(&user).copied().filter(|membership| !membership.pending)
    }
}

impl State {
    pub(crate) fn account(&self, id: AccountId) -> &Account {
        self.accounts.get(&id).expect("accounts are never deleted")
    }

    /// GitHub compares logins without regard to case.
    pub(crate) fn account_by_login(&self, login: &str) -> Option<&Account> {
        self.accounts.values().find(|account| account.login.eq_ignore_ascii_case(login))
    }

    pub(crate) fn organization(&self, id: AccountId) -> Option<&Organization> {
        self.accounts.get(&id)?.organization()
    }

    pub(crate) fn organization_mut(&mut self, id: AccountId) -> Option<&mut Organization> {
        match &mut self.accounts.get_mut(&id)?.kind {
            Kind::Organization(organization) => Some(organization),
            Kind::User | Kind::Bot => None,
        }
    }

    pub(crate) fn login(&self, id: AccountId) -> &str {
        &self.account(id).login
    }

    pub(crate) fn add_account(&mut self, login: &str, kind: Kind) -> AccountId {
        let id = AccountId(self.next_id());
        let created_at = self.now();
        self.accounts.insert(id, Account { id, login: login.to_owned(), kind, created_at });
        id
    }

    pub(crate) fn add_team(&mut self, organization: AccountId, name: &str) -> String {
        let id = TeamId(self.next_id());
        let slug = slug(name);
        let team = Team {
            id,
            name: name.to_owned(),
            slug: slug.clone(),
            members: BTreeMap::new(),
            repositories: BTreeMap::new(),
        };
        if let Some(organization) = self.organization_mut(organization) {
            organization.teams.entry(slug.clone()).or_insert(team);
        }
        slug
    }
}

impl Organization {
    pub(crate) fn new() -> Self {
        Self { members: BTreeMap::new(), teams: BTreeMap::new(), base_permission: Permission::Read }
    }
}

/// How GitHub makes a slug out of a name.
pub(crate) fn slug(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("-")
}
