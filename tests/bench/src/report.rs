//! What a run measured, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::process::Usage;

/// One run's figures. Times in microseconds, memory in bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub requests: u64,
    pub seconds: f64,
    pub requests_per_second: f64,
    pub p50_us: u32,
    pub p95_us: u32,
    pub p99_us: u32,
    pub max_us: u32,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Connections that broke before the answer.
    pub broken: u64,
    /// The generator's own processor time a request.
    pub generator_cpu_us: f64,
    /// Of the server, if its process is known.
    pub server: Option<ServerReport>,
}

/// What the server used.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ServerReport {
    pub rss: u64,
    pub peak_rss: u64,
    /// Processor time a request.
    pub cpu_us: f64,
    /// The same in the best tenth of windows of [`WINDOW`]: what it would be on a quiet machine, more or less.
    /// Others' work on the same cores makes ours slower, never faster.
    pub best_cpu_us: f64,
}

/// How long the windows are that [`ServerReport::best_cpu_us`] compares.
pub const WINDOW: Duration = Duration::from_millis(100);

/// What happened within one [`WINDOW`].
#[derive(Debug, Clone, Copy)]
pub struct Window {
    pub requests: u64,
    pub server_cpu: Duration,
}

impl Report {
    pub fn new(
        mut latencies: Vec<u32>,
        statuses: BTreeMap<u16, u64>,
        broken: u64,
        elapsed: Duration,
        generator_cpu: Duration,
        server: Option<Usage>,
        windows: &[Window],
    ) -> Self {
        latencies.sort_unstable();
        let requests = latencies.len() as u64;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / to_f64(requests.max(1));
        Self {
            requests,
            seconds: elapsed.as_secs_f64(),
            requests_per_second: to_f64(requests) / elapsed.as_secs_f64().max(1e-9),
            p50_us: percentile(&latencies, 50),
            p95_us: percentile(&latencies, 95),
            p99_us: percentile(&latencies, 99),
            max_us: percentile(&latencies, 100),
            statuses,
            broken,
            generator_cpu_us: each(generator_cpu),
            server: server.map(|usage| ServerReport {
                rss: usage.rss,
                peak_rss: usage.peak_rss,
                cpu_us: each(usage.cpu),
                best_cpu_us: best_cpu_us(windows).unwrap_or_else(|| each(usage.cpu)),
            }),
        }
    }

    /// How many were answered with anything but 2xx, or not at all.
    pub fn failures(&self) -> u64 {
        let failed = self.statuses.iter().filter(|(status, _)| !(200..300).contains(*status));
        failed.map(|(_, count)| count).sum::<u64>() + self.broken
    }
}

fn best_cpu_us(windows: &[Window]) -> Option<f64> {
    let busy = windows.iter().filter(|window| window.requests > 0);
    let mut costs: Vec<f64> =
        busy.map(|window| window.server_cpu.as_secs_f64() * 1e6 / to_f64(window.requests)).collect();
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 10).copied()
}

/// The smallest value that `percent` of a hundred do not exceed; 0 of none.
fn percentile(sorted: &[u32], percent: usize) -> u32 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn to_f64(count: u64) -> f64 {
    count as f64
}

/// Microseconds as milliseconds.
pub fn millis(us: u32) -> f64 {
    f64::from(us) / 1000.0
}

/// Bytes as megabytes, as in budgets: 10^6.
pub fn megabytes(bytes: u64) -> f64 {
    to_f64(bytes) / 1e6
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "requests    {} in {:.1} s", self.requests, self.seconds)?;
        writeln!(f, "throughput  {:.0} requests/s", self.requests_per_second)?;
        let [p50, p95, p99, max] = [self.p50_us, self.p95_us, self.p99_us, self.max_us].map(millis);
        writeln!(f, "latency     p50 {p50:.2} ms  p95 {p95:.2} ms  p99 {p99:.2} ms  max {max:.2} ms")?;
        write!(f, "answers    ")?;
        for (status, count) in &self.statuses {
            write!(f, " {status}: {count}")?;
        }
        writeln!(f, "  broken connections: {}", self.broken)?;
        if let Some(server) = &self.server {
            let (rss, peak) = (megabytes(server.rss), megabytes(server.peak_rss));
            let (cpu, best) = (server.cpu_us, server.best_cpu_us);
            writeln!(
                f,
                "server      RSS {rss:.1} MB, peak {peak:.1} MB, {cpu:.1} µs CPU a request, at best {best:.1}"
            )?;
        }
        writeln!(f, "generator   {:.1} µs CPU a request", self.generator_cpu_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred: Vec<u32> = (1..=100).collect();
        assert_eq!([50, 95, 99, 100].map(|percent| percentile(&hundred, percent)), [50, 95, 99, 100]);
        assert_eq!([50, 99, 100].map(|percent| percentile(&[7], percent)), [7, 7, 7]);
        assert_eq!(percentile(&[], 99), 0);
    }

    #[test]
    fn what_is_no_2xx_is_a_failure() {
        let statuses = BTreeMap::from([(202, 5), (200, 1), (401, 2), (503, 3)]);
        let second = Duration::from_secs(1);
        let report = Report::new(vec![1; 11], statuses, 4, second, second, None, &[]);
        assert_eq!(report.failures(), 9);
        assert!((report.requests_per_second - 11.0).abs() < 1e-9);
    }
}
