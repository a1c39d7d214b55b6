//! Checks, Actions and deployments: pressing buttons, letting runs end, and seeing what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::{Issue, Repository, User};
use crate::acts_ci::{NewCheckRun, NewStatus};
use crate::hub::Hub;
use crate::ids::{CheckRunId, CheckSuiteId, DeploymentId, RepositoryId, RunId, WorkflowId};
use crate::state::checks::{self, CheckAction};
use crate::state::deployment;
use crate::state::repository::Sha;

/// A check run.
#[derive(Clone, Debug)]
pub struct CheckRun {
    hub: Arc<Hub>,
    id: CheckRunId,
}

impl CheckRun {
    /// The id that webhooks and answers name it by.
    pub fn id(&self) -> CheckRunId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.look(|run| run.name.clone())
    }

    /// `queued`, `in_progress` or `completed`.
    pub fn status(&self) -> String {
        self.look(|run| run.status.clone())
    }

    /// `success`, `failure`, … once it is completed.
    pub fn conclusion(&self) -> Option<String> {
        self.look(|run| run.conclusion.clone())
    }

    /// The title of its output.
    pub fn title(&self) -> Option<String> {
        self.look(|run| run.title.clone())
    }

    /// The summary of its output.
    pub fn summary(&self) -> Option<String> {
        self.look(|run| run.summary.clone())
    }

    /// The details of its output.
    pub fn text(&self) -> Option<String> {
        self.look(|run| run.text.clone())
    }

    /// Where "Details" leads.
    pub fn details_url(&self) -> Option<String> {
        self.look(|run| run.details_url.clone())
    }

    /// The App's own id for it.
    pub fn external_id(&self) -> String {
        self.look(|run| run.external_id.clone())
    }

    /// How many annotations it has.
    pub fn annotations(&self) -> Vec<serde_json::Value> {
        self.look(|run| run.annotations.clone())
    }

    /// The buttons that a person sees: only on a completed run.
    pub fn actions(&self) -> Vec<CheckAction> {
        self.look(|run| if run.status == "completed" { run.actions.clone() } else { Vec::new() })
    }

    /// How many requests wrote it, the first included.
    pub fn writes(&self) -> usize {
        self.look(|run| run.writes)
    }

    /// Presses a button; a button that is not shown fails the test.
    pub async fn press(&self, user: &User, identifier: &str) {
        let shown = self.actions();
        assert!(
            shown.iter().any(|action| action.identifier == identifier),
            "no button {identifier}: {shown:?}"
        );
        let more = json!({ "requested_action": { "identifier": identifier } });
        self.hub.act(|state| state.tell_of_check_run(self.id, "requested_action", user.id, more)).await;
    }

    /// Presses "Re-run".
    pub async fn rerequest(&self, user: &User) {
        self.hub.act(|state| state.tell_of_check_run(self.id, "rerequested", user.id, json!({}))).await;
    }

    fn look<R>(&self, look: impl FnOnce(&checks::CheckRun) -> R) -> R {
        self.hub.read(|state| look(&state.check_runs[&self.id]))
    }
}

/// A workflow of GitHub Actions.
#[derive(Clone, Debug)]
pub struct Workflow {
    hub: Arc<Hub>,
    id: WorkflowId,
}

impl Workflow {
    /// What `workflow_dispatch` takes; names with `!` at the end must be given.
    pub fn inputs(&self, names: &[&str]) -> &Self {
        let inputs: BTreeMap<String, bool> =
            names.iter().map(|name| (name.trim_end_matches('!').to_owned(), name.ends_with('!'))).collect();
        self.change(|workflow| workflow.inputs = Some(inputs));
        self
    }

    /// It has no `workflow_dispatch` trigger.
    pub fn not_dispatchable(&self) -> &Self {
        self.change(|workflow| workflow.inputs = None);
        self
    }

    /// The names of its jobs.
    pub fn jobs(&self, names: &[&str]) -> &Self {
        self.change(|workflow| workflow.jobs = names.iter().map(|name| (*name).to_owned()).collect());
        self
    }

    /// Its runs, oldest first.
    pub fn runs(&self) -> Vec<WorkflowRun> {
        let ids: Vec<RunId> = self.hub.read(|state| {
            state.runs.values().filter(|run| run.workflow == self.id).map(|run| run.id).collect()
        });
        ids.into_iter().map(|id| WorkflowRun { hub: Arc::clone(&self.hub), id }).collect()
    }

    /// Waits for the next run after those already there, and returns it.
    pub async fn wait_for_run(&self, already: usize) -> WorkflowRun {
        self.hub.until("a workflow run", || self.runs().len() > already).await;
        self.runs().swap_remove(already)
    }

    /// Starts a run as a person does on the Actions page.
    pub async fn dispatch(&self, user: &User, branch: &str, inputs: &[(&str, &str)]) -> WorkflowRun {
        let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let id = self.hub.act(|state| {
            let repository = state.workflows[&self.id].repository;
            let head = state.repository(repository).branches[branch].clone();
            state.dispatch(self.id, user.id, (branch.to_owned(), head), inputs)
        });
        WorkflowRun { hub: Arc::clone(&self.hub), id: id.await }
    }

    fn change(&self, change: impl FnOnce(&mut crate::state::actions::Workflow)) {
        self.hub
            .change(|state| change(state.workflows.get_mut(&self.id).expect("workflows are never deleted")));
    }
}

/// A run of a workflow. Nothing happens in it by itself: the test says how it goes.
#[derive(Clone, Debug)]
pub struct WorkflowRun {
    hub: Arc<Hub>,
    id: RunId,
}

impl WorkflowRun {
    /// The id that webhooks and answers name it by.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// What it was dispatched with.
    pub fn inputs(&self) -> BTreeMap<String, String> {
        self.hub.read(|state| state.runs[&self.id].inputs.clone())
    }

    /// Who dispatched it.
    pub fn actor(&self) -> String {
        self.hub.read(|state| state.login(state.runs[&self.id].actor).to_owned())
    }

    /// The commit it runs on.
    pub fn head_sha(&self) -> Sha {
        self.hub.read(|state| state.runs[&self.id].head_sha.clone())
    }

    /// `queued`, `in_progress` or `completed`.
    pub fn status(&self) -> &'static str {
        self.hub.read(|state| state.runs[&self.id].status)
    }

    /// `success`, `failure`, … once it is completed.
    pub fn conclusion(&self) -> Option<String> {
        self.hub.read(|state| state.runs[&self.id].conclusion.clone())
    }

    /// Which attempt it is at.
    pub fn attempt(&self) -> u64 {
        self.hub.read(|state| state.runs[&self.id].attempt)
    }

    /// A runner takes it up.
    pub async fn start(&self) {
        self.hub.act(|state| state.start_run(self.id)).await;
    }

    /// It ends: `success`, `failure`, `cancelled`, `timed_out`.
    pub async fn complete(&self, conclusion: &str) {
        self.hub.act(|state| state.end_run(self.id, conclusion)).await;
    }

    /// It ends, and nobody is told: the webhook that never arrives.
    pub fn complete_silently(&self, conclusion: &str) {
        self.hub.change(|state| {
            let before = state.deliveries.len();
            state.end_run(self.id, conclusion);
            let lost = std::mem::take(&mut state.outbox);
            state.deliveries.retain(|id, _| !lost.contains(id));
            debug_assert_eq!(before, state.deliveries.len());
        });
    }

    /// One job ends with this log; [`WorkflowRun::complete`] ends the others.
    pub fn end_job(&self, name: &str, conclusion: &str, log: &str) {
        self.hub.change(|state| {
            let (now, attempt) = (state.now(), state.runs[&self.id].attempt);
            let job = state
                .jobs
                .values_mut()
                .find(|job| job.run == self.id && job.attempt == attempt && job.name == name);
            let job = job.expect("a job of this name");
            job.status = "completed";
            job.conclusion = Some(conclusion.to_owned());
            job.completed_at = Some(now);
            log.clone_into(&mut job.log);
        });
    }
}

/// A deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    hub: Arc<Hub>,
    id: DeploymentId,
}

impl Deployment {
    /// The id that webhooks and answers name it by.
    pub fn id(&self) -> DeploymentId {
        self.id
    }

    /// Where it goes.
    pub fn environment(&self) -> String {
        self.look(|deployment| deployment.environment.clone())
    }

    /// What is deployed.
    pub fn sha(&self) -> Sha {
        self.look(|deployment| deployment.sha.clone())
    }

    /// Its newest state; `pending` before the first.
    pub fn state(&self) -> String {
        self.look(|deployment| deployment.state().to_owned())
    }

    /// All its states, oldest first.
    pub fn states(&self) -> Vec<String> {
        self.look(|deployment| deployment.statuses.iter().map(|status| status.state.clone()).collect())
    }

    /// Who deploys.
    pub fn creator(&self) -> String {
        self.hub.read(|state| state.login(state.deployments[&self.id].creator).to_owned())
    }

    fn look<R>(&self, look: impl FnOnce(&deployment::Deployment) -> R) -> R {
        self.hub.read(|state| look(&state.deployments[&self.id]))
    }
}

impl Repository {
    /// A workflow in `.github/workflows`, made if there is none: dispatchable, without inputs, one job.
    pub fn workflow(&self, file: &str) -> Workflow {
        let id = self.hub.change(|state| state.add_workflow(self.id, file));
        Workflow { hub: Arc::clone(&self.hub), id }
    }

    /// The check runs on a commit, oldest first, superseded ones included.
    pub fn check_runs(&self, sha: &Sha) -> Vec<CheckRun> {
        check_runs(&self.hub, self.id, sha)
    }

    /// What GitHub Actions says of a commit: no conclusion means that it still runs.
    pub async fn report_check(&self, sha: &Sha, name: &str, conclusion: Option<&str>) -> CheckRun {
        let id = self.hub.act(|state| {
            let app = state.actions_app();
            let by = state.app(app).bot;
            let known =
                state.latest_runs(self.id, sha).into_iter().find(|run| run.app == app && run.name == name);
            let open = known.filter(|run| run.status != "completed").map(|run| run.id);
            let id = open.unwrap_or_else(|| {
                let (repository, head_sha, name) = (self.id, sha.clone(), name.to_owned());
                state.add_check_run(NewCheckRun { app, repository, head_sha, name })
            });
            let body = match conclusion {
                Some(conclusion) => json!({ "conclusion": conclusion }),
                None => json!({ "status": "in_progress" }),
            };
            state.fill_check_run(id, &body);
            state.tell_of_progress(id, open.is_none(), false, by);
            id
        });
        CheckRun { hub: Arc::clone(&self.hub), id: id.await }
    }

    /// Sets a commit status: `pending`, `success`, `failure`, `error`.
    pub async fn report_status(&self, user: &User, sha: &Sha, context: &str, state: &str) {
        let new = NewStatus {
            repository: self.id,
            sha: sha.clone(),
            state: state.to_owned(),
            context: context.to_owned(),
            description: None,
            target_url: None,
            creator: user.id,
        };
        self.hub.act(|state| state.set_status(new)).await;
    }

    /// The newest state of each commit status, by context.
    pub fn statuses(&self, sha: &Sha) -> BTreeMap<String, String> {
        self.hub.read(|state| {
            let statuses = state.latest_statuses(self.id, sha);
            statuses.into_iter().map(|status| (status.context.clone(), status.state.clone())).collect()
        })
    }

    /// The deployments, oldest first.
    pub fn deployments(&self) -> Vec<Deployment> {
        let ids: Vec<DeploymentId> = self.hub.read(|state| {
            let here = state.deployments.values().filter(|deployment| deployment.repository == self.id);
            here.map(|deployment| deployment.id).collect()
        });
        ids.into_iter().map(|id| Deployment { hub: Arc::clone(&self.hub), id }).collect()
    }

    /// Sets an environment up.
    pub fn environment(&self, name: &str) -> &Self {
        self.hub.change(|state| state.repository_mut(self.id).environments.insert(name.to_owned()));
        self
    }

    /// Protects the default branch: these checks must be green before a merge.
    pub fn require_checks(&self, names: &[&str]) -> &Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.hub.change(|state| state.repository_mut(self.id).required_checks = names);
        self
    }

    /// Waits until `condition` holds; looks again whenever anything changes.
    pub async fn wait_for(&self, condition: impl Fn(&Self) -> bool) {
        let what = format!("a condition on {}", self.full_name());
        self.hub.until(&what, || condition(self)).await;
    }
}

impl Issue {
    /// The check runs on the pull request's present head, oldest first.
    pub fn check_runs(&self) -> Vec<CheckRun> {
        check_runs(&self.hub, self.repository, &self.head_sha())
    }

    /// The newest check run of this name on the pull request's present head.
    pub fn check_run(&self, name: &str) -> Option<CheckRun> {
        self.check_runs().into_iter().rfind(|run| run.name() == name)
    }

    /// Presses "Re-run all checks": every suite's App is asked.
    pub async fn rerequest_checks(&self, user: &User) {
        let sha = self.head_sha();
        self.hub
            .act(|state| {
                let suites: Vec<CheckSuiteId> = state
                    .check_suites
                    .values()
                    .filter(|suite| suite.repository == self.repository && suite.head_sha == sha)
                    .map(|suite| suite.id)
                    .collect();
                for suite in suites {
                    state.rerequest_suite(suite, user.id);
                }
            })
            .await;
    }
}

fn check_runs(hub: &Arc<Hub>, repository: RepositoryId, sha: &Sha) -> Vec<CheckRun> {
    let ids: Vec<CheckRunId> = hub.read(|state| {
        let on = |run: &&checks::CheckRun| run.repository == repository && run.head_sha == *sha;
        state.check_runs.values().filter(on).map(|run| run.id).collect()
    });
    ids.into_iter().map(|id| CheckRun { hub: Arc::clone(hub), id }).collect()
}
