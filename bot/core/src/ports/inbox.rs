//! Accepting a delivery once and for good.

use async_trait::async_trait;

use crate::delivery::Delivery;

/// Where deliveries are accepted.
///
/// # What holds after a crash
///
/// * After [`accept`](Self::accept) returned [`Accepted::New`], the payload is archived and every handler
///   subscribed to the event at that moment gets it at least once, whatever dies in between.
/// * A crash before it returned leaves the delivery either accepted whole (a redelivery is a duplicate) or
///   not accepted at all (a redelivery is new). GitHub keeps the GUID on redelivery, so both are right.
///
/// # Ordering
///
/// None between deliveries: GitHub promises none either.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Accepts a verified delivery. Concurrent calls with one id: exactly one of them is `New`.
    ///
    /// Cancelling the call does not cancel the acceptance.
    async fn accept(&self, delivery: Delivery) -> Result<Accepted, InboxError>;

    /// Whether [`accept`](Self::accept) would work now, told by writing something.
    async fn ready(&self) -> Result<(), InboxError>;
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// First seen; archived, and on its way to handlers.
    New,
    /// Accepted whole before, within the dedup window of 24 hours or more. Nothing was done.
    Duplicate,
}

/// The delivery was not accepted. GitHub should be answered 5xx, so that it shows the delivery as failed.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// Too much is waiting to be written; try again shortly.
    #[error("the inbox is full; try again shortly")]
    Full,
    /// The store could not write.
    #[error("the inbox cannot write")]
    Unavailable(#[source] anyhow::Error),
}
