//! A task: what a workflow's step can do. One file each in `handlers/src/tasks/`, one vocabulary for both homes.
//!
//! A definition calls a task as a Lambda function that is always the same one:
//!
//! ```json
//! {
//!   "Type": "Task",
//!   "Resource": "arn:aws:states:::lambda:invoke",
//!   "Parameters": {
//!     "FunctionName": "${DeputyTask}",
//!     "Payload": { "task": "job.note", "context.$": "$$", "input": { "text": "Built." } }
//!   },
//!   "ResultSelector": { "output.$": "$.Payload" }
//! }
//! ```
//!
//! `context` is the context object, whole: it names the job, the step and the attempt, and holds the task token of
//! `lambda:invoke.waitForTaskToken`. In JSONata it is written `"{% $states.context %}"`.

mod call;
mod error;
mod runner;

use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::call::{InvalidCall, TaskCall};
pub use self::error::TaskError;
pub use self::runner::{RunTask, TaskServices, Tasks};
use crate::command::Running;
use crate::delivery::Delivery;
use crate::job::Job;
use crate::ports::{Acting, Clock, GitHub, Jobs, Locks, Payloads, TaskToken, TokenAnswer, Wait, Waits};

/// Something that a workflow's step can do.
pub struct Task {
    /// What definitions call it by: `github.comment`. The file has the same name, with `_` for the dot.
    pub name: &'static str,
    /// One sentence, with a full stop.
    pub summary: &'static str,
    /// The members of `input`.
    pub input: &'static [Field],
    /// The members of what it answers.
    pub output: &'static [Field],
    /// The errors of its own that a definition can retry or catch, beside those of [`TaskError`] that every task has.
    pub errors: &'static [ErrorName],
    /// Whether it ends at once, or when somebody answers its task token.
    pub ends: Ends,
    /// What it does. It may run again after a crash or under `Retry`: see [`TaskContext::effect`].
    pub run: for<'a> fn(&'a TaskContext<'a>) -> Running<'a, Result<TaskEnd, TaskError>>,
    /// Looks whether what a kept [`Wait`] waits for has come: asked when an event may have brought it, and now and then,
    /// as events get lost. `None` for a task that keeps no waits.
    pub look: Option<Look>,
}

/// Answers the wait's token, or `None` where it must wait on.
pub type Look = for<'a> fn(&'a LookContext<'a>) -> Running<'a, Result<Option<TokenAnswer>, TaskError>>;

/// A member of a task's input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its JSON type, and its unit: `string`, `seconds`, `object`.
    pub kind: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it means, and its default.
    pub meaning: &'static str,
}

/// An error that a definition can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorName {
    /// Such as `Actions.RunFailed`.
    pub name: &'static str,
    /// Whether trying again may help, so that `Retry` makes sense.
    pub retry: bool,
    /// When it happens.
    pub meaning: &'static str,
}

/// When a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// With its answer.
    AtOnce,
    /// When its token is answered: it needs `.waitForTaskToken`.
    ByToken,
    /// By its token if it has one, else at once.
    Either,
}

/// What a task came to.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskEnd {
    /// It is done, and this is its output.
    Done(Value),
    /// It has kept a [`Wait`]; its token will be answered.
    Waits,
}

/// Everything a running task may use.
pub struct TaskContext<'a> {
    /// The job, as it was when the task was begun.
    pub job: &'a Job,
    /// The state's name.
    pub step: &'a str,
    /// The payload's `input`.
    pub input: &'a Value,
    /// Names the effect: the same for every repetition of this step, those under `Retry` included, and for nothing else.
    /// A step that is entered again, or redriven, has another.
    ///
    /// Whatever a task does on GitHub is done once per effect: it carries the effect where it can be looked up (a
    /// marker, an external id), or the call is idempotent. 39 characters of `0-9A-Za-z-`.
    pub effect: &'a str,
    /// How often the step failed before, under `Retry`: 0 for the first attempt.
    pub attempt: u32,
    /// The task token, under `.waitForTaskToken`. Keep it in a [`Wait`], and nowhere else.
    pub token: Option<&'a TaskToken>,
    /// GitHub.
    pub github: &'a dyn GitHub,
    /// As whom to act: whoever asked for the job.
    pub requester: &'a Acting,
    /// The App's installation: for look-ups, and for what GitHub lets only Apps do.
    pub installation: &'a Acting,
    /// The jobs.
    pub jobs: &'a dyn Jobs,
    /// Environments' locks.
    pub locks: &'a dyn Locks,
    /// Where waits are kept.
    pub waits: &'a dyn Waits,
    /// What time it is.
    pub clock: &'a dyn Clock,
}

/// What looking for the end of a wait may use.
pub struct LookContext<'a> {
    /// The job.
    pub job: &'a Job,
    /// The wait.
    pub wait: &'a Wait,
    /// The event that may have brought it; `None` where it is looked for without one.
    pub delivery: Option<&'a Delivery>,
    /// GitHub.
    pub github: &'a dyn GitHub,
    /// GitHub's payload formats.
    pub payloads: &'a dyn Payloads,
    /// Whoever asked for the job.
    pub requester: &'a Acting,
    /// The App's installation.
    pub installation: &'a Acting,
    /// Environments' locks.
    pub locks: &'a dyn Locks,
    /// What time it is.
    pub clock: &'a dyn Clock,
}

impl TaskContext<'_> {
    /// The input as a type of the task's own. What does not fit is [`TaskError::INVALID_INPUT`], with the place.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, TaskError> {
        T::deserialize(self.input)
            .map_err(|error| TaskError::new(TaskError::INVALID_INPUT, error.to_string()))
    }

    /// A wait of this step on `topic`, to be [kept](Waits::keep) before looking whether it has come already. An error
    /// where the definition calls the task without `.waitForTaskToken`.
    pub fn wait(&self, task: &Task, topic: String, details: Value) -> Result<Wait, TaskError> {
        let token = self.token.ok_or_else(|| {
            TaskError::new(
                TaskError::INVALID_INPUT,
                format!("`{}` waits: its Resource must end in .waitForTaskToken.", task.name),
            )
        })?;
        Ok(Wait {
            key: self.effect.to_owned(),
            job: self.job.id,
            step: self.step.to_owned(),
            token: token.clone(),
            topic,
            task: task.name.to_owned(),
            details,
            since: self.clock.now(),
            look_at: None,
        })
    }

    /// What marks a text on GitHub as this effect's, where GitHub does not show it. `GitHub::find_reply` finds it, and
    /// no comment that carries it is read as a command.
    pub fn marker(&self) -> String {
        format!("{}{} -->", crate::dispatch::MARK, self.effect)
    }
}
