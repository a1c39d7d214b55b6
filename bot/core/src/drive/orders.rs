//! What people and events ask of jobs that there are.

use super::{DriveError, Driver};
use crate::delivery::Delivery;
use crate::ids::RepositoryId;
use crate::job::{Job, JobId, Move, Requester, Status};
use crate::ports::{JobQuery, JobsError, move_job};
use crate::task::TaskError;

/// Why a job was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Not as it stands. The text is for the person.
    #[error("{0}")]
    Refused(String),
    /// It may work later.
    #[error(transparent)]
    Failed(#[from] DriveError),
}

impl From<JobsError> for OrderError {
    fn from(error: JobsError) -> Self {
        match error {
            JobsError::Illegal(illegal) => Self::Refused(format!(
                "Job `{}` is {}, so it cannot {}.",
                illegal.job, illegal.status, illegal.move_
            )),
            JobsError::NoJob(job) => Self::Refused(no_job(job)),
            error @ JobsError::Unavailable(_) => Self::Failed(error.into()),
        }
    }
}

impl Driver {
    /// A job of this repository. Of another one nobody learns here, not even that there is one.
    pub async fn job(&self, repository: RepositoryId, id: JobId) -> Result<Job, OrderError> {
        let stored = self.tasks.services().jobs.get(id).await?;
        let job = stored.map(|stored| stored.job).filter(|job| job.request.repository.id == repository);
        job.ok_or_else(|| OrderError::Refused(no_job(id)))
    }

    /// Jobs, newest first.
    pub async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, OrderError> {
        Ok(self.tasks.services().jobs.list(query).await?.items)
    }

    /// Has a job stopped.
    pub async fn cancel(&self, repository: RepositoryId, id: JobId, by: &str) -> Result<Job, OrderError> {
        self.job(repository, id).await?;
        self.order(id, Move::AskCancel { by: by.to_owned() }).await
    }

    /// Has a job go on where it failed. Only whoever asked for it may: it goes on as them.
    pub async fn retry(
        &self,
        repository: RepositoryId,
        id: JobId,
        by: &Requester,
    ) -> Result<Job, OrderError> {
        let job = self.job(repository, id).await?;
        let requester = &job.request.requester;
        if requester.id != by.id {
            return Err(OrderError::Refused(format!(
                "Job `{id}` acts as **{}**, so only they can have it go on. Ask for it yourself instead: `{}`.",
                requester.login, job.request.asked.words
            )));
        }
        if job.status == Status::Succeeded {
            return Err(OrderError::Refused(format!(
                "Job `{id}` has succeeded; there is nothing left to retry."
            )));
        }
        // As much time as it had at first.
        let time = job.request.deadline - job.request.created_at;
        let deadline = self.tasks.services().clock.now() + time;
        self.order(id, Move::Redrive { deadline }).await
    }

    /// Something has happened that steps may wait for under `topic`.
    pub async fn wake(&self, topic: &str, delivery: Option<&Delivery>) -> Result<(), TaskError> {
        self.tasks.wake(&*self.orchestrator, topic, delivery).await
    }

    async fn order(&self, id: JobId, order: Move) -> Result<Job, OrderError> {
        let services = self.tasks.services();
        let job = move_job(&*services.jobs, id, &order, services.clock.now()).await?;
        self.nudge(id);
        Ok(job)
    }
}

fn no_job(id: JobId) -> String {
    format!("There is no job `{id}` in this repository. `jobs` lists them.")
}
