//! A state machine after parsing: typed, names resolved to indices, expressions compiled. Immutable and shared.

pub mod choice;
mod map;
mod parse;
pub mod resource;
pub mod template;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::choice::{ChoiceRule, Condition};
pub use self::map::{Distributed, ItemBatcher, ItemReader, Items, MapMode, MapState, ResultWriter};
pub use self::resource::{Integration, Pattern};
pub use self::template::{PathText, Template};
use crate::diagnostics::{Diagnostic, Report};
use crate::payload::Payload;
use crate::time::Timestamp;

/// A whole state machine: its own workflow first, then every branch and item processor.
#[derive(Debug)]
pub struct Program {
    /// The machine's `Comment`.
    pub comment: Option<String>,
    /// The machine's `TimeoutSeconds`.
    pub timeout_seconds: Option<u64>,
    /// All workflows; [`WorkflowId::ROOT`] is the machine itself.
    pub workflows: Vec<Workflow>,
}

impl Program {
    /// Parses a definition. All errors come at once; warnings do not hinder.
    ///
    /// ```
    /// use deputy_asl::{ExecutionType, Program};
    /// let report = Program::parse(r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#, ExecutionType::Standard);
    /// assert!(report.program.is_some());
    /// ```
    pub fn parse(definition: &str, execution_type: ExecutionType) -> Report {
        parse::parse(definition, execution_type)
    }

    /// As [`Program::parse`], when only a valid program is of use: the error diagnostics otherwise.
    pub fn compile(definition: &str, execution_type: ExecutionType) -> Result<Arc<Program>, Vec<Diagnostic>> {
        let report = Self::parse(definition, execution_type);
        match report.program {
            Some(program) => Ok(program),
            None => Err(report.diagnostics.into_iter().filter(Diagnostic::is_error).collect()),
        }
    }

    /// Parses the definition of one state, as a machine that begins with it. States that it names as targets are there,
    /// without content, so that the names can be told. See [`inspect`](crate::inspect).
    pub fn parse_state(definition: &str, name: &str, execution_type: ExecutionType) -> Report {
        parse::parse_state(definition, name, execution_type)
    }

    /// The state of that name, wherever it stands.
    pub fn find_state(&self, name: &str) -> Option<(WorkflowId, StateId)> {
        (0..).map(WorkflowId).zip(&self.workflows).find_map(|(id, workflow)| {
            let index = workflow.states.iter().position(|state| state.name.as_ref() == name)?;
            Some((id, StateId(u32::try_from(index).ok()?)))
        })
    }

    /// The machine's own workflow.
    pub fn root(&self) -> &Workflow {
        &self.workflows[0]
    }

    /// The workflow of that id. Panics on an id of another program.
    pub fn workflow(&self, id: WorkflowId) -> &Workflow {
        &self.workflows[id.0 as usize]
    }

    /// The state of that id. Panics on an id of another program.
    pub fn state(&self, workflow: WorkflowId, state: StateId) -> &StateDefinition {
        &self.workflow(workflow).states[state.0 as usize]
    }

    /// Every state of the machine, outermost workflow first.
    pub fn states(&self) -> impl Iterator<Item = &StateDefinition> {
        self.workflows.iter().flat_map(|workflow| &workflow.states)
    }
}

/// Index of a [`Workflow`] in its [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkflowId(pub u32);

impl WorkflowId {
    /// The machine itself.
    pub const ROOT: Self = Self(0);
}

/// Index of a [`StateDefinition`] in its [`Workflow`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateId(pub u32);

/// States that lead to one another: the machine, a branch of a Parallel state, or a Map state's item processor.
#[derive(Debug)]
pub struct Workflow {
    /// Where it begins.
    pub start: StateId,
    /// The states in the order of the definition.
    pub states: Vec<StateDefinition>,
    /// The Parallel or Map state that it belongs to.
    pub owner: Option<(WorkflowId, StateId)>,
    /// JSON pointer of the object that holds `StartAt`; empty for the machine.
    pub pointer: String,
}

/// JSONPath or JSONata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryLanguage {
    /// `$.path`, `Parameters`, `ResultPath`, …
    #[default]
    JsonPath,
    /// `{% expression %}`, `Arguments`, `Output`, …
    Jsonata,
}

/// Standard or Express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ExecutionType {
    /// Exactly once, up to a year, with history.
    #[default]
    Standard,
    /// At least once, up to five minutes, without history limits.
    Express,
}

/// The eight types of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // As in the language.
pub enum StateType {
    Pass,
    Task,
    Choice,
    Wait,
    Succeed,
    Fail,
    Parallel,
    Map,
}

/// One state.
#[derive(Debug)]
pub struct StateDefinition {
    /// Its name.
    pub name: Arc<str>,
    /// The language of its expressions.
    pub query_language: QueryLanguage,
    /// Its `Comment`.
    pub comment: Option<String>,
    /// JSON pointer of the state.
    pub pointer: String,
    /// What it does.
    pub kind: Kind,
    /// How its data flows.
    pub io: DataFlow,
    /// Its `Assign`.
    pub assign: Option<Template>,
    /// Where it leads, unless it is a Choice, Succeed or Fail state.
    pub next: Option<StateId>,
    /// Its `Retry`.
    pub retry: Vec<Retrier>,
    /// Its `Catch`.
    pub catch: Vec<Catcher>,
}

/// What a state does, by type.
#[derive(Debug)]
#[allow(missing_docs)] // As in the language.
pub enum Kind {
    Pass { result: Option<Payload> },
    Task(Box<Task>),
    Choice { rules: Vec<ChoiceRule>, default: Option<StateId> },
    Wait(Wait),
    Succeed,
    Fail { error: Option<Text>, cause: Option<Text> },
    Parallel { branches: Vec<WorkflowId> },
    Map(Box<MapState>),
}

impl Kind {
    /// The state's type.
    pub fn state_type(&self) -> StateType {
        match self {
            Self::Pass { .. } => StateType::Pass,
            Self::Task(_) => StateType::Task,
            Self::Choice { .. } => StateType::Choice,
            Self::Wait(_) => StateType::Wait,
            Self::Succeed => StateType::Succeed,
            Self::Fail { .. } => StateType::Fail,
            Self::Parallel { .. } => StateType::Parallel,
            Self::Map(_) => StateType::Map,
        }
    }
}

impl StateDefinition {
    /// The state's type.
    pub fn state_type(&self) -> StateType {
        self.kind.state_type()
    }
}

/// How data flows through a state. In JSONPath: `InputPath`, `Parameters`, `ResultSelector`, `ResultPath`, `OutputPath`,
/// in this order; in JSONata: `Arguments`, then `Output`.
#[derive(Debug, Default)]
pub struct DataFlow {
    /// `InputPath`.
    pub input: Selection,
    /// `Parameters` or `Arguments`.
    pub parameters: Option<Template>,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`.
    pub result: Placement,
    /// `OutputPath`.
    pub output_path: Selection,
    /// `Output`.
    pub output: Option<Template>,
}

/// `InputPath` and `OutputPath`.
#[derive(Debug, Default)]
pub enum Selection {
    /// Not given or `$`: everything.
    #[default]
    All,
    /// `null`: the document `{}`.
    Nothing,
    /// What the path finds.
    Path(PathText),
}

/// `ResultPath`.
#[derive(Debug, Default)]
pub enum Placement {
    /// Not given or `$`: the result replaces the input.
    #[default]
    Replace,
    /// `null`: the result is dropped and the input goes on.
    Discard,
    /// The result is put there in the input.
    At(PathText),
}

/// A text that may be computed: `Error` and `Cause`.
#[derive(Debug)]
pub enum Text {
    /// As written.
    Literal(Arc<str>),
    /// `ErrorPath`, `CausePath`: a path or an intrinsic function.
    Template(Template),
}

/// A number that may be computed: `TimeoutSeconds`, `MaxConcurrency`, `ToleratedFailurePercentage`, …
#[derive(Debug)]
pub enum Number {
    /// As written.
    Literal(f64),
    /// `…Path`.
    Path(PathText),
    /// A JSONata expression.
    Expression(Template),
}

/// A Task state's own fields.
#[derive(Debug)]
pub struct Task {
    /// `Resource` as written.
    pub resource: Arc<str>,
    /// `Resource`, understood.
    pub integration: Integration,
    /// `TimeoutSeconds`, `TimeoutSecondsPath`.
    pub timeout: Option<Number>,
    /// `HeartbeatSeconds`, `HeartbeatSecondsPath`.
    pub heartbeat: Option<Number>,
    /// `Credentials`.
    pub credentials: Option<Template>,
}

/// How long a Wait state waits.
#[derive(Debug)]
pub enum Wait {
    /// `Seconds`.
    Seconds(Number),
    /// `Timestamp` as written.
    Until(Timestamp),
    /// `TimestampPath`.
    UntilPath(PathText),
    /// `Timestamp` as a JSONata expression.
    UntilExpression(Template),
}

/// One entry of `Retry`.
#[derive(Debug)]
pub struct Retrier {
    /// `ErrorEquals`.
    pub errors: Vec<Arc<str>>,
    /// `IntervalSeconds`; 1 by default.
    pub interval_seconds: u64,
    /// `MaxAttempts`; 3 by default.
    pub max_attempts: u64,
    /// `BackoffRate`; 2.0 by default.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_seconds: Option<u64>,
    /// `JitterStrategy` is `FULL`.
    pub full_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub struct Catcher {
    /// `ErrorEquals`.
    pub errors: Vec<Arc<str>>,
    /// `Next`.
    pub next: StateId,
    /// `ResultPath`.
    pub result: Placement,
    /// `Output`.
    pub output: Option<Template>,
    /// `Assign`.
    pub assign: Option<Template>,
}

impl StateType {
    /// As `Type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Task => "Task",
            Self::Choice => "Choice",
            Self::Wait => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail => "Fail",
            Self::Parallel => "Parallel",
            Self::Map => "Map",
        }
    }

    pub(crate) fn entered(self) -> &'static str {
        match self {
            Self::Pass => "PassStateEntered",
            Self::Task => "TaskStateEntered",
            Self::Choice => "ChoiceStateEntered",
            Self::Wait => "WaitStateEntered",
            Self::Succeed => "SucceedStateEntered",
            Self::Fail => "FailStateEntered",
            Self::Parallel => "ParallelStateEntered",
            Self::Map => "MapStateEntered",
        }
    }

    // A Fail state has no exit and only four types can be aborted; the others never wait.
    pub(crate) fn exited(self) -> &'static str {
        match self {
            Self::Pass => "PassStateExited",
            Self::Task => "TaskStateExited",
            Self::Choice => "ChoiceStateExited",
            Self::Wait => "WaitStateExited",
            Self::Succeed => "SucceedStateExited",
            Self::Fail => "FailStateExited",
            Self::Parallel => "ParallelStateExited",
            Self::Map => "MapStateExited",
        }
    }

    pub(crate) fn aborted(self) -> &'static str {
        match self {
            Self::Wait => "WaitStateAborted",
            Self::Parallel => "ParallelStateAborted",
            Self::Map => "MapStateAborted",
            _ => "TaskStateAborted",
        }
    }
}

impl fmt::Display for StateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
