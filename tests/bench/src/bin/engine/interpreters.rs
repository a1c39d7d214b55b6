//! Other interpreters of the language over the same API: moto's and LocalStack's, from PyPI, in pinned versions.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use deputy_stepfunctions::{Config, ServerConfig};
use serde_json::{Value, json};

use crate::client::Client;
use crate::process::{Server, free_addr};
use crate::{Folder, again};

const MOTO: &str = "moto[server,stepfunctions]==5.2.5";
const LOCALSTACK: &str = "localstack-core[runtime]==4.14.0";

#[derive(clap::Args)]
pub struct Args {
    /// A corpus of cases, one JSON object a line; those that need no service are run. Without it: seven machines of our own
    #[arg(long)]
    cases: Option<PathBuf>,
    /// How many executions of ours
    #[arg(long, default_value_t = 5_000)]
    executions: usize,
    /// How many of each peer's
    #[arg(long, default_value_t = 100)]
    peer_executions: usize,
    /// How many at once
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// Leave the peers out
    #[arg(long)]
    no_peer: bool,
}

/// A machine and its input.
struct Case {
    definition: Value,
    input: Value,
}

pub async fn run(args: &Args, data: &Path, json: bool) -> anyhow::Result<()> {
    let cases = match &args.cases {
        Some(path) => read_cases(path)?,
        None => own_cases(),
    };
    let mut results: Vec<(&str, Result<Speed, String>)> = Vec::new();
    let folder = Folder::new(data)?;
    let address = free_addr()?;
    let deputy = Server::start(again(&folder.0, &["serve", &address.port().to_string()])?, address)?;
    let client = Client::new(format!("http://{address}"));
    results.push(("Deputy", Ok(measure(&client, &cases, args.executions, args.at_once).await?)));
    drop(deputy);
    if !args.no_peer {
        for (name, start) in [("moto", moto as fn() -> _), ("LocalStack", localstack)] {
            let speed = peer(start, &cases, args).await.map_err(|error| format!("{error:#}"));
            results.push((name, speed));
        }
    }
    if json {
        let shown: Vec<Value> = results
            .iter()
            .map(|(name, speed)| match speed {
                Ok(speed) => {
                    json!({"name": name, "executions_per_second": speed.rate, "cpu_ms": speed.cpu_ms})
                }
                Err(error) => json!({"name": name, "error": error}),
            })
            .collect();
        println!("{}", json!(shown));
        return Ok(());
    }
    let ours = results.first().and_then(|(_, speed)| speed.as_ref().ok()).map_or(f64::NAN, |it| it.rate);
    println!(
        "| {} machines, {} at once | executions/s | Deputy by it | to reach |",
        cases.len(),
        args.at_once
    );
    println!("|---|---|---|---|");
    for (name, speed) in &results {
        match speed {
            Ok(speed) => {
                println!("| {name} | {:.1} | {:.1} | {} |", speed.rate, ours / speed.rate, goal(name));
            }
            Err(error) => println!("| {name} | could not be measured: {error} | | {} |", goal(name)),
        }
    }
    Ok(())
}

fn goal(name: &str) -> &'static str {
    if name == "Deputy" { "" } else { "≥ 100" }
}

/// Deputy's server, in a process of its own.
pub async fn serve(port: u16, data: &Path) -> anyhow::Result<()> {
    let settings = ServerConfig { listen: ([127, 0, 0, 1], port).into(), ..ServerConfig::default() };
    Ok(deputy_stepfunctions::serve(Config::new(data), settings, std::future::pending()).await?)
}

struct Speed {
    rate: f64,
    cpu_ms: f64,
}

/// What a peer is started with.
type Start = fn() -> anyhow::Result<(Server, Client)>;

async fn peer(start: Start, cases: &[Case], args: &Args) -> anyhow::Result<Speed> {
    let (server, client) = start()?;
    // moto answers executions without running them unless told otherwise; LocalStack has no such page and no such need.
    let settings = json!({"stepfunctions": {"execute_state_machine": true}});
    let _ = client.post("/moto-api/config", &[("content-type", "application/json")], &settings).await;
    let speed = measure(&client, cases, args.peer_executions, args.at_once).await;
    drop(server);
    speed
}

/// Creates the machines, then runs them in turns: start, and describe until it is over.
async fn measure(
    client: &Client,
    cases: &[Case],
    executions: usize,
    at_once: usize,
) -> anyhow::Result<Speed> {
    let mut requests = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let create = json!({
            "name": format!("bench{number}"),
            "definition": case.definition.to_string(),
            "roleArn": "arn:aws:iam::000000000000:role/r",
        });
        let created = client.call("CreateStateMachine", &create).await?;
        requests
            .push(json!({"stateMachineArn": created["stateMachineArn"], "input": case.input.to_string()}));
    }
    let requests = Arc::new(requests);
    // Each of them once, to be warm.
    run_all(client, &requests, requests.len(), at_once).await?;
    let began = Instant::now();
    run_all(client, &requests, executions, at_once).await?;
    let seconds = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let executions = executions as f64;
    Ok(Speed { rate: executions / seconds, cpu_ms: seconds * 1e3 / executions })
}

async fn run_all(
    client: &Client,
    requests: &Arc<Vec<Value>>,
    executions: usize,
    at_once: usize,
) -> anyhow::Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let began = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (client, requests, next) = (client.clone(), Arc::clone(requests), Arc::clone(&next));
        clients.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= executions {
                    return anyhow::Ok(());
                }
                // moto takes all executions without a name for one.
                let mut request = requests[number % requests.len()].clone();
                request["name"] = format!("{began}-{number}").into();
                run_one(&client, &request).await?;
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done??;
    }
    Ok(())
}

async fn run_one(client: &Client, request: &Value) -> anyhow::Result<()> {
    let started = client.call("StartExecution", request).await?;
    let describe = json!({"executionArn": started["executionArn"]});
    let since = Instant::now();
    loop {
        let described = client.call("DescribeExecution", &describe).await?;
        if described["status"] != "RUNNING" {
            return Ok(());
        }
        if since.elapsed() > Duration::from_mins(1) {
            bail!("an execution still runs after a minute: {request}");
        }
    }
}

/// A virtual environment with one requirement, beside the sources, where git does not look.
fn environment(name: &str, requirement: &str) -> anyhow::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer-python").join(name);
    if !folder.join("installed").exists() {
        eprintln!("fetching {requirement} with pip …");
        let run = |command: &mut Command| -> anyhow::Result<()> {
            let done = command.stdout(Stdio::null()).status().context("the peer needs Python 3 with pip")?;
            if !done.success() {
                bail!("{command:?} failed");
            }
            Ok(())
        };
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", requirement]))?;
        std::fs::write(folder.join("installed"), requirement)?;
    }
    Ok(folder.join("bin"))
}

fn moto() -> anyhow::Result<(Server, Client)> {
    let programs = environment("moto", MOTO)?;
    let address = free_addr()?;
    let mut command = Command::new(programs.join("moto_server"));
    command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]).stderr(Stdio::null());
    Ok((Server::start(command, address)?, Client::new(format!("http://{address}"))))
}

fn localstack() -> anyhow::Result<(Server, Client)> {
    let programs = environment("localstack", LOCALSTACK)?;
    let address = free_addr()?;
    let mut command = Command::new(programs.join("python"));
    command
        .args(["-m", "localstack.runtime.main"])
        .env("GATEWAY_LISTEN", address.to_string())
        .env("SERVICES", "stepfunctions,sts,iam")
        .env("DISABLE_EVENTS", "1")
        .env("SKIP_SSL_CERT_DOWNLOAD", "1")
        .env("PATH", format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default()))
        .stderr(Stdio::null());
    Ok((Server::start(command, address)?, Client::new(format!("http://{address}"))))
}

/// The executions of a corpus that need no service and end by themselves at once.
fn read_cases(path: &Path) -> anyhow::Result<Vec<Case>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut cases = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line)?;
        let plain = case["tier"] == "A" && case["kind"] == "execution" && case["type"] == "STANDARD";
        let waits = case["definition"].to_string().contains("\"Wait\"");
        if plain && !waits && case["expect"]["status"] == "SUCCEEDED" {
            cases.push(Case { definition: case["definition"].clone(), input: case["input"].clone() });
        }
    }
    if cases.is_empty() {
        bail!("{} has no case that fits", path.display());
    }
    Ok(cases)
}

/// A little of everything that needs no service.
fn own_cases() -> Vec<Case> {
    let pass = |next: &str| json!({"Type": "Pass", "Next": next});
    let definitions = [
        json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"a": 1}, "End": true}}}),
        json!({"StartAt": "A", "States": {"A": pass("B"), "B": pass("C"), "C": {"Type": "Succeed"}}}),
        json!({"StartAt": "A", "States": {
            "A": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 3, "Next": "B"}], "Default": "C"},
            "B": {"Type": "Succeed"}, "C": {"Type": "Fail", "Error": "Small"}}}),
        json!({"StartAt": "A", "States": {"A": {"Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "L", "States": {"L": {"Type": "Pass", "End": true}}},
            {"StartAt": "R", "States": {"R": {"Type": "Pass", "End": true}}}]}}}),
        json!({"StartAt": "A", "States": {"A": {"Type": "Map", "ItemsPath": "$.items", "End": true,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": true}}}}}}),
        json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true,
            "Parameters": {"sum.$": "States.MathAdd($.n, 1)", "text.$": "States.Format('{} of {}', $.n, $.name)"}}}}),
        json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true,
            "Output": {"sum": "{% $sum($states.input.items) %}", "name": "{% $uppercase($states.input.name) %}"}}}}),
    ];
    let input = json!({"n": 7, "name": "bench", "items": [1, 2, 3]});
    definitions.into_iter().map(|definition| Case { definition, input: input.clone() }).collect()
}
