//! GitHub Actions: starting workflows, and what became of their runs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Acting, Conclusion, GitHubError};
use crate::comment::Repository;
use crate::ids::{ActionsJobId, RunId, Sha};

/// What Deputy does with GitHub Actions.
#[async_trait]
pub trait Actions: Send + Sync {
    /// Starts a workflow.
    ///
    /// GitHub has no marker for this, and a request whose answer was lost may have started a run. So a caller
    /// writes down when it first tries, and says so when it tries again ([`Dispatch::first_tried`]): then the run
    /// that the first try started is looked for, and a new one is started only when there is none. How a run is
    /// recognized: same workflow and branch or tag, dispatched by the same account not before the first try; of
    /// these the one whose title holds [`Dispatch::marker`], else the oldest whose title holds no other
    /// marker. A workflow with `run-name: … ${{ inputs.deputy_job }}` makes it exact, and is needed only where one
    /// person runs one workflow several times at once on one branch.
    ///
    /// GitHub lists a new run after some seconds. Within fifteen seconds of the first try, no run is believed to
    /// be missing before it was looked for several times.
    async fn dispatch_workflow(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        dispatch: &Dispatch<'_>,
    ) -> Result<Dispatched, GitHubError>;

    /// A run as it is now.
    async fn workflow_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        run: RunId,
    ) -> Result<WorkflowRun, GitHubError>;

    /// The jobs of a run's latest attempt, at most a hundred.
    async fn jobs_of_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        run: RunId,
    ) -> Result<Vec<ActionsJob>, GitHubError>;

    /// The last `lines` lines of a completed job's log, without GitHub's timestamps and colours, and with what
    /// looks like a secret [masked](crate::masking). Empty where the log is gone: GitHub deletes them after a while.
    async fn log_tail(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        job: ActionsJobId,
        lines: usize,
    ) -> Result<Vec<String>, GitHubError>;

    /// Asks for a run to be cancelled. Idempotent: one that is completed stays as it is.
    async fn cancel_run(
        &self,
        acting: &Acting,
        repository: &Repository<'_>,
        run: RunId,
    ) -> Result<(), GitHubError>;
}

/// A `workflow_dispatch`.
#[derive(Debug, Clone)]
pub struct Dispatch<'a> {
    /// The workflow's file name below `.github/workflows`, or its number.
    pub workflow: &'a str,
    /// A branch or tag. GitHub takes no SHA here: compare [`WorkflowRun::head_sha`] with what was meant.
    pub reference: &'a str,
    /// At most 25, each declared by the workflow.
    pub inputs: &'a BTreeMap<String, String>,
    /// What tells this dispatch from others, should the run's title show it: the job's id.
    pub marker: &'a str,
    /// When this same dispatch was tried first, if it was tried before.
    pub first_tried: Option<DateTime<Utc>>,
}

/// What came of a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// The run.
    pub run: RunId,
    /// Whether an earlier try had started it.
    pub was_there: bool,
}

/// A run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRun {
    /// Its id.
    pub id: RunId,
    /// The workflow's name.
    pub name: String,
    /// What its page shows as title: the workflow's `run-name`.
    pub title: String,
    /// GitHub's word for how far it is: `queued`, `in_progress`, `completed`, `waiting`, …
    pub status: String,
    /// How it ended. `None` until then.
    pub conclusion: Option<Conclusion>,
    /// The commit that it runs on.
    pub head_sha: Sha,
    /// From 1 on.
    pub attempt: u32,
    /// Its page.
    pub html_url: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl WorkflowRun {
    /// Whether nothing more happens in it.
    pub fn is_completed(&self) -> bool {
        self.status == "completed"
    }
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionsJob {
    /// Its id.
    pub id: ActionsJobId,
    /// Its name.
    pub name: String,
    /// `queued`, `in_progress`, `completed`, …
    pub status: String,
    /// How it ended. `None` until then.
    pub conclusion: Option<Conclusion>,
    /// The first step that did not succeed, by name.
    pub failed_step: Option<String>,
    /// Its page.
    pub html_url: String,
}
