//! `lock.release`: gives an environment's lock up before the job ends.

use deputy_core::ports::{Holder, LockName};
use deputy_core::task::{Ends, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

/// Idempotent, and does nothing where the lock is somebody else's. Who is next in line finds out by itself.
pub static TASK: Task = Task {
    name: "lock.release",
    summary: "Gives an environment's lock up, or the place in line for it.",
    input: &[Field { name: "environment", kind: "string", required: true, meaning: "Which lock." }],
    output: &[],
    errors: &[],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    environment: String,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let Input { environment } = context.read()?;
    let name = LockName { repository: context.job.request.repository.id, environment };
    context.locks.release(&name, &Holder::Job(context.job.id)).await?;
    Ok(TaskEnd::Done(json!({})))
}
