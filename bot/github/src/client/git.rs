//! Git objects and refs, without a clone.

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use deputy_core::comment::Repository;
use deputy_core::ids::Sha;
use deputy_core::ports::{Acting, CherryPick, GitCommit, GitData, GitHubError, Picked, Signature};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, Client, Path};

/// Where the branches stand that a cherry-pick works on.
const TEMPORARY: &str = "deputy/tmp";

#[derive(Debug, Deserialize)]
struct Named {
    sha: Sha,
}

#[derive(Debug, Deserialize)]
struct ShownRef {
    object: Named,
}

/// A commit, as the Git data API shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    sha: Sha,
    tree: Named,
    parents: Vec<Named>,
    message: String,
    author: ShownSignature,
}

#[derive(Debug, Deserialize)]
struct ShownSignature {
    name: String,
    email: String,
    date: DateTime<Utc>,
}

impl From<Shown> for GitCommit {
    fn from(shown: Shown) -> Self {
        let ShownSignature { name, email, date } = shown.author;
        Self {
            sha: shown.sha,
            tree: shown.tree.sha,
            parents: shown.parents.into_iter().map(|parent| parent.sha).collect(),
            message: shown.message,
            author: Signature { name, email, date },
        }
    }
}

/// A merge's answer: the same as the Git data API's, one level deeper.
#[derive(Debug, Deserialize)]
struct Merged {
    commit: MergedCommit,
}

#[derive(Debug, Deserialize)]
struct MergedCommit {
    tree: Named,
}

/// A commit to be made.
struct NewCommit<'a> {
    message: &'a str,
    tree: &'a Sha,
    parent: &'a Sha,
    author: &'a Signature,
    committer: &'a Signature,
}

/// As whom and where a cherry-pick works.
#[derive(Clone, Copy)]
struct At<'a> {
    acting: &'a Acting,
    repository: &'a Repository<'a>,
}

impl Client {
    async fn make_commit(&self, at: At<'_>, new: &NewCommit<'_>) -> Result<Sha, GitHubError> {
        let body = json!({
            "message": new.message,
            "tree": new.tree.as_str(),
            "parents": [new.parent.as_str()],
            "author": signature(new.author),
            "committer": signature(new.committer),
        });
        let path = Path::in_repository(at.repository, &["git", "commits"])?;
        // With both dates given, the same commit has the same name: twice is once.
        let call = Call::post(path).idempotent().of(at.repository.id).json(&body)?;
        Ok(self.send(at.acting.into(), call).await?.json::<Named>()?.sha)
    }

    /// Points a branch to a commit, wherever it pointed before.
    async fn force_branch(&self, at: At<'_>, branch: &str, sha: &Sha) -> Result<(), GitHubError> {
        let parts: Vec<&str> = ["git", "refs", "heads"].into_iter().chain(branch.split('/')).collect();
        let path = Path::in_repository(at.repository, &parts)?;
        let call =
            Call::patch(path).of(at.repository.id).json(&json!({"sha": sha.as_str(), "force": true}))?;
        match self.send(at.acting.into(), call).await {
            Ok(_) => Ok(()),
            Err(GitHubError::NotFound | GitHubError::Refused { status: 422, .. }) => {
                self.create_ref(at.acting, at.repository, &format!("heads/{branch}"), sha).await
            }
            Err(error) => Err(error),
        }
    }

    /// Merges `head` into a branch and answers with the tree: `None` for a conflict.
    async fn merged_tree(&self, at: At<'_>, branch: &str, head: &Sha) -> Result<Option<Sha>, GitHubError> {
        let path = Path::in_repository(at.repository, &["merges"])?;
        let body = json!({"base": branch, "head": head.as_str(), "commit_message": "temporary"});
        match self.send(at.acting.into(), Call::post(path).of(at.repository.id).json(&body)?).await {
            Ok(answer) => Ok(Some(answer.json::<Merged>()?.commit.tree.sha)),
            Err(GitHubError::Refused { status: 409, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Picks the commits one by one on a temporary branch.
    async fn pick(&self, at: At<'_>, pick: &CherryPick<'_>, temporary: &str) -> Result<Picked, GitHubError> {
        let mut head = self.git_commit(at.acting, at.repository, pick.onto).await?;
        for sha in pick.commits {
            let picked = self.git_commit(at.acting, at.repository, sha).await?;
            let Some(parent) = picked.parents.first() else { return Ok(Picked::Conflict(sha.clone())) };
            // A commit that has the branch's files and the picked one's parent: merging the picked one into it
            // merges just its change, since their common ancestor is that parent.
            let sibling = NewCommit {
                message: "temporary",
                tree: &head.tree,
                parent,
                author: pick.committer,
                committer: pick.committer,
            };
            let sibling = self.make_commit(at, &sibling).await?;
            self.force_branch(at, temporary, &sibling).await?;
            // A merge commit is taken as its change against its first parent, which is what it is merged with.
            let Some(tree) = self.merged_tree(at, temporary, sha).await? else {
                return Ok(Picked::Conflict(sha.clone()));
            };
            if tree == head.tree {
                continue;
            }
            let message = format!("{}\n\n(cherry picked from commit {sha})", picked.message.trim_end());
            let new = NewCommit {
                message: &message,
                tree: &tree,
                parent: &head.sha,
                author: &picked.author,
                committer: pick.committer,
            };
            let made = self.make_commit(at, &new).await?;
            head = GitCommit { sha: made, tree, parents: vec![head.sha], message, author: picked.author };
        }
        if head.sha == *pick.onto {
            return Ok(Picked::Nothing);
        }
        self.create_ref(at.acting, at.repository, &format!("heads/{}", pick.branch), &head.sha).await?;
        Ok(Picked::Done(head.sha))
    }
}

#[async_trait]
impl GitData for Client {
    async fn resolve(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        reference: &str,
    ) -> Result<Option<Sha>, GitHubError> {
        let parts: Vec<&str> = std::iter::once("commits").chain(reference.split('/')).collect();
        let call = Call::get(Path::in_repository(repository, &parts)?).of(repository.id);
        match self.send(acting.into(), call).await {
            Ok(answer) => Ok(Some(answer.json::<Named>()?.sha)),
            // GitHub's word for a ref that it does not know.
            Err(GitHubError::NotFound | GitHubError::Refused { status: 422, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn git_ref(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        name: &str,
    ) -> Result<Option<Sha>, GitHubError> {
        let parts: Vec<&str> = ["git", "ref"].into_iter().chain(name.split('/')).collect();
        let call = Call::get(Path::in_repository(repository, &parts)?).of(repository.id);
        match self.send(acting.into(), call).await {
            Ok(answer) => Ok(Some(answer.json::<ShownRef>()?.object.sha)),
            Err(GitHubError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create_ref(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        name: &str,
        sha: &Sha,
    ) -> Result<(), GitHubError> {
        let path = Path::in_repository(repository, &["git", "refs"])?;
        let body = json!({"ref": format!("refs/{name}"), "sha": sha.as_str()});
        // Safe to repeat: what is there already is looked at below.
        let call = Call::post(path).idempotent().of(repository.id).json(&body)?;
        match self.send(acting.into(), call).await {
            Ok(_) => Ok(()),
            Err(refusal @ GitHubError::Refused { status: 422, .. }) => {
                let is_there =
                    self.git_ref(acting, repository, name).await?.is_some_and(|there| there == *sha);
                if is_there { Ok(()) } else { Err(refusal) }
            }
            Err(error) => Err(error),
        }
    }

    async fn delete_ref(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        name: &str,
    ) -> Result<(), GitHubError> {
        let parts: Vec<&str> = ["git", "refs"].into_iter().chain(name.split('/')).collect();
        let call = Call::delete(Path::in_repository(repository, &parts)?).of(repository.id);
        match self.send(acting.into(), call).await {
            Ok(_) | Err(GitHubError::NotFound | GitHubError::Refused { status: 422, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn git_commit(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        sha: &Sha,
    ) -> Result<GitCommit, GitHubError> {
        let path = Path::in_repository(repository, &["git", "commits", sha.as_str()])?;
        let answer = self.send(acting.into(), Call::get(path).of(repository.id)).await?;
        Ok(answer.json::<Shown>()?.into())
    }

    async fn cherry_pick(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        pick: &CherryPick<'_>,
    ) -> Result<Picked, GitHubError> {
        let temporary = format!("{TEMPORARY}/{}", pick.marker);
        let picked = self.pick(At { acting, repository }, pick, &temporary).await;
        // Whatever came of it. What cannot be deleted now is taken over, or stays and harms nobody.
        if let Err(error) = self.delete_ref(acting, repository, &format!("heads/{temporary}")).await {
            tracing::warn!(repo = %repository, branch = %temporary, %error, "a temporary branch is left behind");
        }
        picked
    }
}

fn signature(signature: &Signature) -> Value {
    json!({
        "name": signature.name,
        "email": signature.email,
        "date": signature.date.to_rfc3339_opts(SecondsFormat::Secs, true),
    })
}
