//! Named locks of environments: who holds one, why, since when.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::RepositoryId;
use crate::job::{JobId, Requester};

/// Locks of a repository's environments. They do not expire: a job's are released with the job, a person's by a person.
///
/// # What holds after a crash
///
/// * [`acquire`](Self::acquire) is idempotent by holder: whoever died before hearing the answer asks again, and has what it
///   had. Of simultaneous holders one gets it.
/// * A holder that waits has a place in line. Who gets the lock next is decided in the transaction that frees it, so nobody
///   can step in between; whoever frees it tells the new holder, and a holder that was not told finds out by asking again.
/// * [`release_all`](Self::release_all) leaves nothing of a holder, whatever it was in the middle of.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Takes the lock if it is free or the holder's already.
    async fn acquire(&self, ask: &AskLock) -> Result<Acquired, LocksError>;

    /// Gives the lock up, or the place in line. Idempotent; does nothing where it is somebody else's. Answers who has it now.
    async fn release(&self, name: &LockName, holder: &Holder) -> Result<ReleasedLock, LocksError>;

    /// Frees the lock whoever holds it: a person with the right to has said so.
    async fn unlock(&self, name: &LockName) -> Result<ReleasedLock, LocksError>;

    /// Gives up all that a holder has or waits for.
    async fn release_all(&self, holder: &Holder) -> Result<Vec<(LockName, ReleasedLock)>, LocksError>;

    /// The lock, where somebody holds it.
    async fn get(&self, name: &LockName) -> Result<Option<Lock>, LocksError>;

    /// All locks of a repository that are held, by name.
    async fn list(&self, repository: RepositoryId) -> Result<Vec<Lock>, LocksError>;
}

/// Which lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockName {
    /// The repository.
    pub repository: RepositoryId,
    /// The environment.
    pub environment: String,
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A job, until it is over.
    Job(JobId),
    /// A person, until somebody unlocks it.
    Person(crate::ids::UserId),
}

/// Somebody asks for a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskLock {
    /// Which.
    pub name: LockName,
    /// For whom.
    pub holder: Holder,
    /// Who is behind it: the person, or the job's requester.
    pub person: Requester,
    /// Why, for those whom it keeps out.
    pub reason: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
    /// Whether to stand in line where it is held.
    pub waits: bool,
}

/// A lock that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Which.
    pub name: LockName,
    /// Who has it.
    pub holder: Holder,
    /// Who is behind it.
    pub person: Requester,
    /// Why.
    pub reason: Option<String>,
    /// Since when it is theirs.
    pub since: DateTime<Utc>,
    /// Who waits for it, in order.
    pub waiting: Vec<Holder>,
}

/// The answer to [`Locks::acquire`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquired {
    /// It is yours.
    Yes(Lock),
    /// It is somebody else's. With `waits`, your place in line is in it.
    Held(Lock),
}

/// What giving up came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleasedLock {
    /// It was not theirs.
    NotHeld,
    /// Nobody has it now.
    Free,
    /// It went to the next in line. Tell them.
    HandedTo(Lock),
}

/// The locks could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the locks cannot be reached")]
pub struct LocksError(#[source] pub anyhow::Error);
