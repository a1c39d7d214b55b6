//! A clock that tests drive by hand.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use crate::ports::Clock;

/// Stands still until it is told to move; whoever sleeps until then wakes up.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<DateTime<Utc>>);

impl Default for ManualClock {
    /// Some day in 2026, at no round time, so that rounding shows.
    fn default() -> Self {
        Self::at(DateTime::from_timestamp_nanos(1_790_000_000_123_456_789))
    }
}

impl ManualClock {
    /// Stands at this time.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(watch::Sender::new(now))
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        self.jump(TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX));
    }

    /// Moves, backward as well: a machine's clock is set now and then.
    pub fn jump(&self, by: TimeDelta) {
        self.0.send_modify(|now| *now += by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.borrow()
    }

    fn sleep_until(&self, deadline: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut watching = self.0.subscribe();
        Box::pin(async move {
            // The sender is this clock, which outlives the wait.
            let _ = watching.wait_for(|now| *now >= deadline).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn sleepers_wake_when_their_time_has_come() {
        let clock = ManualClock::default();
        let deadline = clock.now() + Duration::from_secs(10);
        let mut sleep = clock.sleep_until(deadline);
        clock.advance(Duration::from_secs(9));
        tokio::select! {
            biased;
            () = &mut sleep => panic!("a second too early"),
            () = tokio::task::yield_now() => {}
        }
        clock.advance(Duration::from_secs(1));
        sleep.await;
        clock.sleep_until(deadline).await;
    }
}
