//! Repositories as JSON.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::ids::RepositoryId;
use crate::state::State;

/// The addresses under a repository's own, by field; `{…}` are URI templates.
const ADDRESSES: [(&str, &str); 37] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
    ("url", ""),
];

impl State {
    /// `{api}/repos/{owner}/{name}`
    pub(crate) fn repository_url(&self, id: RepositoryId) -> String {
        format!("{}/repos/{}", self.urls.api, self.full_name(id))
    }

    /// `{web}/{owner}/{name}`
    pub(crate) fn repository_html_url(&self, id: RepositoryId) -> String {
        format!("{}/{}", self.urls.web, self.full_name(id))
    }

    /// A repository with every field that GitHub's full, minimal and webhook forms require.
    pub(crate) fn repository_json(&self, id: RepositoryId) -> Value {
        let repository = self.repository(id);
        let (api, html, full_name) =
            (self.repository_url(id), self.repository_html_url(id), self.full_name(id));
        let open_issues =
            self.issues.values().filter(|issue| issue.repository == id && issue.closed_at.is_none()).count();
        let forks = self.repositories.values().filter(|other| other.fork_of == Some(id)).count();
        let mut json = json!({
            "id": id,
            "node_id": id.node_id(),
            "name": repository.name,
            "full_name": full_name,
            "private": repository.private,
            "owner": self.user_json(repository.owner),
            "html_url": html,
            "description": null,
            "fork": repository.fork_of.is_some(),
            "created_at": stamp(repository.created_at),
            "updated_at": stamp(repository.pushed_at),
            "pushed_at": stamp(repository.pushed_at),
            "git_url": format!("git://github.example/{full_name}.git"),
            "ssh_url": format!("git@github.example:{full_name}.git"),
            "clone_url": format!("{html}.git"),
            "svn_url": html,
            "homepage": null,
            "size": 1,
            "stargazers_count": 0,
            "watchers_count": 0,
            "language": null,
            "has_issues": true,
            "has_projects": true,
            "has_downloads": true,
            "has_wiki": true,
            "has_pages": false,
            "has_discussions": true,
            "forks_count": forks,
            "mirror_url": null,
            "archived": false,
            "disabled": false,
            "open_issues_count": open_issues,
            "license": null,
            "allow_forking": true,
            "is_template": false,
            "web_commit_signoff_required": false,
            "topics": [],
            "visibility": if repository.private { "private" } else { "public" },
            "forks": forks,
            "open_issues": open_issues,
            "watchers": 0,
            "default_branch": repository.default_branch,
        });
        for (field, path) in ADDRESSES {
            json[field] = Value::String(format!("{api}{path}"));
        }
        json
    }

    /// `full-repository`, as `GET /repos/{owner}/{repo}` answers it.
    pub(crate) fn full_repository_json(&self, id: RepositoryId) -> Value {
        let repository = self.repository(id);
        let mut json = self.repository_json(id);
        extend(&mut json, json!({ "network_count": 0, "subscribers_count": 0, "temp_clone_token": null }));
        if let Some(parent) = repository.fork_of {
            extend(
                &mut json,
                json!({ "parent": self.repository_json(parent), "source": self.repository_json(parent) }),
            );
        }
        if self.organization(repository.owner).is_some() {
            json["organization"] = self.user_json(repository.owner);
        }
        json
    }

    /// The four fields by which installation webhooks name a repository.
    pub(crate) fn repository_stub_json(&self, id: RepositoryId) -> Value {
        let repository = self.repository(id);
        json!({
            "id": id,
            "node_id": id.node_id(),
            "name": repository.name,
            "full_name": self.full_name(id),
            "private": repository.private,
        })
    }
}

/// Puts the fields of one object into another.
pub(crate) fn extend(json: &mut Value, more: Value) {
    if let (Value::Object(json), Value::Object(more)) = (json, more) {
        json.extend(more);
    }
}
