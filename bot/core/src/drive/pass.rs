//! One pass over a job: what is recorded, what is, and what is to be done about the difference.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{DriveError, Driver, LOOK_AGAIN};
use crate::job::{Folded, Job, JobError, JobId, Move, Policy, Status, fold};
use crate::ports::{
    Acquired, AskLock, ExecutionId, Holder, JobQuery, JobsError, LockName, OrchestratorError, ReleasedLock,
    Start, move_job,
};

/// The error of an execution that somebody cancelled.
const CANCELLED: &str = "Deputy.Cancelled";
/// The error of an execution that took too long.
const TIMED_OUT: &str = "Deputy.TimedOut";
/// A job passes through five states at most; more turns than this are a fault.
const TURNS: usize = 10;

impl Driver {
    /// Looks at a job, does what is to be done, and says when to look again without a nudge.
    pub async fn pass(&self, id: JobId) -> Result<Option<DateTime<Utc>>, DriveError> {
        let jobs = &self.tasks.services().jobs;
        let Some(stored) = jobs.get(id).await? else { return Ok(None) };
        let mut job = stored.job;
        if job.reported == 0 {
            // So that people see it queued before it runs. Where GitHub cannot be told, it runs all the same.
            self.report(&job).await?;
        }
        for _ in 0..TURNS {
            let before = job.status;
            self.turn(&job).await?;
            job = jobs.get(id).await?.ok_or(JobsError::NoJob(id))?.job;
            if job.status == before {
                break;
            }
        }
        let report = self.report(&job).await?;
        if job.status.is_over() {
            return Ok(report);
        }
        let now = self.tasks.services().clock.now();
        let look = (now + LOOK_AGAIN).min(job.request.deadline.max(now));
        Ok(Some(report.map_or(look, |report| report.min(look))))
    }

    /// Does what a job in this state needs.
    async fn turn(&self, job: &Job) -> Result<(), DriveError> {
        match job.status {
            Status::Waiting => self.wait(job).await,
            Status::Queued => self.begin(job).await,
            Status::Running => self.follow(job).await,
            Status::Succeeded | Status::Failed | Status::Cancelled | Status::TimedOut => {
                self.clean_up(job).await
            }
        }
    }

    async fn moves(&self, id: JobId, happened: Move) -> Result<Job, DriveError> {
        let services = self.tasks.services();
        Ok(move_job(&*services.jobs, id, &happened, services.clock.now()).await?)
    }

    async fn end(&self, job: &Job, status: Status, error: JobError) -> Result<(), DriveError> {
        self.moves(job.id, Move::End { status, error: Some(error) }).await?;
        Ok(())
    }

    /// Others of its group are under way.
    async fn wait(&self, job: &Job) -> Result<(), DriveError> {
        if let Some(why) = self.must_stop(job) {
            return self.end(job, why.0, why.1).await;
        }
        let (jobs, repository) = (&self.tasks.services().jobs, job.request.repository.id);
        let Some(group) = &job.request.group else {
            self.moves(job.id, Move::Admit).await?;
            return Ok(());
        };
        if job.request.policy == Policy::CancelInProgress {
            let query = JobQuery {
                repository: Some(repository),
                workflow: Some(job.request.workflow.clone()),
                statuses: vec![Status::Waiting, Status::Queued, Status::Running],
                before: Some(job.id),
                ..JobQuery::default()
            };
            let older = jobs.list(&query).await?.items;
            for other in older.iter().filter(|other| other.request.group.as_ref() == Some(group)) {
                self.moves(other.id, Move::AskCancel { by: format!("job {}", job.id) }).await?;
                self.nudge(other.id);
            }
        }
        if let Some(next) = jobs.admit_next(repository, group).await? {
            self.nudge(next.id);
        }
        Ok(())
    }

    /// It is its turn: locks, then the execution.
    async fn begin(&self, job: &Job) -> Result<(), DriveError> {
        if let Some(why) = self.must_stop(job) {
            return self.end(job, why.0, why.1).await;
        }
        if !self.lock(job).await? {
            return Ok(());
        }
        let started = match &job.execution {
            None => self.start(job).await,
            Some(execution) => self.take_up_again(job, execution).await.map(|()| execution.clone()),
        };
        match started {
            Ok(execution) => {
                self.moves(job.id, Move::Start { execution }).await?;
                Ok(())
            }
            Err(DriveError::Orchestrator(
                error @ (OrchestratorError::Definition(_)
                | OrchestratorError::NoExecution(_)
                | OrchestratorError::NotRedrivable(_)),
            )) => {
                tracing::error!(job = %job.id, %error, "a job cannot be run");
                let why = JobError { error: "Deputy.NotStarted".to_owned(), cause: refusal(&error) };
                self.end(job, Status::Failed, why).await
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it has all the locks that it needs; else it stands in line for the first that it has not.
    async fn lock(&self, job: &Job) -> Result<bool, DriveError> {
        let services = self.tasks.services();
        for environment in &job.request.locks {
            let ask = AskLock {
                name: LockName { repository: job.request.repository.id, environment: environment.clone() },
                holder: Holder::Job(job.id),
                person: job.request.requester.clone(),
                reason: Some(format!("{} is under way", job.request.workflow)),
                at: services.clock.now(),
                waits: true,
            };
            if let Acquired::Held(lock) = services.locks.acquire(&ask).await? {
                tracing::debug!(job = %job.id, environment, holder = ?lock.holder, "waits for a lock");
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn start(&self, job: &Job) -> Result<ExecutionId, DriveError> {
        let request = &job.request;
        let input = json!({
            "job": job.id,
            "workflow": request.workflow,
            "requester": {"id": request.requester.id, "login": request.requester.login},
            "repository": {
                "id": request.repository.id,
                "owner": request.repository.owner,
                "name": request.repository.name,
            },
            "number": request.asked.place.number(),
            "head": request.head,
            "arguments": request.arguments,
        });
        let start =
            Start { job: job.id, workflow: &request.workflow, version: &request.version, input: &input };
        Ok(self.orchestrator.start(&start).await?)
    }

    async fn take_up_again(&self, job: &Job, execution: &ExecutionId) -> Result<(), DriveError> {
        // Recorded first and done then: the history tells whether it was done.
        let folded = fold(&self.orchestrator.history(execution).await?);
        if folded.redrives < job.redrives {
            self.orchestrator.redrive(execution).await?;
        }
        Ok(())
    }

    /// The execution is under way, or has ended.
    async fn follow(&self, job: &Job) -> Result<(), DriveError> {
        let Some(execution) = &job.execution else {
            let cause = "The record of its execution is missing.".to_owned();
            return self.end(job, Status::Failed, JobError { error: "Deputy.Lost".to_owned(), cause }).await;
        };
        if let Some((_, why)) = self.must_stop(job) {
            self.orchestrator.stop(execution, &why).await?;
        }
        let history = match self.orchestrator.history(execution).await {
            Ok(history) => history,
            Err(OrchestratorError::NoExecution(_)) => {
                let cause = "Its execution is gone: the workflows' store was replaced.".to_owned();
                return self
                    .end(job, Status::Failed, JobError { error: "Deputy.Lost".to_owned(), cause })
                    .await;
            }
            Err(error) => return Err(error.into()),
        };
        let Folded { steps, end, .. } = fold(&history);
        self.moves(job.id, Move::Progress { steps }).await?;
        let Some((status, error)) = end else {
            // So that its end is told; it may have come since the history was read, and then nobody tells.
            if self.orchestrator.describe(execution).await?.status.is_over() {
                self.nudge(job.id);
            }
            return Ok(());
        };
        let status = match &error {
            Some(error) if status == Status::Cancelled && error.error == TIMED_OUT => Status::TimedOut,
            _ => status,
        };
        self.moves(job.id, Move::End { status, error }).await?;
        Ok(())
    }

    /// It is over: nothing of it stays in anybody's way.
    async fn clean_up(&self, job: &Job) -> Result<(), DriveError> {
        let services = self.tasks.services();
        services.waits.forget_job(job.id).await?;
        for (_, released) in services.locks.release_all(&Holder::Job(job.id)).await? {
            if let ReleasedLock::HandedTo(lock) = released
                && let Holder::Job(next) = lock.holder
            {
                self.nudge(next);
                // One of its steps may stand in line, and not the job itself.
                for wait in services.waits.of_job(next).await? {
                    self.tasks.look(&*self.orchestrator, &wait, None).await.map_err(DriveError::Look)?;
                }
            }
        }
        if let Some(group) = &job.request.group
            && let Some(next) = services.jobs.admit_next(job.request.repository.id, group).await?
        {
            self.nudge(next.id);
        }
        Ok(())
    }

    /// Whether, and as what, it must stop now.
    fn must_stop(&self, job: &Job) -> Option<(Status, JobError)> {
        if let Some(by) = &job.cancel_asked_by {
            let why = JobError { error: CANCELLED.to_owned(), cause: format!("Cancelled by {by}.") };
            return Some((Status::Cancelled, why));
        }
        if self.tasks.services().clock.now() >= job.request.deadline {
            let cause = "It took longer than it may.".to_owned();
            return Some((Status::TimedOut, JobError { error: TIMED_OUT.to_owned(), cause }));
        }
        None
    }
}

fn refusal(error: &OrchestratorError) -> String {
    match error {
        OrchestratorError::Definition(_) => {
            "The workflow's definition cannot be run; the people who run Deputy find why in its log."
                .to_owned()
        }
        OrchestratorError::NotRedrivable(why) => format!("It cannot be taken up again: {why}."),
        _ => "Its execution is not there any more.".to_owned(),
    }
}
