//! `github.merge`: merges a pull request, at the head that was meant.

use deputy_core::ids::Sha;
use deputy_core::ports::{GitHubError, Merge, MergeMethod};
use deputy_core::task::{Ends, ErrorName, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

use crate::input::{commit, number};

/// Merges as the requester, so GitHub's own rules for them hold. Once: a pull request that was merged at this head
/// answers with its merge commit.
pub static TASK: Task = Task {
    name: "github.merge",
    summary: "Merges a pull request whose head has not moved.",
    input: &[
        Field {
            name: "number",
            kind: "number",
            required: false,
            meaning: "The pull request; the one where the job was asked for unless said.",
        },
        Field {
            name: "sha",
            kind: "string",
            required: false,
            meaning: "What its head must be; the commit that the job is pinned to unless said.",
        },
        Field {
            name: "method",
            kind: "string",
            required: false,
            meaning: "`merge` unless said, `squash` or `rebase`.",
        },
        Field { name: "title", kind: "string", required: false, meaning: "The message's first line." },
        Field { name: "message", kind: "string", required: false, meaning: "The rest of the message." },
    ],
    output: &[Field { name: "sha", kind: "string", required: true, meaning: "The commit that came of it." }],
    errors: &[
        ErrorName { name: "Merge.HeadMoved", retry: false, meaning: "The head is another commit by now." },
        ErrorName {
            name: "Merge.NotMergeable",
            retry: false,
            meaning: "Conflicts, or reviews and checks that are missing.",
        },
    ],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    number: Option<u64>,
    sha: Option<Sha>,
    #[serde(default)]
    method: MergeMethod,
    title: Option<String>,
    message: Option<String>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let input: Input = context.read()?;
    let number = number(input.number, context.job)?;
    let head = commit(input.sha, context.job)?;
    let merge = Merge {
        head: &head,
        method: input.method,
        title: input.title.as_deref(),
        message: input.message.as_deref(),
    };
    let repository = &context.job.request.repository;
    match context.github.merge_pull_request(context.requester, repository, number, &merge).await {
        Ok(sha) => Ok(TaskEnd::Done(json!({"sha": sha}))),
        Err(GitHubError::Refused { status: 409, .. }) => {
            let cause = format!(
                "#{number} was pushed to since {}: look at what is new, and ask again.",
                head.short()
            );
            Err(TaskError::new("Merge.HeadMoved", cause))
        }
        Err(GitHubError::Refused { status: 405, message }) => {
            let cause = format!("GitHub does not merge #{number}: {message}");
            Err(TaskError::new("Merge.NotMergeable", cause))
        }
        Err(error) => Err(error.into()),
    }
}
