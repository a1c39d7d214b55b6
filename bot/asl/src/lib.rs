//! Amazon States Language: parse, validate, interpret. Pure: no input or output, clock, randomness or async.
//!
//! [`Program::parse`] reads a definition; [`Execution::new`] begins an execution of it; [`step`] moves it by one [`Event`]
//! and says which [history events](HistoryEvent) came to be and which [effects](Effect) are wanted. The runner keeps the
//! log of events, carries out effects after the log is safe, and reports back with further events. Applying the same log
//! to a fresh execution, or the rest of it to a snapshot, gives the same bytes.
//!
//! ```
//! use deputy_asl::*;
//!
//! let definition = r#"{"StartAt": "Greet", "States": {"Greet": {"Type": "Task", "End": true,
//!     "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "greet", "Payload.$": "$"}}}}"#;
//! let program = Program::compile(definition, ExecutionType::Standard).unwrap();
//! let execution = Execution::new(ExecutionInfo {
//!     id: "arn:aws:states:us-east-1:111111111111:execution:greeter:first".into(),
//!     name: "first".into(),
//!     state_machine_id: "arn:aws:states:us-east-1:111111111111:stateMachine:greeter".into(),
//!     state_machine_name: "greeter".into(),
//!     role_arn: "arn:aws:iam::111111111111:role/greeter".into(),
//!     region: "us-east-1".into(),
//!     account: "111111111111".into(),
//!     execution_type: ExecutionType::Standard,
//!     input: Payload::parse(r#"{"name": "Ada"}"#).unwrap(),
//!     item: None,
//! });
//! let event = |kind| Event { at: Timestamp(0), seed: Seed([7; 32]), kind };
//! let begun = step(&program, execution, &event(EventKind::Start));
//! let [Effect::ScheduleTask(request)] = &begun.effects[..] else { panic!() };
//! let answer = EventKind::TaskSucceeded { task: request.task, output: Payload::parse(r#""Hello, Ada""#).unwrap() };
//! let ended = step(&program, begun.execution, &event(answer));
//! assert_eq!(ended.execution.status(), Status::Succeeded);
//! assert_eq!(ended.history.last().unwrap().type_name(), "ExecutionSucceeded");
//! ```
//!
//! Distributed maps are executions of their own, which [`map_run`] keeps count of on items that [`item_reader`] reads and
//! whose results [`result_writer`] puts into files;
//! [`inspect`] tries one state by itself; [`graph`] draws. [`simulate`] runs whole executions in virtual time, and
//! [`scenario`] compares what comes of them with what must.

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
pub mod result_writer;
pub mod scenario;
pub mod simulate;
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
