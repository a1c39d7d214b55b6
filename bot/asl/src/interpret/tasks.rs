//! Task states: scheduling, and what is reported about the task.

use std::sync::Arc;

use serde_json::Value;

use super::flow::Io;
use super::{Failure, Flow, Machine};
use crate::effect::{Effect, TaskRequest, TaskToken};
use crate::evaluate::{Fault, TIMEOUT};
use crate::event::{EventKind, FailureStage, TaskId};
use crate::execution::{OpenTask, Phase, Strand, StrandId};
use crate::history::{Details, ErrorDetails};
use crate::payload::Payload;
use crate::program::{Integration, Number, QueryLanguage, StateDefinition, Task};

impl<'a> Machine<'a> {
    pub(super) fn schedule_task(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        task: &'a Task,
    ) -> Result<Flow, Failure> {
        // The token must exist before the parameters, which may hand it on.
        let token = task.integration.has_token().then(|| TaskToken(self.entropy.token().into()));
        strand.phase = Phase::Task(Box::new(OpenTask {
            task: TaskId(0),
            token: token.clone(),
            timeout_seconds: None,
            heartbeat_seconds: None,
            timeout_timer: None,
            heartbeat_timer: None,
            started: false,
        }));
        let input = self.effective_input(strand, definition)?;
        let parameters = match &definition.io.parameters {
            Some(parameters) => self.evaluate(strand, parameters, Io::input(&input))?,
            None => input.clone(),
        };
        match definition.query_language {
            QueryLanguage::JsonPath => self.note(|trace| trace.after_parameters = Some(parameters.clone())),
            QueryLanguage::Jsonata => self.note(|trace| trace.after_arguments = Some(parameters.clone())),
        }
        let timeout_seconds = self.seconds(strand, task.timeout.as_ref(), &input, "TimeoutSeconds")?;
        let heartbeat_seconds = self.seconds(strand, task.heartbeat.as_ref(), &input, "HeartbeatSeconds")?;
        let credentials = match &task.credentials {
            Some(credentials) => Some(self.evaluate(strand, credentials, Io::input(&input))?),
            None => None,
        };
        Self::check_size(definition, &parameters)?;
        let role = credentials.as_ref().and_then(|credentials| credentials.value().get("RoleArn")?.as_str());
        let role: Option<Arc<str>> = role.map(Arc::from);
        let (resource, input) = (task.resource.clone(), parameters.clone());
        let scheduled = match &task.integration {
            Integration::LambdaFunction => {
                Details::LambdaFunctionScheduled { resource, input, timeout_seconds, credentials: role }
            }
            Integration::Activity => {
                Details::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds }
            }
            Integration::Service { name, .. } => Details::TaskScheduled {
                service: name.clone(),
                region: self.execution.info.region.clone(),
                parameters: input,
                timeout_seconds,
                heartbeat_seconds,
                credentials: role,
            },
        };
        strand.previous = self.emit(strand.previous, scheduled);
        let task_id = TaskId(strand.previous);
        if self.overflow.is_some() {
            return Ok(Flow::Wait);
        }
        self.execution.tasks.insert(task_id, id);
        self.effects.push(Effect::ScheduleTask(Box::new(TaskRequest {
            task: task_id,
            state: definition.name.clone(),
            path: self.path_of(strand),
            resource: task.resource.clone(),
            integration: task.integration.clone(),
            parameters,
            timeout_seconds,
            heartbeat_seconds,
            attempt: strand.retries.iter().sum(),
            credentials,
            token: token.clone(),
        })));
        let mut open = OpenTask {
            task: task_id,
            token,
            timeout_seconds,
            heartbeat_seconds,
            timeout_timer: None,
            heartbeat_timer: None,
            started: false,
        };
        // The clocks of an activity begin when a worker takes it.
        if task.integration != Integration::Activity {
            self.start_clocks(id, &mut open);
        }
        strand.phase = Phase::Task(Box::new(open));
        Ok(Flow::Wait)
    }

    /// `TimeoutSeconds` or `HeartbeatSeconds`, or their forms that compute them.
    fn seconds(
        &mut self,
        strand: &mut Strand,
        number: Option<&Number>,
        input: &Payload,
        field: &str,
    ) -> Result<Option<u64>, Failure> {
        let Some(number) = number else { return Ok(None) };
        // Validation bounds what is written; beyond 2^53 a double is whole and a wait that long never ends.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let positive = |number: f64| (number >= 1.0 && number.fract() == 0.0).then_some(number as u64);
        match number {
            Number::Literal(number) => Ok(positive(*number)),
            Number::Path(path) => self
                .with_environment(strand, Io::input(input), |environment| {
                    let found = environment.query(path).map_err(|_| {
                        Fault::runtime(format!(
                            "The {field}Path parameter does not reference an input value: {}",
                            path.text
                        ))
                    })?;
                    found.as_f64().and_then(positive).ok_or_else(|| {
                        Fault::runtime(format!(
                            "The {field}Path parameter does not reference a positive integer: {} == {found}",
                            path.text
                        ))
                    })
                })
                .map(Some),
            Number::Expression(template) => {
                let value = self.evaluate(strand, template, Io::input(input))?;
                let (location, text) = template.as_jsonata().unwrap_or_default();
                let fault = match value.value() {
                    Value::Number(number) => match number.as_f64().and_then(positive) {
                        Some(seconds) => return Ok(Some(seconds)),
                        None => Fault::query(
                            location,
                            format!(
                                "The JSONata expression '{text}' specified for the field '{location}' returned an invalid \
                                 value: {number}. It must be a positive integer."
                            ),
                        ),
                    },
                    other => Fault::unexpected_type(text, location, "number", other),
                };
                Err(self.fault(strand, fault))
            }
        }
    }

    fn start_clocks(&mut self, id: StrandId, open: &mut OpenTask) {
        if let Some(seconds) = open.timeout_seconds {
            open.timeout_timer = Some(self.set_strand_timer(id, self.now.plus_seconds(seconds)));
        }
        if let Some(seconds) = open.heartbeat_seconds {
            open.heartbeat_timer = Some(self.set_strand_timer(id, self.now.plus_seconds(seconds)));
        }
    }

    /// The task is over, one way or another.
    pub(super) fn close_task(&mut self, open: &OpenTask) {
        self.execution.tasks.remove(&open.task);
        for timer in [open.timeout_timer, open.heartbeat_timer].into_iter().flatten() {
            self.cancel_timer(timer);
        }
    }

    /// A report on a task that is not over.
    pub(super) fn task_report(&mut self, report: &EventKind) {
        let task = match report {
            EventKind::TaskStarted { task, .. }
            | EventKind::TaskSubmitted { task, .. }
            | EventKind::TaskHeartbeat { task }
            | EventKind::TaskSucceeded { task, .. }
            | EventKind::TaskFailed { task, .. }
            | EventKind::TaskTimedOut { task, .. } => *task,
            _ => return,
        };
        let Some(id) = self.execution.tasks.get(&task).copied() else { return };
        match report {
            EventKind::TaskStarted { worker, .. } => {
                let worker = worker.as_deref().map(Arc::from);
                self.resume(id, |machine, id, strand, definition| {
                    machine.task_started(id, strand, definition, worker);
                    Ok(Flow::Wait)
                });
            }
            EventKind::TaskHeartbeat { .. } => self.heartbeat(id),
            EventKind::TaskSubmitted { output, .. } => self.resume(id, |machine, id, strand, definition| {
                machine.task_started(id, strand, definition, None);
                if let Integration::Service { name, .. } = integration(definition) {
                    let details = Details::TaskSubmitted { service: name.clone(), output: output.clone() };
                    strand.previous = machine.emit(strand.previous, details);
                }
                Ok(Flow::Wait)
            }),
            EventKind::TaskSucceeded { output, .. } => self.resume(id, |machine, id, strand, definition| {
                machine.task_started(id, strand, definition, None);
                machine.task_succeeded(strand, definition, output)
            }),
            EventKind::TaskFailed { stage, error, cause, .. } => {
                let details = ErrorDetails { error: error.clone(), cause: cause.clone() };
                self.resume(id, |machine, id, strand, definition| {
                    if matches!(stage, FailureStage::Run | FailureStage::Submit) {
                        machine.task_started(id, strand, definition, None);
                    }
                    Err(machine.task_failed(strand, definition, *stage, details))
                });
            }
            EventKind::TaskTimedOut { error, cause, .. } => {
                let error = error.clone().or_else(|| Some(TIMEOUT.into()));
                let details = ErrorDetails { error, cause: cause.clone() };
                self.resume(id, |machine, id, strand, definition| {
                    machine.task_started(id, strand, definition, None);
                    Err(machine.task_timed_out(strand, definition, details, false))
                });
            }
            _ => {}
        }
    }

    /// Records that the task started, unless that is recorded already: every later event presupposes it.
    fn task_started(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        worker: Option<Arc<str>>,
    ) {
        let Phase::Task(open) = &mut strand.phase else { return };
        if open.started {
            return;
        }
        open.started = true;
        let mut open = std::mem::replace(open, Box::new(OpenTask::placeholder()));
        if *integration(definition) == Integration::Activity {
            self.start_clocks(id, &mut open);
        }
        strand.phase = Phase::Task(open);
        let details = match integration(definition) {
            Integration::LambdaFunction => Details::LambdaFunctionStarted,
            Integration::Activity => Details::ActivityStarted { worker },
            Integration::Service { name, .. } => Details::TaskStarted { service: name.clone() },
        };
        strand.previous = self.emit(strand.previous, details);
    }

    fn heartbeat(&mut self, id: StrandId) {
        let Some(strand) = self.execution.strands.get(&id) else { return };
        let Phase::Task(open) = &strand.phase else { return };
        let (Some(old), Some(seconds)) = (open.heartbeat_timer, open.heartbeat_seconds) else { return };
        self.cancel_timer(old);
        let timer = self.set_strand_timer(id, self.now.plus_seconds(seconds));
        if let Some(Phase::Task(open)) = self.execution.strands.get_mut(&id).map(|strand| &mut strand.phase) {
            open.heartbeat_timer = Some(timer);
        }
    }

    pub(super) fn task_succeeded(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        output: &Payload,
    ) -> Result<Flow, Failure> {
        if let Err(too_large) = Self::check_size(definition, output) {
            return Err(self.task_failed(strand, definition, FailureStage::Run, too_large.details));
        }
        if let Phase::Task(open) = &strand.phase {
            let open = open.clone();
            self.close_task(&open);
        }
        let output = output.clone();
        self.note(|trace| trace.result = Some(output.clone()));
        let details = match integration(definition) {
            Integration::LambdaFunction => Details::LambdaFunctionSucceeded { output: output.clone() },
            Integration::Activity => Details::ActivitySucceeded { output: output.clone() },
            Integration::Service { name, .. } => {
                Details::TaskSucceeded { service: name.clone(), output: output.clone() }
            }
        };
        strand.previous = self.emit(strand.previous, details);
        self.exit_with_result(strand, definition, output)
    }

    pub(super) fn task_failed(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        stage: FailureStage,
        error: ErrorDetails,
    ) -> Failure {
        if let Phase::Task(open) = &strand.phase {
            let open = open.clone();
            self.close_task(&open);
        }
        let details = match (integration(definition), stage) {
            (Integration::LambdaFunction, FailureStage::Schedule) => {
                Details::LambdaFunctionScheduleFailed(error.clone())
            }
            (Integration::LambdaFunction, FailureStage::Start) => {
                Details::LambdaFunctionStartFailed(error.clone())
            }
            (Integration::LambdaFunction, _) => Details::LambdaFunctionFailed(error.clone()),
            (Integration::Activity, FailureStage::Schedule) => Details::ActivityScheduleFailed(error.clone()),
            (Integration::Activity, _) => Details::ActivityFailed(error.clone()),
            (Integration::Service { name, .. }, stage) => {
                let (service, error) = (name.clone(), error.clone());
                match stage {
                    FailureStage::Start => Details::TaskStartFailed { service, error },
                    FailureStage::Submit => Details::TaskSubmitFailed { service, error },
                    FailureStage::Run | FailureStage::Schedule => Details::TaskFailed { service, error },
                }
            }
        };
        strand.previous = self.emit(strand.previous, details);
        Failure { details: error, heartbeat: false }
    }

    fn task_timed_out(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        error: ErrorDetails,
        heartbeat: bool,
    ) -> Failure {
        if let Phase::Task(open) = &strand.phase {
            let open = open.clone();
            self.close_task(&open);
            self.effects.push(Effect::CancelTask { task: open.task });
        }
        let details = match integration(definition) {
            Integration::LambdaFunction => Details::LambdaFunctionTimedOut(error.clone()),
            Integration::Activity => Details::ActivityTimedOut(error.clone()),
            Integration::Service { name, .. } => {
                Details::TaskTimedOut { service: name.clone(), error: error.clone() }
            }
        };
        strand.previous = self.emit(strand.previous, details);
        Failure { details: error, heartbeat }
    }

    /// One of the task's own clocks ran out. AWS calls both `States.Timeout` in its history.
    pub(super) fn task_timer_fired(&mut self, id: StrandId, heartbeat: bool) {
        self.resume(id, |machine, id, strand, definition| {
            machine.task_started(id, strand, definition, None);
            let details = ErrorDetails { error: Some(TIMEOUT.into()), cause: None };
            Err(machine.task_timed_out(strand, definition, details, heartbeat))
        });
    }

    /// Where a strand's state stands among branches and iterations: `Fan/0/Each/17/Call`.
    pub(super) fn path_of(&self, strand: &Strand) -> String {
        let mut parts = vec![self.definition(strand).name.to_string()];
        let mut parent = strand.parent;
        while let Some((id, slot)) = parent {
            let Some(strand) = self.execution.strands.get(&id) else { break };
            parts.push(slot.to_string());
            parts.push(self.definition(strand).name.to_string());
            parent = strand.parent;
        }
        parts.reverse();
        parts.join("/")
    }
}

impl OpenTask {
    fn placeholder() -> Self {
        Self {
            task: TaskId(0),
            token: None,
            timeout_seconds: None,
            heartbeat_seconds: None,
            timeout_timer: None,
            heartbeat_timer: None,
            started: false,
        }
    }
}

/// The integration of a Task state; only Task states have tasks.
fn integration(definition: &StateDefinition) -> &Integration {
    match &definition.kind {
        crate::program::Kind::Task(task) => &task.integration,
        _ => &Integration::Activity,
    }
}
