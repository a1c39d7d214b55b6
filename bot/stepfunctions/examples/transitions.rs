//! Pure transitions per second: a loop of Choice and Pass, which never waits and so never commits on its own.
//!
//! `cargo run --release -p deputy-stepfunctions --example transitions -- [EXECUTIONS] [LOOPS]`
#![allow(clippy::print_stdout)]

use std::time::Instant;

use deputy_stepfunctions::{Config, Engine};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let executions: u32 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(20);
    let loops: u32 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5_000);
    let definition = json!({"StartAt": "Count", "States": {
        "Count": {
            "Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, 1)"},
            "Next": "Enough",
        },
        "Enough": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericLessThan": loops, "Next": "Count"}],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
    }});
    let data = tempfile::tempdir()?;
    let engine = Engine::open(Config::new(data.path()))?;
    let create = json!({"name": "loop", "definition": definition.to_string(), "roleArn": "arn:aws:iam::000000000000:role/r"});
    let machine = engine.request("CreateStateMachine", &create).await?["stateMachineArn"].clone();
    let began = Instant::now();
    for _ in 0..executions {
        let ended = engine.run(&json!({"stateMachineArn": machine, "input": "{\"n\":0}"})).await?;
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    }
    let transitions = f64::from(executions) * f64::from(loops) * 2.0;
    println!("{:.0} transitions/s", transitions / began.elapsed().as_secs_f64());
    engine.close().await;
    Ok(())
}
