//! How fast a handler is, which decides how much work it gets at once.

use std::time::{Duration, Instant};

/// The time that is looked back on.
const LATELY: Duration = Duration::from_millis(100);

/// How many items ended lately.
pub(crate) struct Pace {
    since: Instant,
    done: usize,
    lately: usize,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), done: 0, lately: 0 }
    }

    /// One more ended.
    pub(crate) fn count(&mut self) {
        self.done += 1;
    }

    /// How many ended in the last full tenth of a second.
    pub(crate) fn lately(&self) -> usize {
        self.lately
    }

    /// The same, looking at the time first.
    pub(crate) fn now(&mut self) -> usize {
        let elapsed = self.since.elapsed();
        if elapsed >= LATELY {
            self.lately = self.done * LATELY.as_millis() as usize / elapsed.as_millis() as usize;
            (self.since, self.done) = (Instant::now(), 0);
        }
        self.lately
    }
}
