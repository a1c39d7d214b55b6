//! Waiting executions: starts N that wait for a day, is killed, and measures how long opening again takes and what
//! memory it needs.
//!
//! `cargo run --release -p deputy-stepfunctions --example resume -- [EXECUTIONS]`
#![allow(clippy::print_stdout)]

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use deputy_stepfunctions::{Config, Engine};
use serde_json::json;
use tokio::sync::Semaphore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [role, data, count] if role == "start" => start(data, count.parse()?).await,
        [role, data] if role == "open" => open(data).await,
        rest => {
            let count = rest.first().map_or("100000", String::as_str);
            let data = tempfile::tempdir()?;
            let this = std::env::current_exe()?;
            // It ends as by `kill -9`: nothing is put in order.
            Command::new(&this).arg("start").arg(data.path()).arg(count).status()?;
            Command::new(&this).arg("open").arg(data.path()).status()?;
            Ok(())
        }
    }
}

async fn start(data: &str, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::open(Config::new(data))?;
    let definition =
        json!({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 86400, "End": true}}});
    let create = json!({"name": "wait", "definition": definition.to_string(), "roleArn": "arn:aws:iam::000000000000:role/r"});
    let machine = engine.request("CreateStateMachine", &create).await?["stateMachineArn"].clone();
    let began = Instant::now();
    let permits = Arc::new(Semaphore::new(500));
    let mut starting = tokio::task::JoinSet::new();
    for number in 0..count {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let (engine, machine) = (engine.clone(), machine.clone());
        starting.spawn(async move {
            let request = json!({"stateMachineArn": machine, "input": json!({"number": number}).to_string()});
            let started = engine.request("StartExecution", &request).await;
            drop(permit);
            started
        });
    }
    while let Some(started) = starting.join_next().await {
        started??;
    }
    println!("{count} started in {:.1} s, {} MB while they wait", began.elapsed().as_secs_f64(), resident());
    std::process::abort();
}

async fn open(data: &str) -> Result<(), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let engine = Engine::open(Config::new(data))?;
    println!("open again after {:.2} s, {} MB", began.elapsed().as_secs_f64(), resident());
    engine.close().await;
    Ok(())
}

/// Resident memory in MB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}
