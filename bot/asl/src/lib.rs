//! Amazon States Language: parse, validate, interpret. Pure: no input or output, clock, randomness or async.
//!
//! [`Program::parse`] reads a definition; [`Execution::new`] begins an execution of it; [`step`] moves it by one [`Event`]
//! and says which [history events](HistoryEvent) came to be and which [effects](Effect) are wanted. The runner keeps the
//! log of events, carries out effects after the log is safe, and reports back with further events.

mod context;
mod diagnostics;
mod effect;
mod entropy;
mod evaluate;
mod event;
mod execution;
pub mod graph;
mod history;
mod interpret;
pub mod intrinsics;
pub mod item_reader;
pub mod jsonata;
pub mod jsonpath;
pub mod map_run;
mod payload;
pub mod program;
mod time;

pub use context::{ExecutionInfo, MapItem};
pub use diagnostics::{Code, Diagnostic, Report, Severity};
pub use effect::{
    Batch, Effect, ItemSource, MapRunRequest, Outcome, ReaderRequest, ResultWriterRequest, TaskRequest,
    TaskToken,
};
pub use event::{Event, EventKind, FailureStage, MapRunId, Seed, TaskId, TimerId};
pub use execution::{Execution, Status};
pub use history::{Details, ErrorDetails, HistoryEvent, MAX_HISTORY_EVENTS, ServiceResource};
pub use interpret::{Inspection, Mock, Probe, Step, Trace, Verdict, inspect, step};
pub use payload::{MAX_PAYLOAD_BYTES, Payload};
pub use program::{ExecutionType, Integration, Pattern, Program, StateType, WorkflowId};
pub use time::Timestamp;
