//! Whether the inbox can write, asked at most once a second: the answer costs a write, and anybody may ask.

use std::time::Duration;

use deputy_core::ports::Inbox;
use tokio::sync::Mutex;
use tokio::time::Instant;

const FRESH: Duration = Duration::from_secs(1);
/// A store that takes longer than this is of no use to GitHub, which waits 10 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// The last answer. Those who ask meanwhile wait for the same one.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<Option<(Instant, bool)>>);

impl Readiness {
    pub(crate) async fn ask(&self, inbox: &dyn Inbox) -> bool {
        let mut last = self.0.lock().await;
        if let Some((at, ready)) = *last
            && at.elapsed() < FRESH
        {
            return ready;
        }
        let ready = match tokio::time::timeout(PATIENCE, inbox.ready()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "The inbox is not ready.");
                false
            }
            Err(_elapsed) => {
                tracing::error!("The inbox did not say within {PATIENCE:?} whether it is ready.");
                false
            }
        };
        *last = Some((Instant::now(), ready));
        ready
    }
}
