//! `github.create_deployment`: tells GitHub that something is about to be deployed.

use deputy_core::ids::Sha;
use deputy_core::ports::{GitHubError, NewDeployment};
use deputy_core::task::{Ends, ErrorName, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::input::{commit, invalid};

/// Made as the requester. Once: the payload carries the effect, and a repeated step finds it.
pub static TASK: Task = Task {
    name: "github.create_deployment",
    summary: "Makes a deployment of a commit to an environment.",
    input: &[
        Field { name: "environment", kind: "string", required: true, meaning: "Where to." },
        Field {
            name: "sha",
            kind: "string",
            required: false,
            meaning: "What is deployed; the commit that the job is pinned to unless said.",
        },
        Field {
            name: "task",
            kind: "string",
            required: false,
            meaning: "What is done: `deploy` unless said, `rollback`, ….",
        },
        Field {
            name: "description",
            kind: "string",
            required: false,
            meaning: "For people; at most 140 characters are kept.",
        },
        Field {
            name: "payload",
            kind: "object",
            required: false,
            meaning: "For whoever reacts to the deployment. `deputy` is added.",
        },
        Field {
            name: "production",
            kind: "boolean",
            required: false,
            meaning: "Whether people use it; true for `production` unless said.",
        },
        Field {
            name: "transient",
            kind: "boolean",
            required: false,
            meaning: "Whether it will be gone some day. False unless said.",
        },
        Field {
            name: "required_contexts",
            kind: "array of strings",
            required: false,
            meaning: "The checks that GitHub must see green; all that the commit has unless said, none if empty.",
        },
    ],
    output: &[
        Field { name: "deployment_id", kind: "number", required: true, meaning: "The deployment." },
        Field { name: "sha", kind: "string", required: true, meaning: "What is deployed." },
        Field { name: "environment", kind: "string", required: true, meaning: "Where to." },
    ],
    errors: &[ErrorName {
        name: "Deployment.ChecksNotGreen",
        retry: false,
        meaning: "GitHub sees required checks that are not green.",
    }],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    environment: String,
    sha: Option<Sha>,
    task: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    payload: Map<String, Value>,
    production: Option<bool>,
    #[serde(default)]
    transient: bool,
    required_contexts: Option<Vec<String>>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let input: Input = context.read()?;
    if input.environment.is_empty() {
        return Err(invalid("`environment` is empty"));
    }
    let sha = commit(input.sha, context.job)?;
    let new = NewDeployment {
        sha: &sha,
        environment: &input.environment,
        task: input.task.as_deref().unwrap_or("deploy"),
        description: &input.description,
        payload: &input.payload,
        marker: context.effect,
        is_production: input.production.unwrap_or(input.environment == "production"),
        is_transient: input.transient,
        required_contexts: input.required_contexts.as_deref(),
    };
    let repository = &context.job.request.repository;
    match context.github.create_deployment(context.requester, repository, &new).await {
        Ok(made) => Ok(TaskEnd::Done(json!({
            "deployment_id": made.id,
            "sha": made.sha,
            "environment": made.environment,
        }))),
        Err(GitHubError::Refused { status: 409, message }) => {
            let cause = format!(
                "{} is not deployed to `{}`: {message} Ask again once its checks are green.",
                sha.short(),
                input.environment
            );
            Err(TaskError::new("Deployment.ChecksNotGreen", cause))
        }
        Err(error) => Err(error.into()),
    }
}
