//! `deputy-bench-engine`: what the workflow engine is held to, measured beside its peers on this machine.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is what it is for")]

mod client;
mod finished;
mod interpreters;
#[allow(dead_code, reason = "the other binary uses the rest")]
#[path = "../../process.rs"]
mod process;
mod restate;
mod steps;
mod transitions;
mod usage;
mod waiting;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "deputy-bench-engine",
    version,
    about = "Measure the workflow engine, and compare it with its peers"
)]
struct Cli {
    /// Where data goes, in a fresh folder each time; on the disk that is to be measured
    #[arg(long, global = true, default_value = "target/bench-data")]
    data: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Durable steps a second, beside Restate's in the same run
    Steps(steps::Args),
    /// Transitions a second of a loop that never waits
    Transitions(transitions::Args),
    /// How long resuming many waiting executions takes after a kill, and what memory they need
    Waiting(waiting::Args),
    /// What an execution costs from 1,000 to 1,000,000 finished ones
    Finished(finished::Args),
    /// Executions a second over the API, beside the interpreters of moto and LocalStack in the same run
    Interpreters(interpreters::Args),
    /// One process of a measurement
    #[command(hide = true)]
    Part {
        #[command(subcommand)]
        part: Part,
    },
}

#[derive(Subcommand)]
enum Part {
    Steps(steps::Part),
    Start(waiting::Part),
    Resume,
    Serve { port: u16 },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli { data, json, command } = Cli::parse();
    match command {
        Command::Steps(args) => steps::run(&args, &data, json).await,
        Command::Transitions(args) => transitions::run(&args, &data, json).await,
        Command::Waiting(args) => waiting::run(&args, &data, json),
        Command::Finished(args) => finished::run(&args, &data, json).await,
        Command::Interpreters(args) => interpreters::run(&args, &data, json).await,
        Command::Part { part } => match part {
            Part::Steps(part) => steps::part(&part, &data).await,
            Part::Start(part) => waiting::start(&part, &data).await,
            Part::Resume => waiting::resume(&data).await,
            Part::Serve { port } => interpreters::serve(port, &data).await,
        },
    }
}

/// A folder of its own for one measurement, deleted with this.
struct Folder(PathBuf);

impl Folder {
    fn new(data: &std::path::Path) -> anyhow::Result<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::path::absolute(data)?.join(format!("engine-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// This program again, for one part of a measurement.
fn again(data: &std::path::Path, part: &[&str]) -> anyhow::Result<std::process::Command> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.arg("--data").arg(data).arg("part").args(part);
    Ok(command)
}

/// The value that `percent` of a hundred sorted ones do not exceed, in milliseconds.
fn percentile(sorted: &[std::time::Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
