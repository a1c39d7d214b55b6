//! What redelivering needs of the inbox: which deliveries it knows, and how far back the last sweep looked.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::ids::DeliveryId;

/// The inbox as redelivering sees it.
///
/// # What holds after a crash
///
/// * A delivery that [`Inbox::accept`](super::Inbox::accept) answered is known here from then on, for as long as the
///   archive keeps it.
/// * [`set_watermark`](Self::set_watermark) holds once it returned. Before that the old one holds, and a sweep that
///   starts there asks for nothing that a delivery accepted twice could show.
#[async_trait]
pub trait Redeliveries: Send + Sync {
    /// What is known of each of these, in their order. `None`: it was never accepted here, or has expired.
    async fn known(&self, ids: &[DeliveryId]) -> Result<Vec<Option<Known>>, RedeliveriesError>;

    /// Where the next sweep may stop looking: everything that GitHub sent before has been seen to. `None` before the
    /// first sweep.
    async fn watermark(&self) -> Result<Option<DateTime<Utc>>, RedeliveriesError>;

    /// Moves the watermark; milliseconds are kept.
    async fn set_watermark(&self, at: DateTime<Utc>) -> Result<(), RedeliveriesError>;
}

/// A delivery that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// When.
    pub received_at: DateTime<Utc>,
    /// How far it is.
    pub stage: Stage,
}

/// How far an accepted delivery is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Some handler still has to do its part, or is at it.
    Accepted,
    /// All handlers that wanted it are done.
    Handled,
    /// These handlers, by name, gave it up: each has a dead letter.
    Dead(Vec<String>),
}

/// The store could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the inbox cannot be asked about deliveries")]
pub struct RedeliveriesError(#[source] pub anyhow::Error);
