//! `github.check_suite`: waits until the checks of a commit have passed.

use chrono::TimeDelta;
use deputy_core::ids::Sha;
use deputy_core::job::{Job, JobError};
use deputy_core::ports::{Acting, CheckResult, GitHub, TokenAnswer, Wait};
use deputy_core::task::{Ends, ErrorName, Field, LookContext, Task, TaskContext, TaskEnd, TaskError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::input::{commit, invalid, is_passing, since};
use crate::topics;

/// How long after the start GitHub is asked, should its events have been lost.
const LOOK_AFTER: TimeDelta = TimeDelta::minutes(1);
/// How long a commit without any check may get its first.
const GRACE: TimeDelta = TimeDelta::minutes(1);

/// Reads as the installation, and changes nothing.
pub static TASK: Task = Task {
    name: "github.check_suite",
    summary: "Waits until the checks of a commit have passed.",
    input: &[
        Field {
            name: "sha",
            kind: "string",
            required: false,
            meaning: "The commit; the one that the job is pinned to unless said.",
        },
        Field {
            name: "checks",
            kind: "array of strings",
            required: false,
            meaning: "The names of check runs, and contexts of statuses, that must pass. Unless said: all that the commit \
                      has but this workflow's own; none within a minute is well, too.",
        },
    ],
    output: &[Field {
        name: "checks",
        kind: "array",
        required: true,
        meaning: "Those that passed: `name`, `conclusion`, `url`.",
    }],
    errors: &[ErrorName {
        name: "Checks.Failed",
        retry: false,
        meaning: "A check has ended otherwise than `success`, `neutral` or `skipped`. The cause names each.",
    }],
    ends: Ends::ByToken,
    run: |context| Box::pin(run(context)),
    look: Some(|context| Box::pin(look(context))),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    sha: Option<Sha>,
    #[serde(default)]
    checks: Vec<String>,
}

/// What the wait remembers.
#[derive(Serialize, Deserialize)]
struct Details {
    sha: Sha,
    checks: Vec<String>,
}

/// How the checks stand.
#[derive(Debug, PartialEq)]
enum Stand {
    Pending,
    Passed(Value),
    Failed(String),
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let Input { sha, checks } = context.read()?;
    let details = Details { sha: commit(sha, context.job)?, checks };
    let topic = topics::checks(context.job.request.repository.id, &details.sha);
    let mut wait = context.wait(&TASK, topic, json!(details))?;
    wait.since = since(context).await?;
    wait.look_at = Some(context.clock.now() + LOOK_AFTER);
    context.waits.keep(wait.clone()).await?;
    let is_early = context.clock.now() < wait.since + GRACE;
    let end = match stand(context.github, (context.installation, context.job), &details, is_early).await {
        Ok(Stand::Pending) => return Ok(TaskEnd::Waits),
        // It is looked at again.
        Err(error) if is_passing(&error) => return Ok(TaskEnd::Waits),
        Err(error) => Err(error),
        Ok(Stand::Passed(output)) => Ok(TaskEnd::Done(output)),
        Ok(Stand::Failed(cause)) => Err(TaskError::new("Checks.Failed", cause)),
    };
    context.waits.forget(context.effect).await?;
    end
}

async fn look(context: &LookContext<'_>) -> Result<Option<TokenAnswer>, TaskError> {
    let Wait { details, since, .. } = context.wait;
    let details =
        Details::deserialize(details).map_err(|error| invalid(format_args!("the wait: {error}")))?;
    let is_early = context.clock.now() < *since + GRACE;
    let stand = stand(context.github, (context.installation, context.job), &details, is_early).await?;
    Ok(match stand {
        Stand::Pending => None,
        Stand::Passed(output) => Some(TokenAnswer::Success(output)),
        Stand::Failed(cause) => {
            Some(TokenAnswer::Failure(JobError { error: "Checks.Failed".to_owned(), cause }))
        }
    })
}

async fn stand(
    github: &dyn GitHub,
    (acting, job): (&Acting, &Job),
    details: &Details,
    is_early: bool,
) -> Result<Stand, TaskError> {
    let mut results = github.check_results(acting, &job.request.repository, &details.sha).await?;
    // A workflow that waited for its own check would wait for ever.
    results.retain(|result| {
        result.name != job.request.check_name && !result.external_id.starts_with(&job.id.to_string())
    });
    Ok(judge(&results, details, is_early))
}

fn judge(results: &[CheckResult], details: &Details, is_early: bool) -> Stand {
    let is_wanted =
        |result: &&CheckResult| details.checks.is_empty() || details.checks.contains(&result.name);
    let wanted: Vec<&CheckResult> = results.iter().filter(is_wanted).collect();
    let failed: Vec<String> = wanted
        .iter()
        .filter_map(|result| result.conclusion.filter(|it| !it.is_green()).map(|it| (result, it)))
        .map(|(result, conclusion)| match &result.url {
            Some(url) => format!("[{}]({url}): {}", result.name, conclusion.as_str()),
            None => format!("{}: {}", result.name, conclusion.as_str()),
        })
        .collect();
    if !failed.is_empty() {
        let cause = format!("Checks of {} have not passed: {}.", details.sha.short(), failed.join(", "));
        return Stand::Failed(cause);
    }
    let is_missing = |name: &String| wanted.iter().all(|result| result.name != *name);
    let is_open = wanted.iter().any(|result| result.conclusion.is_none());
    if is_open || details.checks.iter().any(is_missing) || (wanted.is_empty() && is_early) {
        return Stand::Pending;
    }
    let passed: Vec<Value> = wanted
        .iter()
        .map(|result| {
            let conclusion = result.conclusion.map(deputy_core::ports::Conclusion::as_str);
            json!({"name": result.name, "conclusion": conclusion, "url": result.url})
        })
        .collect();
    Stand::Passed(json!({"checks": passed}))
}

#[cfg(test)]
mod tests {
    use deputy_core::ports::Conclusion;

    use super::*;

    fn result(name: &str, conclusion: Option<Conclusion>) -> CheckResult {
        CheckResult { name: name.to_owned(), app: None, conclusion, url: None, external_id: String::new() }
    }

    fn details(checks: &[&str]) -> Details {
        let sha = "6dcb09b5b57875f334f61aebed695e2e4193db5e".parse().unwrap();
        Details { sha, checks: checks.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn named_checks_must_be_there_and_green() {
        let green = result("ci", Some(Conclusion::Success));
        let skipped = result("docs", Some(Conclusion::Skipped));
        let red = result("lint", Some(Conclusion::TimedOut));
        let open = result("slow", None);
        let passes = |results: &[CheckResult], names: &[&str]| {
            matches!(judge(results, &details(names), false), Stand::Passed(_))
        };
        assert!(passes(&[green.clone(), red.clone()], &["ci"]), "others do not matter");
        assert!(passes(&[green.clone(), skipped], &["ci", "docs"]));
        assert_eq!(
            judge(std::slice::from_ref(&green), &details(&["ci", "e2e"]), false),
            Stand::Pending,
            "not there yet"
        );
        assert_eq!(judge(&[green.clone(), open.clone()], &details(&[]), false), Stand::Pending);
        let failed = judge(&[red, open], &details(&[]), false);
        let cause = "Checks of 6dcb09b have not passed: lint: timed_out.";
        assert_eq!(failed, Stand::Failed(cause.to_owned()), "without waiting for the others");
        assert_eq!(judge(&[], &details(&[]), true), Stand::Pending, "the first may still come");
        assert!(passes(&[], &[]));
    }
}
