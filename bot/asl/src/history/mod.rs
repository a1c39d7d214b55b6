//! Execution history: AWS's events, their numbering and their chain.

mod json;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::payload::Payload;
use crate::program::StateType;

/// The number of events after which AWS fails a Standard execution.
pub const MAX_HISTORY_EVENTS: u64 = 25_000;

/// One event of an execution's history. The runner stamps it with the time of the [`Event`](crate::Event) that caused it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Counts from 1 without gaps.
    pub id: u64,
    /// The event that this one follows; 0 for the first event and for the first state's entry.
    pub previous_id: u64,
    /// What happened.
    pub details: Details,
}

/// An error's name and text, either of which may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorDetails {
    /// The error's name.
    pub error: Option<Arc<str>>,
    /// The error's text.
    pub cause: Option<Arc<str>>,
}

/// `resourceType` and `resource` of a service integration, as in `lambda` and `invoke.waitForTaskToken`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceResource {
    /// The service: `lambda`, `aws-sdk:s3`, …
    pub resource_type: Arc<str>,
    /// The action with its pattern: `invoke`, `startExecution.sync:2`, …
    pub resource: Arc<str>,
}

/// The variables that a state assigned, by name.
pub type Assigned = Arc<Vec<(Arc<str>, Payload)>>;

/// What happened, one variant per event type (or per family with the same details).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // The variants are the event types of AWS's API, field for field.
#[non_exhaustive]
pub enum Details {
    ExecutionStarted {
        input: Payload,
        role_arn: Arc<str>,
    },
    ExecutionSucceeded {
        output: Payload,
    },
    ExecutionFailed(ErrorDetails),
    ExecutionTimedOut(ErrorDetails),
    ExecutionAborted(ErrorDetails),
    ExecutionRedriven {
        redrive_count: u32,
    },
    StateEntered {
        kind: StateType,
        name: Arc<str>,
        input: Payload,
    },
    StateExited {
        kind: StateType,
        name: Arc<str>,
        output: Payload,
        assigned: Option<Assigned>,
    },
    /// `TaskStateAborted`, `WaitStateAborted`, `ParallelStateAborted`, `MapStateAborted`.
    StateAborted {
        kind: StateType,
    },
    EvaluationFailed {
        error: Arc<str>,
        cause: Arc<str>,
        location: Option<Arc<str>>,
        state: Arc<str>,
    },
    LambdaFunctionScheduled {
        resource: Arc<str>,
        input: Payload,
        timeout_seconds: Option<u64>,
        credentials: Option<Arc<str>>,
    },
    LambdaFunctionScheduleFailed(ErrorDetails),
    LambdaFunctionStarted,
    LambdaFunctionStartFailed(ErrorDetails),
    LambdaFunctionSucceeded {
        output: Payload,
    },
    LambdaFunctionFailed(ErrorDetails),
    LambdaFunctionTimedOut(ErrorDetails),
    ActivityScheduled {
        resource: Arc<str>,
        input: Payload,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
    },
    ActivityScheduleFailed(ErrorDetails),
    ActivityStarted {
        worker: Option<Arc<str>>,
    },
    ActivitySucceeded {
        output: Payload,
    },
    ActivityFailed(ErrorDetails),
    ActivityTimedOut(ErrorDetails),
    TaskScheduled {
        service: ServiceResource,
        region: Arc<str>,
        parameters: Payload,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        credentials: Option<Arc<str>>,
    },
    TaskStarted {
        service: ServiceResource,
    },
    TaskStartFailed {
        service: ServiceResource,
        error: ErrorDetails,
    },
    TaskSubmitted {
        service: ServiceResource,
        output: Payload,
    },
    TaskSubmitFailed {
        service: ServiceResource,
        error: ErrorDetails,
    },
    TaskSucceeded {
        service: ServiceResource,
        output: Payload,
    },
    TaskFailed {
        service: ServiceResource,
        error: ErrorDetails,
    },
    TaskTimedOut {
        service: ServiceResource,
        error: ErrorDetails,
    },
    ParallelStateStarted,
    ParallelStateSucceeded,
    ParallelStateFailed,
    MapStateStarted {
        length: u64,
    },
    MapStateSucceeded,
    MapStateFailed,
    MapIterationStarted {
        name: Arc<str>,
        index: u64,
    },
    MapIterationSucceeded {
        name: Arc<str>,
        index: u64,
    },
    MapIterationFailed {
        name: Arc<str>,
        index: u64,
    },
    MapIterationAborted {
        name: Arc<str>,
        index: u64,
    },
    MapRunStarted {
        arn: Arc<str>,
    },
    MapRunSucceeded,
    MapRunFailed(ErrorDetails),
    MapRunAborted,
    MapRunRedriven {
        arn: Arc<str>,
        redrive_count: u32,
    },
}

impl Details {
    /// AWS's name of the event type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::StateEntered { kind, .. } => kind.entered(),
            Self::StateExited { kind, .. } => kind.exited(),
            Self::StateAborted { kind } => kind.aborted(),
            Self::ExecutionStarted { .. } => "ExecutionStarted",
            Self::ExecutionSucceeded { .. } => "ExecutionSucceeded",
            Self::ExecutionFailed(_) => "ExecutionFailed",
            Self::ExecutionTimedOut(_) => "ExecutionTimedOut",
            Self::ExecutionAborted(_) => "ExecutionAborted",
            Self::ExecutionRedriven { .. } => "ExecutionRedriven",
            Self::EvaluationFailed { .. } => "EvaluationFailed",
            Self::LambdaFunctionScheduled { .. } => "LambdaFunctionScheduled",
            Self::LambdaFunctionScheduleFailed(_) => "LambdaFunctionScheduleFailed",
            Self::LambdaFunctionStarted => "LambdaFunctionStarted",
            Self::LambdaFunctionStartFailed(_) => "LambdaFunctionStartFailed",
            Self::LambdaFunctionSucceeded { .. } => "LambdaFunctionSucceeded",
            Self::LambdaFunctionFailed(_) => "LambdaFunctionFailed",
            Self::LambdaFunctionTimedOut(_) => "LambdaFunctionTimedOut",
            Self::ActivityScheduled { .. } => "ActivityScheduled",
            Self::ActivityScheduleFailed(_) => "ActivityScheduleFailed",
            Self::ActivityStarted { .. } => "ActivityStarted",
            Self::ActivitySucceeded { .. } => "ActivitySucceeded",
            Self::ActivityFailed(_) => "ActivityFailed",
            Self::ActivityTimedOut(_) => "ActivityTimedOut",
            Self::TaskScheduled { .. } => "TaskScheduled",
            Self::TaskStarted { .. } => "TaskStarted",
            Self::TaskStartFailed { .. } => "TaskStartFailed",
            Self::TaskSubmitted { .. } => "TaskSubmitted",
            Self::TaskSubmitFailed { .. } => "TaskSubmitFailed",
            Self::TaskSucceeded { .. } => "TaskSucceeded",
            Self::TaskFailed { .. } => "TaskFailed",
            Self::TaskTimedOut { .. } => "TaskTimedOut",
            Self::ParallelStateStarted => "ParallelStateStarted",
            Self::ParallelStateSucceeded => "ParallelStateSucceeded",
            Self::ParallelStateFailed => "ParallelStateFailed",
            Self::MapStateStarted { .. } => "MapStateStarted",
            Self::MapStateSucceeded => "MapStateSucceeded",
            Self::MapStateFailed => "MapStateFailed",
            Self::MapIterationStarted { .. } => "MapIterationStarted",
            Self::MapIterationSucceeded { .. } => "MapIterationSucceeded",
            Self::MapIterationFailed { .. } => "MapIterationFailed",
            Self::MapIterationAborted { .. } => "MapIterationAborted",
            Self::MapRunStarted { .. } => "MapRunStarted",
            Self::MapRunSucceeded => "MapRunSucceeded",
            Self::MapRunFailed(_) => "MapRunFailed",
            Self::MapRunAborted => "MapRunAborted",
            Self::MapRunRedriven { .. } => "MapRunRedriven",
        }
    }
}
