//! Deployments, their statuses, and the environments they go to.

use super::State;
use crate::clock::Moment;
use crate::ids::{AccountId, AppId, DeploymentId, DeploymentStatusId, RepositoryId};
use crate::state::repository::Sha;

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) id: DeploymentId,
    pub(crate) repository: RepositoryId,
    pub(crate) sha: Sha,
    /// As it was asked for: a branch, a tag or a SHA.
    pub(crate) reference: String,
    pub(crate) task: String,
    pub(crate) environment: String,
    pub(crate) description: Option<String>,
    pub(crate) payload: serde_json::Value,
    pub(crate) is_transient: bool,
    pub(crate) is_production: bool,
    pub(crate) creator: AccountId,
    pub(crate) app: Option<AppId>,
    pub(crate) created_at: Moment,
    pub(crate) updated_at: Moment,
    pub(crate) statuses: Vec<DeploymentStatus>,
}

#[derive(Clone, Debug)]
pub(crate) struct DeploymentStatus {
    pub(crate) id: DeploymentStatusId,
    /// `queued`, `in_progress`, `success`, `failure`, `error`, `inactive` or `pending`.
    pub(crate) state: String,
    pub(crate) description: String,
    pub(crate) log_url: String,
    pub(crate) environment_url: String,
    pub(crate) creator: AccountId,
    pub(crate) app: Option<AppId>,
    pub(crate) at: Moment,
}

impl Deployment {
    /// The newest status's state; a deployment without status is pending.
    pub(crate) fn state(&self) -> &str {
        self.statuses.last().map_or("pending", |status| status.state.as_str())
    }
}

impl State {
    /// The names of a repository's environments: those set up, and those deployed to.
    pub(crate) fn environments(&self, repository: RepositoryId) -> Vec<String> {
        let mut names = self.repository(repository).environments.clone();
        let deployed = self.deployments.values().filter(|deployment| deployment.repository == repository);
        names.extend(deployed.map(|deployment| deployment.environment.clone()));
        names.into_iter().collect()
    }
}
