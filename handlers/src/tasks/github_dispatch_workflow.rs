//! `github.dispatch_workflow`: runs a workflow of GitHub Actions and waits for its end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::TimeDelta;
use deputy_core::comment::Repository;
use deputy_core::ids::{RunId, Sha};
use deputy_core::job::JobError;
use deputy_core::ports::{Acting, ActionsJob, Conclusion, Dispatch, GitHub, TokenAnswer, WorkflowRun};
use deputy_core::task::{Ends, ErrorName, Field, LookContext, Task, TaskContext, TaskEnd, TaskError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::input::{at_most, commit, invalid, is_passing};
use crate::topics;

/// How long after the start GitHub is asked, should its event have been lost.
const LOOK_AFTER: TimeDelta = TimeDelta::minutes(2);
/// How much of each failed job's log comes back.
const LOG_LINES: usize = 20;
/// How many failed jobs come with their log.
const LOGS: usize = 3;
/// How much a cause may hold, in characters: it stands in check runs and replies.
const LONGEST_CAUSE: usize = 6_000;

/// Dispatches as the requester. Once: a repeated step finds the run that it started before. The run must be on the commit
/// that was meant; where the branch has moved in between, the run is cancelled.
///
/// The run's end is told by `workflow_run.completed`. It may come before the run's id is kept, so the task looks once it
/// has kept it; it may never come, so GitHub is asked every now and then.
pub static TASK: Task = Task {
    name: "github.dispatch_workflow",
    summary: "Runs a workflow of GitHub Actions and waits for its end.",
    input: &[
        Field {
            name: "workflow",
            kind: "string",
            required: true,
            meaning: "The file below `.github/workflows`, such as `deploy.yml`. It needs the `workflow_dispatch` trigger.",
        },
        Field { name: "ref", kind: "string", required: true, meaning: "The branch or tag to run it on." },
        Field {
            name: "inputs",
            kind: "object",
            required: false,
            meaning: "Inputs that the workflow declares, at most 25; numbers and booleans become text.",
        },
        Field {
            name: "sha",
            kind: "string",
            required: false,
            meaning: "The commit that the run must be on; the job's own where it has one, else any.",
        },
        Field {
            name: "allow_failure",
            kind: "boolean",
            required: false,
            meaning: "Whether a run that does not succeed is an answer and no error. False unless said.",
        },
    ],
    output: &[
        Field { name: "run_id", kind: "number", required: true, meaning: "The run." },
        Field { name: "url", kind: "string", required: true, meaning: "Its page." },
        Field {
            name: "conclusion",
            kind: "string",
            required: true,
            meaning: "GitHub's word for how it ended: `success`, `failure`, `cancelled`, `timed_out`, ….",
        },
        Field { name: "sha", kind: "string", required: true, meaning: "The commit that it ran on." },
        Field {
            name: "jobs",
            kind: "array",
            required: true,
            meaning: "Its jobs: `name`, `conclusion`, `url`, and `failed_step` where one failed.",
        },
    ],
    errors: &[
        ErrorName {
            name: "Actions.RunFailed",
            retry: false,
            meaning: "The run did not succeed. The cause names the jobs and steps, with the last lines of their logs.",
        },
        ErrorName { name: "Actions.RunCancelled", retry: false, meaning: "Somebody cancelled the run." },
        ErrorName {
            name: "Actions.HeadMoved",
            retry: false,
            meaning: "The branch points to another commit by now; the run was cancelled.",
        },
    ],
    ends: Ends::ByToken,
    run: |context| Box::pin(run(context)),
    look: Some(|context| Box::pin(look(context))),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    workflow: String,
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    inputs: BTreeMap<String, Value>,
    sha: Option<Sha>,
    #[serde(default)]
    allow_failure: bool,
}

/// What the wait remembers. Without a run, the dispatch was about to be sent.
#[derive(Serialize, Deserialize)]
struct Details {
    run: Option<RunId>,
    expected: Option<Sha>,
    allow_failure: bool,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let input: Input = context.read()?;
    let (github, repository) = (context.github, &context.job.request.repository);
    let expected = match input.sha {
        Some(sha) => Some(sha),
        None => commit(None, context.job).ok(),
    };
    let inputs = inputs(input.inputs)?;
    let kept =
        context.waits.of_job(context.job.id).await?.into_iter().find(|wait| wait.key == context.effect);
    let started = kept.as_ref().and_then(|wait| Details::deserialize(&wait.details).ok()?.run);
    let keep = async |topic: String, run: Option<RunId>, since| -> Result<(), TaskError> {
        let details = Details { run, expected: expected.clone(), allow_failure: input.allow_failure };
        let mut wait = context.wait(&TASK, topic, json!(details))?;
        wait.since = since;
        wait.look_at = run.map(|_| context.clock.now() + LOOK_AFTER);
        Ok(context.waits.keep(wait).await?)
    };
    let since = kept.as_ref().map_or_else(|| context.clock.now(), |wait| wait.since);
    let run = if let Some(run) = started {
        run
    } else {
        // Before anything is sent, so that whoever comes after a crash knows that something may have been.
        keep(format!("dispatch/{}", context.effect), None, since).await?;
        let marker = format!("deputy:{}", context.effect);
        let dispatch = Dispatch {
            workflow: &input.workflow,
            reference: &input.reference,
            inputs: &inputs,
            marker: &marker,
            first_tried: kept.is_some().then_some(since),
        };
        github.dispatch_workflow(context.requester, repository, &dispatch).await?.run
    };
    keep(topics::workflow_run(repository.id, run), Some(run), since).await?;
    let details = Details { run: Some(run), expected, allow_failure: input.allow_failure };
    let at = At { github, requester: context.requester, installation: context.installation, repository };
    match at.end_of(run, &details).await {
        Ok(None) => Ok(TaskEnd::Waits),
        Ok(Some(end)) => {
            context.waits.forget(context.effect).await?;
            end.map(TaskEnd::Done)
        }
        // It runs, and is looked after.
        Err(error) if is_passing(&error) => Ok(TaskEnd::Waits),
        Err(error) => Err(error),
    }
}

async fn look(context: &LookContext<'_>) -> Result<Option<TokenAnswer>, TaskError> {
    let details = Details::deserialize(&context.wait.details);
    let details = details.map_err(|error| invalid(format_args!("the wait: {error}")))?;
    // The task itself is run again until there is one.
    let Some(run) = details.run else { return Ok(None) };
    let at = At {
        github: context.github,
        requester: context.requester,
        installation: context.installation,
        repository: &context.job.request.repository,
    };
    Ok(at.end_of(run, &details).await?.map(|end| match end {
        Ok(output) => TokenAnswer::Success(output),
        Err(TaskError { error, cause, .. }) => {
            TokenAnswer::Failure(JobError { error: error.into_owned(), cause })
        }
    }))
}

/// Where the run is, and as whom to look at it.
struct At<'a> {
    github: &'a dyn GitHub,
    requester: &'a Acting,
    installation: &'a Acting,
    repository: &'a Repository<'a>,
}

impl At<'_> {
    /// What the run came to; `None` while it goes on.
    async fn end_of(
        &self,
        run: RunId,
        details: &Details,
    ) -> Result<Option<Result<Value, TaskError>>, TaskError> {
        let run = self.github.workflow_run(self.installation, self.repository, run).await?;
        if let Some(expected) = details.expected.as_ref().filter(|expected| **expected != run.head_sha) {
            self.github.cancel_run(self.requester, self.repository, run.id).await?;
            let cause = format!(
                "The branch points to {} by now, and this was asked for {}. The [run]({}) was cancelled. Ask again to \
                 act on what is there now.",
                run.head_sha.short(),
                expected.short(),
                run.html_url
            );
            return Ok(Some(Err(TaskError::new("Actions.HeadMoved", cause))));
        }
        if !run.is_completed() {
            return Ok(None);
        }
        let at = (self.installation, self.repository);
        ended(self.github, at, &run, details.allow_failure).await.map(Some)
    }
}

/// What a completed run comes to.
async fn ended(
    github: &dyn GitHub,
    (acting, repository): (&Acting, &Repository<'_>),
    run: &WorkflowRun,
    allow_failure: bool,
) -> Result<Result<Value, TaskError>, TaskError> {
    let jobs = github.jobs_of_run(acting, repository, run.id).await?;
    let conclusion = run.conclusion.unwrap_or(Conclusion::Failure);
    if conclusion.is_green() || allow_failure {
        let jobs: Vec<Value> = jobs.iter().map(shown).collect();
        return Ok(Ok(json!({
            "run_id": run.id,
            "url": run.html_url,
            "conclusion": conclusion.as_str(),
            "sha": run.head_sha,
            "jobs": jobs,
        })));
    }
    let mut cause = format!("[{}]({}) ended: {}.", run.name, run.html_url, conclusion.as_str());
    let failed = |job: &&ActionsJob| job.conclusion.is_some_and(|it| !it.is_green());
    for (index, job) in jobs.iter().filter(failed).enumerate() {
        let step = job.failed_step.as_ref().map(|step| format!(", step `{step}`")).unwrap_or_default();
        _ = write!(cause, "\n\nJob [{}]({}){step}", job.name, job.html_url);
        if index >= LOGS {
            continue;
        }
        // A log that cannot be read is no reason not to say what failed.
        let log = github.log_tail(acting, repository, job.id, LOG_LINES).await.unwrap_or_default();
        if !log.is_empty() {
            let log = log.join("\n").replace("```", "'''");
            _ = write!(cause, ":\n\n```text\n{log}\n```");
        }
    }
    let error = match conclusion {
        Conclusion::Cancelled => "Actions.RunCancelled",
        _ => "Actions.RunFailed",
    };
    Ok(Err(TaskError::new(error, at_most(&cause, LONGEST_CAUSE))))
}

fn shown(job: &ActionsJob) -> Value {
    let conclusion = job.conclusion.map(Conclusion::as_str);
    let mut shown = json!({"name": job.name, "conclusion": conclusion, "url": job.html_url});
    if let Some(step) = &job.failed_step {
        shown["failed_step"] = json!(step);
    }
    shown
}

fn inputs(given: BTreeMap<String, Value>) -> Result<BTreeMap<String, String>, TaskError> {
    if given.len() > 25 {
        return Err(invalid("`inputs` may have 25 members at most"));
    }
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Bool(yes) => Ok((name, yes.to_string())),
        _ => Err(invalid(format_args!("`inputs.{name}` must be a string, a number or a boolean"))),
    };
    given.into_iter().map(text).collect()
}
