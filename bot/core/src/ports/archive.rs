//! Reading accepted deliveries back.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::delivery::{About, Delivery};
use crate::ids::{DeliveryId, EventName};

/// The payloads of all accepted deliveries, for 90 days.
///
/// Writing is [`Inbox::accept`](super::Inbox::accept)'s part, so there is nothing here for a crash to break:
/// what `accept` acknowledged can be read, byte for byte, until it expires.
#[async_trait]
pub trait Archive: Send + Sync {
    /// The delivery as it was accepted, or `None` where it is unknown or expired.
    async fn read(&self, id: DeliveryId) -> Result<Option<Delivery>, ArchiveError>;

    /// What was accepted, newest first, at most `query.limit` a page.
    async fn list(&self, query: &ArchiveQuery) -> Result<Page<ArchivedEntry>, ArchiveError>;
}

/// Which deliveries to list. All conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct ArchiveQuery {
    /// Received at or after this.
    pub from: Option<DateTime<Utc>>,
    /// Received before this.
    pub until: Option<DateTime<Utc>>,
    /// Of this event.
    pub event: Option<EventName>,
    /// Of this repository, `owner/name`, in any case.
    pub repository: Option<String>,
    /// How many a page; 0 stands for 100, more than 1,000 for 1,000.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

/// Where a page ended; opaque, meaningful to the adapter that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// One page of a listing.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The entries, in the listing's order.
    pub items: Vec<T>,
    /// What to ask for the next page with; `None` where this was the last.
    pub next: Option<Cursor>,
}

/// A delivery without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedEntry {
    /// GitHub's GUID.
    pub id: DeliveryId,
    /// The event.
    pub event: EventName,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Action, repository, installation.
    pub about: About,
    /// The payload's size in bytes, uncompressed.
    pub size: u64,
}

/// The archive could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The cursor is of another listing, or made up.
    #[error("the cursor is not one of this listing's; list again without it")]
    BadCursor,
    /// The store could not be read, or what it holds is damaged.
    #[error("the archive cannot be read")]
    Unavailable(#[source] anyhow::Error),
}
