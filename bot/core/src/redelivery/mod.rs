//! Getting what GitHub could not deliver: a sweep that asks for it again, and what people can see and ask for.
//!
//! GitHub never repeats a failed delivery by itself, and keeps it for three days. So every ten minutes, and at start,
//! the list of attempts is read back to a stored *watermark*, and what our inbox does not have is asked for again:
//! what failed, and what somebody else answered in our place. GitHub's word alone decides nothing: a delivery that was
//! accepted after GitHub had given up waiting is settled.
//!
//! # What holds after a crash
//!
//! The watermark is moved last, and never past a delivery that is not settled: it is in the inbox, was asked for often
//! enough, or is too old. A sweep that dies anywhere before is done again by the next, which asks for some deliveries
//! a second time; they keep their GUID, so that the inbox accepts each once. How often a delivery was asked for stands
//! in GitHub's list, so that forgetting does not begin the count anew.

mod plan;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::plan::{Listed, MOST_TRIES, PER_SWEEP, RETENTION, gather};
use self::plan::{SETTLING, plan};
use crate::ids::DeliveryId;
use crate::ports::{
    Clock, DeliveryAttempt, GitHubError, HookDeliveries, Known, Redeliveries, RedeliveriesError,
};

/// From one sweep to the next.
pub const EVERY: TimeDelta = TimeDelta::minutes(10);
/// To the next, where this one left something that could have been asked for, or failed.
const SOON: TimeDelta = TimeDelta::minutes(1);
/// The first sweep of a data folder looks back so far from the server's first start, and no further: what came before
/// went to whoever was there then, and is not to run again here.
const BEFORE_THE_BEGINNING: TimeDelta = TimeDelta::seconds(5);
/// So many pages of a hundred attempts are read for one sweep.
const MOST_PAGES: usize = 500;
/// And so many for what a person wants to see.
const MOST_PAGES_SHOWN: usize = 50;

/// Redelivery for one App.
pub struct Redelivery {
    hooks: Arc<dyn HookDeliveries>,
    inbox: Arc<dyn Redeliveries>,
    clock: Arc<dyn Clock>,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Deliveries that GitHub listed.
    pub listed: usize,
    /// Those asked for again.
    pub redelivered: usize,
    /// Those that will not come any more by themselves.
    pub given_up: usize,
    /// Those that a later sweep has to see to.
    pub waiting: usize,
    /// Whether a sweep right now would find more to ask for.
    pub more: bool,
}

/// A sweep, or an answer to a person, could not be completed. What it did holds.
#[derive(Debug, thiserror::Error)]
pub enum RedeliveryError {
    /// GitHub could not be asked.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
    /// Our own store could not be asked.
    #[error(transparent)]
    Inbox(#[from] RedeliveriesError),
}

/// One event as people see it: GitHub's side and ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The newest attempt.
    pub newest: DeliveryAttempt,
    /// When the first of those listed was made.
    pub first_at: DateTime<Utc>,
    /// How many were listed.
    pub attempts: usize,
    /// What our inbox knows.
    pub known: Option<Known>,
}

/// Events as people see them, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overviews {
    /// The events.
    pub deliveries: Vec<Overview>,
    /// Whether there are no older ones that would have been asked for.
    pub is_whole: bool,
}

/// What became of asking for a delivery by its GUID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// GitHub delivers it again.
    Redelivered(DeliveryAttempt),
    /// It is in our inbox already, and would be a duplicate.
    AlreadyKnown(Known),
    /// GitHub does not list it, or not any more.
    Unknown,
}

/// Attempts, newest first, and whether they reach back as far as was asked.
struct Reading {
    attempts: Vec<DeliveryAttempt>,
    is_whole: bool,
}

impl Redelivery {
    /// Redelivery from `hooks` into `inbox`.
    pub fn new(hooks: Arc<dyn HookDeliveries>, inbox: Arc<dyn Redeliveries>, clock: Arc<dyn Clock>) -> Self {
        Self { hooks, inbox, clock }
    }

    /// Sweeps now, and then every ten minutes. Never ends: drop it, or abort its task.
    pub async fn keep_sweeping(&self) {
        loop {
            let pause = match self.sweep().await {
                Ok(swept) => {
                    if swept.redelivered + swept.given_up > 0 {
                        tracing::info!(?swept, "asked GitHub for what it could not deliver");
                    }
                    if swept.more { SOON } else { EVERY }
                }
                Err(error) => {
                    let pause = match &error {
                        RedeliveryError::GitHub(GitHubError::RateLimited { retry_after }) => {
                            TimeDelta::from_std(*retry_after).unwrap_or(EVERY).clamp(SOON, EVERY * 6)
                        }
                        RedeliveryError::GitHub(GitHubError::Unavailable(_)) | RedeliveryError::Inbox(_) => {
                            SOON
                        }
                        // Somebody has to mend that first.
                        RedeliveryError::GitHub(_) => EVERY,
                    };
                    let error = &error as &dyn std::error::Error;
                    let seconds = pause.num_seconds();
                    tracing::warn!(error, seconds, "could not look for deliveries that failed; trying again");
                    pause
                }
            };
            self.clock.sleep_until(self.clock.now() + pause).await;
        }
    }

    /// Reads the list back to the watermark, asks for what is missing, and moves the watermark.
    pub async fn sweep(&self) -> Result<Swept, RedeliveryError> {
        let now = self.clock.now();
        let watermark = if let Some(watermark) = self.inbox.watermark().await? {
            watermark
        } else {
            let beginning = now - BEFORE_THE_BEGINNING;
            self.inbox.set_watermark(beginning).await?;
            beginning
        };
        let Reading { attempts, is_whole } =
            self.read(watermark.max(now - RETENTION), MOST_PAGES, None).await?;
        let listed = gather(&attempts);
        let ids: Vec<DeliveryId> = listed.iter().map(|event| event.id).collect();
        let is_known: Vec<bool> = self.inbox.known(&ids).await?.iter().map(Option::is_some).collect();
        let plan = plan(&listed, &is_known, now);
        for delivery in &plan.given_up {
            tracing::error!(%delivery, "GitHub could not deliver it, and will not any more by itself; look at `deputyctl deliveries --failed`");
        }
        let mut swept = Swept {
            listed: listed.len(),
            given_up: plan.given_up.len(),
            waiting: plan.waiting,
            more: plan.crowded_out > 0,
            ..Swept::default()
        };
        for (delivery, attempt) in &plan.again {
            match self.hooks.redeliver(*attempt).await {
                Ok(()) => {
                    swept.redelivered += 1;
                    tracing::info!(%delivery, attempt, "asked GitHub to deliver it again");
                }
                // Forgotten since it was listed; the next sweep finds it too old.
                Err(GitHubError::NotFound | GitHubError::Refused { .. }) => swept.waiting += 1,
                Err(error) => return Err(error.into()),
            }
        }
        if !is_whole {
            tracing::warn!(
                pages = MOST_PAGES,
                "GitHub lists more deliveries than one sweep reads; the rest waits"
            );
            return Ok(swept);
        }
        let newest = attempts.first().map(|newest| newest.delivered_at - SETTLING);
        let reached = match (plan.oldest_unsettled, newest) {
            (Some(unsettled), Some(newest)) => Some(unsettled.min(newest)),
            (_, newest) => newest,
        };
        // GitHub's own times, so that it does not matter how exact our clock is. Never back.
        if let Some(reached) = reached.filter(|reached| *reached > watermark) {
            self.inbox.set_watermark(reached).await?;
        }
        Ok(swept)
    }

    /// What GitHub sent since then and what our inbox knows of it, the newest first. It reads no further than it has to
    /// for `events` events, and never more than some thousand attempts.
    pub async fn overview(
        &self,
        since: DateTime<Utc>,
        events: Option<usize>,
    ) -> Result<Overviews, RedeliveryError> {
        let Reading { attempts, is_whole } = self.read(since, MOST_PAGES_SHOWN, events).await?;
        let listed = gather(&attempts);
        let ids: Vec<DeliveryId> = listed.iter().map(|event| event.id).collect();
        let known = self.inbox.known(&ids).await?;
        let first_at =
            |event: &Listed<'_>| event.original.map_or(event.newest.delivered_at, |it| it.delivered_at);
        let overviews = listed.iter().zip(known).map(|(event, known)| Overview {
            newest: event.newest.clone(),
            first_at: first_at(event),
            attempts: event.attempts,
            known,
        });
        Ok(Overviews { deliveries: overviews.collect(), is_whole })
    }

    /// Asks for one delivery, because a person wants it. No limit on how often.
    pub async fn redeliver(&self, id: DeliveryId) -> Result<Asked, RedeliveryError> {
        if let Some(known) = self.inbox.known(&[id]).await?.pop().flatten() {
            return Ok(Asked::AlreadyKnown(known));
        }
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let page = self.hooks.attempts(cursor).await?;
            if let Some(attempt) = page.attempts.into_iter().find(|attempt| attempt.delivery == id) {
                return match self.hooks.redeliver(attempt.id).await {
                    Ok(()) => Ok(Asked::Redelivered(attempt)),
                    Err(GitHubError::NotFound) => Ok(Asked::Unknown),
                    Err(error) => Err(error.into()),
                };
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        Ok(Asked::Unknown)
    }

    /// The attempts made since then, on at most so many pages, or of a few more than so many events.
    async fn read(
        &self,
        since: DateTime<Utc>,
        pages: usize,
        events: Option<usize>,
    ) -> Result<Reading, RedeliveryError> {
        let mut attempts: Vec<DeliveryAttempt> = Vec::new();
        let mut seen = HashSet::new();
        let mut cursor = None;
        for _ in 0..pages {
            let page = self.hooks.attempts(cursor).await?;
            let reaches_back = page.attempts.iter().any(|attempt| attempt.delivered_at < since);
            for attempt in page.attempts.into_iter().filter(|attempt| attempt.delivered_at >= since) {
                seen.insert(attempt.delivery);
                attempts.push(attempt);
            }
            match page.next {
                Some(next) if !reaches_back => cursor = Some(next),
                _ => return Ok(Reading { attempts, is_whole: true }),
            }
            if events.is_some_and(|events| seen.len() >= events) {
                break;
            }
        }
        Ok(Reading { attempts, is_whole: false })
    }
}
