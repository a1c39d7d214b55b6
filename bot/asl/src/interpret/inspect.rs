//! One state by itself, with a mocked result: what `TestState` answers, and every stage that its data went through.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Failure, Flow, Machine};
use crate::context::ExecutionInfo;
use crate::effect::{Effect, MapRunRequest, TaskRequest};
use crate::entropy::Derived;
use crate::event::{FailureStage, Seed};
use crate::execution::{Execution, Phase, Status, Strand, Variables};
use crate::history::ErrorDetails;
use crate::payload::Payload;
use crate::program::{Kind, Program, StateDefinition, StateId, WorkflowId};
use crate::time::Timestamp;

/// The state to try and what it meets.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The workflow of the state.
    pub workflow: WorkflowId,
    /// The state.
    pub state: StateId,
    /// Who the execution would be; its input is the state's.
    pub info: ExecutionInfo,
    /// A context object instead of the one that `info` makes.
    pub context: Option<Payload>,
    /// Workflow variables.
    pub variables: serde_json::Map<String, serde_json::Value>,
    /// What the task, branches or iterations come to. Without it, a state that needs others is [`Verdict::Pending`].
    pub mock: Option<Mock>,
    /// How many times each retrier has been used before.
    pub retry_count: u32,
    /// How many iterations of a Map state are to count as failed, besides what the mock says.
    pub failed_iterations: u64,
    /// The time.
    pub at: Timestamp,
    /// For UUIDs, random numbers and tokens.
    pub seed: Seed,
}

/// What stands in for a task, branches or iterations.
#[derive(Debug, Clone, PartialEq)]
pub enum Mock {
    /// This result.
    Result(Payload),
    /// This error.
    Error(ErrorDetails),
}

/// What became of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Its end.
    pub verdict: Verdict,
    /// The stages of its data.
    pub trace: Trace,
}

/// How a state ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It would go on.
    Succeeded {
        /// Its output.
        output: Payload,
        /// The state that follows.
        next: Option<Arc<str>>,
    },
    /// Its error would go up.
    Failed(ErrorDetails),
    /// A retrier would try again.
    Retriable(ErrorDetails),
    /// A catcher would go on.
    Caught {
        /// The error.
        error: ErrorDetails,
        /// The output for the state that follows.
        output: Payload,
        /// The state that follows.
        next: Option<Arc<str>>,
    },
    /// It would run this task.
    Task(Box<TaskRequest>),
    /// It would run this distributed map.
    MapRun(Box<MapRunRequest>),
    /// It would run its branches or iterations.
    Pending,
}

/// The stages of a state's data, as far as it came; the names are those of AWS's `inspectionData`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // As in AWS's API.
pub struct Trace {
    pub input: Option<Payload>,
    pub after_input_path: Option<Payload>,
    pub after_parameters: Option<Payload>,
    pub after_arguments: Option<Payload>,
    pub after_items_path: Option<Payload>,
    pub result: Option<Payload>,
    pub after_result_selector: Option<Payload>,
    pub after_result_path: Option<Payload>,
    pub max_concurrency: Option<u64>,
    pub tolerated_failure_count: Option<u64>,
    pub tolerated_failure_percentage: Option<f64>,
    pub assigned: Vec<(Arc<str>, Payload)>,
    pub retry_index: Option<usize>,
    pub retry_backoff_seconds: Option<f64>,
    pub catch_index: Option<usize>,
}

impl Trace {
    /// AWS's `inspectionData`, documents as texts.
    pub fn to_json(&self) -> serde_json::Value {
        let mut data = serde_json::Map::new();
        let documents = [
            ("input", &self.input),
            ("afterInputPath", &self.after_input_path),
            ("afterParameters", &self.after_parameters),
            ("afterArguments", &self.after_arguments),
            ("afterItemsPath", &self.after_items_path),
            ("result", &self.result),
            ("afterResultSelector", &self.after_result_selector),
            ("afterResultPath", &self.after_result_path),
        ];
        for (name, document) in documents {
            if let Some(document) = document {
                data.insert(name.into(), document.text().into());
            }
        }
        if let Some(number) = self.max_concurrency {
            data.insert("maxConcurrency".into(), number.into());
        }
        if let Some(number) = self.tolerated_failure_count {
            data.insert("toleratedFailureCount".into(), number.into());
        }
        if let Some(number) = self.tolerated_failure_percentage {
            data.insert("toleratedFailurePercentage".into(), number.into());
        }
        let mut error = serde_json::Map::new();
        if let Some(index) = self.retry_index {
            error.insert("retryIndex".into(), index.into());
        }
        if let Some(seconds) = self.retry_backoff_seconds {
            #[allow(clippy::cast_possible_truncation)] // Bounded by a year.
            error.insert("retryBackoffIntervalSeconds".into(), (seconds.round() as i64).into());
        }
        if let Some(index) = self.catch_index {
            error.insert("catchIndex".into(), index.into());
        }
        if !error.is_empty() {
            data.insert("errorDetails".into(), serde_json::Value::Object(error));
        }
        serde_json::Value::Object(data)
    }
}

/// Runs one state as far as `probe` goes. Waits are over at once.
pub fn inspect(program: &Program, probe: &Probe) -> Inspection {
    let mut machine = Machine {
        program,
        execution: Execution::of_workflow(probe.info.clone(), probe.workflow),
        now: probe.at,
        entropy: Derived::new(probe.seed),
        history: Vec::new(),
        effects: Vec::new(),
        fuel: 1,
        overflow: None,
        trace: Some(Box::default()),
        context: probe.context.clone(),
    };
    machine.execution.status = Status::Running;
    machine.execution.started = probe.at;
    let id = machine.new_strand_id();
    let definition = program.state(probe.workflow, probe.state);
    let mut strand = Strand {
        parent: None,
        workflow: probe.workflow,
        state: probe.state,
        input: probe.info.input.clone(),
        variables: Variables::from_object(&probe.variables),
        item: None,
        entered: 2,
        entered_at: probe.at,
        before_entry: 0,
        previous: 2,
        retries: vec![probe.retry_count; definition.retry.len()],
        phase: Phase::Again,
    };
    // The event that the causes of errors refer to.
    machine.execution.last_event = 2;
    machine.note(|trace| trace.input = Some(probe.info.input.clone()));
    let begun = machine.work(id, &mut strand, definition);
    let result = match begun {
        Ok(Flow::Wait) => machine.mocked(&mut strand, definition, probe),
        other => other.map(Some),
    };
    let verdict = match result {
        Ok(None) => machine.pending(),
        Ok(Some(flow)) => machine.verdict(&strand, flow),
        Err(failure) => {
            let error = failure.details.clone();
            match machine.recover(id, &mut strand, definition, failure) {
                Flow::Wait => Verdict::Retriable(error),
                Flow::Next => match machine.verdict(&strand, Flow::Next) {
                    Verdict::Succeeded { output, next } => Verdict::Caught { error, output, next },
                    other => other,
                },
                flow => machine.verdict(&strand, flow),
            }
        }
    };
    Inspection { verdict, trace: machine.trace.map(|trace| *trace).unwrap_or_default() }
}

impl<'a> Machine<'a> {
    /// Records a stage when somebody looks on.
    pub(super) fn note(&mut self, record: impl FnOnce(&mut Trace)) {
        if let Some(trace) = &mut self.trace {
            record(trace);
        }
    }

    /// Goes on with the mock, if there is one.
    fn mocked(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        probe: &Probe,
    ) -> Result<Option<Flow>, Failure> {
        let tolerated = self.trace.as_ref().and_then(|trace| trace.tolerated_failure_count);
        if tolerated.is_some_and(|tolerated| probe.failed_iterations > tolerated) {
            return Err(Failure { details: crate::map_run::threshold_exceeded(), heartbeat: false });
        }
        let flow = match (probe.mock.as_ref(), &definition.kind) {
            (_, Kind::Wait(_)) => self.wait_is_over(strand, definition)?,
            (None, _) => return Ok(None),
            (Some(Mock::Result(result)), Kind::Task(_)) => self.task_succeeded(strand, definition, result)?,
            (Some(Mock::Result(result)), _) => {
                strand.phase = Phase::Done;
                self.exit_with_result(strand, definition, result.clone())?
            }
            (Some(Mock::Error(error)), Kind::Task(_)) => {
                return Err(self.task_failed(strand, definition, FailureStage::Run, error.clone()));
            }
            (Some(Mock::Error(error)), _) => {
                return Err(Failure { details: error.clone(), heartbeat: false });
            }
        };
        Ok(Some(flow))
    }

    fn pending(&mut self) -> Verdict {
        for effect in self.effects.drain(..) {
            match effect {
                Effect::ScheduleTask(request) => return Verdict::Task(request),
                Effect::StartMapRun(request) => return Verdict::MapRun(request),
                _ => {}
            }
        }
        Verdict::Pending
    }

    fn verdict(&self, strand: &Strand, flow: Flow) -> Verdict {
        match flow {
            Flow::Next => {
                let next = self.definition(strand).name.clone();
                Verdict::Succeeded { output: strand.input.clone(), next: Some(next) }
            }
            Flow::End(output) => Verdict::Succeeded { output, next: None },
            Flow::Fail(failure) | Flow::Unbegun(failure) => Verdict::Failed(failure.details),
            Flow::Wait | Flow::Yield => Verdict::Pending,
        }
    }
}
