//! Deployments and environments as JSON.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::ids::RepositoryId;
use crate::state::State;
use crate::state::deployment::{Deployment, DeploymentStatus};

impl State {
    pub(crate) fn deployment_url(&self, deployment: &Deployment) -> String {
        format!("{}/deployments/{}", self.repository_url(deployment.repository), deployment.id)
    }

    /// `deployment`, in answers and webhooks.
    pub(crate) fn deployment_json(&self, deployment: &Deployment) -> Value {
        let url = self.deployment_url(deployment);
        json!({
            "url": url,
            "id": deployment.id,
            "node_id": deployment.id.node_id(),
            "sha": deployment.sha.as_str(),
            "ref": deployment.reference,
            "task": deployment.task,
            "payload": deployment.payload,
            "original_environment": deployment.environment,
            "environment": deployment.environment,
            "description": deployment.description,
            "creator": self.user_json(deployment.creator),
            "created_at": stamp(deployment.created_at),
            "updated_at": stamp(deployment.updated_at),
            "statuses_url": format!("{url}/statuses"),
            "repository_url": self.repository_url(deployment.repository),
            "transient_environment": deployment.is_transient,
            "production_environment": deployment.is_production,
            "performed_via_github_app": deployment.app.map(|app| self.app_json(app)),
        })
    }

    /// `deployment-status`, in answers and webhooks.
    pub(crate) fn deployment_status_json(&self, deployment: &Deployment, status: &DeploymentStatus) -> Value {
        let url = self.deployment_url(deployment);
        json!({
            "url": format!("{url}/statuses/{}", status.id),
            "id": status.id,
            "node_id": status.id.node_id(),
            "state": status.state,
            "creator": self.user_json(status.creator),
            "description": status.description,
            "environment": deployment.environment,
            "target_url": status.log_url,
            "log_url": status.log_url,
            "environment_url": status.environment_url,
            "created_at": stamp(status.at),
            "updated_at": stamp(status.at),
            "deployment_url": url,
            "repository_url": self.repository_url(deployment.repository),
            "performed_via_github_app": status.app.map(|app| self.app_json(app)),
        })
    }

    /// `environment`
    pub(crate) fn environment_json(&self, repository: RepositoryId, name: &str) -> Value {
        let at = stamp(self.repository(repository).created_at);
        // Environments have no state of their own here; their place in the list is id enough.
        let place = self.environments(repository).iter().position(|known| known == name).unwrap_or_default();
        let id = repository.0 * 1000 + place as u64;
        json!({
            "id": id,
            "node_id": crate::ids::node_id("EN", id),
            "name": name,
            "url": format!("{}/environments/{name}", self.repository_url(repository)),
            "html_url": format!("{}/deployments/activity_log?environments_filter={name}", self.repository_html_url(repository)),
            "created_at": at,
            "updated_at": at,
            "protection_rules": [],
            "deployment_branch_policy": null,
        })
    }
}
