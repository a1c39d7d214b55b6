//! Time is asked for, so that tests drive it.

use std::future::Future;
use std::pin::Pin;

use chrono::{DateTime, Utc};

/// What time it is, and waiting for a time.
pub trait Clock: Send + Sync {
    /// Now, in UTC. May jump: nothing may rely on it being monotonic.
    fn now(&self) -> DateTime<Utc>;

    /// Completes once `deadline` has come.
    fn sleep_until(&self, deadline: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep_until(&self, deadline: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let wait = (deadline - Utc::now()).to_std().unwrap_or_default();
        Box::pin(tokio::time::sleep(wait))
    }
}
