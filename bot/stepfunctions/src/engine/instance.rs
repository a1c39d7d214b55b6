//! One execution in memory: the interpreter's state, and what the runner owes it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use deputy_asl::{
    Effect, Event, EventKind, Execution, ExecutionInfo, ExecutionType, HistoryEvent, MapRunId, MapRunRequest,
    Outcome, Program, Seed, Status, Step, TaskId, TaskRequest, TimerId, Timestamp, WorkflowId, step,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::status::Ended;
use crate::store::ExecutionId;
use crate::store::segment::{Damaged, read_entries, write_entry};
use crate::store::writer::ExecutionRow;

/// Snapshots of another shape are passed over: the log says it all.
const SNAPSHOT_VERSION: u32 = 1;

/// Where an execution comes from: all that the interpreter needs besides the definition and the events.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) info: ExecutionInfo,
    /// SHA-256 of the definition: an update of the machine does not change a running execution.
    pub(crate) definition: [u8; 32],
    /// What the seeds of all its events derive from.
    pub(crate) secret: [u8; 32],
    pub(crate) workflow: WorkflowId,
    /// The machine's number in the catalog.
    pub(crate) machine: u64,
    /// The version that was started, as an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<Arc<str>>,
    /// The alias that was started, as an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alias: Option<Arc<str>>,
    /// Who waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Parent>,
    /// For the child of a distributed map: how many items it works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace_header: Option<String>,
    /// An Express execution that begins again after a crash.
    #[serde(default)]
    pub(crate) kept: bool,
}

/// An execution that waits for another one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Parent {
    /// A task with `states:startExecution.sync`.
    Task { execution: ExecutionId, task: TaskId, output_as_json: bool },
    /// A distributed map.
    MapRun { number: u64, child: u64 },
}

impl Origin {
    /// The seed of the event of that number. A counter under a secret: no seed betrays another.
    fn seed(&self, event: u64) -> Seed {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(event.to_be_bytes());
        Seed(hash.finalize().into())
    }

    pub(crate) fn is_express(&self) -> bool {
        self.info.execution_type == ExecutionType::Express
    }
}

/// A task that an execution waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OpenTask {
    pub(crate) request: Arc<TaskRequest>,
    /// Its service has taken the request; now somebody else answers, and a restart must not ask again.
    pub(crate) submitted: bool,
    /// It is known to have been started.
    pub(crate) started: bool,
}

/// What the runner has to do after a step.
#[derive(Debug)]
pub(crate) enum Action {
    Dispatch(Arc<TaskRequest>),
    Cancel(TaskId),
    Arm,
    StartMapRun(Box<MapRunRequest>),
    StopMapRun(MapRunId),
    RedriveMapRun(MapRunId),
    Continue,
    Complete(Outcome),
}

/// The interpreter: [`step`], but for tests of what happens when it panics.
pub(crate) type Interpreter = fn(&Program, Execution, &Event) -> Step;

/// One execution in memory.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: ExecutionId,
    pub(crate) origin: Arc<Origin>,
    pub(crate) program: Arc<Program>,
    pub(crate) interpreter: Interpreter,
    /// Only absent while a step runs, and for good if the step panicked.
    execution: Option<Execution>,
    /// How many events have been applied.
    pub(crate) events: u64,
    pub(crate) tasks: BTreeMap<TaskId, OpenTask>,
    pub(crate) timers: BTreeMap<TimerId, Timestamp>,
    pub(crate) map_runs: BTreeMap<MapRunId, Box<MapRunRequest>>,
    /// The events that are not in its own log yet, and the number of the first of them.
    pub(crate) unflushed: Vec<u8>,
    pub(crate) unflushed_from: u64,
    /// How much of `unflushed` is in segments, in bytes and in events.
    pub(crate) in_segments: (usize, u64),
    /// The oldest segment that holds some of `unflushed`.
    pub(crate) oldest_segment: Option<u64>,
    /// When the timer queue will look at it.
    pub(crate) armed: Option<Timestamp>,
    /// Whether the store has a snapshot of it.
    pub(crate) has_snapshot: bool,
    /// Counts its uses, so that the rest list sees whether it rested.
    pub(crate) touched: u64,
    /// Tokens of its tasks that the store does not know, by hash.
    pub(crate) tokens: Vec<([u8; 32], TaskId)>,
    /// Whether the batch being gathered has it on its list.
    pub(crate) listed: bool,
    /// Whether the log ends while the interpreter has more to do at once.
    pub(crate) continuing: bool,
    /// Its row, as long as the store has none.
    pub(crate) row: Option<Box<ExecutionRow>>,
    /// Its end, as long as the store does not know it.
    pub(crate) ended: Option<Box<Ended>>,
    /// Whether what was in memory is on its way into tables, where nobody finds it before the commit.
    pub(crate) leaving: bool,
    /// When its last event was.
    pub(crate) latest: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    execution: Execution,
    tasks: Vec<OpenTask>,
    timers: Vec<(TimerId, Timestamp)>,
    map_runs: Vec<MapRunRequest>,
}

impl Instance {
    /// An execution that waits for its first event.
    pub(crate) fn new(id: ExecutionId, origin: Arc<Origin>, program: Arc<Program>) -> Self {
        let execution = Execution::of_workflow(origin.info.clone(), origin.workflow);
        Self {
            id,
            origin,
            program,
            interpreter: step,
            execution: Some(execution),
            events: 0,
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            map_runs: BTreeMap::new(),
            unflushed: Vec::new(),
            unflushed_from: 0,
            in_segments: (0, 0),
            oldest_segment: None,
            armed: None,
            has_snapshot: false,
            touched: 0,
            tokens: Vec::new(),
            listed: false,
            continuing: false,
            row: None,
            ended: None,
            leaving: false,
            latest: Timestamp::default(),
        }
    }

    /// The interpreter's state. `None` only after a step panicked, which retires the execution.
    pub(crate) fn execution(&self) -> Option<&Execution> {
        self.execution.as_ref()
    }

    /// Whether it has come to its end, durable or not.
    pub(crate) fn is_over(&self) -> bool {
        let status = self.execution().map(Execution::status);
        status.is_none_or(|status| !matches!(status, Status::Created | Status::Running))
    }

    /// Applies an event and writes it down. `None` if the interpreter panicked: then the event is not written down, and
    /// nothing is left of the execution's state in memory.
    pub(crate) fn apply(&mut self, at: Timestamp, kind: EventKind) -> Option<Vec<Action>> {
        let before = self.unflushed.len();
        if !self.origin.is_express() {
            write_entry(&mut self.unflushed, at, &kind);
        }
        let advanced = self.advance(at, kind);
        if advanced.is_none() {
            self.unflushed.truncate(before);
        }
        advanced.map(|(actions, _)| actions)
    }

    /// Whether memory has something of it that the store has not, but for what segments hold.
    pub(crate) fn is_ahead(&self) -> bool {
        self.leaving || self.row.is_some() || self.ended.is_some() || !self.unflushed.is_empty()
    }

    /// Its events that are not in its own log; they are about to move.
    pub(crate) fn take_unflushed(&mut self) -> Vec<u8> {
        self.unflushed_from = self.events;
        self.in_segments = (0, 0);
        self.oldest_segment = None;
        std::mem::take(&mut self.unflushed)
    }

    /// As [`Instance::apply`], for what is in a log already. Says what came to the history.
    pub(crate) fn replay(&mut self, at: Timestamp, kind: EventKind) -> Option<Vec<HistoryEvent>> {
        let (actions, history) = self.advance(at, kind)?;
        self.continuing = actions.iter().any(|action| matches!(action, Action::Continue));
        if actions.iter().any(|action| matches!(action, Action::Complete(_))) {
            self.finish();
        }
        Some(history)
    }

    /// Nothing of it is open any more. Says which tasks were.
    pub(crate) fn finish(&mut self) -> Vec<TaskId> {
        self.timers.clear();
        self.map_runs.clear();
        std::mem::take(&mut self.tasks).into_keys().collect()
    }

    /// Where it comes from, as the log keeps it.
    pub(crate) fn origin_bytes(&self) -> Vec<u8> {
        // Origins have no maps with keys that are no texts, so that this cannot fail.
        serde_json::to_vec(self.origin.as_ref()).unwrap_or_default()
    }

    fn advance(&mut self, at: Timestamp, kind: EventKind) -> Option<(Vec<Action>, Vec<HistoryEvent>)> {
        let execution = self.execution.take()?;
        let event = Event { at, seed: self.origin.seed(self.events), kind };
        let program = Arc::clone(&self.program);
        let step = catch_unwind(AssertUnwindSafe(|| (self.interpreter)(&program, execution, &event))).ok()?;
        self.execution = Some(step.execution);
        self.events += 1;
        self.latest = at;
        match event.kind {
            EventKind::TaskSucceeded { task, .. }
            | EventKind::TaskFailed { task, .. }
            | EventKind::TaskTimedOut { task, .. } => {
                self.tasks.remove(&task);
            }
            EventKind::TaskSubmitted { task, .. } => {
                if let Some(open) = self.tasks.get_mut(&task) {
                    (open.submitted, open.started) = (true, true);
                }
            }
            EventKind::TaskStarted { task, .. } => {
                if let Some(open) = self.tasks.get_mut(&task) {
                    open.started = true;
                }
            }
            EventKind::TimerFired { timer } => {
                self.timers.remove(&timer);
            }
            EventKind::MapRunSucceeded { map_run, .. } | EventKind::MapRunFailed { map_run, .. } => {
                self.map_runs.remove(&map_run);
            }
            _ => {}
        }
        let actions = step.effects.into_iter().filter_map(|effect| self.track(effect)).collect();
        Some((actions, step.history))
    }

    /// Remembers what an effect leaves open.
    fn track(&mut self, effect: Effect) -> Option<Action> {
        match effect {
            Effect::ScheduleTask(request) => {
                let request: Arc<TaskRequest> = Arc::from(request);
                let open = OpenTask { request: Arc::clone(&request), submitted: false, started: false };
                self.tasks.insert(request.task, open);
                Some(Action::Dispatch(request))
            }
            Effect::CancelTask { task } => {
                self.tasks.remove(&task);
                Some(Action::Cancel(task))
            }
            Effect::SetTimer { timer, at } => {
                self.timers.insert(timer, at);
                Some(Action::Arm)
            }
            Effect::CancelTimer { timer } => {
                self.timers.remove(&timer);
                None
            }
            Effect::StartMapRun(request) => {
                self.map_runs.insert(request.map_run, request.clone());
                Some(Action::StartMapRun(request))
            }
            Effect::StopMapRun { map_run } => {
                self.map_runs.remove(&map_run);
                Some(Action::StopMapRun(map_run))
            }
            Effect::RedriveMapRun { map_run } => Some(Action::RedriveMapRun(map_run)),
            Effect::Continue => Some(Action::Continue),
            Effect::Complete(outcome) => Some(Action::Complete(outcome)),
            // An effect of a later interpreter: whoever adds one teaches the runner.
            _ => None,
        }
    }

    /// When its next timer is due.
    pub(crate) fn next_timer(&self) -> Option<Timestamp> {
        self.timers.values().min().copied()
    }

    /// Whether a restart must take something up again: tasks that nobody else answers, map runs, a step half done.
    pub(crate) fn needs_resume(&self) -> bool {
        !self.map_runs.is_empty() || self.tasks.values().any(|open| !open.submitted)
    }

    /// Takes over the interpreter's state of another instance of the same execution.
    pub(crate) fn take_state(&mut self, other: Self) {
        self.execution = other.execution;
        self.tasks = other.tasks;
        self.timers = other.timers;
        self.map_runs = other.map_runs;
    }

    /// Its state, for [`Instance::restore`].
    pub(crate) fn snapshot(&self) -> Option<Vec<u8>> {
        let saved = Saved {
            version: SNAPSHOT_VERSION,
            execution: self.execution.clone()?,
            tasks: self.tasks.values().cloned().collect(),
            timers: self.timers.iter().map(|(timer, at)| (*timer, *at)).collect(),
            map_runs: self.map_runs.values().map(|request| request.as_ref().clone()).collect(),
        };
        serde_json::to_vec(&saved).ok()
    }

    /// Takes up a snapshot that was made after `events` events. `false`, and nothing changed, if it is of another version.
    pub(crate) fn restore(&mut self, events: u64, snapshot: &[u8]) -> bool {
        let Ok(saved) = serde_json::from_slice::<Saved>(snapshot) else { return false };
        if saved.version != SNAPSHOT_VERSION {
            return false;
        }
        self.execution = Some(saved.execution);
        self.tasks = saved.tasks.into_iter().map(|open| (open.request.task, open)).collect();
        self.timers = saved.timers.into_iter().collect();
        self.map_runs =
            saved.map_runs.into_iter().map(|request| (request.map_run, Box::new(request))).collect();
        self.events = events;
        self.has_snapshot = true;
        true
    }

    /// Applies a piece of its log whose first event has the number `first`; what it has applied already is passed over.
    pub(crate) fn replay_log(
        &mut self,
        first: u64,
        log: &[u8],
        mut each: impl FnMut(Timestamp, Vec<HistoryEvent>),
    ) -> Result<(), Damaged> {
        let mut number = first;
        let mut panicked = false;
        read_entries(log, |entry| {
            if number == self.events && !panicked {
                match self.replay(entry.at, entry.kind) {
                    Some(history) => each(entry.at, history),
                    None => panicked = true,
                }
            }
            number += 1;
        })?;
        if panicked { Err(Damaged) } else { Ok(()) }
    }
}
