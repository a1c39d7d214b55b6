//! Time as the engine sees it, so that tests and scenarios drive it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deputy_asl::Timestamp;

/// The only clock of the engine.
///
/// Timestamps of the log never run backwards, whatever a clock does: the engine keeps the latest it has used.
pub trait Clock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> Timestamp;

    /// How long to sleep, in real time, until `at` may have come. `None`: until something else happens; a clock that is
    /// driven by hand says so, and whoever moves it calls [`Engine::tick`](crate::Engine::tick).
    fn sleep_until(&self, at: Timestamp) -> Option<Duration>;

    /// Nothing can happen before `at`: no task runs and nothing waits to be written. A virtual clock may jump there.
    fn idle_until(&self, at: Timestamp) {
        let _ = at;
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep_until(&self, at: Timestamp) -> Option<Duration> {
        let millis = at.0.saturating_sub(self.now().0).max(0);
        Some(Duration::from_millis(millis.unsigned_abs()))
    }
}

/// Time that passes only when told to, or, when it is [eager](VirtualClock::eager), whenever there is nothing else to do.
#[derive(Debug)]
pub struct VirtualClock {
    now: AtomicI64,
    eager: bool,
}

impl VirtualClock {
    /// A clock that stands at `start` until [`VirtualClock::advance`].
    pub fn new(start: Timestamp) -> Self {
        Self { now: AtomicI64::new(start.0), eager: false }
    }

    /// A clock that jumps to the next timer as soon as nothing else can happen: a year passes in no time.
    pub fn eager(start: Timestamp) -> Self {
        Self { now: AtomicI64::new(start.0), eager: true }
    }

    /// Lets time pass. Tell the engine with [`Engine::tick`](crate::Engine::tick).
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, at: Timestamp) -> Option<Duration> {
        (at <= self.now()).then_some(Duration::ZERO)
    }

    fn idle_until(&self, at: Timestamp) {
        if self.eager {
            self.now.fetch_max(at.0, Ordering::SeqCst);
        }
    }
}
