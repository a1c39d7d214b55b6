//! What failed for good, kept until somebody looks.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::archive::{Cursor, Page};
use crate::ids::{DeliveryId, EventName};

/// Work that failed on its last attempt.
///
/// # What holds after a crash
///
/// Work is either waiting for its next attempt or a dead letter, never neither: it moves in one write. The same
/// holds for [`redrive`](Self::redrive) and the way back.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Newest first.
    async fn list(&self, query: &DeadLetterQuery) -> Result<Page<DeadLetter>, DeadLettersError>;

    /// One, whole; `None` where it is unknown.
    async fn show(&self, id: DeadLetterId) -> Result<Option<DeadLetter>, DeadLettersError>;

    /// Puts the work back in its handler's queue with all its attempts before it. `false` where unknown;
    /// [`DeadLettersError::Expired`] where the archive has dropped the payload, and the letter stays.
    async fn redrive(&self, id: DeadLetterId) -> Result<bool, DeadLettersError>;

    /// Makes a dead letter of work that failed for good while it was not in its handler's queue. Idempotent by handler
    /// and delivery: a letter that is there already keeps its name, and tells of this failure.
    async fn bury(&self, failed: FailedWork) -> Result<(), DeadLettersError>;

    /// Drops it for good. `false` where unknown. The archive keeps the delivery.
    async fn discard(&self, id: DeadLetterId) -> Result<bool, DeadLettersError>;
}

/// Names a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeadLetterId(pub u64);

/// Which dead letters to list. All conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterQuery {
    /// Of this handler.
    pub handler: Option<String>,
    /// How many a page; 0 stands for 100, more than 1,000 for 1,000.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

/// One delivery that one handler could not handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its name.
    pub id: DeadLetterId,
    /// Who failed.
    pub handler: String,
    /// On what.
    pub delivery: DeliveryId,
    /// Which event that was.
    pub event: EventName,
    /// The repository, where the event belongs to one.
    pub repository: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub failed_at: DateTime<Utc>,
    /// The last error and its causes, outermost first.
    pub errors: Vec<String>,
}

/// What is to become a dead letter. The event and the repository are the delivery's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedWork {
    /// Who failed, and gets it when it is redriven.
    pub handler: String,
    /// On what.
    pub delivery: DeliveryId,
    /// How often it was tried.
    pub attempts: u32,
    /// The last error and its causes, outermost first.
    pub errors: Vec<String>,
}

/// The dead letters could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum DeadLettersError {
    /// The cursor is of another listing, or made up.
    #[error("the cursor is not one of this listing's; list again without it")]
    BadCursor,
    /// There is nothing left to handle: the archive keeps payloads for 90 days.
    #[error("the delivery's payload has expired; it can only be discarded")]
    Expired,
    /// The store could not be read or written.
    #[error("the dead letters cannot be reached")]
    Unavailable(#[source] anyhow::Error),
}
