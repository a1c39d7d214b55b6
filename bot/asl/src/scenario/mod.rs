//! Scenarios: an input, what tasks answer, and what must come of it, in TOML; run in virtual time.
//!
//! ```
//! use deputy_asl::scenario::Scenario;
//! use deputy_asl::{ExecutionType, Program};
//!
//! let definition = r#"{"StartAt": "Deploy", "States": {
//!     "Deploy": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
//!         "Parameters": {"FunctionName": "f", "Payload": {"task": "deploy", "to.$": "$.to"}}, "OutputPath": "$.Payload",
//!         "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 60}], "Next": "Rest"},
//!     "Rest": {"Type": "Wait", "Seconds": 3600, "End": true}}}"#;
//! let program = Program::compile(definition, ExecutionType::Standard).unwrap();
//!
//! let scenario = Scenario::parse(r#"
//! input = { to = "staging" }
//!
//! [[tasks.deploy]]                  # the first call of the task `deploy`, or of a state of that name
//! error = "Busy"
//! after = "30s"
//!
//! [[tasks.deploy]]                  # the second call
//! sent = { Payload = { to = "staging" } }
//! payload = { url = "https://staging.example" }
//!
//! [expect]
//! status = "SUCCEEDED"
//! output = { url = "https://staging.example" }
//! states = ["Deploy", "Rest"]
//! took = "1h1m30s"
//! "#).unwrap();
//! let report = scenario.run(&program, ExecutionType::Standard);
//! assert!(report.passed(), "{:?}", report.failures);
//! ```
//!
//! # The file
//!
//! | field | meaning |
//! |---|---|
//! | `description` | what the scenario tells |
//! | `input` | the execution's input; `{}` by default |
//! | `now` | when it begins; `2026-01-01T00:00:00Z` by default |
//! | `execution`, `machine` | the names that the context object shows |
//! | `stop` | `{ after = "5m", error = "E", cause = "c" }`: somebody stops the execution |
//! | `redrive` | how many times the execution is redriven after it did not succeed |
//! | `[[tasks.NAME]]` | the answers to calls of NAME, in order: first call, second call, … |
//! | `[items]` | `NAME = […]`: the items that the `ItemReader` of the Map state NAME finds |
//! | `[expect]` | what must come of it |
//!
//! NAME is a state's name; or the `task` in what is sent (in `Payload`, for Lambda); or the name of the function that is
//! called. They are looked for in this order.
//!
//! **An answer** has
//!
//! | field | meaning |
//! |---|---|
//! | `output` | the task succeeds with this |
//! | `payload` | the task succeeds with what `lambda:invoke` wraps around this answer of a function |
//! | `error`, `cause` | the task fails with this |
//! | `never` | `true`: there is no answer, so that timeouts and heartbeats run out |
//! | `after` | how long the answer takes, in virtual time: `"90s"`, `"1h30m"`, `"250ms"`, or a number of seconds |
//! | `heartbeat` | so often the worker says that it lives, until it answers |
//! | `heartbeats` | how many times at most |
//! | `stage` | of an error, how far the task had come: `"schedule"`, `"start"`, `"submit"`; it ran otherwise |
//! | `submitted` | for `.sync` and `.waitForTaskToken`: what the service answers to the request itself; `{}` by default |
//! | `sent` | what the call must contain, members besides these allowed |
//! | `when` | the answer is for calls that contain this; others pass it by |
//! | `times` | to how many calls in a row it is given: 1 by default; `"any"` for as many as come, or none |
//!
//! For `.waitForTaskToken` and activities, answers and heartbeats come as somebody's who returns the token.
//! A call without an answer fails the scenario, and so does an answer that no call asked for.
//!
//! **`[expect]`** has
//!
//! | field | meaning |
//! |---|---|
//! | `status` | `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`; must be there |
//! | `output` | exactly this |
//! | `output_includes` | at least these members |
//! | `error`, `cause`, `cause_includes` | the execution's error and cause; a part of the cause |
//! | `states` | the states entered, in order; `"..."` stands for any number of states. Children of distributed maps do not count |
//! | `took` | how much virtual time passed |
//!
//! TOML knows no `null`, and some things are easier to paste: wherever a document stands, `{ "$json" = '…' }` is the JSON
//! in the text.

mod compare;
mod play;
mod read;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::event::FailureStage;
use crate::history::HistoryEvent;
use crate::program::{ExecutionType, Program};
use crate::time::Timestamp;

/// A scenario, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What it tells.
    pub description: Option<String>,
    input: Value,
    now: Timestamp,
    execution: String,
    machine: String,
    stop: Option<Stop>,
    redrive: u32,
    tasks: BTreeMap<String, Vec<Answer>>,
    items: BTreeMap<String, Vec<Value>>,
    expect: Expectation,
}

/// Somebody stops the execution.
#[derive(Debug, Clone, PartialEq)]
struct Stop {
    after: Duration,
    error: Option<Arc<str>>,
    cause: Option<Arc<str>>,
}

/// What a task answers.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    says: Says,
    after: Duration,
    heartbeat: Option<(Duration, Option<u32>)>,
    submitted: Value,
    sent: Option<Value>,
    when: Option<Value>,
    /// `None`: any number of times.
    times: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
enum Says {
    Output(Value),
    Payload(Value),
    Fails { error: Option<Arc<str>>, cause: Option<Arc<str>>, stage: FailureStage },
    Never,
}

/// What must come of it.
#[derive(Debug, Clone, PartialEq)]
struct Expectation {
    status: String,
    output: Option<Value>,
    output_includes: Option<Value>,
    error: Option<String>,
    cause: Option<String>,
    cause_includes: Option<String>,
    states: Option<Vec<String>>,
    took: Option<Duration>,
}

/// Why a scenario cannot be used: what is wrong where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScenarioError(String);

/// What came of a scenario.
#[derive(Debug)]
pub struct Report {
    /// What is not as it must be. Empty: passed.
    pub failures: Vec<Failure>,
    /// As `DescribeExecution` would say: `SUCCEEDED`, …, or `RUNNING` if the execution could not end.
    pub status: &'static str,
    /// The output, if it succeeded.
    pub output: Option<Value>,
    /// The error, if it did not.
    pub error: Option<Arc<str>>,
    /// The cause.
    pub cause: Option<Arc<str>>,
    /// The states entered, in order.
    pub states: Vec<Arc<str>>,
    /// How much virtual time passed.
    pub took: Duration,
    /// The history, with times.
    pub history: Vec<(Timestamp, HistoryEvent)>,
}

impl Report {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What it is about.
    pub about: About,
    /// What was expected and what came, on one line or more.
    pub message: String,
}

/// What a failure is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum About {
    /// The execution's status.
    Status,
    /// Its output.
    Output,
    /// Its error or cause.
    Error,
    /// The order of states.
    States,
    /// The time that passed.
    Took,
    /// What a task was sent.
    Sent,
    /// A call that the scenario has no answer for.
    Unanswered,
    /// An answer that no call asked for.
    Unused,
    /// The execution waits for something that will never happen.
    Stuck,
    /// The execution does not end.
    Endless,
    /// A redrive that is not possible.
    Redrive,
}

impl Scenario {
    /// Reads a scenario's TOML.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        read::parse(text)
    }

    /// The same with another input.
    #[must_use]
    pub fn with_input(self, input: Value) -> Self {
        Self { input, ..self }
    }

    /// Runs it, as an execution of the type that the definition was parsed for.
    pub fn run(&self, program: &Arc<Program>, kind: ExecutionType) -> Report {
        play::run(self, program, kind)
    }
}
