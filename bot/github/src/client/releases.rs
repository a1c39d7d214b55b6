//! Releases, with their tags and notes.

use async_trait::async_trait;
use deputy_core::comment::Repository;
use deputy_core::ports::{Acting, GitData as _, GitHubError, NewRelease, Release, Releases};
use serde::Deserialize;
use serde_json::json;

use super::{Call, Client, Path};

/// A release, as REST shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    id: u64,
    tag_name: String,
    name: Option<String>,
    body: Option<String>,
    html_url: String,
}

impl From<Shown> for Release {
    fn from(shown: Shown) -> Self {
        let Shown { id, tag_name, name, body, html_url } = shown;
        let name = name.unwrap_or_else(|| tag_name.clone());
        Self { id, tag: tag_name, name, notes: body.unwrap_or_default(), html_url }
    }
}

impl Client {
    async fn release(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        parts: &[&str],
    ) -> Result<Option<Release>, GitHubError> {
        let call = Call::get(Path::in_repository(repository, parts)?).of(repository.id);
        match self.send(acting.into(), call).await {
            Ok(answer) => Ok(Some(answer.json::<Shown>()?.into())),
            Err(GitHubError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Releases for Client {
    async fn create_release(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        new: &NewRelease<'_>,
    ) -> Result<Release, GitHubError> {
        // GitHub would silently release what the tag points to, whatever `target_commitish` says.
        let tagged = self.resolve(acting, repository, &format!("refs/tags/{}", new.tag)).await?;
        if let Some(tagged) = tagged.filter(|tagged| tagged != new.target) {
            let message = format!("the tag {} points to {tagged} and not to {}", new.tag, new.target);
            return Err(GitHubError::Refused { status: 422, message });
        }
        if let Some(release) = self.release_of_tag(acting, repository, new.tag).await? {
            return Ok(release);
        }
        let mut body = json!({
            "tag_name": new.tag,
            "target_commitish": new.target.as_str(),
            "name": new.name,
            "prerelease": new.is_prerelease,
            "generate_release_notes": new.notes.is_none(),
        });
        if let Some(notes) = new.notes {
            body["body"] = json!(notes);
        }
        let path = Path::in_repository(repository, &["releases"])?;
        let call = Call::post(path).creating_content().of(repository.id).json(&body)?;
        Ok(self.send(acting.into(), call).await?.json::<Shown>()?.into())
    }

    async fn release_of_tag(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        tag: &str,
    ) -> Result<Option<Release>, GitHubError> {
        let parts: Vec<&str> = ["releases", "tags"].into_iter().chain(tag.split('/')).collect();
        self.release(acting, repository, &parts).await
    }

    async fn latest_release(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
    ) -> Result<Option<Release>, GitHubError> {
        self.release(acting, repository, &["releases", "latest"]).await
    }
}
