//! The payloads: what each event tells, by GitHub's webhook documentation.

use serde_json::{Value, json};

use super::emit::{Addressee, Event, EventPlace};
use crate::ids::{AccountId, AppId, CommentId, DiscussionId, InstallationId, RepositoryId, ReviewId};
use crate::json::extend;
use crate::state::State;
use crate::state::comment::{Comment, Place};
use crate::state::git::Files;

/// What a branch pointed to before it was made.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// What happened to something with a text.
#[derive(Clone, Debug)]
pub(crate) enum Happened {
    Created,
    /// Edited; `was` is the text before.
    Edited {
        was: String,
    },
    Deleted,
}

impl Happened {
    fn action(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Edited { .. } => "edited",
            Self::Deleted => "deleted",
        }
    }

    fn add_changes(&self, body: &mut Value) {
        if let Self::Edited { was } = self {
            body["changes"] = json!({ "body": { "from": was } });
        }
    }
}

/// The paths of files that came, went and changed.
fn changes(was: Option<&Files>, is: &Files) -> [Vec<String>; 3] {
    let none = Files::new();
    let was = was.unwrap_or(&none);
    let paths = |from: &Files, keep: &dyn Fn(&String) -> bool| {
        from.keys().filter(|path| keep(path)).cloned().collect()
    };
    [
        paths(is, &|path| !was.contains_key(path)),
        paths(was, &|path| !is.contains_key(path)),
        paths(is, &|path| was.get(path).is_some_and(|text| is.get(path) != Some(text))),
    ]
}

impl State {
    /// `issue_comment`, `pull_request_review_comment`, `commit_comment` or `discussion_comment`.
    pub(crate) fn tell_of_comment(&mut self, comment: &Comment, happened: &Happened, sender: AccountId) {
        let json = self.comment_json(comment);
        let (name, mut body) = match &comment.place {
            Place::Issue { number } => {
                let issue = self.issue(comment.repository, *number);
                ("issue_comment", json!({ "issue": self.issue_json(issue), "comment": json }))
            }
            Place::Line { number, .. } => {
                let pull = self.pull_json(self.issue(comment.repository, *number));
                ("pull_request_review_comment", json!({ "comment": json, "pull_request": pull }))
            }
            // GitHub sends nothing when a commit comment is edited or deleted.
            Place::Commit { .. } if !matches!(happened, Happened::Created) => return,
            Place::Commit { .. } => ("commit_comment", json!({ "comment": json })),
            Place::Discussion { discussion, .. } => {
                let discussion = self.discussion_json(&self.discussions[discussion]);
                ("discussion_comment", json!({ "comment": json, "discussion": discussion }))
            }
        };
        happened.add_changes(&mut body);
        let place = EventPlace::Repository(comment.repository);
        self.emit(Event { name, action: Some(happened.action()), place, sender, body });
    }

    /// `pull_request_review` `submitted`, `edited` or `dismissed`.
    pub(crate) fn tell_of_review(
        &mut self,
        id: ReviewId,
        action: &'static str,
        was: Option<&str>,
        sender: AccountId,
    ) {
        let review = &self.reviews[&id];
        let repository = review.repository;
        let mut body = json!({
            "review": self.review_webhook_json(review),
            "pull_request": self.pull_json(self.issue(repository, review.number)),
        });
        if action == "edited" {
            body["changes"] = match was {
                Some(was) => json!({ "body": { "from": was } }),
                None => json!({}),
            };
        }
        let place = EventPlace::Repository(repository);
        self.emit(Event { name: "pull_request_review", action: Some(action), place, sender, body });
    }

    /// `issues` or `pull_request`, whichever it is. `more` is what the action adds.
    pub(crate) fn tell_of_issue(
        &mut self,
        (repository, number): (RepositoryId, u64),
        action: &'static str,
        sender: AccountId,
        more: Value,
    ) {
        let issue = self.issue(repository, number);
        let (name, mut body) = if issue.pull.is_some() {
            ("pull_request", json!({ "number": number, "pull_request": self.pull_json(issue) }))
        } else {
            ("issues", json!({ "issue": self.issue_json(issue) }))
        };
        extend(&mut body, more);
        self.emit(Event {
            name,
            action: Some(action),
            place: EventPlace::Repository(repository),
            sender,
            body,
        });
    }

    /// `discussion`
    pub(crate) fn tell_of_discussion(
        &mut self,
        id: DiscussionId,
        action: &'static str,
        sender: AccountId,
        more: Value,
    ) {
        let discussion = &self.discussions[&id];
        let place = EventPlace::Repository(discussion.repository);
        let mut body = json!({ "discussion": self.discussion_json(discussion) });
        extend(&mut body, more);
        self.emit(Event { name: "discussion", action: Some(action), place, sender, body });
    }

    /// `push` of one commit to a branch.
    pub(crate) fn tell_of_push(
        &mut self,
        repository: RepositoryId,
        branch: &str,
        before: Option<&str>,
        sender: AccountId,
    ) {
        let repo = self.repository(repository);
        let Some(after) = repo.branches.get(branch) else { return };
        let commit = &repo.commits[after];
        let login = self.login(commit.author).to_owned();
        let html = self.repository_html_url(repository);
        let was = commit.parents.first().map(|parent| &*repo.commits[parent].files);
        let [added, removed, modified] = changes(was, &commit.files);
        let person = json!({ "name": login, "email": format!("{login}@users.example"), "username": login });
        let commit = json!({
            "id": after.as_str(),
            "tree_id": after.as_str(),
            "distinct": true,
            "message": commit.message,
            "timestamp": crate::clock::stamp(commit.at),
            "url": format!("{html}/commit/{after}"),
            "author": person,
            "committer": person,
            "added": added,
            "removed": removed,
            "modified": modified,
        });
        let body = json!({
            "ref": format!("refs/heads/{branch}"),
            "before": before.unwrap_or(NOTHING),
            "after": after.as_str(),
            "created": before.is_none(),
            "deleted": false,
            "forced": false,
            "base_ref": null,
            "compare": format!("{html}/compare/{}...{after}", before.unwrap_or(NOTHING)),
            "commits": [commit],
            "head_commit": commit,
            "pusher": { "name": login, "email": format!("{login}@users.example") },
        });
        self.emit(Event {
            name: "push",
            action: None,
            place: EventPlace::Repository(repository),
            sender,
            body,
        });
    }

    /// `installation`: it was made, deleted, suspended, unsuspended, or agreed to new permissions.
    pub(crate) fn tell_of_installation(&mut self, id: InstallationId, action: &str, sender: AccountId) {
        let installation = &self.installations[&id];
        let covered: Vec<Value> = self
            .repositories
            .values()
            .filter(|repository| installation.covers(repository))
            .map(|repository| self.repository_stub_json(repository.id))
            .collect();
        let app = installation.app;
        let payload = json!({
            "action": action,
            "installation": self.installation_json(installation),
            "repositories": covered,
            "requester": null,
            "sender": self.user_json(sender),
        });
        let to = Addressee { app, installation: Some(id), repository: None };
        self.emit_to_app(to, "installation", Some(action), payload);
    }

    /// `installation_repositories`: repositories came to or left an installation's selection.
    pub(crate) fn tell_of_installation_repositories(
        &mut self,
        id: InstallationId,
        added: &[RepositoryId],
        removed: &[RepositoryId],
        sender: AccountId,
    ) {
        let action = if removed.is_empty() { "added" } else { "removed" };
        let stubs = |ids: &[RepositoryId]| -> Vec<Value> {
            ids.iter().map(|id| self.repository_stub_json(*id)).collect()
        };
        let installation = &self.installations[&id];
        let app = installation.app;
        let payload = json!({
            "action": action,
            "installation": self.installation_json(installation),
            "repository_selection": if installation.selected.is_some() { "selected" } else { "all" },
            "repositories_added": stubs(added),
            "repositories_removed": stubs(removed),
            "requester": null,
            "sender": self.user_json(sender),
        });
        let to = Addressee { app, installation: Some(id), repository: None };
        self.emit_to_app(to, "installation_repositories", Some(action), payload);
    }

    /// `github_app_authorization` `revoked`: a person took back what they allowed the App.
    pub(crate) fn tell_of_revocation(&mut self, app: AppId, user: AccountId) {
        let payload = json!({ "action": "revoked", "sender": self.user_json(user) });
        let to = Addressee { app, installation: None, repository: None };
        self.emit_to_app(to, "github_app_authorization", Some("revoked"), payload);
    }

    /// `ping`, as sent when a webhook is set up.
    pub(crate) fn tell_ping(&mut self, id: AppId) {
        let app = self.app(id);
        let payload = json!({
            "zen": "Design for failure.",
            "hook_id": app.webhook.hook_id,
            "hook": {
                "type": "App",
                "id": app.webhook.hook_id,
                "name": "web",
                "active": true,
                "events": app.events,
                "config": {
                    "content_type": if app.webhook.form { "form" } else { "json" },
                    "insecure_ssl": "0",
                    "secret": "********",
                    "url": app.webhook.url,
                },
                "updated_at": crate::clock::stamp(app.created_at),
                "created_at": crate::clock::stamp(app.created_at),
                "app_id": id,
                "deliveries_url": format!("{}/app/hook/deliveries", self.urls.api),
            },
        });
        let to = Addressee { app: id, installation: None, repository: None };
        self.emit_to_app(to, "ping", None, payload);
    }

    /// The comment as it is now, for telling of it after a change.
    pub(crate) fn comment(&self, id: CommentId) -> Option<Comment> {
        self.comments.get(&id).cloned()
    }
}
