//! Workflows, runs and jobs as JSON.

use serde_json::{Value, json};

use crate::clock::stamp;
use crate::state::State;
use crate::state::actions::{Job, Run, Workflow};

impl State {
    /// `workflow`
    pub(crate) fn workflow_json(&self, workflow: &Workflow) -> Value {
        let (api, html) =
            (self.repository_url(workflow.repository), self.repository_html_url(workflow.repository));
        let at = stamp(workflow.created_at);
        json!({
            "id": workflow.id,
            "node_id": workflow.id.node_id(),
            "name": workflow.name,
            "path": workflow.path,
            "state": "active",
            "created_at": at,
            "updated_at": at,
            "url": format!("{api}/actions/workflows/{}", workflow.id),
            "html_url": format!("{html}/blob/main/{}", workflow.path),
            "badge_url": format!("{html}/workflows/{}/badge.svg", workflow.name),
        })
    }

    pub(crate) fn run_html_url(&self, run: &Run) -> String {
        format!("{}/actions/runs/{}", self.repository_html_url(run.repository), run.id)
    }

    /// `workflow-run`, in answers and webhooks.
    pub(crate) fn run_json(&self, run: &Run) -> Value {
        let api = self.repository_url(run.repository);
        let url = format!("{api}/actions/runs/{}", run.id);
        let workflow = &self.workflows[&run.workflow];
        let previous = (run.attempt > 1).then(|| format!("{url}/attempts/{}", run.attempt - 1));
        json!({
            "id": run.id,
            "name": workflow.name,
            "node_id": run.id.node_id(),
            "head_branch": run.head_branch,
            "head_sha": run.head_sha.as_str(),
            "path": workflow.path,
            "display_title": self.title_of(run),
            "run_number": run.number,
            "event": "workflow_dispatch",
            "status": run.status,
            "conclusion": run.conclusion,
            "workflow_id": run.workflow,
            // Actions has a suite per run; nobody here asks for it.
            "check_suite_id": run.id,
            "check_suite_node_id": crate::ids::CheckSuiteId(run.id.0).node_id(),
            "url": url,
            "html_url": self.run_html_url(run),
            "pull_requests": self.pulls_of_head(run.repository, &run.head_sha),
            "created_at": stamp(run.created_at),
            "updated_at": stamp(run.updated_at),
            "actor": self.user_json(run.actor),
            "triggering_actor": self.user_json(run.actor),
            "run_attempt": run.attempt,
            "referenced_workflows": [],
            "run_started_at": stamp(run.created_at),
            "jobs_url": format!("{url}/jobs"),
            "logs_url": format!("{url}/logs"),
            "check_suite_url": format!("{api}/check-suites/{}", run.id),
            "artifacts_url": format!("{url}/artifacts"),
            "cancel_url": format!("{url}/cancel"),
            "rerun_url": format!("{url}/rerun"),
            "previous_attempt_url": previous,
            "workflow_url": format!("{api}/actions/workflows/{}", run.workflow),
            "head_commit": self.simple_commit_json(run.repository, &run.head_sha),
            "repository": self.repository_json(run.repository),
            "head_repository": self.repository_json(run.repository),
        })
    }

    /// `job`, in answers and webhooks.
    pub(crate) fn job_json(&self, job: &Job) -> Value {
        let run = &self.runs[&job.run];
        let api = self.repository_url(run.repository);
        json!({
            "id": job.id,
            "run_id": job.run,
            "workflow_name": self.workflows[&run.workflow].name,
            "head_branch": run.head_branch,
            "run_url": format!("{api}/actions/runs/{}", job.run),
            "run_attempt": job.attempt,
            "node_id": job.id.node_id(),
            "head_sha": run.head_sha.as_str(),
            "url": format!("{api}/actions/jobs/{}", job.id),
            "html_url": format!("{}/job/{}", self.run_html_url(run), job.id),
            "status": job.status,
            "conclusion": job.conclusion,
            "created_at": stamp(run.created_at),
            "started_at": stamp(job.started_at),
            "completed_at": job.completed_at.map(stamp),
            "name": job.name,
            "steps": [{
                "name": job.name,
                "status": job.status,
                "conclusion": job.conclusion,
                "number": 1,
                "started_at": stamp(job.started_at),
                "completed_at": job.completed_at.map(stamp),
            }],
            "check_run_url": format!("{api}/check-runs/{}", job.id),
            "labels": ["ubuntu-latest"],
            "runner_id": 1,
            "runner_name": "runner",
            "runner_group_id": 1,
            "runner_group_name": "Default",
        })
    }
}
