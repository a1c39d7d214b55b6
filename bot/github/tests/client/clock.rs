//! A clock that stands still until a test moves it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use deputy_core::ports::Clock;
use tokio::sync::Notify;

pub struct DrivenClock {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    now: DateTime<Utc>,
    sleeping: Vec<DateTime<Utc>>,
}

impl DrivenClock {
    pub fn new() -> Self {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Self { state: Mutex::new(State { now, sleeping: Vec::new() }), changed: Notify::new() }
    }

    /// Waits until somebody sleeps for at least `from` and at most `to`, and then moves on by `to`.
    pub async fn pass(&self, from: TimeDelta, to: TimeDelta) {
        loop {
            let changed = self.changed.notified();
            {
                let state = &mut *self.state();
                let range = state.now + from..=state.now + to;
                if state.sleeping.iter().any(|deadline| range.contains(deadline)) {
                    state.now += to;
                    state.sleeping.retain(|deadline| *deadline > state.now);
                    break;
                }
            }
            changed.await;
        }
        self.changed.notify_waiters();
    }

    /// Moves on at once.
    pub fn advance(&self, by: TimeDelta) {
        self.state().now += by;
        self.changed.notify_waiters();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for DrivenClock {
    fn now(&self) -> DateTime<Utc> {
        self.state().now
    }

    fn sleep_until(&self, deadline: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let changed = self.changed.notified();
                {
                    let mut state = self.state();
                    if state.now >= deadline {
                        return;
                    }
                    if !state.sleeping.contains(&deadline) {
                        state.sleeping.push(deadline);
                        self.changed.notify_waiters();
                        continue;
                    }
                }
                changed.await;
            }
        })
    }
}
