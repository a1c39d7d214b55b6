//! `github.create_release`: makes a tag and its release, with notes.

use deputy_core::ids::Sha;
use deputy_core::ports::NewRelease;
use deputy_core::task::{Ends, Field, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

use crate::input::{commit, invalid};

/// Made as the requester. Once: GitHub has one release of a tag, and a tag on another commit is refused.
pub static TASK: Task = Task {
    name: "github.create_release",
    summary: "Makes a tag and its release.",
    input: &[
        Field { name: "tag", kind: "string", required: true, meaning: "The tag, such as `v1.4.0`." },
        Field {
            name: "sha",
            kind: "string",
            required: false,
            meaning: "What it points to; the commit that the job is pinned to unless said.",
        },
        Field { name: "name", kind: "string", required: false, meaning: "The title; the tag unless said." },
        Field {
            name: "notes",
            kind: "string",
            required: false,
            meaning: "The text, in Markdown; GitHub's list of what was merged unless said.",
        },
        Field {
            name: "prerelease",
            kind: "boolean",
            required: false,
            meaning: "Whether it is not for everybody yet. False unless said.",
        },
    ],
    output: &[
        Field { name: "url", kind: "string", required: true, meaning: "The release's page." },
        Field { name: "tag", kind: "string", required: true, meaning: "The tag." },
        Field { name: "notes", kind: "string", required: true, meaning: "The text." },
    ],
    errors: &[],
    ends: Ends::AtOnce,
    run: |context| Box::pin(run(context)),
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    tag: String,
    sha: Option<Sha>,
    name: Option<String>,
    notes: Option<String>,
    #[serde(default)]
    prerelease: bool,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let input: Input = context.read()?;
    if input.tag.is_empty() {
        return Err(invalid("`tag` is empty"));
    }
    let target = commit(input.sha, context.job)?;
    let new = NewRelease {
        tag: &input.tag,
        target: &target,
        name: input.name.as_deref().unwrap_or(&input.tag),
        notes: input.notes.as_deref(),
        is_prerelease: input.prerelease,
    };
    let release =
        context.github.create_release(context.requester, &context.job.request.repository, &new).await?;
    Ok(TaskEnd::Done(json!({"url": release.html_url, "tag": release.tag, "notes": release.notes})))
}
