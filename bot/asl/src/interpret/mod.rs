//! The interpreter: one event in, the next state, history events and effects out.

mod failure;
mod flow;
mod inspect;
mod join;
mod map;
mod states;
mod tasks;

use std::sync::Arc;

pub use self::inspect::{Inspection, Mock, Probe, Trace, Verdict, inspect};

use crate::effect::{Effect, Outcome};
use crate::entropy::Derived;
use crate::event::{Event, EventKind, TimerId};
use crate::execution::{Execution, Phase, Status, Strand, StrandId, Variables};
use crate::history::{Details, ErrorDetails, HistoryEvent, MAX_HISTORY_EVENTS};
use crate::payload::Payload;
use crate::program::{ExecutionType, Program, StateDefinition};
use crate::time::Timestamp;

/// How many transitions one step makes before it asks for [`Effect::Continue`].
const TRANSITIONS_PER_STEP: u32 = 30_000;

/// What a step gives.
#[derive(Debug)]
pub struct Step {
    /// The execution after the event.
    pub execution: Execution,
    /// What is to be appended to its history, in order.
    pub history: Vec<HistoryEvent>,
    /// What is to be done, in order.
    pub effects: Vec<Effect>,
}

/// Moves an execution by one event.
///
/// Pure: the same arguments give the same result. Events that do not concern the execution as it stands, such as a late
/// answer of a cancelled task, change nothing. `program` must be the one that the execution began with.
pub fn step(program: &Program, execution: Execution, event: &Event) -> Step {
    let mut machine = Machine {
        program,
        execution,
        now: event.at,
        entropy: Derived::new(event.seed),
        history: Vec::new(),
        effects: Vec::new(),
        fuel: TRANSITIONS_PER_STEP,
        overflow: None,
        trace: None,
        context: None,
    };
    machine.accept(&event.kind);
    machine.run();
    Step { execution: machine.execution, history: machine.history, effects: machine.effects }
}

/// One step under way.
struct Machine<'a> {
    program: &'a Program,
    execution: Execution,
    now: Timestamp,
    entropy: Derived,
    history: Vec<HistoryEvent>,
    effects: Vec<Effect>,
    fuel: u32,
    /// How many effects there were when the history was full.
    overflow: Option<usize>,
    /// The stages of a state's data, when one state is tried by itself.
    trace: Option<Box<Trace>>,
    /// The context object to use instead of the execution's own.
    context: Option<Payload>,
}

/// What becomes of a strand after a piece of work.
enum Flow {
    /// It goes on at once.
    Next,
    /// It waits.
    Wait,
    /// Its workflow ended with this output.
    End(crate::Payload),
    /// Its state failed and nothing in its workflow handles that.
    Fail(Failure),
    /// The iteration could not begin, which is its Map state's failure.
    Unbegun(Failure),
    /// The step's allowance is spent.
    Yield,
}

/// An error on its way to whoever handles it.
#[derive(Debug, Clone, PartialEq)]
struct Failure {
    details: ErrorDetails,
    /// It came from a missing heartbeat: `States.HeartbeatTimeout` matches it besides its own name.
    heartbeat: bool,
}

impl Failure {
    fn new(error: &str, cause: Option<Arc<str>>) -> Self {
        Self { details: ErrorDetails { error: Some(error.into()), cause }, heartbeat: false }
    }

    fn name(&self) -> Option<&str> {
        self.details.error.as_deref()
    }
}

impl<'a> Machine<'a> {
    fn accept(&mut self, event: &EventKind) {
        match (event, self.execution.status) {
            (EventKind::Start, Status::Created) => self.start(),
            (EventKind::Fail { error, cause }, Status::Created | Status::Running) => {
                if self.execution.status == Status::Created {
                    self.start();
                }
                self.give_up(ErrorDetails { error: error.clone(), cause: cause.clone() });
            }
            (EventKind::Redrive, Status::Failed | Status::TimedOut | Status::Aborted) => self.redrive(),
            (_, Status::Running) => self.accept_running(event),
            _ => {}
        }
    }

    fn accept_running(&mut self, event: &EventKind) {
        match event {
            EventKind::TimerFired { timer } => self.timer_fired(*timer),
            EventKind::Stop { error, cause } => {
                let details = ErrorDetails { error: error.clone(), cause: cause.clone() };
                self.abort_execution(details);
            }
            EventKind::MapRunSucceeded { map_run, output } => self.map_run_succeeded(*map_run, output),
            EventKind::MapRunFailed { map_run, error, cause } => {
                let details = ErrorDetails { error: error.clone(), cause: cause.clone() };
                self.map_run_failed(*map_run, details);
            }
            EventKind::Start | EventKind::Redrive | EventKind::Continue | EventKind::Fail { .. } => {}
            report => self.task_report(report),
        }
    }

    fn start(&mut self) {
        self.execution.status = Status::Running;
        self.execution.started = self.now;
        let input = self.execution.info.input.clone();
        let role_arn = self.execution.info.role_arn.clone();
        self.emit(0, Details::ExecutionStarted { input: input.clone(), role_arn });
        if let Some(seconds) = self.program.timeout_seconds {
            self.execution.machine_timer = Some(self.set_timer(self.now.plus_seconds(seconds)));
        }
        let id = self.new_strand_id();
        let workflow = self.execution.workflow;
        let strand = Strand {
            parent: None,
            workflow,
            state: self.program.workflow(workflow).start,
            input,
            variables: Variables::default(),
            item: self.execution.info.item.clone().map(Arc::new),
            entered: 0,
            entered_at: self.now,
            before_entry: 0,
            previous: 0,
            retries: Vec::new(),
            phase: Phase::Entering,
        };
        self.execution.strands.insert(id, strand);
        self.execution.ready.push_back(id);
    }

    /// Runs whatever can go on, until everything waits.
    fn run(&mut self) {
        while self.execution.status == Status::Running {
            let Some(id) = self.execution.ready.pop_front() else { return };
            let Some(mut strand) = self.execution.strands.remove(&id) else { continue };
            let flow = self.advance(id, &mut strand);
            if self.overflow.is_some() {
                self.execution.strands.insert(id, strand);
                self.history_is_full();
                return;
            }
            match flow {
                Flow::Next => unreachable!("advance goes on by itself"),
                Flow::Wait => {
                    self.execution.strands.insert(id, strand);
                }
                Flow::Yield => {
                    self.execution.strands.insert(id, strand);
                    self.execution.ready.push_front(id);
                    self.effects.push(Effect::Continue);
                    return;
                }
                Flow::End(output) => self.ended(id, &strand, output),
                Flow::Fail(failure) => self.failed(id, strand, failure),
                Flow::Unbegun(failure) => self.unbegun(&strand, failure),
            }
            if self.overflow.is_some() {
                self.history_is_full();
            }
        }
    }

    fn advance(&mut self, id: StrandId, strand: &mut Strand) -> Flow {
        loop {
            if self.overflow.is_some() || self.execution.status != Status::Running {
                return Flow::Wait;
            }
            let Some(fuel) = self.fuel.checked_sub(1) else { return Flow::Yield };
            self.fuel = fuel;
            let definition = self.definition(strand);
            let result = match strand.phase {
                Phase::Entering => self.enter(id, strand, definition),
                Phase::Again => self.work(id, strand, definition),
                _ => return Flow::Wait,
            };
            match result {
                Ok(Flow::Next) => {}
                Ok(flow) => return flow,
                Err(failure) => match self.recover(id, strand, definition, failure) {
                    Flow::Next => {}
                    flow => return flow,
                },
            }
        }
    }

    fn definition(&self, strand: &Strand) -> &'a StateDefinition {
        let program: &'a Program = self.program;
        program.state(strand.workflow, strand.state)
    }

    /// Appends to the history. When the history is full, nothing is appended any more and the execution fails.
    fn emit(&mut self, previous_id: u64, details: Details) -> u64 {
        let next = self.execution.last_event + 1;
        let limited = self.execution.info.execution_type == ExecutionType::Standard;
        let ends = matches!(
            details,
            Details::ExecutionSucceeded { .. }
                | Details::ExecutionFailed(_)
                | Details::ExecutionTimedOut(_)
                | Details::ExecutionAborted(_)
        );
        if limited && !ends && next >= MAX_HISTORY_EVENTS {
            self.overflow.get_or_insert(self.effects.len());
            return self.execution.last_event;
        }
        self.execution.last_event = next;
        self.history.push(HistoryEvent { id: next, previous_id, details });
        next
    }

    fn new_strand_id(&mut self) -> StrandId {
        self.execution.last_strand += 1;
        StrandId(self.execution.last_strand)
    }

    fn set_timer(&mut self, at: Timestamp) -> TimerId {
        self.execution.last_timer += 1;
        let timer = TimerId(self.execution.last_timer);
        self.effects.push(Effect::SetTimer { timer, at });
        timer
    }

    fn set_strand_timer(&mut self, id: StrandId, at: Timestamp) -> TimerId {
        let timer = self.set_timer(at);
        self.execution.timers.insert(timer, id);
        timer
    }

    fn cancel_timer(&mut self, timer: TimerId) {
        if self.execution.timers.remove(&timer).is_some() {
            self.effects.push(Effect::CancelTimer { timer });
        }
    }

    fn timer_fired(&mut self, timer: TimerId) {
        if self.execution.machine_timer == Some(timer) {
            self.execution.machine_timer = None;
            self.time_out_execution();
            return;
        }
        let Some(id) = self.execution.timers.remove(&timer) else { return };
        let Some(strand) = self.execution.strands.get_mut(&id) else { return };
        match &strand.phase {
            Phase::Delayed { .. } => {
                strand.phase = Phase::Again;
                self.execution.ready.push_back(id);
            }
            Phase::Waiting { .. } => {
                self.resume(id, |machine, _, strand, definition| machine.wait_is_over(strand, definition));
            }
            Phase::Task(open) => {
                let heartbeat = open.heartbeat_timer == Some(timer);
                self.task_timer_fired(id, heartbeat);
            }
            _ => {}
        }
    }

    /// Takes a waiting strand up again: does `work` and lets the result take its course.
    fn resume<F>(&mut self, id: StrandId, work: F)
    where
        F: FnOnce(&mut Self, StrandId, &mut Strand, &'a StateDefinition) -> Result<Flow, Failure>,
    {
        let Some(mut strand) = self.execution.strands.remove(&id) else { return };
        let definition = self.definition(&strand);
        let flow = match work(self, id, &mut strand, definition) {
            Ok(flow) => flow,
            Err(failure) => self.recover(id, &mut strand, definition, failure),
        };
        if self.overflow.is_some() {
            self.execution.strands.insert(id, strand);
            self.history_is_full();
            return;
        }
        match flow {
            Flow::Next | Flow::Yield => {
                self.execution.strands.insert(id, strand);
                self.execution.ready.push_back(id);
            }
            Flow::Wait => {
                self.execution.strands.insert(id, strand);
            }
            Flow::End(output) => self.ended(id, &strand, output),
            Flow::Fail(failure) => self.failed(id, strand, failure),
            Flow::Unbegun(failure) => self.unbegun(&strand, failure),
        }
    }

    /// Ends the execution. The last thing that happens in it.
    fn complete(&mut self, status: Status, outcome: Outcome) {
        self.execution.status = status;
        self.execution.outcome = Some(outcome.clone());
        self.execution.ready.clear();
        if let Some(timer) = self.execution.machine_timer.take() {
            self.effects.push(Effect::CancelTimer { timer });
        }
        self.effects.push(Effect::Complete(outcome));
    }
}
