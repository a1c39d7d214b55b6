//! Durable throughput: N executions, K at once, of a machine with ten Task states that are answered in this process.
//!
//! `cargo run --release -p deputy-stepfunctions --example steps -- [EXECUTIONS] [AT_ONCE]`
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deputy_stepfunctions::tasks::functions::Functions;
use deputy_stepfunctions::{Boundary, Config, Disk, DiskFault, Engine, Registry};
use serde_json::{Value, json};

const STATES: usize = 10;

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
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "step", "Payload": {"step": number}},
                "ResultPath": "$.last",
                "ResultSelector": {"step.$": "$.Payload.step"},
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

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let executions: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let at_once: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(50);
    let data = tempfile::tempdir()?;
    let commits = Arc::new(Commits::default());
    let mut config = Config::new(data.path());
    config.registry =
        Registry::new().with(Functions::new().with("step", |payload, _| async move { Ok(payload) }));
    config.disk = Some(Arc::clone(&commits) as Arc<dyn Disk>);
    let engine = Engine::open(config)?;
    let create =
        json!({"name": "bench", "definition": definition(), "roleArn": "arn:aws:iam::000000000000:role/r"});
    let machine = engine.request("CreateStateMachine", &create).await?["stateMachineArn"].clone();

    let left = Arc::new(AtomicU64::new(executions as u64));
    let began = Instant::now();
    let clients: Vec<_> = (0..at_once)
        .map(|_| {
            let (engine, left, machine) = (engine.clone(), Arc::clone(&left), machine.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                let request = json!({"stateMachineArn": machine, "input": "{\"a\":1}"});
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    let since = Instant::now();
                    let ended = engine.run(&request).await.expect("the execution starts");
                    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
                    times.push(since.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times: Vec<Duration> = Vec::new();
    for client in clients {
        times.extend(client.await?);
    }
    let took = began.elapsed();
    times.sort_unstable();
    let percentile = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    let steps = (executions * STATES) as f64 / took.as_secs_f64();
    let commits = commits.0.load(Ordering::Relaxed);
    engine.close().await;
    let bytes: u64 = std::fs::read_dir(data.path())?
        .flatten()
        .filter_map(|it| it.metadata().ok())
        .map(|it| it.len())
        .sum();
    println!(
        "{executions} executions, {at_once} at once: {steps:.0} steps/s, p50 {:.1} ms, p99 {:.1} ms, {commits} commits, \
         {} bytes on disk per execution",
        percentile(50).as_secs_f64() * 1e3,
        percentile(99).as_secs_f64() * 1e3,
        bytes / executions as u64,
    );
    Ok(())
}
