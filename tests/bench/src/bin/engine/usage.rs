//! What a process wrote and computed, from `/proc`.

use anyhow::Context as _;

/// Bytes that a process has sent to disks. A file system's own writes are not in it.
pub fn bytes_written(pid: u32) -> anyhow::Result<u64> {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).context("no account of what was written")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).context("no write_bytes")?;
    Ok(line.trim().parse()?)
}

/// Processor time of a process with all its threads, those that ended included: microseconds, to 10,000.
pub fn cpu_us(pid: u32) -> anyhow::Result<f64> {
    Ok(crate::process::usage(pid)?.cpu.as_secs_f64() * 1e6)
}

/// The most memory a process ever had resident, in megabytes of 10^6 bytes, and what it has now.
#[expect(clippy::cast_precision_loss, reason = "bytes of memory stay far below 2^52")]
pub fn megabytes(pid: u32) -> anyhow::Result<(f64, f64)> {
    let usage = crate::process::usage(pid)?;
    Ok((usage.peak_rss as f64 / 1e6, usage.rss as f64 / 1e6))
}
