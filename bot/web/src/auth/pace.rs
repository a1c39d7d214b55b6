//! How many logins may begin a minute: beginning one writes to the store and may ask GitHub, and anybody may.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Lets so many through a minute, all callers together: behind a proxy, one peer looks like another.
pub(crate) struct Pace {
    most: u32,
    window: Mutex<Option<(DateTime<Utc>, u32)>>,
}

impl Pace {
    pub(crate) fn per_minute(most: u32) -> Self {
        Self { most, window: Mutex::new(None) }
    }

    /// Whether one more may begin at this moment.
    pub(crate) fn admits(&self, now: DateTime<Utc>) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            // A clock that was set back starts a new window as well.
            Some((since, count)) if (TimeDelta::zero()..TimeDelta::minutes(1)).contains(&(now - *since)) => {
                *count = count.saturating_add(1);
                *count <= self.most
            }
            other => {
                *other = Some((now, 1));
                self.most > 0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_a_minute_and_then_the_next_minute() {
        let pace = Pace::per_minute(2);
        let start: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let at = |seconds| pace.admits(start + TimeDelta::seconds(seconds));
        assert_eq!([at(0), at(1), at(2), at(59), at(60), at(61), at(62)], [true, true, false, false, true, true, false]);
        assert!(at(-5), "the clock was set back");
    }
}
