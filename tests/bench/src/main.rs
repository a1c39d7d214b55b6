//! `deputy-bench`: loads a webhook receiver with GitHub's recorded payloads and says how it bore it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is what it is for")]

mod compare;
mod deliveries;
mod flat;
mod http;
mod load;
mod process;
mod report;
mod servers;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "deputy-bench",
    version,
    about = "Load a webhook receiver, and compare Deputy with its peer"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load any receiver that runs already
    Load(LoadArgs),
    /// Deputy and probot in turns on this machine; prints the ratios
    Compare(CompareArgs),
    /// What a delivery costs from 1,000 to 1,000,000 stored ones
    Flat(FlatArgs),
}

#[derive(Args)]
struct LoadArgs {
    /// Where the deliveries go, like http://127.0.0.1:3000/webhook
    #[arg(long)]
    url: url::Url,
    /// The webhook secret to sign with
    #[arg(long)]
    secret: String,
    /// How many connections at once, each with one request under way
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// How many seconds to go on
    #[arg(long, default_value_t = 10.0, conflicts_with = "requests")]
    duration: f64,
    /// How many requests to send, instead of a duration
    #[arg(long)]
    requests: Option<u64>,
    /// How many seconds to load it before measuring
    #[arg(long, default_value_t = 0.0)]
    warmup: f64,
    /// How many of a hundred deliveries are sent again with the GUID of one before
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=99))]
    duplicates: u8,
    /// The server's process, to read its memory and processor time
    #[arg(long)]
    pid: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct CompareArgs {
    #[command(flatten)]
    deputy: DeputyArgs,
    /// How many times each of them is measured, in turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load before measuring, each time
    #[arg(long, default_value_t = 3.0)]
    warmup: f64,
    /// Seconds of measuring, each time
    #[arg(long, default_value_t = 8.0)]
    duration: f64,
    /// How many connections at once
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct FlatArgs {
    #[command(flatten)]
    deputy: DeputyArgs,
    /// How many deliveries in the end
    #[arg(long, default_value_t = 1_000_000)]
    until: u64,
    /// How many connections at once
    #[arg(long, default_value_t = 32)]
    connections: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct DeputyArgs {
    /// The server to measure: Deputy's binary
    #[arg(long, default_value = "target/release/deputy")]
    deputy: PathBuf,
    /// Where its data goes, in a fresh folder each time; on the disk that is to be measured
    #[arg(long, default_value = "target/bench-data")]
    data: PathBuf,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Load(args) => load(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Flat(args) => flat::run(&args),
    }
}

fn load(args: &LoadArgs) -> anyhow::Result<()> {
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).context("that is no number of seconds");
    let mut plan = load::Plan::new(&args.url, &args.secret, args.connections)?;
    plan.duplicates = args.duplicates;
    if args.warmup > 0.0 {
        plan.run(load::Until::Elapsed(seconds(args.warmup)?), None)?;
    }
    let until = match args.requests {
        Some(requests) => load::Until::Requests(requests),
        None => load::Until::Elapsed(seconds(args.duration)?),
    };
    let report = plan.run(until, args.pid)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
