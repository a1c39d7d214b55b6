//! Waiting executions: many are started, the process is killed, and another takes them up.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use deputy_stepfunctions::{Config, Engine};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{Folder, again, usage};

#[derive(clap::Args)]
pub struct Args {
    /// How many wait
    #[arg(long, default_value_t = 100_000)]
    executions: usize,
}

#[derive(clap::Args)]
pub struct Part {
    executions: usize,
}

pub fn run(args: &Args, data: &Path, json: bool) -> anyhow::Result<()> {
    let folder = Folder::new(data)?;
    let mut child =
        again(&folder.0, &["start", &args.executions.to_string()])?.stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
    // `kill -9`: nothing is put in order.
    child.kill()?;
    child.wait()?;
    let started: Value = serde_json::from_str(&line).context("the first process failed")?;
    let output = again(&folder.0, &["resume"])?.stderr(Stdio::inherit()).output()?;
    let resumed: Value = serde_json::from_slice(&output.stdout).context("the second process failed")?;
    if json {
        println!("{}", json!({"started": started, "resumed": resumed}));
        return Ok(());
    }
    println!("| {} waiting executions | | to reach |", args.executions);
    println!("|---|---|---|");
    println!("| started in, s | {:.1} | |", number(&started["seconds"]));
    println!("| RSS while they wait, MB | {:.0} | < 500 |", number(&started["rss_mb"]));
    println!("| resumed after a kill in, s | {:.2} | < 2 |", number(&resumed["seconds"]));
    println!("| CPU for that, s | {:.2} | |", number(&resumed["cpu_seconds"]));
    println!("| RSS then, MB | {:.0} | < 500 |", number(&resumed["rss_mb"]));
    println!("| one of them stopped and its end durable after, ms | {:.1} | |", number(&resumed["stop_ms"]));
    Ok(())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

pub async fn start(part: &Part, data: &Path) -> anyhow::Result<()> {
    let engine = Engine::open(Config::new(data))?;
    let definition =
        json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86400, "End": true}}});
    let create = json!({"name": "wait", "definition": definition.to_string(),
                        "roleArn": "arn:aws:iam::000000000000:role/r"});
    let machine = engine.request("CreateStateMachine", &create).await?["stateMachineArn"].clone();
    let began = Instant::now();
    let permits = Arc::new(Semaphore::new(500));
    let mut starting = tokio::task::JoinSet::new();
    for number in 0..part.executions {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let (engine, machine) = (engine.clone(), machine.clone());
        starting.spawn(async move {
            let request = json!({"stateMachineArn": machine, "name": format!("e{number}"),
                                 "input": json!({"number": number}).to_string()});
            let started = engine.request("StartExecution", &request).await;
            drop(permit);
            started
        });
        while let Some(started) = starting.try_join_next() {
            started??;
        }
    }
    while let Some(started) = starting.join_next().await {
        started??;
    }
    let (_, rss) = usage::megabytes(std::process::id())?;
    println!("{}", json!({"seconds": began.elapsed().as_secs_f64(), "rss_mb": rss}));
    std::future::pending().await
}

pub async fn resume(data: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    let engine = Engine::open(Config::new(data))?;
    let seconds = began.elapsed().as_secs_f64();
    let pid = std::process::id();
    let (cpu, (_, rss)) = (usage::cpu_us(pid)?, usage::megabytes(pid)?);
    let since = Instant::now();
    let arn = "arn:aws:states:us-east-1:000000000000:execution:wait:e0";
    engine.request("StopExecution", &json!({"executionArn": arn})).await?;
    let stop_ms = since.elapsed().as_secs_f64() * 1e3;
    println!("{}", json!({"seconds": seconds, "cpu_seconds": cpu / 1e6, "rss_mb": rss, "stop_ms": stop_ms}));
    // What comes after is of no interest, and the folder goes.
    std::process::exit(0)
}
