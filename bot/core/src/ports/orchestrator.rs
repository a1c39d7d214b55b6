//! Running workflows: Step Functions, on AWS or on this machine.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::job::{HistoryEvent, JobError, JobId, Status};

/// Whoever runs state machines.
///
/// # What holds after a crash
///
/// * An execution that [`start`](Self::start) answered for goes on, however often the process dies: its tasks are done at
///   least once each, and what the history tells has happened.
/// * `start` is idempotent by the job's name: whoever died before noting the answer starts again, and gets the same
///   execution, even one that has ended.
/// * A task token that [`answer`](Self::answer) took is answered for good. Of two answers the first counts, and the second is
///   told [`Answered::Gone`].
#[async_trait]
pub trait Orchestrator: Send + Sync {
    /// Makes a workflow's definition known, under its version. Idempotent. Needed before [`start`](Self::start); costs
    /// nothing where it is known.
    async fn prepare(&self, machine: &Machine<'_>) -> Result<(), OrchestratorError>;

    /// Starts the job's execution.
    async fn start(&self, start: &Start<'_>) -> Result<ExecutionId, OrchestratorError>;

    /// Stops an execution, with the error and cause that its history will show. Idempotent: one that has ended stays as it
    /// ended.
    async fn stop(&self, execution: &ExecutionId, why: &JobError) -> Result<(), OrchestratorError>;

    /// How an execution stands.
    async fn describe(&self, execution: &ExecutionId) -> Result<Described, OrchestratorError>;

    /// What happened in it so far, from the first event on.
    async fn history(&self, execution: &ExecutionId) -> Result<Vec<HistoryEvent>, OrchestratorError>;

    /// Takes up an execution that did not succeed where it stopped: what succeeded is kept. One that runs, runs on.
    async fn redrive(&self, execution: &ExecutionId) -> Result<(), OrchestratorError>;

    /// Answers a task token.
    async fn answer(&self, token: &TaskToken, answer: &TokenAnswer) -> Result<Answered, OrchestratorError>;
}

/// An execution's name at the orchestrator: its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionId(pub String);

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A task token: whoever knows it can answer for its task. Never shown, so not `Display`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskToken(pub String);

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken")
    }
}

/// A version of a workflow's definition.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// The workflow.
    pub workflow: &'a str,
    /// The version.
    pub version: &'a str,
    /// Whether it is Express: no task tokens, and five minutes at most.
    pub express: bool,
    /// The definition, Amazon States Language, with `${DeputyTask}` as it is written.
    pub definition: &'a str,
}

/// An execution to start.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Its name.
    pub job: JobId,
    /// The workflow.
    pub workflow: &'a str,
    /// Which version of it.
    pub version: &'a str,
    /// Its input. Never a token, never a secret: histories keep it.
    pub input: &'a Value,
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// [`Status::Running`], or one that is over.
    pub status: Status,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What it answered, where it succeeded.
    pub output: Option<Value>,
    /// Why, where it did not.
    pub error: Option<JobError>,
}

/// What somebody says about a task that waits.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenAnswer {
    /// It is done, and this is its output.
    Success(Value),
    /// It failed.
    Failure(JobError),
    /// It is still at it.
    Heartbeat,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It counts.
    Taken,
    /// Nobody waits for it any more: it was answered, it timed out, or its execution ended.
    Gone,
}

/// Why the orchestrator did not do it.
#[derive(Debug, thiserror::Error)]
pub enum OrchestratorError {
    /// The definition cannot be run. The text says where and why.
    #[error("the definition is refused: {0}")]
    Definition(String),
    /// There is no such execution: it was never started, or ended so long ago that it is forgotten.
    #[error("there is no execution {0}")]
    NoExecution(ExecutionId),
    /// It cannot be taken up again; the text says why.
    #[error("it cannot be taken up again: {0}")]
    NotRedrivable(String),
    /// It may work later.
    #[error("the orchestrator cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}
