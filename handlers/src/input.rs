//! What the inputs of several tasks have in common.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use deputy_core::ids::Sha;
use deputy_core::job::Job;
use deputy_core::task::{TaskContext, TaskError};

/// The commit that a task acts on: the one that its input names, or the one that the job is pinned to.
pub(crate) fn commit(named: Option<Sha>, job: &Job) -> Result<Sha, TaskError> {
    named.or_else(|| job.request.head.clone()).ok_or_else(|| {
        invalid(
            "`sha` is missing, and the job is not pinned to a commit: set `pins = \"head\"` in workflow.toml",
        )
    })
}

/// The pull request or issue that a task acts on: the one that its input names, or the one where it was asked.
pub(crate) fn number(named: Option<u64>, job: &Job) -> Result<deputy_core::ids::Number, TaskError> {
    let here = || job.request.asked.place.number();
    named.map(deputy_core::ids::Number).or_else(here).ok_or_else(|| {
        invalid("`number` is missing, and the job was not asked for on an issue or a pull request")
    })
}

/// The input does not fit.
pub(crate) fn invalid(why: impl Display) -> TaskError {
    TaskError::new(TaskError::INVALID_INPUT, why.to_string())
}

/// At most so many characters, without the end.
pub(crate) fn at_most(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| &text[..end])
}

/// Whether it may go by itself, so that what waits goes on waiting.
pub(crate) fn is_passing(error: &TaskError) -> bool {
    [TaskError::UNAVAILABLE, TaskError::RATE_LIMITED, TaskError::UNAVAILABLE_GITHUB].contains(&&*error.error)
}

/// Since when this step waits: a repeated step goes on with the wait that it kept before.
pub(crate) async fn since(context: &TaskContext<'_>) -> Result<DateTime<Utc>, TaskError> {
    let kept =
        context.waits.of_job(context.job.id).await?.into_iter().find(|wait| wait.key == context.effect);
    Ok(kept.map_or_else(|| context.clock.now(), |wait| wait.since))
}
