//! How long failed work waits.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::options::Retry;

/// Draws waits. Not for secrets: the numbers only have to differ.
pub(crate) struct Dice {
    key: RandomState,
    thrown: AtomicU64,
}

impl Dice {
    pub(crate) fn new() -> Self {
        Self { key: RandomState::new(), thrown: AtomicU64::new(0) }
    }

    /// The wait in milliseconds after `attempts` that failed; `None` where that was the last.
    pub(crate) fn wait(&self, retry: &Retry, attempts: u32) -> Option<i64> {
        let longest = retry.waits.get(attempts.checked_sub(1)? as usize)?;
        Some(self.up_to(*longest))
    }

    fn up_to(&self, longest: Duration) -> i64 {
        let throw = self.key.hash_one(self.thrown.fetch_add(1, Ordering::Relaxed));
        let range = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX - 1) as u64 + 1;
        (throw % range) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spread_over_the_whole_range_and_end_after_the_last_try() {
        let dice = Dice::new();
        let retry = Retry::default();
        assert_eq!(retry.tries(), 5);
        for (attempts, longest) in [(1, 10_000), (2, 60_000), (3, 300_000), (4, 1_200_000)] {
            let waits: Vec<i64> = (0..1_000).map(|_| dice.wait(&retry, attempts).unwrap()).collect();
            assert!(waits.iter().all(|wait| (0..=longest).contains(wait)));
            assert!(waits.iter().any(|wait| *wait < longest / 10));
            assert!(waits.iter().any(|wait| *wait > longest / 10 * 9));
        }
        assert_eq!(dice.wait(&retry, 5), None);
        assert_eq!(dice.wait(&retry, 0), None);
    }
}
