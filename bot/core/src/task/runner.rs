//! Running tasks: what both homes put behind `${DeputyTask}`.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{Ends, LookContext, Task, TaskCall, TaskContext, TaskEnd, TaskError};
use crate::delivery::Delivery;
use crate::job::{Job, JobError};
use crate::ports::{
    Acting, Clock, GitHub, Jobs, JobsError, Locks, Orchestrator, OrchestratorError, Payloads, TokenAnswer,
    Wait, Waits,
};

/// What tasks stand on.
#[derive(Clone)]
#[allow(missing_docs, reason = "each is the port of its name")]
pub struct TaskServices {
    pub github: Arc<dyn GitHub>,
    pub payloads: Arc<dyn Payloads>,
    pub jobs: Arc<dyn Jobs>,
    pub locks: Arc<dyn Locks>,
    pub waits: Arc<dyn Waits>,
    pub clock: Arc<dyn Clock>,
}

/// Whoever does what stands behind `${DeputyTask}`: [`Tasks`], and in tests what stands in for them.
#[async_trait]
pub trait RunTask: Send + Sync {
    /// Does what the payload of a call says.
    ///
    /// At least once: it may be called again for the same step, at the same time even, where a home lost sight of it.
    async fn run(&self, payload: &Value) -> Result<TaskEnd, TaskError>;
}

/// The vocabulary of tasks, ready to run.
#[derive(Clone)]
pub struct Tasks {
    all: &'static [&'static Task],
    services: TaskServices,
}

impl Tasks {
    /// These tasks, on these services.
    pub fn new(all: &'static [&'static Task], services: TaskServices) -> Self {
        Self { all, services }
    }

    /// All of them, by name.
    pub fn all(&self) -> &'static [&'static Task] {
        self.all
    }

    /// What they stand on.
    pub fn services(&self) -> &TaskServices {
        &self.services
    }

    /// Something has happened that may be what steps wait for under `topic`: looks, and answers their tokens.
    pub async fn wake(
        &self,
        orchestrator: &dyn Orchestrator,
        topic: &str,
        delivery: Option<&Delivery>,
    ) -> Result<(), TaskError> {
        for wait in self.services.waits.on(topic).await? {
            self.look(orchestrator, &wait, delivery).await?;
        }
        Ok(())
    }

    /// Looks whether what `wait` waits for has come, and answers its token if so.
    pub async fn look(
        &self,
        orchestrator: &dyn Orchestrator,
        wait: &Wait,
        delivery: Option<&Delivery>,
    ) -> Result<(), TaskError> {
        let Some(look) = self.find(&wait.task)?.look else { return Ok(()) };
        let services = &self.services;
        let Some(stored) = services.jobs.get(wait.job).await? else {
            services.waits.forget(&wait.key).await?;
            return Ok(());
        };
        let (requester, installation) = acting(&stored.job);
        let context = LookContext {
            job: &stored.job,
            wait,
            delivery,
            github: &*services.github,
            payloads: &*services.payloads,
            requester: &requester,
            installation: &installation,
            locks: &*services.locks,
            clock: &*services.clock,
        };
        let answer = match look(&context).await {
            Ok(None) => return Ok(()),
            Ok(Some(answer)) => answer,
            // What may pass is looked for again; anything else is the step's end.
            Err(error) if is_passing(&error) => return Err(error),
            Err(TaskError { error, cause, .. }) => {
                TokenAnswer::Failure(JobError { error: error.into_owned(), cause })
            }
        };
        self.answer(orchestrator, wait, &answer).await
    }

    /// Answers a wait's token, and forgets the wait: in this order, so that a crash in between only answers twice.
    pub async fn answer(
        &self,
        orchestrator: &dyn Orchestrator,
        wait: &Wait,
        answer: &TokenAnswer,
    ) -> Result<(), TaskError> {
        orchestrator.answer(&wait.token, answer).await.map_err(of_orchestrator)?;
        if *answer != TokenAnswer::Heartbeat {
            self.services.waits.forget(&wait.key).await?;
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<&'static Task, TaskError> {
        let task = self.all.iter().find(|task| task.name == name).copied();
        task.ok_or_else(|| TaskError::new(TaskError::UNKNOWN, format!("No task is called `{name}`.")))
    }

    async fn job(&self, call: &TaskCall) -> Result<Job, TaskError> {
        let stored = self.services.jobs.get(call.job).await?.ok_or(JobsError::NoJob(call.job))?;
        Ok(stored.job)
    }
}

#[async_trait]
impl RunTask for Tasks {
    async fn run(&self, payload: &Value) -> Result<TaskEnd, TaskError> {
        let call = TaskCall::read(payload)
            .map_err(|error| TaskError::new(TaskError::INVALID_INPUT, error.to_string()))?;
        let task = self.find(&call.task)?;
        let job = self.job(&call).await?;
        let services = &self.services;
        let (requester, installation) = acting(&job);
        let context = TaskContext {
            job: &job,
            step: &call.step,
            input: &call.input,
            effect: &call.effect,
            attempt: call.attempt,
            token: call.token.as_ref(),
            github: &*services.github,
            requester: &requester,
            installation: &installation,
            jobs: &*services.jobs,
            locks: &*services.locks,
            waits: &*services.waits,
            clock: &*services.clock,
        };
        match (task.ends, call.token.is_some()) {
            (Ends::AtOnce, true) => {
                return Err(TaskError::new(
                    TaskError::INVALID_INPUT,
                    format!("`{}` ends at once: its Resource must not end in .waitForTaskToken.", task.name),
                ));
            }
            (Ends::ByToken, false) => {
                return Err(TaskError::new(
                    TaskError::INVALID_INPUT,
                    format!("`{}` waits: its Resource must end in .waitForTaskToken.", task.name),
                ));
            }
            _ => {}
        }
        let end = (task.run)(&context).await;
        if let Err(TaskError { error, source: Some(source), .. }) = &end {
            tracing::warn!(
                job = %job.id, step = call.step, task = task.name, %error, cause = format!("{source:#}"), "a task failed"
            );
        }
        end
    }
}

fn acting(job: &Job) -> (Acting, Acting) {
    (Acting::User(job.request.requester.id), Acting::Installation(job.request.installation))
}

fn is_passing(error: &TaskError) -> bool {
    [TaskError::UNAVAILABLE, TaskError::RATE_LIMITED, TaskError::UNAVAILABLE_GITHUB].contains(&&*error.error)
}

fn of_orchestrator(error: OrchestratorError) -> TaskError {
    TaskError {
        error: TaskError::UNAVAILABLE.into(),
        cause: "The workflow's runner could not be reached.".to_owned(),
        source: Some(error.into()),
    }
}
