//! `github.comment`: says something, as the person who asked.

use deputy_core::ids::Number;
use deputy_core::ports::{GitHubError, Marked, PostedComment};
use deputy_core::task::{Ends, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

use crate::input::invalid;

/// What GitHub takes, less the marker.
const LONGEST: usize = 65_000;

/// Said as the requester. Once: the comment carries the effect where GitHub does not show it.
pub static TASK: Task = Task {
    name: "github.comment",
    summary: "Comments where the job was asked for, or on an issue or pull request.",
    input: &[
        Field {
            name: "body",
            kind: "string",
            required: true,
            meaning: "Markdown, at most 65,000 characters.",
        },
        Field {
            name: "number",
            kind: "number",
            required: false,
            meaning: "An issue or pull request of the repository; where the job was asked for unless said.",
        },
    ],
    output: &[
        Field { name: "url", kind: "string", required: true, meaning: "The comment's page." },
        Field { name: "node_id", kind: "string", required: true, meaning: "Its GraphQL id." },
    ],
    errors: &[],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    body: String,
    number: Option<u64>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let Input { body, number } = context.read()?;
    if body.trim().is_empty() || body.chars().count() > LONGEST {
        return Err(invalid(format_args!("`body` must have 1 to {LONGEST} characters")));
    }
    let marker = context.marker();
    let body = format!("{body}\n\n{marker}");
    let posted = match number {
        Some(number) => {
            let marked = Marked { body: &body, marker: &marker };
            let repository = &context.job.request.repository;
            context.github.comment_on(context.requester, repository, Number(number), &marked).await?
        }
        None => reply(context, &body, &marker).await?,
    };
    Ok(TaskEnd::Done(json!({"url": posted.html_url, "node_id": posted.node_id})))
}

/// Where it was asked for: that may be a line of a diff, a commit or a discussion.
async fn reply(context: &TaskContext<'_>, body: &str, marker: &str) -> Result<PostedComment, GitHubError> {
    let asked = context.job.comment();
    if let Some(posted) = context.github.find_reply(context.requester, &asked, marker).await? {
        return Ok(posted);
    }
    context.github.reply(context.requester, &asked, body).await
}
