//! Telling a failure that time may mend from one that it cannot, and from none at all.

use chrono::{DateTime, Utc};

/// Marks a handler's error as one that trying again cannot mend, so that it becomes a dead letter at once:
///
/// ```
/// use deputy_core::ports::Permanent;
///
/// fn decode(body: &str) -> anyhow::Result<u64> {
///     body.parse().map_err(|error| anyhow::Error::new(error).context(Permanent))
/// }
/// assert!(Permanent::marks(&decode("seven").unwrap_err()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("trying again cannot help")]
pub struct Permanent;

impl Permanent {
    /// Whether an error carries the mark, anywhere in its chain of contexts.
    pub fn marks(error: &anyhow::Error) -> bool {
        error.downcast_ref::<Self>().is_some()
    }
}

/// Marks a handler's error as no failure: another run has the same work in its lease. It comes back when the lease
/// ends, and no attempt is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another run is at it until {0}")]
pub struct Busy(pub DateTime<Utc>);

impl Busy {
    /// When to come back, where an error carries the mark.
    pub fn until(error: &anyhow::Error) -> Option<DateTime<Utc>> {
        error.downcast_ref::<Self>().map(|busy| busy.0)
    }
}
