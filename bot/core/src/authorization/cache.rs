//! What is remembered for a minute: that somebody belonged here, and that GitHub accepted their grant.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::{RepositoryId, UserId};

/// How long a yes counts. Events end it sooner; this is what holds where one is late or went to another process.
pub(super) const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Past this many entries, what has run out is dropped, and if that frees nothing, everything: asking GitHub again is
/// right, only slower.
const MOST: usize = 10_000;

/// Whose standing where. A yes to one team says nothing of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) user: UserId,
    pub(super) repository: RepositoryId,
    pub(super) team: Option<String>,
}

/// Positive answers with the time they were given. No is never remembered: who was just let in must not wait.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    entries: Mutex<Entries<K, V>>,
}

#[derive(Debug)]
struct Entries<K, V> {
    map: HashMap<K, (V, DateTime<Utc>)>,
    /// Grows with everything that is forgotten.
    generation: u64,
}

/// When a question was asked, in the cache's own count. What was forgotten since then makes the answer stale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked(u64);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self { entries: Mutex::new(Entries { map: HashMap::new(), generation: 0 }) }
    }
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// What is known, if it is fresh.
    pub(super) fn get(&self, key: &K, now: DateTime<Utc>) -> Option<V> {
        let entries = self.lock();
        let (value, since) = entries.map.get(key)?;
        fresh(*since, now).then(|| value.clone())
    }

    /// To be called before a question is asked, for [`put`](Self::put).
    pub(super) fn asking(&self) -> Asked {
        Asked(self.lock().generation)
    }

    /// Remembers an answer as of `now`, the time *before* the question, unless something was forgotten since then: the
    /// answer may be older than the change.
    pub(super) fn put(&self, asked: Asked, key: K, value: V, now: DateTime<Utc>) {
        let mut entries = self.lock();
        if entries.generation != asked.0 {
            return;
        }
        if entries.map.len() >= MOST {
            entries.map.retain(|_, (_, since)| fresh(*since, now));
            if entries.map.len() >= MOST {
                entries.map.clear();
            }
        }
        entries.map.insert(key, (value, now));
    }

    /// Forgets one, because it was just found not to hold any more.
    pub(super) fn remove(&self, key: &K) {
        self.lock().map.remove(key);
    }

    /// Forgets one because something changed, and with it the answers that are on their way.
    pub(super) fn forget(&self, key: &K) {
        let mut entries = self.lock();
        entries.map.remove(key);
        entries.generation += 1;
    }

    /// Forgets everything because something changed, and with it the answers that are on their way.
    pub(super) fn clear(&self) {
        let mut entries = self.lock();
        entries.map.clear();
        entries.generation += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        // A panic elsewhere leaves the map whole: every change is one call.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back makes everything from its future stale, rather than fresh for long.
fn fresh(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let age = now - since;
    age >= TimeDelta::zero() && age < LIFETIME
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    #[test]
    fn a_yes_counts_for_a_minute_and_not_before_it_was_given() {
        let cache = Cache::default();
        cache.put(cache.asking(), 1, "yes", at(0));
        assert_eq!(cache.get(&1, at(59)), Some("yes"));
        assert_eq!(cache.get(&1, at(60)), None);
        assert_eq!(cache.get(&1, at(-1)), None);
        assert_eq!(cache.get(&2, at(0)), None);
    }

    #[test]
    fn an_answer_that_crosses_with_a_change_is_not_kept() {
        let cache = Cache::default();
        let asked = cache.asking();
        cache.clear();
        cache.put(asked, 1, "yes", at(0));
        assert_eq!(cache.get(&1, at(0)), None);
        let asked = cache.asking();
        cache.forget(&1);
        cache.put(asked, 1, "yes", at(0));
        assert_eq!(cache.get(&1, at(0)), None);
    }

    #[test]
    fn it_never_grows_past_its_bound() {
        let cache = Cache::default();
        for key in 0..=MOST {
            cache.put(cache.asking(), key, (), at(0));
        }
        assert_eq!(cache.lock().map.len(), 1);
        assert!(cache.get(&MOST, at(0)).is_some());
    }
}
