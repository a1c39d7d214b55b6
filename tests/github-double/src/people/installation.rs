//! Installations of an App on an account.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;

use super::{Repository, User};
use crate::hub::Hub;
use crate::ids::{AccountId, AppId, InstallationId, RepositoryId};
use crate::state::app::{self, Access};
use crate::state::token::{Bearer, InstallationBearer};

/// An installation.
#[derive(Clone, Debug)]
pub struct Installation {
    hub: Arc<Hub>,
    id: InstallationId,
}

impl Installation {
    pub(crate) fn new(
        hub: &Arc<Hub>,
        app: AppId,
        account: AccountId,
        selected: Option<BTreeSet<RepositoryId>>,
    ) -> Self {
        let id = hub.change(|state| {
            let id = InstallationId(state.next_id());
            let (permissions, events) = {
                let app = state.app(app);
                (app.permissions.clone(), app.events.clone())
            };
            let now = state.now();
            let installation = app::Installation {
                id,
                app,
                account,
                permissions,
                events,
                selected,
                suspended: None,
                created_at: now,
                updated_at: now,
            };
            state.installations.insert(id, installation);
            let sender = state.acting_owner(account);
            state.tell_of_installation(id, "created", sender);
            id
        });
        Self { hub: Arc::clone(hub), id }
    }

    /// The id that webhooks and answers name the installation by.
    pub fn id(&self) -> InstallationId {
        self.id
    }

    /// A token of this installation without asking over HTTP.
    pub fn token(&self) -> String {
        self.hub.change(|state| {
            let bearer = InstallationBearer { installation: self.id, repositories: None, permissions: None };
            let expires_at = state.now() + TimeDelta::hours(1);
            state.issue_token("ghs_", Bearer::Installation(bearer), Some(expires_at))
        })
    }

    /// Suspends it: tokens are refused, and no events are sent but this one.
    pub async fn suspend(&self, by: &User) {
        self.hub
            .act(|state| {
                let now = state.now();
                self.with(state, |installation| installation.suspended = Some((now, by.id)));
                state.tell_of_installation(self.id, "suspend", by.id);
            })
            .await;
    }

    /// Ends the suspension.
    pub async fn unsuspend(&self, by: &User) {
        self.hub
            .act(|state| {
                self.with(state, |installation| installation.suspended = None);
                state.tell_of_installation(self.id, "unsuspend", by.id);
            })
            .await;
    }

    /// Uninstalls the App; its tokens die.
    pub async fn uninstall(&self, by: &User) {
        self.hub
            .act(|state| {
                state.tell_of_installation(self.id, "deleted", by.id);
                state.installations.remove(&self.id);
            })
            .await;
    }

    /// Adds a repository to the selection.
    pub async fn add_repository(&self, repository: &Repository, by: &User) {
        self.hub
            .act(|state| {
                self.with(state, |installation| {
                    installation.selected.get_or_insert_default().insert(repository.id);
                });
                state.tell_of_installation_repositories(self.id, &[repository.id], &[], by.id);
            })
            .await;
    }

    /// Takes a repository out of the selection.
    pub async fn remove_repository(&self, repository: &Repository, by: &User) {
        self.hub
            .act(|state| {
                let account = state.installations[&self.id].account;
                let all: BTreeSet<RepositoryId> =
                    state.repositories.values().filter(|r| r.owner == account).map(|r| r.id).collect();
                self.with(state, |installation| {
                    installation.selected.get_or_insert(all).remove(&repository.id);
                });
                state.tell_of_installation_repositories(self.id, &[], &[repository.id], by.id);
            })
            .await;
    }

    /// Agrees to exactly these permissions from now on.
    pub async fn set_permissions(&self, permissions: &[(&str, Access)], by: &User) {
        self.hub
            .act(|state| {
                self.with(state, |installation| {
                    installation.permissions =
                        permissions.iter().map(|(name, access)| ((*name).to_owned(), *access)).collect();
                });
                state.tell_of_installation(self.id, "new_permissions_accepted", by.id);
            })
            .await;
    }

    /// Leaves nothing of the installation's hourly requests.
    pub fn exhaust_rate_limit(&self) {
        self.hub.change(|state| {
            let bearer = InstallationBearer { installation: self.id, repositories: None, permissions: None };
            let now = state.now();
            crate::hub::lock(&state.rates).exhaust(&crate::http::auth::Caller::Installation(bearer), now);
        });
    }

    fn with(&self, state: &mut crate::state::State, change: impl FnOnce(&mut app::Installation)) {
        let now = state.now();
        let installation = state.installations.get_mut(&self.id).expect("the App was uninstalled");
        change(installation);
        installation.updated_at = now;
    }
}
