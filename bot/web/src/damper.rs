//! Keeps a warning that strangers can provoke from filling the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Lets one message through each [`PERIOD`], and counts what it held back.
pub(crate) struct Damper {
    start: Instant,
    /// Milliseconds after `start` from when on the next one may pass.
    next: AtomicU64,
    held_back: AtomicU64,
}

const PERIOD: Duration = Duration::from_secs(1);

impl Default for Damper {
    fn default() -> Self {
        Self { start: Instant::now(), next: AtomicU64::new(0), held_back: AtomicU64::new(0) }
    }
}

impl Damper {
    /// `Some(how many were held back since the last one)` if this one may pass.
    pub(crate) fn pass(&self) -> Option<u64> {
        self.pass_at(self.start.elapsed())
    }

    fn pass_at(&self, elapsed: Duration) -> Option<u64> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (now, next) = (millis(elapsed), self.next.load(Ordering::Relaxed));
        let mine = now >= next
            && self
                .next
                .compare_exchange(next, now + millis(PERIOD), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine {
            Some(self.held_back.swap(0, Ordering::Relaxed))
        } else {
            self.held_back.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_period_passes_and_tells_of_the_others() {
        let damper = Damper::default();
        assert_eq!(damper.pass_at(Duration::ZERO), Some(0));
        assert_eq!(damper.pass_at(PERIOD / 2), None);
        assert_eq!(damper.pass_at(PERIOD / 2), None);
        assert_eq!(damper.pass_at(PERIOD), Some(2));
        assert_eq!(damper.pass_at(PERIOD * 5), Some(0));
    }
}
