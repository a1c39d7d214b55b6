//! Deployments and how they go.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use deputy_core::comment::Repository;
use deputy_core::ids::{DeploymentId, Sha};
use deputy_core::ports::{
    Acting, Deployment, DeploymentState, Deployments, GitHubError, NewDeployment, NewDeploymentStatus,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Call, Client, Path, shorten};

/// What GitHub takes as a description, in characters.
const LONGEST: usize = 140;
/// Under which name the marker stands in the payload.
const MARKER: &str = "deputy";

/// A deployment, as REST shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    id: DeploymentId,
    sha: Sha,
    environment: String,
    task: String,
    creator: Option<Account>,
    #[serde(default)]
    payload: Value,
    created_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
struct Account {
    login: String,
}

#[derive(Debug, Deserialize)]
struct ShownStatus {
    state: DeploymentState,
    description: Option<String>,
    log_url: Option<String>,
    environment_url: Option<String>,
}

impl From<Shown> for Deployment {
    fn from(shown: Shown) -> Self {
        // GitHub shows a payload as it was given: as an object, or as the text of one.
        let payload = match shown.payload {
            Value::String(text) => serde_json::from_str(&text).unwrap_or_default(),
            other => other,
        };
        Self {
            id: shown.id,
            sha: shown.sha,
            environment: shown.environment,
            task: shown.task,
            creator: shown.creator.map_or_else(|| "ghost".to_owned(), |account| account.login),
            marker: payload.get(MARKER).and_then(Value::as_str).map(str::to_owned),
            created_at: shown.created_at,
        }
    }
}

impl Client {
    async fn newest_status(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        deployment: DeploymentId,
    ) -> Result<Option<ShownStatus>, GitHubError> {
        let path = Path::in_repository(repository, &["deployments", &deployment.to_string(), "statuses"])?;
        let call = Call::get(path.query("per_page", "1")).of(repository.id);
        Ok(self.send(acting.into(), call).await?.json::<Vec<ShownStatus>>()?.into_iter().next())
    }
}

#[async_trait]
impl Deployments for Client {
    async fn create_deployment(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        new: &NewDeployment<'_>,
    ) -> Result<Deployment, GitHubError> {
        let path = Path::in_repository(repository, &["deployments"])?
            .query("sha", new.sha.as_str())
            .query("environment", new.environment)
            .query("task", new.task)
            .query("per_page", "100");
        let listed: Vec<Shown> = self.list(acting.into(), Call::get(path).of(repository.id)).await?;
        let mut made = listed.into_iter().map(Deployment::from);
        if let Some(made) = made.find(|made| made.marker.as_deref() == Some(new.marker)) {
            return Ok(made);
        }
        let mut payload: Map<String, Value> = new.payload.clone();
        payload.insert(MARKER.to_owned(), json!(new.marker));
        let mut body = json!({
            "ref": new.sha.as_str(),
            "task": new.task,
            "auto_merge": false,
            "payload": payload,
            "environment": new.environment,
            "description": shorten(new.description, LONGEST),
            "production_environment": new.is_production,
            "transient_environment": new.is_transient,
        });
        if let Some(contexts) = new.required_contexts {
            body["required_contexts"] = json!(contexts);
        }
        let path = Path::in_repository(repository, &["deployments"])?;
        let answer = self.send(acting.into(), Call::post(path).of(repository.id).json(&body)?).await?;
        Ok(answer.json::<Shown>()?.into())
    }

    async fn set_deployment_status(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        deployment: DeploymentId,
        status: &NewDeploymentStatus<'_>,
    ) -> Result<(), GitHubError> {
        let description = shorten(status.description, LONGEST);
        let newest = self.newest_status(acting, repository, deployment).await?;
        let is_said = newest.is_some_and(|newest| {
            let same = |shown: &Option<String>, wanted: Option<&str>| {
                shown.as_deref().unwrap_or_default() == wanted.unwrap_or_default()
            };
            newest.state == status.state
                && same(&newest.description, Some(&description))
                && same(&newest.log_url, status.log_url)
                && same(&newest.environment_url, status.environment_url)
        });
        if is_said {
            return Ok(());
        }
        let mut body = json!({"state": status.state.as_str(), "description": description});
        if let Some(url) = status.log_url {
            body["log_url"] = json!(url);
        }
        if let Some(url) = status.environment_url {
            body["environment_url"] = json!(url);
        }
        let path = Path::in_repository(repository, &["deployments", &deployment.to_string(), "statuses"])?;
        self.send(acting.into(), Call::post(path).of(repository.id).json(&body)?).await.map(drop)
    }

    async fn deployment_state(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        deployment: DeploymentId,
    ) -> Result<Option<DeploymentState>, GitHubError> {
        Ok(self.newest_status(acting, repository, deployment).await?.map(|status| status.state))
    }

    async fn deployments(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        environment: &str,
    ) -> Result<Vec<Deployment>, GitHubError> {
        let path = Path::in_repository(repository, &["deployments"])?
            .query("environment", environment)
            .query("per_page", "100");
        let answer = self.send(acting.into(), Call::get(path).of(repository.id)).await?;
        Ok(answer.json::<Vec<Shown>>()?.into_iter().map(Deployment::from).collect())
    }
}
