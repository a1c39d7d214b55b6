//! The bounded queue in front of the writer thread.
//!
//! The writer takes everything that waits at once, which is what makes commits shared: while one transaction
//! goes to the disk, the next fills up here. Waiting for more to come was tried and rejected: it saves no
//! processor time that can be measured, and costs a third of the throughput at 32 senders.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Things that can be refused, in number.
    pub(crate) waiting: usize,
    /// Their bytes. One larger than this is let in when nothing else waits.
    pub(crate) bytes: usize,
}

/// Why something was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// Things waiting for the writer.
pub(crate) struct Intake<T> {
    limits: Limits,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    waiting: VecDeque<(usize, T)>,
    /// Those that count against the limits: what has a size.
    sized: usize,
    bytes: usize,
    closed: bool,
    /// Whether the writer waits. While it works, waking it would be a system call for nothing.
    idle: bool,
}

impl<T> Intake<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        let state = State { waiting: VecDeque::new(), sized: 0, bytes: 0, closed: false, idle: false };
        Self { limits, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing here can panic half-way, so a poisoned lock still guards a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets in something of `bytes` bytes; 0 marks what must not be refused because its sender counts on it.
    pub(crate) fn push(&self, bytes: usize, thing: T) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if bytes > 0 {
            let full = state.sized >= self.limits.waiting
                || (state.bytes > 0 && state.bytes + bytes > self.limits.bytes);
            if full {
                return Err(Refused::Full);
            }
            state.sized += 1;
            state.bytes += bytes;
        }
        state.waiting.push_back((bytes, thing));
        if std::mem::take(&mut state.idle) {
            drop(state);
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Refuses everything from now on. What waits is still handed out.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        drop(state);
        self.changed.notify_one();
    }

    /// Moves what waits to `batch`, until that holds `max_bytes`. Waits while there is nothing, at most for
    /// `patience`. `false` once closed and empty.
    pub(crate) fn take(&self, batch: &mut Vec<T>, max_bytes: usize, patience: Option<Duration>) -> bool {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return true;
            }
            state = self.wait(state, left);
        }
        let mut taken = 0;
        while taken < max_bytes {
            let Some((bytes, thing)) = state.waiting.pop_front() else { break };
            if bytes > 0 {
                state.sized -= 1;
                state.bytes -= bytes;
            }
            taken += bytes;
            batch.push(thing);
        }
        true
    }

    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State<T>>,
        patience: Option<Duration>,
    ) -> MutexGuard<'a, State<T>> {
        state.idle = true;
        let mut state = match patience {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        state.idle = false;
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake() -> Intake<u32> {
        Intake::new(Limits { waiting: 3, bytes: 100 })
    }

    #[test]
    fn what_would_be_too_much_is_refused_and_what_is_promised_is_not() {
        let intake = intake();
        assert_eq!(intake.push(60, 1), Ok(()));
        assert_eq!(intake.push(60, 2), Err(Refused::Full));
        assert_eq!(intake.push(20, 3), Ok(()));
        assert_eq!(intake.push(20, 4), Ok(()));
        assert_eq!(intake.push(0, 5), Ok(()));
        assert_eq!(intake.push(1, 6), Err(Refused::Full));
        let mut batch = Vec::new();
        assert!(intake.take(&mut batch, 70, None));
        assert_eq!(batch, [1, 3]);
        assert_eq!(intake.push(20, 7), Ok(()));
    }

    #[test]
    fn something_larger_than_the_limit_gets_in_alone() {
        let intake = intake();
        assert_eq!(intake.push(5_000, 1), Ok(()));
        assert_eq!(intake.push(1, 2), Err(Refused::Full));
    }

    #[test]
    fn closing_hands_out_what_waits_and_then_ends() {
        let intake = intake();
        intake.push(1, 1).unwrap();
        intake.close();
        assert_eq!(intake.push(0, 2), Err(Refused::Closed));
        let mut batch = Vec::new();
        assert!(intake.take(&mut batch, 70, None));
        assert!(!intake.take(&mut batch, 70, None));
        assert_eq!(batch, [1]);
    }

    #[test]
    fn patience_ends() {
        let intake = intake();
        let mut batch = Vec::new();
        assert!(intake.take(&mut batch, 70, Some(Duration::from_millis(1))));
        assert!(batch.is_empty());
    }
}
