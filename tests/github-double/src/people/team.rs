//! Teams of an organization.

use std::sync::Arc;

use serde_json::json;

use super::{Repository, User};
use crate::hub::Hub;
use crate::ids::AccountId;
use crate::state::State;
use crate::state::account;
use crate::state::repository::Permission;
use crate::webhook::emit::{Event, EventPlace};

/// A team.
#[derive(Clone, Debug)]
pub struct Team {
    hub: Arc<Hub>,
    organization: AccountId,
    slug: String,
}

impl Team {
    pub(crate) fn named(hub: &Arc<Hub>, organization: AccountId, name: &str) -> Self {
        let slug = hub.change(|state| state.add_team(organization, name));
        Self { hub: Arc::clone(hub), organization, slug }
    }

    /// The team's name in addresses.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// Adds a member of the organization, with `membership.added` for Apps that listen.
    pub fn add(&self, user: &User) -> &Self {
        self.hub.change(|state| {
            self.team(state, |team| team.members.insert(user.id, false));
            self.tell(state, "added", user.id);
        });
        self
    }

    /// Removes somebody from the team, with `membership.removed` for Apps that listen.
    pub fn remove(&self, user: &User) -> &Self {
        self.hub.change(|state| {
            self.team(state, |team| team.members.remove(&user.id));
            self.tell(state, "removed", user.id);
        });
        self
    }

    /// Gives the whole team a permission in a repository, or takes it with [`Permission::None`]; `team` tells
    /// Apps that listen.
    pub fn permit(&self, repository: &Repository, permission: Permission) -> &Self {
        self.hub.change(|state| {
            let before = self.team(state, |team| match permission {
                Permission::None => team.repositories.remove(&repository.id),
                _ => team.repositories.insert(repository.id, permission),
            });
            let action = match (before, permission) {
                (None, Permission::None) => return,
                (None, _) => "added_to_repository",
                (Some(_), Permission::None) => "removed_from_repository",
                (Some(_), _) => "edited",
            };
            let sender = state.acting_owner(self.organization);
            let team = &state.organization(self.organization).expect("an organization").teams[&self.slug];
            let mut body = json!({ "team": state.team_json(self.organization, team) });
            if let Some(before) = before.filter(|_| action == "edited") {
                let from = json!({
                    "admin": before >= Permission::Admin,
                    "push": before >= Permission::Write,
                    "pull": before >= Permission::Read,
                });
                body["changes"] = json!({ "repository": { "permissions": { "from": from } } });
            }
            let place = EventPlace::Repository(repository.id);
            state.emit(Event { name: "team", action: Some(action), place, sender, body });
        });
        self
    }

    fn team<R>(&self, state: &mut State, change: impl FnOnce(&mut account::Team) -> R) -> R {
        let organization = state.organization_mut(self.organization).expect("a handle on an organization");
        change(organization.teams.get_mut(&self.slug).expect("teams are never deleted"))
    }

    fn tell(&self, state: &mut State, action: &'static str, member: AccountId) {
        let sender = state.acting_owner(self.organization);
        let team = &state.organization(self.organization).expect("an organization").teams[&self.slug];
        let body = json!({
            "scope": "team",
            "member": state.user_json(member),
            "team": state.team_json(self.organization, team),
        });
        let place = EventPlace::Account(self.organization);
        state.emit(Event { name: "membership", action: Some(action), place, sender, body });
    }
}
