//! `lock.acquire`: takes an environment's lock, and waits in line for it.

use chrono::TimeDelta;
use deputy_core::job::{Move, Note};
use deputy_core::ports::{Acquired, AskLock, Holder, Lock, LockName, TokenAnswer, move_job};
use deputy_core::task::{Ends, ErrorName, Field, LookContext, Task, TaskContext, TaskEnd, TaskError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::input::{invalid, since};
use crate::topics;

/// How often the place in line is looked at, should nobody have told.
const LOOK_AFTER: TimeDelta = TimeDelta::seconds(15);

/// Idempotent by the job: it has what it has. A job's locks are released with the job, whatever becomes of it.
pub static TASK: Task = Task {
    name: "lock.acquire",
    summary: "Takes an environment's lock; with a task token it waits for its turn.",
    input: &[
        Field { name: "environment", kind: "string", required: true, meaning: "Which lock." },
        Field {
            name: "reason",
            kind: "string",
            required: false,
            meaning: "Why, for those whom it keeps out; what was asked unless said.",
        },
    ],
    output: &[
        Field { name: "environment", kind: "string", required: true, meaning: "Which lock." },
        Field {
            name: "since",
            kind: "string",
            required: true,
            meaning: "Since when it is this job's, in RFC 3339.",
        },
    ],
    errors: &[ErrorName {
        name: "Lock.Held",
        retry: true,
        meaning: "Somebody else has it, and the step has no task token to wait with. The cause says who, why and since when.",
    }],
    ends: Ends::Either,
    run: |context| Box::pin(run(context)),
    look: Some(|context| Box::pin(look(context))),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    environment: String,
    reason: Option<String>,
}

async fn run(context: &TaskContext<'_>) -> Result<TaskEnd, TaskError> {
    let Input { environment, reason } = context.read()?;
    if environment.is_empty() {
        return Err(invalid("`environment` is empty"));
    }
    let request = &context.job.request;
    let name = LockName { repository: request.repository.id, environment };
    let waits = context.token.is_some();
    if waits {
        // First, so that whoever hands the lock over finds whom to tell.
        let topic = topics::lock(name.repository, &name.environment);
        let mut wait = context.wait(&TASK, topic, json!({"environment": name.environment}))?;
        wait.since = since(context).await?;
        wait.look_at = Some(context.clock.now() + LOOK_AFTER);
        context.waits.keep(wait).await?;
    }
    let ask = AskLock {
        name,
        holder: Holder::Job(context.job.id),
        person: request.requester.clone(),
        reason: Some(reason.unwrap_or_else(|| request.asked.words.clone())),
        at: context.clock.now(),
        waits,
    };
    match context.locks.acquire(&ask).await? {
        Acquired::Yes(lock) => {
            if waits {
                context.waits.forget(context.effect).await?;
            }
            Ok(TaskEnd::Done(held(&lock)))
        }
        Acquired::Held(lock) if waits => {
            let note = Note {
                key: context.effect.to_owned(),
                step: context.step.to_owned(),
                text: format!("Waits for the lock of `{}`. {}", lock.name.environment, by_whom(&lock)),
            };
            move_job(context.jobs, context.job.id, &Move::Note(note), context.clock.now()).await?;
            Ok(TaskEnd::Waits)
        }
        Acquired::Held(lock) => {
            let cause = format!("`{}` is locked. {}", lock.name.environment, by_whom(&lock));
            Err(TaskError::new("Lock.Held", cause))
        }
    }
}

async fn look(context: &LookContext<'_>) -> Result<Option<TokenAnswer>, TaskError> {
    let environment = context.wait.details["environment"].as_str().unwrap_or_default().to_owned();
    let name = LockName { repository: context.job.request.repository.id, environment };
    let lock = context.locks.get(&name).await?;
    let ours = lock.filter(|lock| lock.holder == Holder::Job(context.job.id));
    Ok(ours.map(|lock| TokenAnswer::Success(held(&lock))))
}

fn held(lock: &Lock) -> Value {
    json!({"environment": lock.name.environment, "since": lock.since})
}

fn by_whom(lock: &Lock) -> String {
    let who = match lock.holder {
        Holder::Job(job) => format!("Job {job} of `{}` has it", lock.person.login),
        Holder::Person(_) => format!("`{}` has it", lock.person.login),
    };
    let why = lock.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{who} since {}{why}.", lock.since.format("%Y-%m-%d %H:%M UTC"))
}
