//! `github.last_deployment`: finds what was deployed well to an environment.

use deputy_core::ids::Sha;
use deputy_core::ports::DeploymentState;
use deputy_core::task::{Ends, ErrorName, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

use crate::input::invalid;

/// How many deployments are looked at.
const MOST: usize = 50;

/// Reads as the installation, and changes nothing.
pub static TASK: Task = Task {
    name: "github.last_deployment",
    summary: "Finds the latest deployment to an environment that went well.",
    input: &[
        Field { name: "environment", kind: "string", required: true, meaning: "Where." },
        Field {
            name: "before",
            kind: "string",
            required: false,
            meaning: "Not this commit: the one to be rolled back. `current` stands for what is there now.",
        },
    ],
    output: &[
        Field { name: "deployment_id", kind: "number", required: true, meaning: "The deployment." },
        Field { name: "sha", kind: "string", required: true, meaning: "What was deployed." },
        Field { name: "creator", kind: "string", required: true, meaning: "Who deployed it." },
        Field { name: "created_at", kind: "string", required: true, meaning: "When, in RFC 3339." },
    ],
    errors: &[ErrorName {
        name: "Deployment.None",
        retry: false,
        meaning: "Nothing was deployed well there, or nothing else.",
    }],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    environment: String,
    before: Option<String>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let Input { environment, before } = context.read()?;
    let skips_current = before.as_deref() == Some("current");
    let before: Option<Sha> = match before {
        Some(sha) if !skips_current => {
            Some(sha.parse().map_err(|error| invalid(format_args!("`before` is {error}")))?)
        }
        _ => None,
    };
    let (github, acting) = (context.github, context.installation);
    let repository = &context.job.request.repository;
    let mut current: Option<Sha> = None;
    for deployment in github.deployments(acting, repository, &environment).await?.into_iter().take(MOST) {
        let state = github.deployment_state(acting, repository, deployment.id).await?;
        // GitHub turns a success into `inactive` when the next one has succeeded.
        if !matches!(state, Some(DeploymentState::Success | DeploymentState::Inactive)) {
            continue;
        }
        let current = current.get_or_insert_with(|| deployment.sha.clone());
        if before.as_ref() == Some(&deployment.sha) || (skips_current && *current == deployment.sha) {
            continue;
        }
        return Ok(TaskEnd::Done(json!({
            "deployment_id": deployment.id,
            "sha": deployment.sha,
            "creator": deployment.creator,
            "created_at": deployment.created_at,
        })));
    }
    let cause = format!("There is no earlier deployment to `{environment}` that went well.");
    Err(TaskError::new("Deployment.None", cause))
}
