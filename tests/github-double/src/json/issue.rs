//! Issues as JSON, pull requests in their issue form among them.

use serde_json::{Value, json};

use super::rollup;
use crate::clock::stamp;
use crate::ids::{AccountId, RepositoryId};
use crate::state::State;
use crate::state::issue::Issue;
use crate::state::reaction::Subject;
use crate::state::repository::Permission;

impl State {
    /// How the author stands to the repository.
    pub(crate) fn association(&self, author: AccountId, repository: RepositoryId) -> &'static str {
        let owner = self.repository(repository).owner;
        if owner == author {
            return "OWNER";
        }
        if self.organization(owner).is_some_and(|org| org.active(author).is_some()) {
            return "MEMBER";
        }
        let collaborators = &self.repository(repository).collaborators;
        if collaborators.get(&author).is_some_and(|permission| *permission > Permission::None) {
            return "COLLABORATOR";
        }
        let merged = self.issues.values().any(|issue| {
            issue.repository == repository
                && issue.author == author
                && issue.pull.as_ref().is_some_and(|pull| pull.merged.is_some())
        });
        if merged { "CONTRIBUTOR" } else { "NONE" }
    }

    pub(crate) fn issue_url(&self, issue: &Issue) -> String {
        format!("{}/issues/{}", self.repository_url(issue.repository), issue.number)
    }

    pub(crate) fn issue_html_url(&self, issue: &Issue) -> String {
        let repository = self.repository_html_url(issue.repository);
        format!("{repository}/{}/{}", issue.path_word(), issue.number)
    }

    /// `issue`, in answers and webhooks.
    pub(crate) fn issue_json(&self, issue: &Issue) -> Value {
        let (url, html) = (self.issue_url(issue), self.issue_html_url(issue));
        let mut json = json!({
            "url": url,
            "repository_url": self.repository_url(issue.repository),
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "html_url": html,
            "id": issue.id,
            "node_id": issue.id.node_id(),
            "number": issue.number,
            "title": issue.title,
            "user": self.user_json(issue.author),
            "labels": [],
            "state": issue.state_name(),
            "locked": issue.locked,
            "assignee": null,
            "assignees": [],
            "milestone": null,
            "comments": self.conversation(issue.repository, issue.number).count(),
            "created_at": stamp(issue.created_at),
            "updated_at": stamp(issue.updated_at),
            "closed_at": issue.closed_at.map(stamp),
            "author_association": self.association(issue.author, issue.repository),
            "active_lock_reason": null,
            "body": issue.body,
            "reactions": rollup(self, Subject::Issue(issue.id), &format!("{url}/reactions")),
            "timeline_url": format!("{url}/timeline"),
            "performed_via_github_app": issue.app.map(|app| self.app_json(app)),
            "state_reason": issue.closed_at.map(|_| "completed"),
        });
        if let Some(pull) = &issue.pull {
            json["draft"] = json!(pull.draft);
            json["pull_request"] = json!({
                "url": format!("{}/pulls/{}", self.repository_url(issue.repository), issue.number),
                "html_url": html,
                "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"),
                "merged_at": pull.merged.as_ref().map(|merge| stamp(merge.at)),
            });
        }
        json
    }
}
