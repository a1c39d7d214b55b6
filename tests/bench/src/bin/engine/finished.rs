//! What an execution costs as finished ones pile up in the store: the same at a million as at a thousand, if it is right.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::{Config, Engine, Registry};
use serde::Serialize;
use serde_json::json;

use crate::{Folder, percentile, usage};

#[derive(clap::Args)]
pub struct Args {
    /// How many executions in the end
    #[arg(long, default_value_t = 1_000_000)]
    until: u64,
    /// How many at once
    #[arg(long, default_value_t = 50)]
    at_once: usize,
}

/// One decade's figures.
#[derive(Serialize)]
struct Decade {
    from: u64,
    to: u64,
    wall_us: f64,
    cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
    bytes: f64,
    rss_mb: f64,
    describe_ms: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub async fn run(args: &Args, data: &Path, json: bool) -> anyhow::Result<()> {
    let folder = Folder::new(data)?;
    let mut config = Config::new(&folder.0);
    config.registry =
        Registry::new().with(Functions::new().with("step", |payload, _| async move { Ok(payload) }));
    let engine = Engine::open(config)?;
    let definition = json!({"StartAt": "S", "States": {"S": {"Type": "Task", "End": true,
        "Resource": "arn:aws:lambda:us-east-1:000000000000:function:step"}}});
    let create = json!({"name": "bench", "definition": definition.to_string(),
                        "roleArn": "arn:aws:iam::000000000000:role/r"});
    let machine = engine.request("CreateStateMachine", &create).await?["stateMachineArn"].clone();
    let next = Arc::new(AtomicU64::new(0));
    let mut decades = Vec::new();
    if !json {
        println!(
            "| finished executions | µs each | CPU, µs | p50, ms | p99, ms | bytes written | RSS, MB | describe the first, ms |"
        );
        println!("|---|---|---|---|---|---|---|---|");
    }
    let (mut from, mut to) = (0, 1_000.min(args.until));
    loop {
        let pid = std::process::id();
        let (began, cpu, bytes) = (Instant::now(), usage::cpu_us(pid)?, usage::bytes_written(pid)?);
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..args.at_once {
            let (engine, machine, next) = (engine.clone(), machine.clone(), Arc::clone(&next));
            clients.spawn(async move {
                let mut times = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= to {
                        return anyhow::Ok(times);
                    }
                    let request = json!({"stateMachineArn": machine, "name": format!("e{number}"), "input": "{\"a\":1}"});
                    let since = Instant::now();
                    let ended = engine.run(&request).await?;
                    anyhow::ensure!(ended["status"] == "SUCCEEDED", "{ended}");
                    times.push(since.elapsed());
                }
            });
        }
        let mut times = Vec::new();
        while let Some(client) = clients.join_next().await {
            times.extend(client??);
        }
        let wall = began.elapsed();
        next.store(to, Ordering::Relaxed);
        times.sort_unstable();
        let count = (to - from) as f64;
        let (cpu, bytes) = (usage::cpu_us(pid)? - cpu, usage::bytes_written(pid)? - bytes);
        let since = Instant::now();
        let first = json!({"executionArn": "arn:aws:states:us-east-1:000000000000:execution:bench:e0"});
        engine.request("DescribeExecution", &first).await?;
        let decade = Decade {
            from,
            to,
            wall_us: wall.as_secs_f64() * 1e6 / count,
            cpu_us: cpu / count,
            p50_ms: percentile(&times, 50),
            p99_ms: percentile(&times, 99),
            bytes: bytes as f64 / count,
            rss_mb: usage::megabytes(pid)?.1,
            describe_ms: since.elapsed().as_secs_f64() * 1e3,
        };
        if !json {
            let Decade { wall_us, cpu_us, p50_ms, p99_ms, bytes, rss_mb, describe_ms, .. } = &decade;
            println!(
                "| {from} to {to} | {wall_us:.1} | {cpu_us:.1} | {p50_ms:.2} | {p99_ms:.2} | {bytes:.0} | {rss_mb:.1} | {describe_ms:.2} |"
            );
        }
        decades.push(decade);
        if to >= args.until {
            break;
        }
        (from, to) = (to, (to * 10).min(args.until));
    }
    if json {
        println!("{}", serde_json::to_string(&decades)?);
    }
    engine.close().await;
    Ok(())
}
