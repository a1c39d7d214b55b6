//! One time for GitHub and Deputy, moved by tests instead of waiting for it.

use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use deputy_core::ports::Clock;

/// GitHub's clock, told to Deputy.
pub struct GitHubsClock(pub github_double::Clock);

impl Clock for GitHubsClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    fn sleep_until(&self, deadline: DateTime<Utc>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            // Nothing tells when the clock was moved, so this looks again and again.
            while let Ok(left) = (deadline - self.now()).to_std() {
                tokio::time::sleep(left.min(Duration::from_millis(20))).await;
            }
        })
    }
}
