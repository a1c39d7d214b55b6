//! Commits as JSON, in the four forms that GitHub has.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::ids::{AccountId, RepositoryId};
use crate::state::State;
use crate::state::git::Files;
use crate::state::repository::Sha;

impl State {
    fn person_json(&self, id: AccountId, date: &str) -> Value {
        let login = self.login(id).replace(['[', ']'], "");
        json!({ "name": login, "email": format!("{login}@users.example"), "date": date })
    }

    /// `simple-commit`: the head of a suite or run.
    pub(crate) fn simple_commit_json(&self, repository: RepositoryId, sha: &Sha) -> Value {
        let commit = &self.repository(repository).commits[sha];
        let person = self.person_json(commit.author, &stamp(commit.at));
        json!({
            "id": sha.as_str(),
            "tree_id": Sha::of_tree(&commit.files).as_str(),
            "message": commit.message,
            "timestamp": stamp(commit.at),
            "author": { "name": person["name"], "email": person["email"] },
            "committer": { "name": person["name"], "email": person["email"] },
        })
    }

    /// `commit`: `GET /repos/{owner}/{repo}/commits/{ref}` and the status webhook.
    pub(crate) fn commit_json(&self, repository: RepositoryId, sha: &Sha) -> Value {
        let commit = &self.repository(repository).commits[sha];
        let (api, html) = (self.repository_url(repository), self.repository_html_url(repository));
        let person = self.person_json(commit.author, &stamp(commit.at));
        let [by, committed] = commit.people.as_deref().cloned().unwrap_or([person.clone(), person]);
        let tree = Sha::of_tree(&commit.files);
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|parent| {
                json!({
                    "sha": parent.as_str(),
                    "url": format!("{api}/commits/{parent}"),
                    "html_url": format!("{html}/commit/{parent}"),
                })
            })
            .collect();
        json!({
            "sha": sha.as_str(),
            "node_id": format!("C_{sha}"),
            "url": format!("{api}/commits/{sha}"),
            "html_url": format!("{html}/commit/{sha}"),
            "comments_url": format!("{api}/commits/{sha}/comments"),
            "commit": {
                "url": format!("{api}/git/commits/{sha}"),
                "author": by,
                "committer": committed,
                "message": commit.message,
                "comment_count": 0,
                "tree": { "sha": tree.as_str(), "url": format!("{api}/git/trees/{tree}") },
                "verification": unsigned(),
            },
            "author": self.user_json(commit.author),
            "committer": self.user_json(commit.author),
            "parents": parents,
        })
    }

    /// `git-commit`: the Git data API's form.
    pub(crate) fn git_commit_json(&self, repository: RepositoryId, sha: &Sha) -> Value {
        let full = self.commit_json(repository, sha);
        json!({
            "sha": full["sha"],
            "node_id": full["node_id"],
            "url": full["commit"]["url"],
            "html_url": full["html_url"],
            "author": full["commit"]["author"],
            "committer": full["commit"]["committer"],
            "message": full["commit"]["message"],
            "tree": full["commit"]["tree"],
            "parents": full["parents"],
            "verification": unsigned(),
        })
    }

    /// `git-tree`, always in its recursive form.
    pub(crate) fn tree_json(&self, repository: RepositoryId, files: &Files) -> Value {
        let api = self.repository_url(repository);
        let sha = Sha::of_tree(files);
        let entries: Vec<Value> = files
            .iter()
            .map(|(path, text)| {
                let blob = Sha::of_blob(text);
                json!({
                    "path": path,
                    "mode": "100644",
                    "type": "blob",
                    "sha": blob.as_str(),
                    "size": text.len(),
                    "url": format!("{api}/git/blobs/{blob}"),
                })
            })
            .collect();
        json!({
            "sha": sha.as_str(),
            "url": format!("{api}/git/trees/{sha}"),
            "tree": entries,
            "truncated": false,
        })
    }

    /// `git-ref`
    pub(crate) fn ref_json(&self, repository: RepositoryId, name: &str, sha: &Sha) -> Value {
        let api = self.repository_url(repository);
        json!({
            "ref": format!("refs/{name}"),
            "node_id": format!("REF_{name}"),
            "url": format!("{api}/git/refs/{name}"),
            "object": { "type": "commit", "sha": sha.as_str(), "url": format!("{api}/git/commits/{sha}") },
        })
    }
}

fn unsigned() -> Value {
    json!({ "verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null })
}
