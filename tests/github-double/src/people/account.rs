//! Users and organizations.

use std::sync::Arc;

use serde_json::json;

use super::{Repository, Team};
use crate::hub::Hub;
use crate::ids::AccountId;
use crate::state::State;
use crate::state::account::{self, Membership};
use crate::state::repository::Permission;
use crate::state::token::Bearer;
use crate::webhook::emit::{Event, EventPlace};

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: AccountId,
}

/// An organization.
#[derive(Clone, Debug)]
pub struct Organization {
    pub(crate) hub: Arc<Hub>,
    pub(crate) id: AccountId,
}

impl User {
    pub(crate) fn named(hub: &Arc<Hub>, login: &str) -> Self {
        let id = hub.change(|state| match state.account_by_login(login) {
            Some(account) => {
                assert!(account.organization().is_none(), "{login} is an organization, not a person");
                account.id
            }
            None => state.add_account(login, account::Kind::User),
        });
        Self { hub: Arc::clone(hub), id }
    }

    /// The id that webhooks and answers name the person by.
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// The name to mention the person by.
    pub fn login(&self) -> String {
        self.hub.read(|state| state.login(self.id).to_owned())
    }

    /// A personal repository, made private if there is none.
    pub fn repo(&self, name: &str) -> Repository {
        Repository::named(&self.hub, self.id, name)
    }

    /// A personal access token, which can do what the person can.
    pub fn personal_token(&self) -> String {
        self.hub.change(|state| state.issue_token("ghp_", Bearer::Personal(self.id), None))
    }
}

impl Organization {
    pub(crate) fn named(hub: &Arc<Hub>, login: &str) -> Self {
        let id = hub.change(|state| match state.account_by_login(login) {
            Some(account) => {
                assert!(account.organization().is_some(), "{login} is a person, not an organization");
                account.id
            }
            None => state.add_account(login, account::Kind::Organization(account::Organization::new())),
        });
        Self { hub: Arc::clone(hub), id }
    }

    /// The id that webhooks and answers name the organization by.
    pub fn id(&self) -> AccountId {
        self.id
    }

    /// The organization's name in addresses.
    pub fn login(&self) -> String {
        self.hub.read(|state| state.login(self.id).to_owned())
    }

    /// A repository of the organization, made private if there is none.
    pub fn repo(&self, name: &str) -> Repository {
        Repository::named(&self.hub, self.id, name)
    }

    /// A team, made if there is none.
    pub fn team(&self, name: &str) -> Team {
        Team::named(&self.hub, self.id, name)
    }

    /// Makes somebody a member, with `member_added` for Apps that listen.
    pub fn add_member(&self, user: &User) -> &Self {
        self.join(user, Membership { owner: false, pending: false })
    }

    /// Makes somebody an owner.
    pub fn add_owner(&self, user: &User) -> &Self {
        self.join(user, Membership { owner: true, pending: false })
    }

    /// Invites somebody, who has not accepted.
    pub fn invite(&self, user: &User) -> &Self {
        self.hub.change(|state| {
            let invited = Membership { owner: false, pending: true };
            members(state, self.id).insert(user.id, invited);
        });
        self
    }

    /// Removes somebody, with `member_removed` for Apps that listen.
    pub fn remove_member(&self, user: &User) -> &Self {
        self.hub.change(|state| {
            let membership = state.org_membership_json(self.id, user.id);
            if members(state, self.id).remove(&user.id).is_none() {
                return;
            }
            if let Some(organization) = state.organization_mut(self.id) {
                organization.teams.values_mut().for_each(|team| {
                    team.members.remove(&user.id);
                });
            }
            let body = json!({ "membership": membership });
            tell(state, self.id, "member_removed", body);
        });
        self
    }

    /// What members may do in every repository of the organization; read, if nothing is said.
    pub fn base_permission(&self, permission: Permission) -> &Self {
        self.hub.change(|state| {
            if let Some(organization) = state.organization_mut(self.id) {
                organization.base_permission = permission;
            }
        });
        self
    }

    fn join(&self, user: &User, membership: Membership) -> &Self {
        self.hub.change(|state| {
            let before = members(state, self.id).insert(user.id, membership);
            if before.is_none_or(|before| before.pending) {
                let body = json!({ "membership": state.org_membership_json(self.id, user.id) });
                tell(state, self.id, "member_added", body);
            }
        });
        self
    }
}

fn members(state: &mut State, id: AccountId) -> &mut std::collections::BTreeMap<AccountId, Membership> {
    &mut state.organization_mut(id).expect("a handle on an organization").members
}

/// Owners do this; without one, the organization is its own sender.
fn tell(state: &mut State, id: AccountId, action: &'static str, body: serde_json::Value) {
    let sender = state.acting_owner(id);
    state.emit(Event {
        name: "organization",
        action: Some(action),
        place: EventPlace::Account(id),
        sender,
        body,
    });
}

impl State {
    /// Somebody who may administer an account: an owner of an organization, or the account itself.
    pub(crate) fn acting_owner(&self, account: AccountId) -> AccountId {
        let owner = self.organization(account).and_then(|organization| {
            organization.members.iter().find(|(_, membership)| membership.owner).map(|(user, _)| *user)
        });
        owner.unwrap_or(account)
    }
}
