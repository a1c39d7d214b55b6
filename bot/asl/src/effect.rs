//! What an execution asks of the world. The runner carries effects out after the step that asked is safe on disk.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{MapRunId, TaskId, TimerId};
use crate::payload::Payload;
use crate::program::{ExecutionType, Integration, WorkflowId};
use crate::time::Timestamp;

/// One thing to do. Effects of one step are independent of each other unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Effect {
    /// Run a task and report with the `Task…` events.
    ScheduleTask(Box<TaskRequest>),
    /// Nobody waits for the task any more. Reports on it are ignored.
    CancelTask {
        /// Which one.
        task: TaskId,
    },
    /// Send [`TimerFired`](crate::EventKind::TimerFired) at that time or as soon as possible afterwards.
    SetTimer {
        /// Which one.
        timer: TimerId,
        /// When.
        at: Timestamp,
    },
    /// The timer is not needed any more. Its firing is ignored.
    CancelTimer {
        /// Which one.
        timer: TimerId,
    },
    /// Run the items of a distributed map as executions of their own; see [`MapRun`](crate::map_run::MapRun).
    StartMapRun(Box<MapRunRequest>),
    /// Stop the child executions of a distributed map. Reports on it are ignored.
    StopMapRun {
        /// Which one.
        map_run: MapRunId,
    },
    /// Run again what failed in a distributed map that began before the execution was redriven; see
    /// [`MapRun::redrive`](crate::map_run::MapRun::redrive).
    RedriveMapRun {
        /// Which one.
        map_run: MapRunId,
    },
    /// There is more to do at once: send [`Continue`](crate::EventKind::Continue). A step is bounded, so that a
    /// definition that never waits cannot take a thread for itself.
    Continue,
    /// The execution is over. The last effect of its step.
    Complete(Outcome),
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// With this output.
    Succeeded {
        /// The output of the last state.
        output: Payload,
    },
    /// With an error that no state caught.
    Failed {
        /// The error's name.
        error: Option<Arc<str>>,
        /// The error's text.
        cause: Option<Arc<str>>,
    },
    /// By the machine's own `TimeoutSeconds`.
    TimedOut {
        /// AWS gives none.
        error: Option<Arc<str>>,
        /// The error's text.
        cause: Option<Arc<str>>,
    },
    /// Because somebody stopped it.
    Aborted {
        /// What they gave as error.
        error: Option<Arc<str>>,
        /// What they gave as cause.
        cause: Option<Arc<str>>,
    },
}

/// A task to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRequest {
    /// Names the task in every report on it.
    pub task: TaskId,
    /// The name of the Task state.
    pub state: Arc<str>,
    /// Where the state stands among branches and iterations, such as `Fan/0/Each/17/Call`. With [`attempt`](Self::attempt)
    /// and [`task`](Self::task) it makes an idempotency key.
    pub path: String,
    /// The state's `Resource` as written.
    pub resource: Arc<str>,
    /// The resource, understood.
    pub integration: Integration,
    /// What to send: `Parameters` or `Arguments` evaluated, else the state's input.
    pub parameters: Payload,
    /// Seconds after [`TaskStarted`](crate::EventKind::TaskStarted) until the task times out. The execution watches over it
    /// with a timer of its own.
    pub timeout_seconds: Option<u64>,
    /// Seconds without a heartbeat until the task times out; watched over likewise.
    pub heartbeat_seconds: Option<u64>,
    /// 0 for the first try, then counting.
    pub attempt: u32,
    /// The role to assume.
    pub credentials: Option<Payload>,
    /// The task token, for activities and `.waitForTaskToken`.
    pub token: Option<TaskToken>,
}

/// A task token: a secret. Keep only its hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskToken(pub Arc<str>);

impl std::fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// A distributed map to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapRunRequest {
    /// Names the map run in every report on it.
    pub map_run: MapRunId,
    /// `arn:aws:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:UUID`
    pub arn: Arc<str>,
    /// The name of the Map state.
    pub state: Arc<str>,
    /// Where the state stands; see [`TaskRequest::path`].
    pub path: String,
    /// The item processor: each child is an [`Execution::of_workflow`](crate::Execution::of_workflow) of it.
    pub processor: WorkflowId,
    /// Whether children are Standard or Express.
    pub execution_type: ExecutionType,
    /// How many children may run at once; 0 is AWS's maximum, 10,000.
    pub max_concurrency: u32,
    /// How many items may fail.
    pub tolerated_failure_count: Option<u64>,
    /// What share of items may fail, 0 to 100.
    pub tolerated_failure_percentage: Option<f64>,
    /// Where the items come from.
    pub items: ItemSource,
    /// What an `ItemSelector` sees besides the item: the Map state's effective input.
    pub input: Payload,
    /// The context object at the Map state.
    pub context: Payload,
    /// The variables in scope at the Map state, as a JSON object.
    pub variables: Payload,
    /// Limits on a batch, when there is an `ItemBatcher`.
    pub batch: Option<Batch>,
    /// Where to write results: the `ResultWriter` with its parameters evaluated.
    pub writer: Option<ResultWriterRequest>,
}

/// Where the items of a distributed map come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ItemSource {
    /// From the state's input: a JSON array, or an object whose members are the items.
    Input(Payload),
    /// From outside: fetch, then hand over to [`MapRun::new`](crate::map_run::MapRun::new).
    Reader(ReaderRequest),
}

/// An `ItemReader` with its parameters evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReaderRequest {
    /// Such as `arn:aws:states:::s3:getObject`.
    pub resource: Arc<str>,
    /// Such as `{"Bucket": …, "Key": …}`.
    pub parameters: Payload,
    /// `ReaderConfig` with paths and expressions resolved, or `{}`.
    pub config: Payload,
}

/// A `ResultWriter` with its parameters evaluated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultWriterRequest {
    /// Such as `arn:aws:states:::s3:putObject`; without it results are only transformed.
    pub resource: Option<Arc<str>>,
    /// Such as `{"Bucket": …, "Prefix": …}`.
    pub parameters: Payload,
    /// `WriterConfig` (`Transformation`, `OutputType`), or `{}`.
    pub config: Payload,
}

/// An `ItemBatcher`, evaluated. A batch closes at whichever limit comes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Items in a batch, at most.
    pub max_items: Option<u64>,
    /// Bytes in a batch's input, at most.
    pub max_bytes: Option<u64>,
    /// Merged into every batch's input as `BatchInput`.
    pub input: Option<Payload>,
}
