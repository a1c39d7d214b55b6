//! The run: a corpus of AWS's answers against a server in this process, over HTTP, and what differs.
#![allow(clippy::print_stdout)] // A report is what it is for.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use crate::cases::{self, Case};
use crate::client::{Client, Transport};
use crate::executions::{self, Answer};
use crate::recorded::{Recorded, functions};
use crate::report::{Report, Waivers};
use crate::requests;
use anyhow::Context as _;
use clap::Parser;
use deputy_stepfunctions::{Config, Engine, Home, Registry, Server, ServerConfig};
use serde_json::json;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

/// How many cases run at once.
const AT_ONCE: usize = 32;

/// Compares the engine's answers with AWS's.
#[derive(Parser)]
struct Arguments {
    /// The corpus: a case per line.
    corpus: PathBuf,
    /// Only these tiers, such as `AB`.
    #[arg(long)]
    tier: Option<String>,
    /// Only cases whose id contains this.
    #[arg(long)]
    id: Option<String>,
    /// Writes what was answered, a line per case.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Differences that have a reason. By default those of this project; give an empty file for none.
    #[arg(long)]
    waivers: Option<PathBuf>,
    /// Shows what is waived, too.
    #[arg(long)]
    waived: bool,
    /// Counts only.
    #[arg(long)]
    quiet: bool,
}

/// A server of its own, and how to end it.
struct Running {
    client: Client,
    _stop: oneshot::Sender<()>,
    _data: tempfile::TempDir,
}

async fn serve(recorded: Recorded, cases: &[Case], through: Through) -> anyhow::Result<Running> {
    let data = tempfile::tempdir()?;
    let mut config = Config::new(data.path());
    config.home = Home { region: "us-east-1".into(), account: "111111111111".into() };
    config.registry = Registry::new().with_override(recorded.clone()).with(functions(cases));
    let engine = Engine::open(config)?;
    let listen = ServerConfig { listen: SocketAddr::from(([127, 0, 0, 1], 0)), credentials: Vec::new() };
    let server = Server::bind(engine, listen).await?;
    let address = server.address()?;
    let client = match through(address) {
        Some(transport) => Client::new(address).through(transport),
        None => Client::new(address),
    };
    recorded.answer_through(client.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server.run(async move {
        let _ = stopped.await;
    }));
    Ok(Running { client, _stop: stop, _data: data })
}

/// Another way to call the server at that address, if there is one.
pub type Through = fn(SocketAddr) -> Option<Transport>;

/// Runs what the command line asks for. Exit code 1: there are differences without a reason.
///
/// # Errors
/// A corpus or waivers that cannot be read, and a server that does not start.
pub async fn run(through: Through) -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut cases = cases::read(&arguments.corpus)?;
    cases.retain(|case| {
        arguments.tier.as_deref().is_none_or(|tiers| tiers.contains(case.tier()))
            && arguments.id.as_deref().is_none_or(|part| case.id().contains(part))
    });
    let shared = serve(Recorded::of(&cases), &cases, through).await?;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running: JoinSet<anyhow::Result<(usize, Answer)>> = JoinSet::new();
    for (index, case) in cases.iter().cloned().enumerate() {
        let (client, permits) = (shared.client.clone(), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire().await?;
            let answer = match case.tier() {
                "T" => requests::run(&client, &case).await,
                "P" | "V" => {
                    // Names are taken twice among these, so each has a server of its own.
                    let own = serve(Recorded::of(std::slice::from_ref(&case)), &[], through).await?;
                    requests::run(&own.client, &case).await
                }
                _ => executions::run(&client, &case).await,
            };
            Ok((index, answer))
        });
    }
    let mut answers = vec![Answer::default(); cases.len()];
    while let Some(done) = running.join_next().await {
        let (index, answer) = done.context("a case panicked")??;
        answers[index] = answer;
    }
    let waivers = match &arguments.waivers {
        Some(path) => std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
        None => include_str!("../waivers.toml").to_owned(),
    };
    let waivers = Waivers::parse(&waivers)?;
    let mut report = Report::default();
    for (case, answer) in cases.iter().zip(&answers) {
        report.add(case, answer, &waivers);
    }
    let outlived = report.outlived(&waivers);
    if let Some(path) = &arguments.out {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for (case, answer) in cases.iter().zip(&answers) {
            writeln!(file, "{}", json!({"id": case.id(), "answer": answer.actual}))?;
        }
        file.flush()?;
    }
    if !arguments.quiet {
        let waived = report.waived.iter().filter(|_| arguments.waived);
        for difference in report.differences.iter().chain(waived) {
            println!("{difference}");
        }
        for name in &outlived {
            println!("{name}\n    is equal: its waiver can go");
        }
    }
    println!("{}", report.table());
    let good = report.differences.is_empty() && outlived.is_empty();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
