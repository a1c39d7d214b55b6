//! GitHub Actions: setting workflows up, and saying how their runs go.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Repository, User};
use crate::hub::Hub;
use crate::ids::{RunId, WorkflowId};
use crate::state::repository::Sha;

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

    /// The title of its runs, such as `Deploy ${{ inputs.environment }}`: the file's `run-name`.
    pub fn run_name(&self, title: &str) -> &Self {
        self.change(|workflow| workflow.run_name = Some(title.to_owned()));
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

impl Repository {
    /// A workflow in `.github/workflows`, made if there is none: dispatchable, without inputs, one job.
    pub fn workflow(&self, file: &str) -> Workflow {
        let id = self.hub.change(|state| state.add_workflow(self.id, file));
        Workflow { hub: Arc::clone(&self.hub), id }
    }
}
