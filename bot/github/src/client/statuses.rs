//! Commit statuses.

use async_trait::async_trait;
use deputy_core::comment::Repository;
use deputy_core::ids::Sha;
use deputy_core::ports::{Acting, GitHubError, NewStatus, Statuses};
use serde::Deserialize;
use serde_json::json;

use super::{Call, Client, Path, shorten};

/// What GitHub takes as a description, in characters.
const LONGEST: usize = 140;

/// A status, as lists show it.
#[derive(Debug, Deserialize)]
struct Shown {
    state: String,
    context: String,
    description: Option<String>,
    target_url: Option<String>,
}

#[async_trait]
impl Statuses for Client {
    async fn set_commit_status(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        sha: &Sha,
        status: &NewStatus<'_>,
    ) -> Result<(), GitHubError> {
        let description = shorten(status.description, LONGEST);
        let path = Path::in_repository(repository, &["commits", sha.as_str(), "statuses"])?;
        // Newest first, all contexts in one list: the first page holds the latest of any that is still being written.
        let listed =
            self.send(acting.into(), Call::get(path.query("per_page", "100")).of(repository.id)).await?;
        let newest = listed.json::<Vec<Shown>>()?.into_iter().find(|shown| shown.context == status.context);
        let is_said = newest.is_some_and(|shown| {
            shown.state == status.state.as_str()
                && shown.description.as_deref().unwrap_or_default() == description
                && shown.target_url.as_deref() == status.target_url
        });
        if is_said {
            return Ok(());
        }
        let body = json!({
            "state": status.state.as_str(),
            "context": status.context,
            "description": description,
            "target_url": status.target_url,
        });
        let path = Path::in_repository(repository, &["statuses", sha.as_str()])?;
        self.send(acting.into(), Call::post(path).of(repository.id).json(&body)?).await.map(drop)
    }
}
