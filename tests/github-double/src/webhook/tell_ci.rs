//! The payloads of checks, statuses, Actions and deployments.

use serde_json::{Value, json};

use super::emit::{Event, EventPlace};
use crate::ids::{AccountId, CheckRunId, CheckSuiteId, DeploymentId, JobId, RunId};
use crate::json::extend;
use crate::state::State;
use crate::state::checks::Status;

impl State {
    /// `check_run`: `created` and `completed` go to all who listen, `rerequested` and `requested_action`
    /// only to the App whose run it is.
    pub(crate) fn tell_of_check_run(
        &mut self,
        id: CheckRunId,
        action: &'static str,
        sender: AccountId,
        more: Value,
    ) {
        let run = &self.check_runs[&id];
        let (place, app) = (EventPlace::Repository(run.repository), run.app);
        let mut body = json!({ "check_run": self.check_run_webhook_json(run) });
        extend(&mut body, more);
        let event = Event { name: "check_run", action: Some(action), place, sender, body };
        match action {
            "rerequested" | "requested_action" => self.emit_only_to(app, event),
            _ => self.emit(event),
        }
    }

    /// `check_suite`: `completed` to all who listen, `requested` and `rerequested` to its App.
    pub(crate) fn tell_of_check_suite(&mut self, id: CheckSuiteId, action: &'static str, sender: AccountId) {
        let suite = &self.check_suites[&id];
        let (place, app) = (EventPlace::Repository(suite.repository), suite.app);
        let mut json = self.check_suite_json(id);
        if let Some(json) = json.as_object_mut() {
            json.remove("repository");
        }
        let body = json!({ "check_suite": json });
        let event = Event { name: "check_suite", action: Some(action), place, sender, body };
        match action {
            "completed" => self.emit(event),
            _ => self.emit_only_to(app, event),
        }
    }

    /// `status`
    pub(crate) fn tell_of_status(&mut self, status: &Status) {
        let repository = self.repository(status.repository);
        let branches: Vec<Value> = repository
            .branches
            .iter()
            .filter(|(_, head)| **head == status.sha)
            .map(|(name, head)| {
                let url = format!("{}/commits/{head}", self.repository_url(status.repository));
                json!({ "name": name, "commit": { "sha": head.as_str(), "url": url }, "protected": false })
            })
            .collect();
        let body = json!({
            "id": status.id,
            "sha": status.sha.as_str(),
            "name": self.full_name(status.repository),
            "avatar_url": format!("{}/avatars/oa/1", self.urls.web),
            "target_url": status.target_url,
            "context": status.context,
            "description": status.description,
            "state": status.state,
            "commit": self.commit_json(status.repository, &status.sha),
            "branches": branches,
            "created_at": crate::clock::stamp(status.at),
            "updated_at": crate::clock::stamp(status.at),
        });
        let place = EventPlace::Repository(status.repository);
        self.emit(Event { name: "status", action: None, place, sender: status.creator, body });
    }

    /// `workflow_dispatch`
    pub(crate) fn tell_of_dispatch(&mut self, id: RunId) {
        let run = &self.runs[&id];
        let body = json!({
            "inputs": run.inputs,
            "ref": format!("refs/heads/{}", run.head_branch),
            "workflow": self.workflows[&run.workflow].path,
        });
        let (place, sender) = (EventPlace::Repository(run.repository), run.actor);
        self.emit(Event { name: "workflow_dispatch", action: None, place, sender, body });
    }

    /// `workflow_run` `requested`, `in_progress` or `completed`.
    pub(crate) fn tell_of_run(&mut self, id: RunId, action: &'static str) {
        let run = &self.runs[&id];
        let body = json!({
            "workflow_run": self.run_json(run),
            "workflow": self.workflow_json(&self.workflows[&run.workflow]),
        });
        let (place, sender) = (EventPlace::Repository(run.repository), run.actor);
        self.emit(Event { name: "workflow_run", action: Some(action), place, sender, body });
    }

    /// `workflow_job` `queued`, `in_progress` or `completed`.
    pub(crate) fn tell_of_job(&mut self, id: JobId, action: &'static str) {
        let job = &self.jobs[&id];
        let run = &self.runs[&job.run];
        let body = json!({ "workflow_job": self.job_json(job) });
        let (place, sender) = (EventPlace::Repository(run.repository), run.actor);
        self.emit(Event { name: "workflow_job", action: Some(action), place, sender, body });
    }

    /// `deployment`
    pub(crate) fn tell_of_deployment(&mut self, id: DeploymentId) {
        let deployment = &self.deployments[&id];
        let body = json!({ "deployment": webhook_form(self.deployment_json(deployment)), "workflow": null, "workflow_run": null });
        let (place, sender) = (EventPlace::Repository(deployment.repository), deployment.creator);
        self.emit(Event { name: "deployment", action: Some("created"), place, sender, body });
    }

    /// `deployment_status`, of the newest.
    pub(crate) fn tell_of_deployment_status(&mut self, id: DeploymentId) {
        let deployment = &self.deployments[&id];
        let Some(status) = deployment.statuses.last() else { return };
        let body = json!({
            "deployment_status": webhook_form(self.deployment_status_json(deployment, status)),
            "deployment": webhook_form(self.deployment_json(deployment)),
            "check_run": null,
            "workflow": null,
            "workflow_run": null,
        });
        let (place, sender) = (EventPlace::Repository(deployment.repository), status.creator);
        self.emit(Event { name: "deployment_status", action: Some("created"), place, sender, body });
    }
}

/// Webhooks leave out what answers say with null or nothing.
fn webhook_form(mut json: Value) -> Value {
    if let Some(json) = json.as_object_mut() {
        json.retain(|field, value| match field.as_str() {
            "performed_via_github_app" => !value.is_null(),
            "environment_url" | "log_url" => value != "",
            _ => true,
        });
    }
    json
}
