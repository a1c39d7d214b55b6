//! Lets requests out when they may go: one identity's limits never hold up another's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ports::{Clock, GitHubError};
use http::HeaderMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::{Budget, Pace, Readings};
use super::call::{Call, Target};
use super::fair::FairDoor;
use super::identity::Identity;

/// Past this many identities, those that are idle are forgotten.
const MANY: usize = 4096;

/// The limits of every identity that was lately used.
pub(crate) struct Limits {
    lanes: Mutex<HashMap<Identity, Arc<Lane>>>,
    concurrency: usize,
}

/// One identity's limits.
struct Lane {
    /// Reads and content queue apart: content goes at one a second at times, and reads need not wait for it.
    reads: FairDoor,
    writes: FairDoor,
    content: FairDoor,
    slots: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rest: Budget,
    graphql: Budget,
    pace: Pace,
}

/// The right to have one request in flight.
pub(crate) struct Pass {
    lane: Arc<Lane>,
    is_graphql: bool,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Limits {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self { lanes: Mutex::default(), concurrency }
    }

    /// Waits until the request may go out. Fails at once where that is certain to be after `deadline`.
    pub(crate) async fn admit(
        &self,
        identity: Identity,
        call: &Call,
        deadline: DateTime<Utc>,
        clock: &dyn Clock,
    ) -> Result<Pass, GitHubError> {
        let lane = self.lane(identity, clock.now());
        tokio::select! {
            biased;
            pass = lane.admit(call, deadline, clock) => pass,
            () = clock.sleep_until(deadline) => Err(GitHubError::RateLimited {
                // Others are ahead of us all along; by then the queue has moved on.
                retry_after: Duration::from_mins(1),
            }),
        }
    }

    /// GitHub's latest word on an identity's budgets.
    pub(crate) fn readings(&self, identity: Identity) -> Readings {
        let Some(lane) = self.lanes().get(&identity).cloned() else { return Readings::default() };
        let state = lane.state();
        Readings { rest: state.rest.reading(), graphql: state.graphql.reading() }
    }

    /// GitHub was asked for an identity's budgets, and said this.
    pub(crate) fn note(&self, identity: Identity, readings: Readings, now: DateTime<Utc>) {
        let lane = self.lane(identity, now);
        let mut state = lane.state();
        for (budget, reading) in [(false, readings.rest), (true, readings.graphql)] {
            if let Some(reading) = reading {
                state.budget(budget).note(reading);
            }
        }
    }

    fn lane(&self, identity: Identity, now: DateTime<Utc>) -> Arc<Lane> {
        let mut lanes = self.lanes();
        if lanes.len() >= MANY && !lanes.contains_key(&identity) {
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || !lane.is_idle(now));
        }
        Arc::clone(lanes.entry(identity).or_insert_with(|| Arc::new(Lane::new(self.concurrency))))
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<Identity, Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lane {
    fn new(concurrency: usize) -> Self {
        Self {
            reads: FairDoor::default(),
            writes: FairDoor::default(),
            content: FairDoor::default(),
            slots: Arc::new(Semaphore::new(concurrency)),
            state: Mutex::default(),
        }
    }

    async fn admit(
        self: &Arc<Self>,
        call: &Call,
        deadline: DateTime<Utc>,
        clock: &dyn Clock,
    ) -> Result<Pass, GitHubError> {
        let is_graphql = matches!(call.target, Target::GraphQl);
        let repository = call.repository.map_or(0, |id| id.0);
        let door = match call {
            Call { creates_content: true, .. } => &self.content,
            Call { method: http::Method::GET, .. } => &self.reads,
            _ => &self.writes,
        };
        loop {
            // Who is blocked waits outside, so as not to stand in the way of a repository that is not.
            let blocked = |now| self.state().budget(is_graphql).blocked(repository, now);
            let until = blocked(clock.now());
            if let Some(until) = until {
                // Not all who wait should come at once.
                wait_until(until, TimeDelta::milliseconds(500), deadline, clock).await?;
                continue;
            }
            let turn = door.enter(repository).await;
            if blocked(clock.now()).is_some() {
                continue;
            }
            // The pace holds for everybody behind this door, so here the turn is kept.
            loop {
                let now = clock.now();
                let wait = self.state().pace.take(call.points(), call.creates_content, now);
                if wait.is_zero() {
                    break;
                }
                let until = TimeDelta::from_std(wait).map_or(deadline, |wait| now + wait);
                wait_until(until, TimeDelta::zero(), deadline, clock).await?;
            }
            let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
            drop(turn);
            self.state().budget(is_graphql).spend(repository, clock.now());
            return Ok(Pass { lane: Arc::clone(self), is_graphql, _slot: slot });
        }
    }

    fn is_idle(&self, now: DateTime<Utc>) -> bool {
        let state = self.state();
        state.rest.is_idle(now) && state.graphql.is_idle(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn budget(&mut self, is_graphql: bool) -> &mut Budget {
        if is_graphql { &mut self.graphql } else { &mut self.rest }
    }
}

impl Pass {
    /// An answer came that was no rate limit.
    pub(crate) fn observe(&self, headers: &HeaderMap) {
        self.lane.state().budget(self.is_graphql).observe(headers);
    }

    /// GitHub refused for a rate limit.
    pub(crate) fn refused(&self, headers: &HeaderMap, now: DateTime<Utc>) {
        self.lane.state().budget(self.is_graphql).refused(headers, now);
    }
}

/// Waits, and a random part of `spread` more; or says how long it would be.
async fn wait_until(
    until: DateTime<Utc>,
    spread: TimeDelta,
    deadline: DateTime<Utc>,
    clock: &dyn Clock,
) -> Result<(), GitHubError> {
    if until > deadline {
        let retry_after = (until - clock.now()).to_std().unwrap_or_default();
        return Err(GitHubError::RateLimited { retry_after });
    }
    clock.sleep_until((until + jitter(spread)).min(deadline)).await;
    Ok(())
}

/// A random part of `most`.
pub(crate) fn jitter(most: TimeDelta) -> TimeDelta {
    use std::hash::{BuildHasher as _, RandomState};
    // Spreading load needs no better randomness than a fresh hasher's keys.
    let random = RandomState::new().hash_one(0);
    let share = i64::try_from(random % 1024).unwrap_or(0);
    most * i32::try_from(share).unwrap_or(0) / 1024
}
