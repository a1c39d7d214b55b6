//! What happens to checks, Actions and deployments, whoever causes it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ids::{
    AccountId, AppId, CheckRunId, CheckSuiteId, DeploymentId, DeploymentStatusId, RepositoryId, RunId,
    StatusId, WorkflowId,
};
use crate::state::State;
use crate::state::account::Kind;
use crate::state::app::{Access, Permissions};
use crate::state::checks::{CheckRun, Status};
use crate::state::deployment::DeploymentStatus;
use crate::state::repository::Sha;

/// A check run about to be made.
#[derive(Debug)]
pub(crate) struct NewCheckRun {
    pub(crate) app: AppId,
    pub(crate) repository: RepositoryId,
    pub(crate) head_sha: Sha,
    pub(crate) name: String,
}

/// A commit status about to be set.
#[derive(Debug)]
pub(crate) struct NewStatus {
    pub(crate) repository: RepositoryId,
    pub(crate) sha: Sha,
    pub(crate) state: String,
    pub(crate) context: String,
    pub(crate) description: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) creator: AccountId,
}

/// A deployment status about to be set.
#[derive(Debug)]
pub(crate) struct NewDeploymentStatus {
    pub(crate) state: String,
    pub(crate) description: String,
    pub(crate) log_url: String,
    pub(crate) environment_url: String,
    pub(crate) creator: AccountId,
    pub(crate) app: Option<AppId>,
}

impl State {
    /// A queued check run in the App's suite, which nobody is told of yet.
    pub(crate) fn add_check_run(&mut self, new: NewCheckRun) -> CheckRunId {
        let NewCheckRun { app, repository, head_sha, name } = new;
        let (suite, _) = self.suite(app, repository, &head_sha);
        let id = CheckRunId(self.next_id());
        let run = CheckRun {
            id,
            suite,
            repository,
            app,
            head_sha,
            name,
            status: "queued".to_owned(),
            conclusion: None,
            external_id: String::new(),
            details_url: None,
            started_at: None,
            completed_at: None,
            title: None,
            summary: None,
            text: None,
            annotations: Vec::new(),
            actions: Vec::new(),
            writes: 0,
        };
        self.check_runs.insert(id, run);
        id
    }

    /// Takes over what a request says of a check run.
    pub(crate) fn fill_check_run(&mut self, id: CheckRunId, body: &Value) {
        let now = self.now();
        let Some(run) = self.check_runs.get_mut(&id) else { return };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let moment = |value: &Value| {
            value
                .as_str()
                .and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok())
                .map(|at| at.to_utc())
        };
        run.writes += 1;
        if let Some(name) = text(&body["name"]) {
            run.name = name;
        }
        if let Some(status) = text(&body["status"]) {
            run.status = status;
        }
        if let Some(conclusion) = text(&body["conclusion"]) {
            // A conclusion completes the run, whatever its status says.
            run.conclusion = Some(conclusion);
            "completed".clone_into(&mut run.status);
        }
        if let Some(external_id) = text(&body["external_id"]) {
            run.external_id = external_id;
        }
        run.details_url = text(&body["details_url"]).or(run.details_url.take());
        if run.status != "queued" && run.started_at.is_none() {
            run.started_at = Some(now);
        }
        run.started_at = moment(&body["started_at"]).or(run.started_at);
        if run.status == "completed" {
            run.completed_at = moment(&body["completed_at"]).or(run.completed_at).or(Some(now));
        }
        let output = &body["output"];
        run.title = text(&output["title"]).or(run.title.take());
        run.summary = text(&output["summary"]).or(run.summary.take());
        run.text = text(&output["text"]).or(run.text.take());
        run.annotations.extend(output["annotations"].as_array().into_iter().flatten().cloned());
        if let Some(actions) = body["actions"].as_array() {
            run.actions = actions
                .iter()
                .map(|action| crate::state::checks::CheckAction {
                    label: text(&action["label"]).unwrap_or_default(),
                    description: text(&action["description"]).unwrap_or_default(),
                    identifier: text(&action["identifier"]).unwrap_or_default(),
                })
                .collect();
        }
    }

    /// Tells what became of a check run, and of its suite with it.
    pub(crate) fn tell_of_progress(
        &mut self,
        id: CheckRunId,
        is_new: bool,
        was_completed: bool,
        by: AccountId,
    ) {
        let run = &self.check_runs[&id];
        let (suite, is_completed) = (run.suite, run.status == "completed");
        let how = run.conclusion.clone().unwrap_or_else(|| run.status.clone());
        let line = format!(
            "✓ check \"{}\" on {} is {how}{}",
            run.name,
            &run.head_sha.as_str()[..7],
            run.title.as_ref().map(|title| format!(": {title}")).unwrap_or_default()
        );
        self.tell(line);
        if is_new {
            self.tell_of_check_run(id, "created", by, json!({}));
        }
        if is_completed && !was_completed {
            self.tell_of_check_run(id, "completed", by, json!({}));
            if self.suite_result(suite).0 == "completed" {
                let now = self.now();
                if let Some(suite) = self.check_suites.get_mut(&suite) {
                    suite.updated_at = now;
                }
                self.tell_of_check_suite(suite, "completed", by);
            }
        }
    }

    /// A push makes a suite for every App that may write checks, and asks it to fill it.
    pub(crate) fn request_suites(&mut self, repository: RepositoryId, sha: &Sha, by: AccountId) {
        let writes_checks = |permissions: &Permissions| permissions.get("checks") >= Some(&Access::Write);
        let apps: Vec<AppId> = self
            .installations
            .values()
            .filter(|i| i.covers(self.repository(repository)) && i.suspended.is_none())
            .filter(|i| writes_checks(&i.permissions))
            .map(|installation| installation.app)
            .collect();
        for app in apps {
            let (suite, is_new) = self.suite(app, repository, sha);
            if is_new {
                self.tell_of_check_suite(suite, "requested", by);
            }
        }
    }

    /// Somebody presses "Re-run all checks".
    pub(crate) fn rerequest_suite(&mut self, id: CheckSuiteId, by: AccountId) {
        self.tell_of_check_suite(id, "rerequested", by);
    }

    pub(crate) fn set_status(&mut self, new: NewStatus) -> Status {
        let NewStatus { repository, sha, state, context, description, target_url, creator } = new;
        let id = StatusId(self.next_id());
        let at = self.now();
        let line = format!("✓ status \"{context}\" on {} is {state}", &sha.as_str()[..7]);
        self.tell(line);
        let status = Status { id, repository, sha, state, context, description, target_url, creator, at };
        self.statuses.push(status.clone());
        self.tell_of_status(&status);
        status
    }

    /// Queues a run, and tells of it.
    pub(crate) fn dispatch(
        &mut self,
        workflow: WorkflowId,
        actor: AccountId,
        head: (String, Sha),
        inputs: BTreeMap<String, String>,
    ) -> RunId {
        let line =
            format!("@{} dispatches {} with {inputs:?}", self.login(actor), self.workflows[&workflow].path);
        self.tell(line);
        let id = self.add_run(workflow, actor, head, inputs);
        self.tell_of_dispatch(id);
        self.tell_of_run(id, "requested");
        self.tell_of_jobs(id, "queued");
        id
    }

    fn tell_of_jobs(&mut self, run: RunId, action: &'static str) {
        let jobs: Vec<_> = self.jobs_of(run).map(|job| job.id).collect();
        for job in jobs {
            self.tell_of_job(job, action);
        }
    }

    /// A runner takes the run up.
    pub(crate) fn start_run(&mut self, id: RunId) {
        let now = self.now();
        let attempt = self.runs[&id].attempt;
        if let Some(run) = self.runs.get_mut(&id) {
            run.status = "in_progress";
            run.updated_at = now;
        }
        for job in self.jobs.values_mut().filter(|job| job.run == id && job.attempt == attempt) {
            job.status = "in_progress";
            job.started_at = now;
        }
        self.tell_of_run(id, "in_progress");
        self.tell_of_jobs(id, "in_progress");
    }

    /// The run ends: jobs that nobody ended before end with it.
    pub(crate) fn end_run(&mut self, id: RunId, conclusion: &str) {
        let now = self.now();
        let attempt = self.runs[&id].attempt;
        for job in self.jobs.values_mut().filter(|job| job.run == id && job.attempt == attempt) {
            job.status = "completed";
            job.completed_at.get_or_insert(now);
            job.conclusion.get_or_insert_with(|| conclusion.to_owned());
        }
        if let Some(run) = self.runs.get_mut(&id) {
            run.status = "completed";
            run.conclusion = Some(conclusion.to_owned());
            run.updated_at = now;
        }
        let line =
            format!("⚙ run {id} of {} ends: {conclusion}", self.workflows[&self.runs[&id].workflow].path);
        self.tell(line);
        self.tell_of_jobs(id, "completed");
        self.tell_of_run(id, "completed");
    }

    /// Another attempt at all jobs of a run, or at those that failed.
    pub(crate) fn rerun(&mut self, id: RunId, only_failed: bool, by: AccountId) {
        let again: Vec<String> = self
            .jobs_of(id)
            .filter(|job| !only_failed || job.conclusion.as_deref() != Some("success"))
            .map(|job| job.name.clone())
            .collect();
        if let Some(run) = self.runs.get_mut(&id) {
            run.attempt += 1;
            run.status = "queued";
            run.conclusion = None;
            run.actor = by;
        }
        self.add_jobs(id, &again);
        self.tell_of_run(id, "requested");
        self.tell_of_jobs(id, "queued");
    }

    /// Adds a status; success makes earlier deployments to the same environment inactive.
    pub(crate) fn add_deployment_status(
        &mut self,
        id: DeploymentId,
        new: NewDeploymentStatus,
        auto_inactive: bool,
    ) {
        let is_success = new.state == "success";
        let line = format!("⇧ deployment {id} to {} is {}", self.deployments[&id].environment, new.state);
        self.tell(line);
        let deployment = &self.deployments[&id];
        let (repository, environment) = (deployment.repository, deployment.environment.clone());
        let (creator, app) = (new.creator, new.app);
        self.push_deployment_status(id, new);
        if !(is_success && auto_inactive) {
            return;
        }
        let earlier: Vec<DeploymentId> = self
            .deployments
            .values()
            .filter(|other| {
                other.repository == repository && other.environment == environment && other.id != id
            })
            .filter(|other| other.state() == "success" && !other.is_transient)
            .map(|other| other.id)
            .collect();
        for other in earlier {
            let new = NewDeploymentStatus {
                state: "inactive".to_owned(),
                description: String::new(),
                log_url: String::new(),
                environment_url: String::new(),
                creator,
                app,
            };
            self.push_deployment_status(other, new);
        }
    }

    fn push_deployment_status(&mut self, id: DeploymentId, new: NewDeploymentStatus) {
        let NewDeploymentStatus { state, description, log_url, environment_url, creator, app } = new;
        let status = DeploymentStatusId(self.next_id());
        let at = self.now();
        if let Some(deployment) = self.deployments.get_mut(&id) {
            deployment.updated_at = at;
            deployment.statuses.push(DeploymentStatus {
                id: status,
                state,
                description,
                log_url,
                environment_url,
                creator,
                app,
                at,
            });
        }
        self.tell_of_deployment_status(id);
    }

    /// The App behind checks that GitHub Actions reports.
    pub(crate) fn actions_app(&mut self) -> AppId {
        if let Some(app) = self.apps.values().find(|app| app.slug == "github-actions") {
            return app.id;
        }
        let owner = self.account_by_login("github").map(|account| account.id);
        let owner = owner.unwrap_or_else(|| self.add_account("github", Kind::User));
        self.add_app("GitHub Actions", owner, Permissions::new(), Vec::new())
    }
}
