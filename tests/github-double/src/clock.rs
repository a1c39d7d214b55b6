//! The time on the double's GitHub: the machine's own, moved by tests instead of sleeping.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// A moment on GitHub.
pub type Moment = DateTime<Utc>;

/// Tells the time to the double, and lets a test move it. Clones tell the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Setting>>);

#[derive(Debug, Default)]
struct Setting {
    ahead: TimeDelta,
    frozen: Option<Moment>,
}

impl Clock {
    /// What the time is now.
    pub fn now(&self) -> Moment {
        let setting = self.setting();
        setting.frozen.unwrap_or_else(Utc::now) + setting.ahead
    }

    /// Moves the time forward: tokens expire, rate limits reset.
    pub fn advance(&self, by: Duration) {
        let mut setting = self.setting();
        setting.ahead += TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
    }

    /// Stops the time at `moment`; only [`Clock::advance`] moves it from then on.
    pub fn freeze_at(&self, moment: Moment) {
        *self.setting() = Setting { ahead: TimeDelta::zero(), frozen: Some(moment) };
    }

    /// Stops the time where it is.
    pub fn freeze(&self) {
        let now = self.now();
        self.freeze_at(now);
    }

    fn setting(&self) -> std::sync::MutexGuard<'_, Setting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// GitHub's way of writing a moment: whole seconds, UTC, `Z`.
pub(crate) fn stamp(moment: Moment) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
