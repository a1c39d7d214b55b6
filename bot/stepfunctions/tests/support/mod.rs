//! An engine in a folder of its own, and the calls that most tests make.
#![allow(dead_code)] // Each test binary uses a part of it.

use std::sync::Arc;
use std::time::Duration;

use deputy_asl::Timestamp;
use deputy_stepfunctions::{ApiError, Config, Engine, Registry, VirtualClock};
use serde_json::{Value, json};

pub const ROLE: &str = "arn:aws:iam::000000000000:role/r";

/// An engine whose clock the test drives.
pub struct Bench {
    pub engine: Engine,
    pub clock: Arc<VirtualClock>,
    pub folder: Arc<tempfile::TempDir>,
    registry: Registry,
    memory: usize,
}

impl Bench {
    pub fn new(registry: Registry) -> Self {
        Self::sized(registry, 10_000)
    }

    /// With room for so many executions in memory.
    pub fn sized(registry: Registry, memory: usize) -> Self {
        let clock = Arc::new(VirtualClock::new(Timestamp::parse("2026-01-01T00:00:00Z").unwrap()));
        Self::open(registry, memory, clock, Arc::new(tempfile::tempdir().unwrap()))
    }

    fn open(
        registry: Registry,
        memory: usize,
        clock: Arc<VirtualClock>,
        folder: Arc<tempfile::TempDir>,
    ) -> Self {
        let mut config = Config::new(folder.path());
        config.registry = registry.clone();
        config.clock = Arc::clone(&clock) as Arc<dyn deputy_stepfunctions::Clock>;
        config.executions_in_memory = memory;
        let engine = Engine::open(config).unwrap();
        Self { engine, clock, folder, registry, memory }
    }

    /// Closes the engine and opens the folder again.
    pub async fn reopen(self) -> Self {
        self.engine.close().await;
        let Self { engine, clock, folder, registry, memory } = self;
        drop(engine);
        Self::open(registry, memory, clock, folder)
    }

    pub async fn ask(&self, operation: &str, request: Value) -> Value {
        self.try_ask(operation, request).await.unwrap()
    }

    pub async fn try_ask(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        self.engine.request(operation, &request).await
    }

    pub async fn machine(&self, name: &str, definition: &Value) -> String {
        let create = json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE});
        text(&self.ask("CreateStateMachine", create).await["stateMachineArn"])
    }

    pub async fn express(&self, name: &str, definition: &Value) -> String {
        let create =
            json!({"name": name, "definition": definition.to_string(), "roleArn": ROLE, "type": "EXPRESS"});
        text(&self.ask("CreateStateMachine", create).await["stateMachineArn"])
    }

    pub async fn start(&self, machine: &str, name: &str, input: &Value) -> String {
        let start = json!({"stateMachineArn": machine, "name": name, "input": input.to_string()});
        text(&self.ask("StartExecution", start).await["executionArn"])
    }

    pub async fn status(&self, execution: &str) -> String {
        text(&self.ask("DescribeExecution", json!({"executionArn": execution})).await["status"])
    }

    /// The types of all events, in order.
    pub async fn history(&self, execution: &str) -> Vec<String> {
        let request = json!({"executionArn": execution, "maxResults": 1000});
        let events = self.ask("GetExecutionHistory", request).await;
        events["events"].as_array().unwrap().iter().map(|event| text(&event["type"])).collect()
    }

    pub fn pass_time(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.engine.tick();
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A machine of one state.
pub fn single(state: &Value) -> Value {
    let mut state = state.clone();
    if state["Type"] != "Succeed" && state["Type"] != "Fail" {
        state["End"] = true.into();
    }
    json!({"StartAt": "S", "States": {"S": state}})
}
