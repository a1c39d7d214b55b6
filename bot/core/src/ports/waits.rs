//! Steps that wait for something outside: an approval, an event, the end of a run at GitHub.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::orchestrator::TaskToken;
use crate::job::JobId;

/// Steps that wait, with the tokens to wake them by.
///
/// # What holds after a crash
///
/// * A wait that [`keep`](Self::keep) returned for is found by its topic and by its job until it is
///   [`forgotten`](Self::forget), in every later process.
/// * An event may come before the wait for it was kept. So a task that waits keeps its wait first and then looks
///   whether what it waits for has happened; whoever sees the event looks for waits. Whichever comes second finds the
///   other. Both may: answering a token twice does no harm.
#[async_trait]
pub trait Waits: Send + Sync {
    /// Keeps a wait. Idempotent by key: a step that waits again, because its task was repeated or retried, replaces its wait.
    async fn keep(&self, wait: Wait) -> Result<(), WaitsError>;

    /// All that wait for `topic`, oldest first.
    async fn on(&self, topic: &str) -> Result<Vec<Wait>, WaitsError>;

    /// All waits of a job.
    async fn of_job(&self, job: JobId) -> Result<Vec<Wait>, WaitsError>;

    /// Waits whose [time to look](Wait::look_at) has come, and moves that time on by `every`: events get lost. For a sweep.
    async fn due(&self, every: Duration, limit: usize) -> Result<Vec<Wait>, WaitsError>;

    /// What it waited for has come, or does not matter any more. Idempotent.
    async fn forget(&self, key: &str) -> Result<(), WaitsError>;

    /// The job is over: nothing of it waits. Idempotent.
    async fn forget_job(&self, job: JobId) -> Result<(), WaitsError>;
}

/// A step that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// The effect that waits: see `TaskContext::effect`.
    pub key: String,
    /// Its job.
    pub job: JobId,
    /// Its step.
    pub step: String,
    /// What wakes it.
    pub token: TaskToken,
    /// What it waits for, such as `workflow_run/1296269/30433642` or `approval/01JE4Z…`. Each task says which it uses.
    pub topic: String,
    /// The task that knows how to look for itself.
    pub task: String,
    /// What that task wants to remember. No secrets.
    pub details: Value,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When to look next; `None` where looking cannot tell anything.
    pub look_at: Option<DateTime<Utc>>,
}

/// The waits could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("what waits cannot be reached")]
pub struct WaitsError(#[source] pub anyhow::Error);
