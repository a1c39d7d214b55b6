//! `github.set_deployment_status`: tells GitHub how a deployment goes.

use deputy_core::ids::DeploymentId;
use deputy_core::ports::{DeploymentState, NewDeploymentStatus};
use deputy_core::task::{Ends, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

/// Set as the requester. Repeating it adds nothing where the newest status says the same already.
pub static TASK: Task = Task {
    name: "github.set_deployment_status",
    summary: "Says how a deployment goes.",
    input: &[
        Field {
            name: "deployment_id",
            kind: "number",
            required: true,
            meaning: "The deployment, as `github.create_deployment` answered it.",
        },
        Field {
            name: "state",
            kind: "string",
            required: true,
            meaning: "`queued`, `pending`, `in_progress`, `success`, `failure`, `error` or `inactive`.",
        },
        Field {
            name: "description",
            kind: "string",
            required: false,
            meaning: "For people; at most 140 characters are kept.",
        },
        Field { name: "log_url", kind: "string", required: false, meaning: "Where to read what happened." },
        Field {
            name: "environment_url",
            kind: "string",
            required: false,
            meaning: "Where the deployed thing can be seen.",
        },
    ],
    output: &[],
    errors: &[],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    deployment_id: DeploymentId,
    state: DeploymentState,
    #[serde(default)]
    description: String,
    log_url: Option<String>,
    environment_url: Option<String>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let input: Input = context.read()?;
    let status = NewDeploymentStatus {
        state: input.state,
        description: &input.description,
        log_url: input.log_url.as_deref(),
        environment_url: input.environment_url.as_deref(),
    };
    let repository = &context.job.request.repository;
    context.github.set_deployment_status(context.requester, repository, input.deployment_id, &status).await?;
    Ok(TaskEnd::Done(json!({})))
}
