//! What the receiver counts, and how Prometheus reads it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use deputy_core::ports::Accepted;

use crate::problem::Problem;

/// Counts since the start of the process. Reading them is always safe; they may be a few requests apart.
#[derive(Debug, Default)]
pub struct Counters {
    accepted: AtomicU64,
    duplicates: AtomicU64,
    bytes: AtomicU64,
    refused: [AtomicU64; Problem::KINDS],
}

impl Counters {
    /// Deliveries accepted for the first time.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Deliveries that had been accepted before.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.load(Ordering::Relaxed)
    }

    /// Bytes of all bodies that passed the signature check.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Requests refused, by the code of the [`Problem`].
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.refused.iter().enumerate();
        counts.map(|(kind, count)| (Problem::code_at(kind), count.load(Ordering::Relaxed)))
    }

    pub(crate) fn count_accepted(&self, accepted: Accepted, bytes: usize) {
        let counter = match accepted {
            Accepted::New => &self.accepted,
            Accepted::Duplicate => &self.duplicates,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_refused(&self, problem: &Problem) {
        self.refused[problem.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// In Prometheus' text format.
    pub fn to_prometheus(&self) -> String {
        let mut text = format!(
            "# HELP deputy_deliveries_total Deliveries answered with 202, by status.\n\
             # TYPE deputy_deliveries_total counter\n\
             deputy_deliveries_total{{status=\"accepted\"}} {}\n\
             deputy_deliveries_total{{status=\"duplicate\"}} {}\n\
             # HELP deputy_delivery_bytes_total Bytes of the bodies of those deliveries.\n\
             # TYPE deputy_delivery_bytes_total counter\n\
             deputy_delivery_bytes_total {}\n\
             # HELP deputy_refused_total Requests refused, by reason.\n\
             # TYPE deputy_refused_total counter\n",
            self.accepted(),
            self.duplicates(),
            self.bytes(),
        );
        for (reason, count) in self.refused() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "deputy_refused_total{{reason=\"{reason}\"}} {count}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_reads_every_count() {
        let counters = Counters::default();
        counters.count_accepted(Accepted::New, 10);
        counters.count_accepted(Accepted::Duplicate, 10);
        counters.count_refused(&Problem::Internal);
        let text = counters.to_prometheus();
        for line in [
            "deputy_deliveries_total{status=\"accepted\"} 1\n",
            "deputy_deliveries_total{status=\"duplicate\"} 1\n",
            "deputy_delivery_bytes_total 20\n",
            "deputy_refused_total{reason=\"too_slow\"} 0\n",
            "deputy_refused_total{reason=\"internal\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
