//! A world in virtual time: carries out effects, lets timers fire, and keeps the log of events for a replay.
#![allow(dead_code)] // Each test binary uses a part of it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use deputy_asl::map_run::MapRun;
use deputy_asl::{
    Effect, Event, EventKind, Execution, ExecutionInfo, ExecutionType, HistoryEvent, ItemSource,
    MapRunRequest, Outcome, Payload, Program, ReaderRequest, Seed, Status, Step, TaskRequest, TimerId,
    Timestamp, item_reader, step,
};

/// What stands outside: services, workers, files.
pub trait Outside {
    /// What comes of a task: reports, each some milliseconds after the scheduling.
    fn task(&mut self, request: &TaskRequest) -> Vec<(i64, EventKind)>;

    /// The file that an `ItemReader` names.
    fn file(&mut self, _request: &ReaderRequest) -> Vec<u8> {
        Vec::new()
    }
}

impl<F: FnMut(&TaskRequest) -> Vec<(i64, EventKind)>> Outside for F {
    fn task(&mut self, request: &TaskRequest) -> Vec<(i64, EventKind)> {
        self(request)
    }
}

/// One execution's course.
#[derive(Debug)]
pub struct Course {
    pub execution: Execution,
    pub history: Vec<HistoryEvent>,
    /// The time of each history event.
    pub times: Vec<Timestamp>,
    pub log: Vec<Event>,
    pub effects: Vec<Effect>,
    pub end: Timestamp,
}

impl Course {
    pub fn output(&self) -> Option<&Payload> {
        match self.execution.outcome()? {
            Outcome::Succeeded { output } => Some(output),
            _ => None,
        }
    }

    pub fn error(&self) -> (Option<&str>, Option<&str>) {
        match self.execution.outcome() {
            Some(
                Outcome::Failed { error, cause }
                | Outcome::TimedOut { error, cause }
                | Outcome::Aborted { error, cause },
            ) => (error.as_deref(), cause.as_deref()),
            _ => (None, None),
        }
    }

    /// The types of the history events, with ids and predecessors: `4<3 PassStateEntered`.
    pub fn chain(&self) -> Vec<String> {
        self.history
            .iter()
            .map(|event| format!("{}<{} {}", event.id, event.previous_id, event.type_name()))
            .collect()
    }
}

pub fn info(input: Payload) -> ExecutionInfo {
    ExecutionInfo {
        id: "arn:aws:states:us-east-1:111111111111:execution:machine:run".into(),
        name: "run".into(),
        state_machine_id: "arn:aws:states:us-east-1:111111111111:stateMachine:machine".into(),
        state_machine_name: "machine".into(),
        role_arn: "arn:aws:iam::111111111111:role/role".into(),
        region: "us-east-1".into(),
        account: "111111111111".into(),
        execution_type: ExecutionType::Standard,
        input,
        item: None,
    }
}

pub fn compile(definition: &serde_json::Value) -> Arc<Program> {
    Program::compile(&definition.to_string(), ExecutionType::Standard)
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// Runs a definition to its end.
pub fn run(definition: &serde_json::Value, input: serde_json::Value, outside: &mut dyn Outside) -> Course {
    let program = compile(definition);
    drive(&program, Execution::new(info(Payload::from(input))), Timestamp(1_700_000_000_000), outside)
}

/// Runs an execution until it ends or nothing more can happen.
pub fn drive(program: &Program, execution: Execution, start: Timestamp, outside: &mut dyn Outside) -> Course {
    let mut course =
        Course { execution, history: vec![], times: vec![], log: vec![], effects: vec![], end: start };
    go_on(program, &mut course, start, EventKind::Start, outside);
    course
}

/// Feeds one more event into a course and drives it on: a redrive, for example.
pub fn go_on(
    program: &Program,
    course: &mut Course,
    at: Timestamp,
    first: EventKind,
    outside: &mut dyn Outside,
) {
    let mut queue: BinaryHeap<Reverse<(Timestamp, u64)>> = BinaryHeap::new();
    let mut kinds: Vec<Option<EventKind>> = Vec::new();
    let mut cancelled: HashSet<TimerId> = HashSet::new();
    let push =
        |queue: &mut BinaryHeap<_>, kinds: &mut Vec<Option<EventKind>>, at: Timestamp, kind: EventKind| {
            queue.push(Reverse((at, kinds.len() as u64)));
            kinds.push(Some(kind));
        };
    push(&mut queue, &mut kinds, at, first);
    let mut is_first = true;
    while let Some(Reverse((at, number))) = queue.pop() {
        let Some(kind) = kinds[usize::try_from(number).unwrap()].take() else { continue };
        if matches!(&kind, EventKind::TimerFired { timer } if cancelled.contains(timer)) {
            continue;
        }
        if !is_first && course.execution.status() != Status::Running {
            break;
        }
        is_first = false;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(course.log.len() as u64 + 1).to_be_bytes());
        let event = Event { at, seed: Seed(seed), kind };
        let Step { execution, history, effects } = step(program, course.execution.clone(), &event);
        course.execution = execution;
        course.end = at;
        course.times.extend(history.iter().map(|_| at));
        course.history.extend(history);
        course.log.push(event);
        for effect in &effects {
            match effect {
                Effect::SetTimer { timer, at } => {
                    push(&mut queue, &mut kinds, *at, EventKind::TimerFired { timer: *timer });
                }
                Effect::CancelTimer { timer } => {
                    cancelled.insert(*timer);
                }
                Effect::ScheduleTask(request) => {
                    for (after, kind) in outside.task(request) {
                        push(&mut queue, &mut kinds, Timestamp(at.0 + after), kind);
                    }
                }
                Effect::StartMapRun(request) => {
                    let (end, kind) = map_run(program, &course.execution, request, at, outside);
                    push(&mut queue, &mut kinds, end, kind);
                }
                Effect::Continue => push(&mut queue, &mut kinds, at, EventKind::Continue),
                _ => {}
            }
        }
        course.effects.extend(effects);
    }
}

/// Runs the children of a distributed map one after the other.
fn map_run(
    program: &Program,
    parent: &Execution,
    request: &MapRunRequest,
    at: Timestamp,
    outside: &mut dyn Outside,
) -> (Timestamp, EventKind) {
    let id = request.map_run;
    let failed = |error: deputy_asl::ErrorDetails| EventKind::MapRunFailed {
        map_run: id,
        error: error.error,
        cause: error.cause,
    };
    let read = match &request.items {
        ItemSource::Input(_) => None,
        ItemSource::Reader(reader) => {
            match item_reader::items_of(reader.config.value(), &outside.file(reader)) {
                Ok(items) => Some(items),
                Err(error) => return (at, failed(error)),
            }
        }
    };
    let mut run = match MapRun::new(program, request.clone(), read, at, Seed([9; 32])) {
        Ok(run) => run,
        Err(error) => return (at, failed(error)),
    };
    let mut end = at;
    while let Some((index, child)) = run.start_next() {
        let mut info = parent.info().clone();
        info.input = child.input;
        info.execution_type = request.execution_type;
        let course = drive(program, Execution::of_workflow(info, request.processor), at, outside);
        end = end.max(course.end);
        run.finish(index, course.execution.outcome().cloned().expect("children end"));
    }
    match run.end().expect("all children ended") {
        Ok(output) => (end, EventKind::MapRunSucceeded { map_run: id, output }),
        Err(error) => (end, failed(error)),
    }
}

/// Applies a log to a fresh execution.
pub fn replay(
    program: &Program,
    execution: Execution,
    log: &[Event],
) -> (Execution, Vec<HistoryEvent>, Vec<Effect>) {
    let (mut execution, mut history, mut effects) = (execution, Vec::new(), Vec::new());
    for event in log {
        let next = step(program, execution, event);
        execution = next.execution;
        history.extend(next.history);
        effects.extend(next.effects);
    }
    (execution, history, effects)
}

/// A task that succeeds at once.
pub fn succeed(request: &TaskRequest, output: serde_json::Value) -> Vec<(i64, EventKind)> {
    vec![(0, EventKind::TaskSucceeded { task: request.task, output: Payload::from(output) })]
}

/// A task that fails at once.
pub fn fail(request: &TaskRequest, error: &str, cause: &str) -> Vec<(i64, EventKind)> {
    vec![(
        0,
        EventKind::TaskFailed {
            task: request.task,
            stage: deputy_asl::FailureStage::Run,
            error: Some(error.into()),
            cause: Some(cause.into()),
        },
    )]
}
