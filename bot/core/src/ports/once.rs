//! Running something once per delivery, although everything around it may run it twice.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::ids::DeliveryId;

/// A record per effect of whether it was done, is being done, or is still to do.
///
/// # What holds after a crash
///
/// * A key for which [`finish`](Self::finish) returned `true` is [`Begin::Done`] from then on, for at least
///   the dedup window: nothing runs twice to completion.
/// * A run that died keeps its key [`Begin::InProgress`] until its lease ends, then the next caller runs it,
///   and learns from [`Lease::attempt`] that an earlier run may have had an effect without recording it.
/// * A run that outlived its lease cannot finish once another took over: `finish` answers `false`.
#[async_trait]
pub trait Once: Send + Sync {
    /// Asks to run `key`. Of concurrent callers exactly one gets [`Begin::Run`].
    async fn begin(&self, key: &OnceKey, lease: Duration) -> Result<Begin, OnceError>;

    /// Records that the run is complete. `false` where the lease was lost to another run.
    async fn finish(&self, key: &OnceKey, lease: &Lease) -> Result<bool, OnceError>;

    /// Gives the key back after a failure, so that the next attempt need not wait for the lease to end.
    async fn release(&self, key: &OnceKey, lease: &Lease) -> Result<(), OnceError>;
}

/// What may happen once: `handler:delivery`, where a handler with several effects names each
/// (`commands/0`, `commands/1`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OnceKey {
    /// The handler, or the handler and its part.
    pub handler: String,
    /// The delivery it handles.
    pub delivery: DeliveryId,
}

impl fmt::Display for OnceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.handler, self.delivery)
    }
}

/// The answer to [`Once::begin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Run it, and finish with this lease.
    Run(Lease),
    /// It was done.
    Done,
    /// Somebody is at it.
    InProgress {
        /// When their lease ends.
        until: DateTime<Utc>,
    },
}

/// The right to finish a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Distinguishes this run from every other of its key.
    pub token: u64,
    /// 1 for the first run. From 2 on, look whether the effect is there already.
    pub attempt: u32,
}

/// The record could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the record of what was done cannot be reached")]
pub struct OnceError(#[source] pub anyhow::Error);
