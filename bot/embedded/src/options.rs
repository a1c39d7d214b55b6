//! What can be chosen about the store.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::OpenError;

const DAY: Duration = Duration::from_hours(24);

/// Where the store is and how long it keeps what.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; made where there is none.
    pub folder: PathBuf,
    /// How long a delivery's GUID is remembered. Default 72 hours, as long as GitHub can redeliver; at least 24.
    pub dedup_window: Duration,
    /// How long payloads are kept. Default 90 days; at least the dedup window.
    pub archive_for: Duration,
    /// How long it is remembered that something was done. Default 90 days: as long as work can be redriven.
    pub once_for: Duration,
    /// When failed work is tried again.
    pub retry: Retry,
    /// zstd's level, negative ones included. Default 1: from eight deliveries a commit on it takes 5 µs a delivery,
    /// as long as any faster level, and makes the smallest segments of them.
    pub compression_level: i32,
    /// How many deliveries may wait to be written before more are refused. Default 4,096.
    pub waiting: usize,
    /// How many bytes of them. Default 64 MB.
    pub waiting_bytes: usize,
}

impl Options {
    /// The defaults, in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            dedup_window: 3 * DAY,
            archive_for: 90 * DAY,
            once_for: 90 * DAY,
            retry: Retry::default(),
            compression_level: 1,
            waiting: 4_096,
            waiting_bytes: 64 << 20,
        }
    }

    /// Refuses what would break a promise of the ports.
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let refuse = |text: &str| Err(OpenError::Options(text.to_owned()));
        if self.dedup_window < DAY {
            return refuse("the dedup window is shorter than 24 hours; GitHub may redeliver for 3 days");
        }
        if self.archive_for < self.dedup_window {
            return refuse("the archive is kept shorter than the dedup window; make it at least as long");
        }
        if self.once_for < self.dedup_window {
            return refuse(
                "what was done is remembered shorter than the dedup window; make it at least as long",
            );
        }
        if self.waiting == 0 || self.waiting_bytes == 0 {
            return refuse("nothing could ever be accepted: the limits of what may wait are 0");
        }
        Ok(())
    }
}

/// When work that failed is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The longest wait after the first failure, after the second, …: the wait is drawn evenly from zero to this,
    /// so that what failed together does not come back together. One try more than there are waits.
    pub waits: Vec<Duration>,
}

impl Default for Retry {
    /// Five tries, within about 25 minutes.
    fn default() -> Self {
        Self { waits: [10, 60, 5 * 60, 20 * 60].map(Duration::from_secs).to_vec() }
    }
}

impl Retry {
    /// How often work is tried.
    pub fn tries(&self) -> u32 {
        u32::try_from(self.waits.len()).map_or(u32::MAX, |waits| waits.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_allowed_and_broken_promises_are_not() {
        let good = Options::new("/tmp/x");
        good.check().unwrap();
        for bad in [
            Options { dedup_window: DAY / 2, ..good.clone() },
            Options { archive_for: DAY, ..good.clone() },
            Options { once_for: DAY, ..good.clone() },
            Options { waiting: 0, ..good },
        ] {
            bad.check().unwrap_err();
        }
    }
}
