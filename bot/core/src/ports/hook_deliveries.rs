//! What GitHub tried to deliver, and having it try again.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::github::GitHubError;
use crate::ids::{DeliveryId, EventName, InstallationId};

/// The App's hook deliveries at GitHub, which keeps them for three days and never repeats one
/// by itself.
#[async_trait]
pub trait HookDeliveries: Send + Sync {
    /// A page of attempts, newest first: the newest there are, or those that `cursor` leads to.
    async fn attempts(&self, cursor: Option<AttemptsCursor>) -> Result<DeliveryAttempts, GitHubError>;

    /// Has GitHub deliver it once more, under the same GUID. Asking twice is harmless: the inbox accepts it once.
    /// [`GitHubError::NotFound`] where GitHub keeps it no more.
    async fn redeliver(&self, attempt: u64) -> Result<(), GitHubError>;
}

/// One attempt to deliver. Attempts at one event share the GUID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The attempt's own number, which asking about it and repeating it go by.
    pub id: u64,
    /// The event's GUID, as `X-GitHub-Delivery` carries it.
    pub delivery: DeliveryId,
    /// When it was sent, by GitHub's clock, to the second.
    pub delivered_at: DateTime<Utc>,
    /// Whether somebody asked for it again.
    pub is_redelivery: bool,
    /// The receiver's answer; 0 where it did not answer.
    pub status_code: u16,
    /// GitHub's words for how it went: `OK`, `failed to connect to host`, …
    pub status: String,
    /// The event.
    pub event: EventName,
    /// The payload's `action`.
    pub action: Option<String>,
    /// Whose installation it is for.
    pub installation: Option<InstallationId>,
}

impl DeliveryAttempt {
    /// Whether the receiver took it.
    pub fn arrived(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}

/// A page of attempts, newest first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryAttempts {
    /// The attempts.
    pub attempts: Vec<DeliveryAttempt>,
    /// Where the older ones are, if there are any.
    pub next: Option<AttemptsCursor>,
}

/// Where a list of attempts goes on; opaque, meaningful to the adapter that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptsCursor(pub String);
