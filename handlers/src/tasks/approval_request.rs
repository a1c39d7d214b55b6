//! `approval.request`: waits until people have approved, or one has rejected.

use std::collections::BTreeSet;

use deputy_core::job::{Decision, Job, JobError, Move, Note};
use deputy_core::ports::{Acting, GitHub, TokenAnswer, Wait, move_job};
use deputy_core::task::{Ends, ErrorName, Field, LookContext, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::approvals::{Approval, Word};
use crate::input::{invalid, since};
use crate::topics;

/// More than anybody asks for.
const MOST: usize = 20;

/// Waits for `approve JOB` or `reject JOB`. Who decided is checked when they say so, and again when it counts: a decision
/// of somebody who may not is none. Its state's `TimeoutSeconds` says how long.
pub static TASK: Task = Task {
    name: "approval.request",
    summary: "Waits until enough people have approved, or one has rejected.",
    input: &[
        Field { name: "reason", kind: "string", required: true, meaning: "What is asked, in a sentence." },
        Field {
            name: "teams",
            kind: "array of strings",
            required: false,
            meaning: "Teams of the organization, by slug, whose members may decide.",
        },
        Field {
            name: "people",
            kind: "array of strings",
            required: false,
            meaning: "People who may decide, by login. Without teams and people: whoever may write. All need write permission.",
        },
        Field {
            name: "count",
            kind: "number",
            required: false,
            meaning: "How many different people must approve: 1 unless said, at most 20.",
        },
        Field {
            name: "allow_requester",
            kind: "boolean",
            required: false,
            meaning: "Whether whoever asked for the job may approve it. False unless said.",
        },
    ],
    output: &[Field {
        name: "approved_by",
        kind: "array of strings",
        required: true,
        meaning: "Their logins, in the order in which they approved.",
    }],
    errors: &[ErrorName {
        name: "Approval.Rejected",
        retry: false,
        meaning: "Somebody said no. The cause says who, and why.",
    }],
    ends: Ends::ByToken,
    run: |context| Box::pin(run(context)),
    look: Some(|context| Box::pin(look(context))),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    reason: String,
    #[serde(default)]
    teams: Vec<String>,
    #[serde(default)]
    people: Vec<String>,
    #[serde(default = "one")]
    count: usize,
    #[serde(default)]
    allow_requester: bool,
}

fn one() -> usize {
    1
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let Input { reason, teams, people, count, allow_requester } = context.read()?;
    if !(1..=MOST).contains(&count) {
        return Err(invalid(format_args!("`count` must be from 1 to {MOST}")));
    }
    let approval = Approval { reason, teams, people, count, allow_requester };
    let mut wait = context.wait(&TASK, topics::approval(context.job.id), json!(approval))?;
    wait.since = since(context).await?;
    context.waits.keep(wait.clone()).await?;
    let id = context.job.id;
    let text = format!(
        "Waits for approval: {} {} With `approve {id}` or `reject {id}`.",
        approval.reason,
        approval.who()
    );
    let note = Note { key: context.effect.to_owned(), step: context.step.to_owned(), text };
    let job = move_job(context.jobs, id, &Move::Note(note), context.clock.now()).await?;
    match decided(context.github, (context.installation, &job), &wait, &approval).await? {
        None => Ok(TaskEnd::Waits),
        Some(end) => {
            context.waits.forget(context.effect).await?;
            end.map(TaskEnd::Done).map_err(|error| TaskError::new(error.error, error.cause))
        }
    }
}

async fn look(context: &LookContext<'_>) -> Result<Option<TokenAnswer>, TaskError> {
    let approval = Approval::of(context.wait).ok_or_else(|| invalid("the wait holds no approval"))?;
    let decided =
        decided(context.github, (context.installation, context.job), context.wait, &approval).await?;
    Ok(decided.map(|end| match end {
        Ok(output) => TokenAnswer::Success(output),
        Err(error) => TokenAnswer::Failure(error),
    }))
}

async fn decided(
    github: &dyn GitHub,
    (acting, job): (&Acting, &Job),
    wait: &Wait,
    approval: &Approval,
) -> Result<Option<Result<Value, JobError>>, TaskError> {
    let mut approved_by: Vec<&str> = Vec::new();
    let mut people = BTreeSet::new();
    let here = |decision: &&Decision| decision.step == wait.step && decision.at >= wait.since;
    for decision in job.decisions.iter().filter(here) {
        let (by, word) = (&decision.by, Word::of(decision));
        if approval.may_decide(github, acting, job, by, word).await?.is_err() {
            continue;
        }
        if word == Word::No {
            let why = decision.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let cause = format!("`{}` rejected it{why}", by.login);
            return Ok(Some(Err(JobError { error: "Approval.Rejected".to_owned(), cause })));
        }
        if people.insert(by.id) {
            approved_by.push(&by.login);
        }
    }
    Ok((people.len() >= approval.count).then(|| Ok(json!({"approved_by": approved_by}))))
}
