//! The jobs: what people asked for, and what became of it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::archive::Page;
use crate::ids::{Number, RepositoryId, UserId};
use crate::job::{Admission, IllegalMove, Job, JobId, Move, Moved, Status, advance};

/// How often a change is tried anew because somebody else changed the job in between.
const TRIES: u32 = 50;

/// Job records.
///
/// # What holds after a crash
///
/// * A job that [`create`](Self::create) returned for is there, with its turn decided. Creating is idempotent by name, so
///   whoever died before hearing the answer creates it again, and is told what was decided then.
/// * [`update`](Self::update) replaces a record whole or not at all, and only the version that the caller had read.
/// * A job that is not [settled](Job::is_settled) comes up in [`unsettled`](Self::unsettled), in every later process, until it is.
/// * Two jobs of one group in one repository are never both past [`Status::Waiting`] and not over: `create` and
///   [`admit_next`](Self::admit_next) decide that within one transaction.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Takes a new job, unless its group's policy refuses it, which leaves nothing behind.
    async fn create(&self, job: Job) -> Result<Created, JobsError>;

    /// The job, with the version to update it by.
    async fn get(&self, id: JobId) -> Result<Option<Stored>, JobsError>;

    /// Replaces the version that was read. `None` where another one is there by now, or none.
    async fn update(&self, job: &Job, read: JobVersion) -> Result<Option<JobVersion>, JobsError>;

    /// Newest first.
    async fn list(&self, query: &JobQuery) -> Result<Page<Job>, JobsError>;

    /// Jobs that something is still to be done about, oldest first: for the start of a process, and for a sweep.
    async fn unsettled(&self, after: Option<JobId>, limit: usize) -> Result<Vec<Job>, JobsError>;

    /// Lets the job that has waited longest in a group have its turn, if nobody else has it. Idempotent.
    async fn admit_next(&self, repository: RepositoryId, group: &str) -> Result<Option<Job>, JobsError>;
}

/// The answer to [`Jobs::create`].
#[derive(Debug, Clone, PartialEq)]
pub struct Created {
    /// Whether this call made it, rather than an earlier one.
    pub is_new: bool,
    /// Its turn, as it was decided when it was made.
    pub admission: Admission,
}

/// Which version of a record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobVersion(pub u64);

/// A job as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The job.
    pub job: Job,
    /// Its version.
    pub version: JobVersion,
}

/// Which jobs to list. What is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Of this repository.
    pub repository: Option<RepositoryId>,
    /// Of this issue or pull request in it.
    pub number: Option<Number>,
    /// Asked for by this person.
    pub requester: Option<UserId>,
    /// Of this workflow.
    pub workflow: Option<String>,
    /// In one of these states; empty for all.
    pub statuses: Vec<Status>,
    /// Older than this one: where the page before ended.
    pub before: Option<JobId>,
    /// How many at most; 0 for the adapter's own limit of 100.
    pub limit: usize,
}

/// Why a job was not changed.
#[derive(Debug, thiserror::Error)]
pub enum JobsError {
    /// There is no such job.
    #[error("there is no job {0}")]
    NoJob(JobId),
    /// It cannot do that now.
    #[error(transparent)]
    Illegal(#[from] IllegalMove),
    /// It may work later.
    #[error("the jobs cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}

/// Moves a job, however many others do so at the same time.
pub async fn move_job(
    jobs: &dyn Jobs,
    id: JobId,
    happened: &Move,
    at: DateTime<Utc>,
) -> Result<Job, JobsError> {
    for _ in 0..TRIES {
        let Stored { job, version } = jobs.get(id).await?.ok_or(JobsError::NoJob(id))?;
        let next = match advance(&job, happened.clone(), at)? {
            Moved::Nowhere => return Ok(job),
            Moved::To(next) => next,
        };
        if jobs.update(&next, version).await?.is_some() {
            return Ok(*next);
        }
    }
    Err(JobsError::Unavailable(anyhow::anyhow!("job {id} was changed by others {TRIES} times in between")))
}
