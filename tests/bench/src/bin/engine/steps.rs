//! Durable throughput: executions of ten Task states that are answered at once, many at a time; Restate's service of ten
//! steps beside it.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::{Boundary, Config, Disk, DiskFault, Engine, Registry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Folder, again, percentile, restate, usage};

const STATES: u32 = 10;

#[derive(clap::Args)]
pub struct Args {
    /// How many executions of ours, each round
    #[arg(long, default_value_t = 20_000)]
    executions: u64,
    /// How many of Restate's, each round
    #[arg(long, default_value_t = 1_000)]
    peer_executions: u64,
    /// How many at once
    #[arg(long, default_value_t = 50)]
    at_once: usize,
    /// How many times each is measured, in turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Leave Restate out
    #[arg(long)]
    no_peer: bool,
}

#[derive(clap::Args)]
pub struct Part {
    executions: u64,
    at_once: usize,
}

/// One round's figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Figures {
    steps_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Processor time of all processes that take part but the load generator, where it is another one.
    cpu_us_per_step: f64,
    bytes_per_step: f64,
    /// Commits, each of which syncs the log once. Restate does not tell.
    commits: Option<u64>,
    rss_mb: f64,
}

pub async fn run(args: &Args, data: &Path, json: bool) -> anyhow::Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds.max(1) {
        let folder = Folder::new(data)?;
        let (executions, at_once) = (args.executions.to_string(), args.at_once.to_string());
        let output =
            again(&folder.0, &["steps", &executions, &at_once])?.stderr(Stdio::inherit()).output()?;
        let figures: Figures =
            serde_json::from_slice(&output.stdout).context("the engine's process failed")?;
        eprintln!("round {round}, Deputy: {figures:?}");
        ours.push(figures);
        drop(folder);
        if !args.no_peer {
            let figures = peer(args, data).await?;
            eprintln!("round {round}, Restate: {figures:?}");
            theirs.push(figures);
        }
    }
    if json {
        println!("{}", json!({"deputy": ours, "restate": theirs}));
        return Ok(());
    }
    println!(
        "| median of {} rounds, {} at once | Deputy | Restate | ratio | to reach |",
        ours.len(),
        args.at_once
    );
    println!("|---|---|---|---|---|");
    let row = |name: &str, goal: &str, figure: &dyn Fn(&Figures) -> f64| {
        let (our, their) = (median(&ours, figure), median(&theirs, figure));
        println!("| {name} | {our:.1} | {their:.1} | {:.3} | {goal} |", our / their);
    };
    row("durable steps/s", "≥ 20", &|it| it.steps_per_second);
    row("p50 of an execution, ms", "", &|it| it.p50_ms);
    row("p99 of an execution, ms", "≤ 0.1", &|it| it.p99_ms);
    row("CPU a step, µs", "", &|it| it.cpu_us_per_step);
    row("bytes written a step", "", &|it| it.bytes_per_step);
    row("RSS, MB", "", &|it| it.rss_mb);
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let commits = median(&ours, &|it| it.commits.unwrap_or_default() as f64);
    println!(
        "\nDeputy: {commits:.0} commits for {} steps, each with one sync of its log.",
        args.executions * u64::from(STATES)
    );
    Ok(())
}

fn median(figures: &[Figures], figure: &dyn Fn(&Figures) -> f64) -> f64 {
    let mut figures: Vec<f64> = figures.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Counts commits.
#[derive(Default)]
struct Commits(AtomicU64);

impl Disk for Commits {
    fn at(&self, boundary: Boundary, commit: u64) -> Result<(), DiskFault> {
        if boundary == Boundary::AfterCommit {
            self.0.store(commit, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn definition() -> String {
    let states: serde_json::Map<String, Value> = (0..STATES)
        .map(|number| {
            let mut state = json!({
                "Type": "Task",
                "Resource": "arn:aws:lambda:us-east-1:000000000000:function:step",
                "Parameters": {"step": number},
                "ResultPath": "$.last",
            });
            if number + 1 < STATES {
                state["Next"] = format!("S{}", number + 1).into();
            } else {
                state["End"] = true.into();
            }
            (format!("S{number}"), state)
        })
        .collect();
    json!({"StartAt": "S0", "States": states}).to_string()
}

/// Lets `at_once` clients run `count` executions in all; says how long each took, in order, and all of them.
async fn load<F, R>(count: u64, at_once: usize, run: F) -> anyhow::Result<(Vec<Duration>, Duration)>
where
    F: Fn() -> R + Clone + Send + 'static,
    R: Future<Output = anyhow::Result<()>> + Send,
{
    let left = Arc::new(AtomicU64::new(count));
    let began = Instant::now();
    let clients: Vec<_> = (0..at_once)
        .map(|_| {
            let (left, run) = (Arc::clone(&left), run.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    let since = Instant::now();
                    run().await?;
                    times.push(since.elapsed());
                }
                anyhow::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await??);
    }
    let took = began.elapsed();
    times.sort_unstable();
    Ok((times, took))
}

/// Our side, in a process of its own: engine, functions and load.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub async fn part(part: &Part, data: &Path) -> anyhow::Result<()> {
    let commits = Arc::new(Commits::default());
    let mut config = Config::new(data);
    config.registry =
        Registry::new().with(Functions::new().with("step", |payload, _| async move { Ok(payload) }));
    config.disk = Some(Arc::clone(&commits) as Arc<dyn Disk>);
    let engine = Engine::open(config)?;
    let create =
        json!({"name": "bench", "definition": definition(), "roleArn": "arn:aws:iam::000000000000:role/r"});
    let machine = engine.request("CreateStateMachine", &create).await?["stateMachineArn"].clone();
    let request = Arc::new(json!({"stateMachineArn": machine, "input": "{\"a\":1}"}));
    let run = {
        let engine = engine.clone();
        move || {
            let (engine, request) = (engine.clone(), Arc::clone(&request));
            async move {
                let ended = engine.run(&request).await?;
                anyhow::ensure!(ended["status"] == "SUCCEEDED", "{ended}");
                Ok(())
            }
        }
    };
    load(part.executions / 20, part.at_once, run.clone()).await?;
    let pid = std::process::id();
    let (cpu, bytes, before) =
        (usage::cpu_us(pid)?, usage::bytes_written(pid)?, commits.0.load(Ordering::Relaxed));
    let (times, took) = load(part.executions, part.at_once, run).await?;
    let steps = (part.executions * u64::from(STATES)) as f64;
    let figures = Figures {
        steps_per_second: steps / took.as_secs_f64(),
        p50_ms: percentile(&times, 50),
        p99_ms: percentile(&times, 99),
        cpu_us_per_step: (usage::cpu_us(pid)? - cpu) / steps,
        bytes_per_step: (usage::bytes_written(pid)? - bytes) as f64 / steps,
        commits: Some(commits.0.load(Ordering::Relaxed) - before),
        rss_mb: usage::megabytes(pid)?.0,
    };
    engine.close().await;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
async fn peer(args: &Args, data: &Path) -> anyhow::Result<Figures> {
    let folder = Folder::new(data)?;
    let peer = restate::start(&folder.0).await?;
    let client = peer.client.clone();
    let run = move || {
        let client = client.clone();
        async move {
            let headers = [("content-type", "application/json")];
            let answer = client.post("/steps/run", &headers, &json!({"a": 1})).await?;
            anyhow::ensure!(answer["last"]["step"] == STATES - 1, "{answer}");
            Ok(())
        }
    };
    load(args.peer_executions / 4, args.at_once, run.clone()).await?;
    let pids = [peer.server.pid(), peer.service()];
    let cpu = || pids.iter().map(|pid| usage::cpu_us(*pid)).sum::<anyhow::Result<f64>>();
    let (before, bytes) = (cpu()?, usage::bytes_written(pids[0])?);
    let (times, took) = load(args.peer_executions, args.at_once, run).await?;
    let steps = (args.peer_executions * u64::from(STATES)) as f64;
    let rss =
        pids.iter().map(|pid| usage::megabytes(*pid).map(|(peak, _)| peak)).sum::<anyhow::Result<f64>>()?;
    Ok(Figures {
        steps_per_second: steps / took.as_secs_f64(),
        p50_ms: percentile(&times, 50),
        p99_ms: percentile(&times, 99),
        cpu_us_per_step: (cpu()? - before) / steps,
        bytes_per_step: (usage::bytes_written(pids[0])? - bytes) as f64 / steps,
        commits: None,
        rss_mb: rss,
    })
}
