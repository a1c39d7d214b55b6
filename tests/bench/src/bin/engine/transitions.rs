//! Pure transitions: a loop of Choice and Pass, which never waits and so never commits on its own.

use std::path::Path;
use std::time::Instant;

use deputy_stepfunctions::{Config, Engine};
use serde_json::json;

use crate::Folder;

#[derive(clap::Args)]
pub struct Args {
    /// How many executions, one after the other
    #[arg(long, default_value_t = 20)]
    executions: u32,
    /// How many times each goes round; a Standard execution may have 25,000 events
    #[arg(long, default_value_t = 5_000)]
    loops: u32,
}

pub async fn run(args: &Args, data: &Path, json: bool) -> anyhow::Result<()> {
    let folder = Folder::new(data)?;
    let definition = json!({"StartAt": "Count", "States": {
        "Count": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough"},
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": args.loops, "Next": "Count"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
    }});
    let engine = Engine::open(Config::new(&folder.0))?;
    let create = json!({"name": "loop", "definition": definition.to_string(),
                        "roleArn": "arn:aws:iam::000000000000:role/r"});
    let machine = engine.request("CreateStateMachine", &create).await?["stateMachineArn"].clone();
    let start = json!({"stateMachineArn": machine, "input": "{\"n\":0}"});
    let pid = std::process::id();
    let (began, cpu) = (Instant::now(), crate::usage::cpu_us(pid)?);
    for _ in 0..args.executions {
        let ended = engine.run(&start).await?;
        anyhow::ensure!(ended["status"] == "SUCCEEDED", "{ended}");
    }
    let transitions = f64::from(args.executions) * f64::from(args.loops) * 2.0;
    let (wall, cpu) = (began.elapsed(), crate::usage::cpu_us(pid)? - cpu);
    engine.close().await;
    if json {
        let rate = transitions / wall.as_secs_f64();
        println!("{}", json!({"transitions_per_second": rate, "cpu_us": cpu / transitions}));
    } else {
        let rate = transitions / wall.as_secs_f64();
        println!("{rate:.0} transitions/s, {:.2} µs CPU each", cpu / transitions);
    }
    Ok(())
}
