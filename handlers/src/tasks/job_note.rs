//! `job.note`: shows something in the job's check and reply.

use deputy_core::job::{Move, Note};
use deputy_core::ports::move_job;
use deputy_core::task::{Ends, Field, Task, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::json;

/// What fits beside everything else in a check's summary.
const LONGEST: usize = 4_000;

/// Notes a paragraph. Noting again, after a crash or under `Retry`, replaces it.
pub static TASK: Task = Task {
    name: "job.note",
    summary: "Shows a paragraph in the job's check and reply.",
    input: &[Field {
        name: "text",
        kind: "string",
        required: true,
        meaning: "Markdown, one paragraph of at most 4,000 characters.",
    }],
    output: &[],
    errors: &[],
    ends: Ends::AtOnce,
    run: |context| {
        Box::pin(async move {
            let Input { text } = context.read()?;
            let text = text.trim();
            if text.is_empty() || text.chars().count() > LONGEST {
                let cause = format!("`text` must have 1 to {LONGEST} characters.");
                return Err(TaskError::new(TaskError::INVALID_INPUT, cause));
            }
            let note =
                Note { key: context.effect.to_owned(), step: context.step.to_owned(), text: text.to_owned() };
            move_job(context.jobs, context.job.id, &Move::Note(note), context.clock.now()).await?;
            Ok(TaskEnd::Done(json!({})))
        })
    },
    look: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    text: String,
}
