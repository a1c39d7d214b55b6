//! Check suites, check runs and commit statuses as JSON.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::ids::{CheckSuiteId, RepositoryId};
use crate::state::State;
use crate::state::checks::{CheckRun, Status};
use crate::state::repository::Sha;

impl State {
    /// `pull-request-minimal`: the open pull requests that have this head. Those from forks are left out.
    pub(crate) fn pulls_of_head(&self, repository: RepositoryId, sha: &Sha) -> Vec<Value> {
        let side = |id: RepositoryId, branch: &str, sha: &Sha| {
            let name = &self.repository(id).name;
            let repo = json!({ "id": id, "url": self.repository_url(id), "name": name });
            json!({ "ref": branch, "sha": sha.as_str(), "repo": repo })
        };
        let here =
            self.issues.values().filter(|issue| issue.repository == repository && issue.closed_at.is_none());
        here.filter_map(|issue| {
            let pull = issue.pull.as_ref()?;
            (pull.head_sha == *sha && pull.head_repository == repository).then(|| {
                json!({
                    "id": pull.id,
                    "number": issue.number,
                    "url": self.pull_url(repository, issue.number),
                    "head": side(pull.head_repository, &pull.head_ref, &pull.head_sha),
                    "base": side(repository, &pull.base_ref, &pull.base_sha),
                })
            })
        })
        .collect()
    }

    /// `check-run`, in answers and webhooks.
    pub(crate) fn check_run_json(&self, run: &CheckRun) -> Value {
        let url = format!("{}/check-runs/{}", self.repository_url(run.repository), run.id);
        let html = format!("{}/runs/{}", self.repository_html_url(run.repository), run.id);
        json!({
            "id": run.id,
            "name": run.name,
            "node_id": run.id.node_id(),
            "head_sha": run.head_sha.as_str(),
            "external_id": run.external_id,
            "url": url,
            "html_url": html,
            "details_url": run.details_url.as_ref().unwrap_or(&html),
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": run.started_at.map(stamp),
            "completed_at": run.completed_at.map(stamp),
            "output": {
                "title": run.title,
                "summary": run.summary,
                "text": run.text,
                "annotations_count": run.annotations.len(),
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": { "id": run.suite },
            "app": self.app_json(run.app),
            "pull_requests": self.pulls_of_head(run.repository, &run.head_sha),
        })
    }

    /// A check run as webhooks tell it: with its suite.
    pub(crate) fn check_run_webhook_json(&self, run: &CheckRun) -> Value {
        let mut json = self.check_run_json(run);
        let mut suite = self.check_suite_json(run.suite);
        if let Some(suite) = suite.as_object_mut() {
            suite.retain(|field, _| !matches!(field.as_str(), "head_commit" | "repository"));
        }
        json["check_suite"] = suite;
        // Webhooks always tell a start; a queued run's is when it was made.
        if json["started_at"].is_null() {
            json["started_at"] = json!(stamp(self.check_suites[&run.suite].created_at));
        }
        json
    }

    /// `check-suite`, in answers and webhooks.
    pub(crate) fn check_suite_json(&self, id: CheckSuiteId) -> Value {
        let suite = &self.check_suites[&id];
        let url = format!("{}/check-suites/{id}", self.repository_url(suite.repository));
        let (status, conclusion) = self.suite_result(id);
        let commit = &self.repository(suite.repository).commits[&suite.head_sha];
        json!({
            "id": id,
            "node_id": id.node_id(),
            "head_branch": suite.head_branch,
            "head_sha": suite.head_sha.as_str(),
            "status": status,
            "conclusion": conclusion,
            "url": url,
            "before": commit.parents.first().map(Sha::as_str),
            "after": suite.head_sha.as_str(),
            "pull_requests": self.pulls_of_head(suite.repository, &suite.head_sha),
            "app": self.app_json(suite.app),
            "repository": self.repository_json(suite.repository),
            "created_at": stamp(suite.created_at),
            "updated_at": stamp(suite.updated_at),
            "head_commit": self.simple_commit_json(suite.repository, &suite.head_sha),
            "latest_check_runs_count": self.runs_of(id).count(),
            "check_runs_url": format!("{url}/check-runs"),
            "rerequestable": true,
            "runs_rerequestable": true,
        })
    }

    /// `status`
    pub(crate) fn status_json(&self, status: &Status) -> Value {
        json!({
            "url": format!("{}/statuses/{}", self.repository_url(status.repository), status.sha),
            "avatar_url": format!("{}/avatars/u/{}", self.urls.web, status.creator),
            "id": status.id,
            "node_id": status.id.node_id(),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": stamp(status.at),
            "updated_at": stamp(status.at),
            "creator": self.user_json(status.creator),
        })
    }
}
