//! The state of one execution: everything that the next step depends on, ready for a snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::context::{ExecutionInfo, MapItem};
use crate::effect::{Outcome, TaskToken};
use crate::event::{MapRunId, TaskId, TimerId};
use crate::history::ErrorDetails;
use crate::payload::Payload;
use crate::program::{StateId, WorkflowId};
use crate::time::Timestamp;

/// One execution. Made by [`Execution::new`], moved by [`step`](crate::step), kept by the runner.
///
/// It serialises: a snapshot and the events after it give the same execution as all events from the beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub(crate) info: Arc<ExecutionInfo>,
    pub(crate) workflow: WorkflowId,
    pub(crate) status: Status,
    pub(crate) started: Timestamp,
    pub(crate) last_event: u64,
    pub(crate) last_timer: u64,
    pub(crate) last_strand: u32,
    pub(crate) redrives: u32,
    pub(crate) redriven: Option<Timestamp>,
    pub(crate) machine_timer: Option<TimerId>,
    pub(crate) strands: BTreeMap<StrandId, Strand>,
    pub(crate) ready: VecDeque<StrandId>,
    pub(crate) timers: BTreeMap<TimerId, StrandId>,
    pub(crate) tasks: BTreeMap<TaskId, StrandId>,
    pub(crate) map_runs: BTreeMap<MapRunId, StrandId>,
    pub(crate) outcome: Option<Outcome>,
}

/// How an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // As in AWS's API; `Created` is before `Start`.
pub enum Status {
    Created,
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl Execution {
    /// An execution of the whole machine that waits for its `Start` event.
    pub fn new(info: ExecutionInfo) -> Self {
        Self::of_workflow(info, WorkflowId::ROOT)
    }

    /// As [`Execution::new`], of a distributed map's item processor.
    pub fn of_workflow(info: ExecutionInfo, workflow: WorkflowId) -> Self {
        Self {
            info: Arc::new(info),
            workflow,
            status: Status::Created,
            started: Timestamp::default(),
            last_event: 0,
            last_timer: 0,
            last_strand: 0,
            redrives: 0,
            redriven: None,
            machine_timer: None,
            strands: BTreeMap::new(),
            ready: VecDeque::new(),
            timers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            map_runs: BTreeMap::new(),
            outcome: None,
        }
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Who it is.
    pub fn info(&self) -> &ExecutionInfo {
        &self.info
    }

    /// When it started.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// The id of the latest history event; how many there are.
    pub fn history_length(&self) -> u64 {
        self.last_event
    }

    /// How many times it was redriven.
    pub fn redrive_count(&self) -> u32 {
        self.redrives
    }

    /// When it was redriven last.
    pub fn redriven_at(&self) -> Option<Timestamp> {
        self.redriven
    }

    /// Whether [`Redrive`](crate::EventKind::Redrive) would have something to resume. The runner checks AWS's other
    /// conditions: Standard, closed within 14 days, fewer than 25,000 events.
    pub fn is_redrivable(&self) -> bool {
        matches!(self.status, Status::Failed | Status::TimedOut | Status::Aborted)
            && self.last_event < crate::history::MAX_HISTORY_EVENTS - 1
            && self.strands.values().any(|strand| matches!(strand.phase, Phase::Stopped { .. }))
    }

    /// The tasks that are under way, in the order of their scheduling.
    pub fn open_tasks(&self) -> impl Iterator<Item = TaskId> + '_ {
        self.tasks.keys().copied()
    }

    /// The timers that are set.
    pub fn open_timers(&self) -> impl Iterator<Item = TimerId> + '_ {
        self.timers.keys().copied().chain(self.machine_timer)
    }

    /// The state that each thread of control is in: the workflow, the state, and since when.
    pub fn positions(&self) -> impl Iterator<Item = (WorkflowId, StateId, Timestamp)> + '_ {
        self.strands.values().map(|strand| (strand.workflow, strand.state, strand.entered_at))
    }
}

/// One thread of control of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StrandId(pub u32);

/// A thread of control: the machine's own, a branch of a Parallel state or an iteration of a Map state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Strand {
    /// Who waits for it, and which branch or iteration of theirs it is.
    pub(crate) parent: Option<(StrandId, u32)>,
    pub(crate) workflow: WorkflowId,
    pub(crate) state: StateId,
    /// The state's raw input.
    pub(crate) input: Payload,
    pub(crate) variables: Variables,
    /// The item of the innermost Map iteration around it.
    pub(crate) item: Option<Arc<MapItem>>,
    /// The id of the state's `…Entered` event.
    pub(crate) entered: u64,
    pub(crate) entered_at: Timestamp,
    /// The event before the `…Entered` event.
    pub(crate) before_entry: u64,
    /// The event that the next one follows.
    pub(crate) previous: u64,
    /// How many times each retrier of the state has been used; empty when none.
    pub(crate) retries: Vec<u32>,
    pub(crate) phase: Phase,
}

/// What a strand is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// About to enter its state.
    Entering,
    /// About to do its state's work once more, after a retrier's delay or a redrive.
    Again,
    /// Waits for a task.
    Task(Box<OpenTask>),
    /// Waits for the time of a Wait state.
    Waiting { timer: TimerId },
    /// Waits for a retrier's delay.
    Delayed { timer: TimerId },
    /// Waits for its branches or iterations.
    Joining(Box<Join>),
    /// Waits for a distributed map.
    MapRun { map_run: MapRunId, arn: Arc<str> },
    /// The execution ended here without success; a redrive resumes here.
    Stopped {
        error: Option<ErrorDetails>,
        /// The distributed map that goes on, if it was one.
        map_run: Option<(MapRunId, Arc<str>)>,
    },
    /// Done, kept only while others of a failed execution may be redriven.
    Done,
}

/// A task under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OpenTask {
    pub(crate) task: TaskId,
    pub(crate) token: Option<TaskToken>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) heartbeat_seconds: Option<u64>,
    pub(crate) timeout_timer: Option<TimerId>,
    pub(crate) heartbeat_timer: Option<TimerId>,
    pub(crate) started: bool,
}

/// Branches or iterations under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Join {
    /// Children at work.
    pub(crate) running: BTreeMap<u32, StrandId>,
    /// Results by branch or iteration.
    pub(crate) outputs: Vec<Option<Payload>>,
    /// How many of `outputs` are there.
    pub(crate) done: u32,
    /// The first iteration that has not begun; for branches: their number.
    pub(crate) next: u32,
    /// How many may run at once; 0 is no limit.
    pub(crate) max_concurrency: u32,
    /// The items of iterations that have not begun.
    pub(crate) items: Vec<Option<Arc<MapItem>>>,
}

/// Workflow variables: shared until somebody assigns.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Variables(Option<Arc<BTreeMap<Box<str>, Payload>>>);

impl Variables {
    pub(crate) fn get(&self, name: &str) -> Option<&Payload> {
        self.0.as_ref()?.get(name)
    }

    pub(crate) fn assign(&mut self, members: &[(Arc<str>, Payload)]) {
        if members.is_empty() {
            return;
        }
        let variables = Arc::make_mut(self.0.get_or_insert_default());
        for (name, value) in members {
            variables.insert(Box::from(name.as_ref()), value.clone());
        }
    }

    pub(crate) fn to_object(&self) -> serde_json::Map<String, serde_json::Value> {
        self.0
            .iter()
            .flat_map(|variables| variables.iter())
            .map(|(name, value)| (name.to_string(), value.value().clone()))
            .collect()
    }

    pub(crate) fn from_object(object: &serde_json::Map<String, serde_json::Value>) -> Self {
        if object.is_empty() {
            return Self(None);
        }
        let variables = object
            .iter()
            .map(|(name, value)| (Box::from(name.as_str()), Payload::from(value.clone())))
            .collect();
        Self(Some(Arc::new(variables)))
    }
}
