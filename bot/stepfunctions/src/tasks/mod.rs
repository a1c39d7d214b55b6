//! Who does the work of Task states: the registry of services, and what they are told and answer.

pub mod aws;
pub mod functions;
pub mod http;
pub mod mock;
pub mod s3;
mod xml;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use deputy_asl::program::{Kind, MapMode};
use deputy_asl::{FailureStage, Integration, Payload, Program, TaskRequest, TaskToken};

/// What a task came to.
pub type TaskResult = Result<Payload, TaskError>;
/// A task under way.
pub type TaskFuture = Pin<Box<dyn Future<Output = TaskResult> + Send>>;

/// Why a task failed, as the state machine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskError {
    /// The error's name, which `Retry` and `Catch` match.
    pub error: Option<Arc<str>>,
    /// The error's text.
    pub cause: Option<Arc<str>>,
    /// How far the task had come.
    pub stage: FailureStage,
}

impl TaskError {
    /// A failure while the task ran.
    pub fn new(error: &str, cause: impl Into<String>) -> Self {
        Self { error: Some(error.into()), cause: Some(cause.into().into()), stage: FailureStage::Run }
    }
}

/// One task to do. At least once: a call may be repeated after a crash, with the same [key](TaskCall::idempotency_key).
#[derive(Clone)]
pub struct TaskCall {
    /// The ARN of the execution.
    pub execution: Arc<str>,
    /// The ARN of the state machine.
    pub state_machine: Arc<str>,
    /// What to do.
    pub request: Arc<TaskRequest>,
    pub(crate) submitted: Arc<dyn Fn(Payload) + Send + Sync>,
    pub(crate) id: u64,
}

impl TaskCall {
    /// The same for every repetition of this very attempt, and for nothing else: execution, place, attempt.
    pub fn idempotency_key(&self) -> String {
        let TaskRequest { path, attempt, task, .. } = self.request.as_ref();
        format!("{}/{path}/{}/{attempt}", self.execution, task.0)
    }

    /// What to send: `Parameters` or `Arguments`, evaluated.
    pub fn input(&self) -> &Payload {
        &self.request.parameters
    }

    /// The task token, for `.waitForTaskToken`.
    pub fn token(&self) -> Option<&TaskToken> {
        self.request.token.as_ref()
    }

    /// For `.sync` and `.waitForTaskToken`: the service has taken the job and answered this. The future goes on until the
    /// job is over, and its result is the task's.
    pub fn submitted(&self, answer: Payload) {
        (self.submitted)(answer);
    }
}

/// Somebody who does tasks.
pub trait TaskService: Send + Sync + 'static {
    /// Whether it does tasks of this kind. Asked when a machine is created and again when the task is due.
    fn accepts(&self, resource: &str, integration: &Integration) -> bool;

    /// Whether it does this very task. Only services that stand in for others need to say no.
    fn accepts_call(&self, call: &TaskCall) -> bool {
        self.accepts(&call.request.resource, &call.request.integration)
    }

    /// Whether it stands in for whoever does that state of that machine; asked when a machine is created.
    fn stands_in(&self, machine: &str, state: &str) -> bool {
        let _ = (machine, state);
        false
    }

    /// The test cases that it has for a machine, which `StartExecution` may choose from: `…:stateMachine:NAME#CASE`.
    fn test_cases(&self, machine: &str) -> Vec<String> {
        let _ = machine;
        Vec::new()
    }

    /// Does the task. Dropping the future gives up. For `.waitForTaskToken`, the end of the future means that the request
    /// was taken, and the result comes through the API; unless [`TaskCall::submitted`] has said before that it was taken.
    fn call(&self, call: TaskCall) -> TaskFuture;
}

/// The services at hand; of two that accept a task, the first does it.
#[derive(Clone, Default)]
pub struct Registry {
    overrides: Vec<Arc<dyn TaskService>>,
    services: Vec<Arc<dyn TaskService>>,
}

impl Registry {
    /// No service at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a service, behind those that are there.
    #[must_use]
    pub fn with(mut self, service: impl TaskService) -> Self {
        self.services.push(Arc::new(service));
        self
    }

    /// Adds a service that comes before all others, even before what the engine does itself: for mocks.
    #[must_use]
    pub fn with_override(mut self, service: impl TaskService) -> Self {
        self.overrides.push(Arc::new(service));
        self
    }

    /// Who stands in for whoever else would do the task.
    pub(crate) fn find_override(&self, call: &TaskCall) -> Option<&Arc<dyn TaskService>> {
        self.overrides.iter().find(|service| service.accepts_call(call))
    }

    /// Who does tasks of this kind.
    pub fn find(&self, resource: &str, integration: &Integration) -> Option<&Arc<dyn TaskService>> {
        self.services.iter().find(|service| service.accepts(resource, integration))
    }

    /// The test cases that there are for a machine.
    pub(crate) fn test_cases(&self, machine: &str) -> Vec<String> {
        self.overrides.iter().flat_map(|service| service.test_cases(machine)).collect()
    }

    /// What nobody here can do of what the machine wants done: place in the definition, name of the state, resource.
    pub(crate) fn missing(&self, program: &Program, machine: &str) -> Vec<(String, Arc<str>, Arc<str>)> {
        let mut missing = Vec::new();
        let mut want = |pointer: String, state: &Arc<str>, resource: &Arc<str>, integration: &Integration| {
            let overridden = self
                .overrides
                .iter()
                .any(|service| service.accepts(resource, integration) || service.stands_in(machine, state));
            if !overridden && !is_native(integration) && self.find(resource, integration).is_none() {
                missing.push((pointer, Arc::clone(state), Arc::clone(resource)));
            }
        };
        for state in program.states() {
            match &state.kind {
                Kind::Task(task) => {
                    want(state.pointer.clone(), &state.name, &task.resource, &task.integration);
                }
                Kind::Map(map) => {
                    let MapMode::Distributed(distributed) = &map.mode else { continue };
                    let reader = distributed.reader.as_ref().map(|reader| ("ItemReader", &reader.resource));
                    let writer = distributed
                        .writer
                        .as_ref()
                        .and_then(|writer| Some(("ResultWriter", writer.resource.as_ref()?)));
                    for (field, resource) in [reader, writer].into_iter().flatten() {
                        if let Some(integration) = Integration::parse(resource) {
                            want(format!("{}/{field}", state.pointer), &state.name, resource, &integration);
                        }
                    }
                }
                _ => {}
            }
        }
        missing
    }
}

/// Whether the engine does tasks of this kind itself: activities and its own API.
pub(crate) fn is_native(integration: &Integration) -> bool {
    match integration {
        Integration::Activity => true,
        Integration::LambdaFunction => false,
        Integration::Service { name, .. } => {
            matches!(name.resource_type.as_ref(), "states" | "aws-sdk:sfn")
        }
    }
}

/// The name of the function that a resource or `FunctionName` means: of an ARN, its seventh part.
pub(crate) fn function_name(name: &str) -> &str {
    match name.split_once(":function:") {
        Some((_, rest)) => rest.split(':').next().unwrap_or(rest),
        None => name.split(':').next().unwrap_or(name),
    }
}
