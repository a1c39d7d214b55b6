//! `github.commit_status`: sets a status on a commit.

use deputy_core::ids::Sha;
use deputy_core::ports::{NewStatus, StatusState};
use deputy_core::task::{Ends, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

use crate::input::commit;

/// Set as the requester. Repeating it adds nothing where the newest status of the context says the same already.
pub static TASK: Task = Task {
    name: "github.commit_status",
    summary: "Sets a status on a commit.",
    input: &[
        Field {
            name: "context",
            kind: "string",
            required: true,
            meaning: "What it is called among the commit's checks.",
        },
        Field {
            name: "state",
            kind: "string",
            required: true,
            meaning: "`pending`, `success`, `failure` or `error`.",
        },
        Field {
            name: "sha",
            kind: "string",
            required: false,
            meaning: "The commit; the one that the job is pinned to unless said.",
        },
        Field {
            name: "description",
            kind: "string",
            required: false,
            meaning: "For people; at most 140 characters are kept.",
        },
        Field { name: "target_url", kind: "string", required: false, meaning: "Where *Details* leads." },
    ],
    output: &[Field { name: "sha", kind: "string", required: true, meaning: "The commit." }],
    errors: &[],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    context: String,
    state: StatusState,
    sha: Option<Sha>,
    #[serde(default)]
    description: String,
    target_url: Option<String>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let input: Input = context.read()?;
    let sha = commit(input.sha, context.job)?;
    let status = NewStatus {
        context: &input.context,
        state: input.state,
        description: &input.description,
        target_url: input.target_url.as_deref(),
    };
    let repository = &context.job.request.repository;
    context.github.set_commit_status(context.requester, repository, &sha, &status).await?;
    Ok(TaskEnd::Done(json!({"sha": sha})))
}
