//! Deployments and environments.

use std::sync::Arc;

use super::Repository;
use crate::hub::Hub;
use crate::ids::DeploymentId;
use crate::state::deployment;
use crate::state::repository::Sha;

/// A deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    hub: Arc<Hub>,
    id: DeploymentId,
}

impl Deployment {
    /// The id that webhooks and answers name it by.
    pub fn id(&self) -> DeploymentId {
        self.id
    }

    /// Where it goes.
    pub fn environment(&self) -> String {
        self.look(|deployment| deployment.environment.clone())
    }

    /// What is deployed.
    pub fn sha(&self) -> Sha {
        self.look(|deployment| deployment.sha.clone())
    }

    /// Its newest state; `pending` before the first.
    pub fn state(&self) -> String {
        self.look(|deployment| deployment.state().to_owned())
    }

    /// All its states, oldest first.
    pub fn states(&self) -> Vec<String> {
        self.look(|deployment| deployment.statuses.iter().map(|status| status.state.clone()).collect())
    }

    /// Who deploys.
    pub fn creator(&self) -> String {
        self.hub.read(|state| state.login(state.deployments[&self.id].creator).to_owned())
    }

    fn look<R>(&self, look: impl FnOnce(&deployment::Deployment) -> R) -> R {
        self.hub.read(|state| look(&state.deployments[&self.id]))
    }
}

impl Repository {
    /// The deployments, oldest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        let ids: Vec<DeploymentId> = self.hub.read(|state| {
            let here = state.deployments.values().filter(|deployment| deployment.repository == self.id);
            here.map(|deployment| deployment.id).collect()
        });
        ids.into_iter().map(|id| Deployment { hub: Arc::clone(&self.hub), id }).collect()
    }

    /// Sets an environment up.
    pub fn environment(&self, name: &str) -> &Self {
        self.hub.change(|state| state.repository_mut(self.id).environments.insert(name.to_owned()));
        self
    }
}
