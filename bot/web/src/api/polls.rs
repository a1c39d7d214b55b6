//! When which device flow may ask GitHub again: never sooner than GitHub said, whatever the terminal does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret as _, SecretString};

/// The device flows under way, by their handle's SHA-256.
///
/// In memory only: after a restart, or in another process, a flow may ask once too early. GitHub answers that with
/// `slow_down`, which is obeyed as always.
#[derive(Default)]
pub(crate) struct Polls(Mutex<HashMap<[u8; 32], Turn>>);

struct Turn {
    /// Not before.
    next: DateTime<Utc>,
    interval: TimeDelta,
    /// When the flow is over and its turn can be forgotten.
    ends: DateTime<Utc>,
}

/// Too soon: this is the time to leave between polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSoon(pub(super) TimeDelta);

impl Polls {
    /// A flow's turn, taken if it has come. `interval` is what the flow began with.
    pub(super) fn take_turn(
        &self,
        handle: &SecretString,
        interval: TimeDelta,
        ends: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<TimeDelta, TooSoon> {
        let mut turns = self.lock();
        let turn = turns.entry(key(handle)).or_insert(Turn { next: now, interval, ends });
        // Not `next - now` left to wait: a terminal that asks too soon once would do so each time.
        if now < turn.next {
            return Err(TooSoon(turn.interval));
        }
        turn.next = now + turn.interval;
        Ok(turn.interval)
    }

    /// A flow began: its first turn comes after an interval.
    pub(super) fn begin(&self, handle: &SecretString, interval: TimeDelta, ends: DateTime<Utc>, now: DateTime<Utc>) {
        let mut turns = self.lock();
        turns.retain(|_, turn| turn.ends > now);
        turns.insert(key(handle), Turn { next: now + interval, interval, ends });
    }

    /// GitHub wants more time between polls from now on.
    pub(super) fn slow_down(&self, handle: &SecretString, interval: TimeDelta, now: DateTime<Utc>) {
        if let Some(turn) = self.lock().get_mut(&key(handle)) {
            turn.interval = interval;
            turn.next = now + interval;
        }
    }

    pub(super) fn forget(&self, handle: &SecretString) {
        self.lock().remove(&key(handle));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(handle: &SecretString) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, handle.expose_secret().as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_comes_after_the_interval_and_later_when_told() {
        let polls = Polls::default();
        let (handle, five) = (SecretString::from("h"), TimeDelta::seconds(5));
        let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let ends = start + TimeDelta::minutes(15);
        let at = |seconds| start + TimeDelta::seconds(seconds);
        let take = |seconds| polls.take_turn(&handle, five, ends, at(seconds));
        polls.begin(&handle, five, ends, start);
        assert_eq!([take(0), take(4), take(5), take(9)], [
            Err(TooSoon(five)),
            Err(TooSoon(five)),
            Ok(five),
            Err(TooSoon(five))
        ]);
        polls.slow_down(&handle, TimeDelta::seconds(10), at(10));
        assert_eq!(take(19), Err(TooSoon(TimeDelta::seconds(10))));
        assert_eq!(take(20), Ok(TimeDelta::seconds(10)));
        polls.forget(&handle);
        assert_eq!(take(21), Ok(five), "nothing is known of it: the first turn comes at once");
        polls.begin(&"other".into(), five, ends, ends);
        assert_eq!(polls.lock().len(), 1, "what is over is forgotten");
    }
}
