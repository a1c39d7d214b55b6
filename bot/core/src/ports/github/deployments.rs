//! Deployments and how they go.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Acting, GitHubError};
use crate::comment::Repository;
use crate::ids::{DeploymentId, Sha};

/// What Deputy does with deployments.
#[async_trait]
pub trait Deployments: Send + Sync {
    /// Makes a deployment, or finds the one that carries the same [`marker`](NewDeployment::marker) in its payload.
    /// Twice is once.
    ///
    /// Nothing is merged into what is deployed: GitHub's `auto_merge` is off. A 409 ([`GitHubError::Refused`]) says
    /// that required checks are not green.
    async fn create_deployment(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        new: &NewDeployment<'_>,
    ) -> Result<Deployment, GitHubError>;

    /// Adds a status to a deployment, unless its newest one says the same already. Twice in a row is once.
    async fn set_deployment_status(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        deployment: DeploymentId,
        status: &NewDeploymentStatus<'_>,
    ) -> Result<(), GitHubError>;

    /// The newest status of a deployment; `None` where it has none yet.
    async fn deployment_state(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        deployment: DeploymentId,
    ) -> Result<Option<DeploymentState>, GitHubError>;

    /// The latest hundred deployments to an environment, newest first.
    async fn deployments(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        environment: &str,
    ) -> Result<Vec<Deployment>, GitHubError>;
}

/// A deployment to be made.
#[derive(Debug, Clone)]
pub struct NewDeployment<'a> {
    /// What is deployed, for people: a branch or tag. Deployed is the commit.
    pub sha: &'a Sha,
    /// Where to.
    pub environment: &'a str,
    /// What is done: `deploy`, `rollback`, …
    pub task: &'a str,
    /// At most 140 characters; more are cut.
    pub description: &'a str,
    /// For whoever reacts to the deployment; the marker is added as `deputy`.
    pub payload: &'a Map<String, Value>,
    /// What tells it from all others: the job's id and its step. Never empty.
    pub marker: &'a str,
    /// Whether people use it.
    pub is_production: bool,
    /// Whether it will be gone some day: its success leaves others as they are.
    pub is_transient: bool,
    /// The checks that GitHub must see green; `None` for every check that the commit has.
    pub required_contexts: Option<&'a [String]>,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// What was deployed.
    pub sha: Sha,
    /// Where to.
    pub environment: String,
    /// What was done: `deploy`, `rollback`, …
    pub task: String,
    /// Who made it.
    pub creator: String,
    /// What tells it from others, where Deputy made it.
    pub marker: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// How a deployment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// It could not even be tried.
    Error,
    /// It did not work.
    Failure,
    /// Another one took its place.
    Inactive,
    /// Under way.
    InProgress,
    /// Waiting for its turn.
    Queued,
    /// Asked for.
    Pending,
    /// It is there.
    Success,
}

impl DeploymentState {
    /// GitHub's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Inactive => "inactive",
            Self::InProgress => "in_progress",
            Self::Queued => "queued",
            Self::Pending => "pending",
            Self::Success => "success",
        }
    }
}

/// A status to be added to a deployment.
#[derive(Debug, Clone)]
pub struct NewDeploymentStatus<'a> {
    /// How it goes.
    pub state: DeploymentState,
    /// At most 140 characters; more are cut.
    pub description: &'a str,
    /// Where to read what happened.
    pub log_url: Option<&'a str>,
    /// Where the deployed thing can be seen.
    pub environment_url: Option<&'a str>,
}
