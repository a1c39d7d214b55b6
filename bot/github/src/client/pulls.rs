//! Pull requests: reading, opening, merging.

use async_trait::async_trait;
use deputy_core::comment::Repository;
use deputy_core::ids::{Number, RepositoryId, Sha};
use deputy_core::ports::{Acting, GitHubError, Merge, NewPullRequest, PullRequest, PullRequests};
use serde::Deserialize;
use serde_json::json;

use super::{Call, Client, Path};

/// A pull request, as REST shows it, alone and in lists.
#[derive(Debug, Deserialize)]
struct Shown {
    number: Number,
    title: String,
    html_url: String,
    user: Option<Account>,
    state: String,
    #[serde(default)]
    draft: bool,
    merged_at: Option<String>,
    merge_commit_sha: Option<Sha>,
    head: End,
    base: End,
}

#[derive(Debug, Deserialize)]
struct Account {
    login: String,
}

#[derive(Debug, Deserialize)]
struct End {
    #[serde(rename = "ref")]
    reference: String,
    sha: Sha,
    repo: Option<Repo>,
}

#[derive(Debug, Deserialize)]
struct Repo {
    id: RepositoryId,
}

#[derive(Debug, Deserialize)]
struct Named {
    sha: Sha,
}

impl From<Shown> for PullRequest {
    fn from(shown: Shown) -> Self {
        Self {
            number: shown.number,
            title: shown.title,
            html_url: shown.html_url,
            author: shown.user.map_or_else(|| "ghost".to_owned(), |user| user.login),
            is_open: shown.state == "open",
            is_draft: shown.draft,
            is_merged: shown.merged_at.is_some(),
            merge_commit_sha: shown.merge_commit_sha,
            head_sha: shown.head.sha,
            head_ref: shown.head.reference,
            head_repository: shown.head.repo.map(|repo| repo.id),
            base_ref: shown.base.reference,
        }
    }
}

impl Client {
    /// The open pull request between two branches of one repository.
    async fn find_pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        (head, base): (&str, &str),
    ) -> Result<Option<PullRequest>, GitHubError> {
        let path = Path::in_repository(repository, &["pulls"])?
            .query("state", "open")
            .query("head", &format!("{}:{head}", repository.owner))
            .query("base", base);
        let listed = self.send(acting.into(), Call::get(path).of(repository.id)).await?;
        // GitHub ignores a `head` that it cannot read, and would answer with just any.
        let found = listed.json::<Vec<Shown>>()?.into_iter().map(PullRequest::from);
        Ok(found.into_iter().find(|pull| pull.head_ref == head && pull.base_ref == base))
    }
}

#[async_trait]
impl PullRequests for Client {
    async fn pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        number: Number,
    ) -> Result<PullRequest, GitHubError> {
        let path = Path::in_repository(repository, &["pulls", &number.to_string()])?;
        let answer = self.send(acting.into(), Call::get(path).of(repository.id)).await?;
        Ok(answer.json::<Shown>()?.into())
    }

    async fn commits_of_pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        number: Number,
    ) -> Result<Vec<Sha>, GitHubError> {
        let path = Path::in_repository(repository, &["pulls", &number.to_string(), "commits"])?;
        let named: Vec<Named> =
            self.list(acting.into(), Call::get(path.query("per_page", "100")).of(repository.id)).await?;
        Ok(named.into_iter().map(|named| named.sha).collect())
    }

    async fn open_pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        new: &NewPullRequest<'_>,
    ) -> Result<PullRequest, GitHubError> {
        let between = (new.head, new.base);
        if let Some(open) = self.find_pull_request(acting, repository, between).await? {
            return Ok(open);
        }
        let body = json!({
            "title": new.title,
            "body": new.body,
            "head": new.head,
            "base": new.base,
            "draft": new.is_draft,
        });
        let path = Path::in_repository(repository, &["pulls"])?;
        let call = Call::post(path).creating_content().of(repository.id).json(&body)?;
        match self.send(acting.into(), call).await {
            Ok(answer) => Ok(answer.json::<Shown>()?.into()),
            // Somebody was faster, or the list was older than what we did.
            Err(error @ GitHubError::Refused { status: 422, .. }) => {
                self.find_pull_request(acting, repository, between).await?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn merge_pull_request(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        number: Number,
        merge: &Merge<'_>,
    ) -> Result<Sha, GitHubError> {
        let mut body = json!({"sha": merge.head.as_str(), "merge_method": merge.method.as_str()});
        if let Some(title) = merge.title {
            body["commit_title"] = json!(title);
        }
        if let Some(message) = merge.message {
            body["commit_message"] = json!(message);
        }
        let path = Path::in_repository(repository, &["pulls", &number.to_string(), "merge"])?;
        // The expected head makes it safe to repeat: what was merged refuses, and is looked at below.
        let answer = self.send(acting.into(), Call::put(path).of(repository.id).json(&body)?).await;
        let refusal = match answer {
            Ok(answer) => return Ok(answer.json::<Named>()?.sha),
            Err(refusal @ GitHubError::Refused { .. }) => refusal,
            Err(error) => return Err(error),
        };
        let pull = self.pull_request(acting, repository, number).await?;
        match pull.merge_commit_sha {
            Some(sha) if pull.is_merged && pull.head_sha == *merge.head => Ok(sha),
            _ => Err(refusal),
        }
    }
}
