//! Running a scenario: its answers in place of the world, then the comparison.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{About, Answer, Failure, Report, Says, Scenario, compare};
use crate::context::ExecutionInfo;
use crate::effect::{MapRunRequest, Outcome, ReaderRequest, TaskRequest};
use crate::event::{EventKind, FailureStage};
use crate::history::{Details, ErrorDetails};
use crate::payload::Payload;
use crate::program::{ExecutionType, Integration, Pattern, Program};
use crate::simulate::{Ending, Simulation, World};
use crate::time::Timestamp;

/// How much of a document a message shows.
const SHOWN: usize = 400;
const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";

pub(super) fn run(scenario: &Scenario, program: &Arc<Program>, kind: ExecutionType) -> Report {
    let mut simulation = Simulation::new(Arc::clone(program), info(scenario, kind), scenario.now);
    if let Some(stop) = &scenario.stop {
        simulation.stop_after(stop.after, stop.error.clone(), stop.cause.clone());
    }
    let mut script = Script::new(scenario);
    let mut ending = simulation.run(&mut script);
    let mut failures = Vec::new();
    for number in 1..=scenario.redrive {
        if ending != Ending::Over {
            break;
        }
        if !simulation.redrive() {
            let message = format!("redrive {number} is not possible: {}", why_not(&simulation, kind));
            failures.push(Failure { about: About::Redrive, message });
            break;
        }
        ending = simulation.run(&mut script);
    }
    let report = report(&simulation);
    failures.append(&mut script.failures);
    match ending {
        Ending::Over => {
            compare::all(&scenario.expect, &report, &mut failures);
            failures.extend(script.unused());
        }
        Ending::Stuck => {
            let states = simulation.waiting();
            let names: Vec<&str> = states.iter().map(AsRef::as_ref).collect();
            let message = format!(
                "the execution waits for ever for {}: give an answer that comes, a TimeoutSeconds or a stop",
                names.join(", ")
            );
            failures.push(Failure { about: About::Stuck, message });
        }
        Ending::Endless => {
            let message = "the execution does not end: two million events, and no end in sight".to_owned();
            failures.push(Failure { about: About::Endless, message });
        }
        // Whatever ended it has said why.
        Ending::Abandoned => {}
    }
    Report { failures, ..report }
}

fn info(scenario: &Scenario, kind: ExecutionType) -> ExecutionInfo {
    let Scenario { machine, execution, .. } = scenario;
    let (word, tail) = match kind {
        ExecutionType::Standard => ("execution", String::new()),
        ExecutionType::Express => ("express", ":00000000-0000-4000-8000-000000000000".to_owned()),
    };
    ExecutionInfo {
        id: format!("arn:aws:states:{REGION}:{ACCOUNT}:{word}:{machine}:{execution}{tail}").into(),
        name: execution.as_str().into(),
        state_machine_id: format!("arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{machine}").into(),
        state_machine_name: machine.as_str().into(),
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/{machine}").into(),
        region: REGION.into(),
        account: ACCOUNT.into(),
        execution_type: kind,
        input: Payload::from(scenario.input.clone()),
        item: None,
    }
}

fn why_not(simulation: &Simulation, kind: ExecutionType) -> String {
    match simulation.outcome() {
        Some(Outcome::Succeeded { .. }) => "the execution succeeded".into(),
        _ if kind == ExecutionType::Express => "Express executions cannot be redriven".into(),
        _ => "nothing is left to go on with".into(),
    }
}

fn report(simulation: &Simulation) -> Report {
    let outcome = simulation.outcome();
    let (status, output, error, cause) = match outcome {
        None => ("RUNNING", None, None, None),
        Some(Outcome::Succeeded { output }) => ("SUCCEEDED", Some(output.into_value()), None, None),
        Some(Outcome::Failed { error, cause }) => ("FAILED", None, error, cause),
        Some(Outcome::TimedOut { error, cause }) => ("TIMED_OUT", None, error, cause),
        Some(Outcome::Aborted { error, cause }) => ("ABORTED", None, error, cause),
    };
    let states = simulation.history().iter().filter_map(|(_, event)| match &event.details {
        Details::StateEntered { name, .. } => Some(Arc::clone(name)),
        _ => None,
    });
    Report {
        failures: Vec::new(),
        status,
        output,
        error,
        cause,
        states: states.collect(),
        took: simulation.elapsed(),
        history: simulation.history().to_vec(),
    }
}

/// The scenario's answers while they are given.
struct Script<'s> {
    scenario: &'s Scenario,
    /// How often each answer was given.
    given: BTreeMap<&'s str, Vec<u32>>,
    /// How often each state was called.
    called: BTreeMap<Arc<str>, u32>,
    failures: Vec<Failure>,
}

impl<'s> Script<'s> {
    fn new(scenario: &'s Scenario) -> Self {
        let given = scenario.tasks.iter().map(|(name, answers)| (name.as_str(), vec![0; answers.len()]));
        Self { scenario, given: given.collect(), called: BTreeMap::new(), failures: Vec::new() }
    }

    /// The answer to a call, if there is one left.
    fn next(&mut self, names: &[&str], sent: &Value) -> Option<&'s Answer> {
        let scenario = self.scenario;
        let (name, answers) = names.iter().find_map(|name| scenario.tasks.get_key_value(*name))?;
        let given = self.given.get_mut(name.as_str())?;
        let (answer, given) = answers.iter().zip(given).find(|(answer, given)| {
            answer.times.is_none_or(|times| **given < times)
                && answer.when.as_ref().is_none_or(|when| compare::includes(when, sent))
        })?;
        *given += 1;
        Some(answer)
    }

    fn unused(&self) -> Vec<Failure> {
        let mut failures = Vec::new();
        for (name, answers) in &self.scenario.tasks {
            for (index, answer) in answers.iter().enumerate() {
                let Some(times) = answer.times else { continue };
                let given =
                    self.given.get(name.as_str()).and_then(|given| given.get(index)).copied().unwrap_or(0);
                if given < times {
                    let message = if given == 0 {
                        format!("no call asked for answer {} of tasks.{name}", index + 1)
                    } else {
                        format!(
                            "answer {} of tasks.{name} was asked for {given} times, not {times}",
                            index + 1
                        )
                    };
                    failures.push(Failure { about: About::Unused, message });
                }
            }
        }
        failures
    }
}

impl World for Script<'_> {
    fn task(&mut self, request: &TaskRequest, _: Timestamp) -> Option<Vec<(Duration, EventKind)>> {
        let sent = request.parameters.value();
        let number = {
            let called = self.called.entry(Arc::clone(&request.state)).or_default();
            *called += 1;
            *called
        };
        let names = names(request);
        let Some(answer) = self.next(&names, sent) else {
            let known = names.iter().any(|name| self.scenario.tasks.contains_key(*name));
            let more = if known { "no answer that is left" } else { "no answer" };
            let entry = key(names.get(1).copied().unwrap_or(&request.state));
            let message = format!(
                "call {number} of {} finds {more}: add [[tasks.{entry}]]\nit was sent {}",
                request.state,
                shortened(sent)
            );
            self.failures.push(Failure { about: About::Unanswered, message });
            return None;
        };
        if let Some(expected) = &answer.sent {
            for difference in compare::missing(expected, sent) {
                let message =
                    format!("call {number} of {} was sent something else: {difference}", request.state);
                self.failures.push(Failure { about: About::Sent, message });
            }
        }
        Some(reports(answer, request))
    }

    fn items(
        &mut self,
        request: &MapRunRequest,
        reader: &ReaderRequest,
    ) -> Option<Result<Vec<Value>, ErrorDetails>> {
        if let Some(items) = self.scenario.items.get(request.state.as_ref()) {
            return Some(Ok(items.clone()));
        }
        let message = format!(
            "{} reads its items from {} with {}: say what it finds, in [items] as {} = […]",
            request.state,
            reader.resource,
            shortened(reader.parameters.value()),
            key(&request.state)
        );
        self.failures.push(Failure { about: About::Unanswered, message });
        None
    }
}

/// The names by which a scenario may know a call: state, task, function.
fn names(request: &TaskRequest) -> Vec<&str> {
    let sent = request.parameters.value();
    let mut names: Vec<&str> = vec![&request.state];
    let payload =
        if request.integration == Integration::LambdaFunction { Some(sent) } else { sent.get("Payload") };
    names.extend(payload.and_then(|payload| payload.get("task")).and_then(Value::as_str));
    names.extend(sent.get("task").and_then(Value::as_str));
    let function = match request.integration {
        Integration::LambdaFunction | Integration::Activity => Some(request.resource.as_ref()),
        Integration::Service { .. } => sent.get("FunctionName").and_then(Value::as_str),
    };
    names.extend(function.map(function_name));
    names.dedup();
    names
}

/// The name in a function's or activity's ARN.
fn function_name(function: &str) -> &str {
    let after = [":function:", ":activity:"].iter().find_map(|mark| function.split_once(mark));
    let rest = after.map_or(function, |(_, rest)| rest);
    rest.split(':').next().unwrap_or(rest)
}

/// A name as a TOML key.
fn key(name: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { format!("{name:?}") }
}

/// What an answer means for the execution, and when.
fn reports(answer: &Answer, request: &TaskRequest) -> Vec<(Duration, EventKind)> {
    let task = request.task;
    let pattern = match &request.integration {
        Integration::Service { pattern, .. } => *pattern,
        _ => Pattern::RequestResponse,
    };
    let stage = match &answer.says {
        Says::Fails { stage, .. } => *stage,
        _ => FailureStage::Run,
    };
    let mut reports = Vec::new();
    if !matches!(stage, FailureStage::Schedule | FailureStage::Start) {
        reports.push((Duration::ZERO, EventKind::TaskStarted { task, worker: None }));
    }
    if pattern != Pattern::RequestResponse && stage == FailureStage::Run {
        let output = Payload::from(answer.submitted.clone());
        reports.push((Duration::ZERO, EventKind::TaskSubmitted { task, output }));
    }
    if let Some((every, at_most)) = answer.heartbeat {
        let mut at = every;
        let mut beaten = 0;
        let never = matches!(answer.says, Says::Never);
        // As many as fit, but no more than anybody would wait for.
        while (never || at < answer.after) && beaten < at_most.unwrap_or(100_000) {
            reports.push((at, EventKind::TaskHeartbeat { task }));
            at += every;
            beaten += 1;
        }
    }
    let end = match &answer.says {
        Says::Never => return reports,
        Says::Output(output) => EventKind::TaskSucceeded { task, output: Payload::from(output.clone()) },
        Says::Payload(payload) => {
            let wrapped = json!({"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200});
            // A function that is called by its own ARN answers unwrapped, and so does whoever returns a token.
            let plain =
                request.integration == Integration::LambdaFunction || pattern != Pattern::RequestResponse;
            let output = Payload::from(if plain { payload.clone() } else { wrapped });
            EventKind::TaskSucceeded { task, output }
        }
        Says::Fails { error, cause, stage } => {
            EventKind::TaskFailed { task, stage: *stage, error: error.clone(), cause: cause.clone() }
        }
    };
    reports.push((answer.after, end));
    reports
}

/// A document on one line, cut where it grows long.
pub(super) fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
