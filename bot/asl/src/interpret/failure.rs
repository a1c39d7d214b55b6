//! Errors: `Retry`, `Catch`, their way up through Parallel and Map states, and ends of the execution other than success.

use std::sync::Arc;

use super::flow::Io;
use super::{Failure, Flow, Machine};
use crate::effect::{Effect, Outcome};
use crate::entropy::Derived;
use crate::evaluate::{DATA_LIMIT_EXCEEDED, HEARTBEAT_TIMEOUT, RUNTIME, TIMEOUT};
use crate::event::MapRunId;
use crate::execution::{Phase, Status, Strand, StrandId};
use crate::history::{Details, ErrorDetails};
use crate::intrinsics::Entropy as _;
use crate::program::{Catcher, Kind, QueryLanguage, Retrier, StateDefinition, StateType};
use crate::time::Timestamp;

impl<'a> Machine<'a> {
    /// A state's work failed: retry it, catch the error, or let it go up.
    pub(super) fn recover(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        failure: Failure,
    ) -> Flow {
        if failure.is_fatal() {
            return Flow::Fail(failure);
        }
        if let Some(at) = self.retry_at(strand, definition, &failure) {
            self.forget_children(strand);
            let timer = self.set_strand_timer(id, at);
            strand.phase = Phase::Delayed { timer };
            return Flow::Wait;
        }
        match definition.kind {
            Kind::Parallel { .. } => {
                strand.previous = self.emit(strand.previous, Details::ParallelStateFailed);
            }
            Kind::Map(_) => strand.previous = self.emit(strand.previous, Details::MapStateFailed),
            _ => {}
        }
        let index = definition.catch.iter().position(|catcher| failure.matches(&catcher.errors));
        match index.map(|index| (index, &definition.catch[index])) {
            None => Flow::Fail(failure),
            Some((index, catcher)) => {
                self.note(|trace| trace.catch_index = Some(index));
                self.forget_children(strand);
                self.catch(strand, definition, catcher, &failure).unwrap_or_else(Flow::Fail)
            }
        }
    }

    /// When to try again, if a retrier covers the failure and has tries left.
    fn retry_at(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        failure: &Failure,
    ) -> Option<Timestamp> {
        let index = definition.retry.iter().position(|retrier| failure.matches(&retrier.errors))?;
        let retrier = &definition.retry[index];
        if strand.retries.is_empty() {
            strand.retries.resize(definition.retry.len(), 0);
        }
        let used = strand.retries[index];
        if u64::from(used) >= retrier.max_attempts {
            return None;
        }
        strand.retries[index] = used + 1;
        let delay = delay(retrier, used, &mut self.entropy);
        self.note(|trace| {
            trace.retry_index = Some(index);
            trace.retry_backoff_seconds = Some(delay.as_secs_f64());
        });
        Some(self.now + delay)
    }

    fn catch(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        catcher: &'a Catcher,
        failure: &Failure,
    ) -> Result<Flow, Failure> {
        let error = failure.output();
        let (output, assigned) = match definition.query_language {
            QueryLanguage::Jsonata => {
                let input = strand.input.clone();
                let io = Io { input: &input, result: None, error: Some(&error) };
                let assigned = self.assign(strand, catcher.assign.as_ref(), io)?;
                let output = match &catcher.output {
                    Some(output) => self.evaluate(strand, output, io)?,
                    None => error.clone(),
                };
                (output, assigned)
            }
            QueryLanguage::JsonPath => {
                let assigned = self.assign(strand, catcher.assign.as_ref(), Io::input(&error))?;
                (self.place(strand, &catcher.result, error)?, assigned)
            }
        };
        self.exit(strand, definition, output, assigned, Some(catcher.next))
    }

    /// A strand failed for good: the execution ends, or the state around it has to deal with that.
    pub(super) fn failed(&mut self, id: StrandId, mut strand: Strand, failure: Failure) {
        if failure.is_fatal() || strand.parent.is_none() {
            let previous = strand.previous;
            self.park(id, strand, &failure);
            self.fail_execution(previous, failure.details);
            return;
        }
        let Some((parent, slot)) = strand.parent else { return };
        let previous = strand.previous;
        let aborted = self.definition(&strand).state_type();
        let in_map = self.parent_is_map(parent);
        if in_map {
            let name = self.name_of(parent);
            self.emit(previous, Details::MapIterationFailed { name, index: u64::from(slot) });
        } else if aborted == StateType::Task {
            self.emit(previous, Details::StateAborted { kind: aborted });
        }
        strand.previous = previous;
        self.park(id, strand, &failure);
        self.parent_failed(parent, Some(slot), previous, failure);
    }

    /// Keeps a failed strand for a redrive. One that waits for children is resumed through them.
    fn park(&mut self, id: StrandId, mut strand: Strand, failure: &Failure) {
        if !matches!(strand.phase, Phase::Joining(_)) {
            let map_run = strand.phase.map_run();
            strand.phase = Phase::Stopped { error: Some(failure.details.clone()), map_run };
        }
        self.execution.strands.insert(id, strand);
    }

    /// A branch or iteration failed, or could not begin: the others are aborted and the state around them fails.
    fn parent_failed(&mut self, parent: StrandId, failed: Option<u32>, previous: u64, failure: Failure) {
        let siblings: Vec<(u32, StrandId)> =
            match self.execution.strands.get(&parent).map(|strand| &strand.phase) {
                Some(Phase::Joining(join)) => join.running.iter().map(|(slot, id)| (*slot, *id)).collect(),
                _ => Vec::new(),
            };
        for (slot, sibling) in siblings {
            if Some(slot) != failed {
                self.abort_strand(sibling);
            }
        }
        self.resume(parent, |_, _, strand, _| {
            strand.previous = previous;
            Err(failure)
        });
    }

    /// A Map iteration could not begin.
    pub(super) fn unbegun(&mut self, strand: &Strand, failure: Failure) {
        let Some((parent, slot)) = strand.parent else { return };
        if failure.is_fatal() {
            self.fail_execution(strand.previous, failure.details);
            return;
        }
        if let Some(Phase::Joining(join)) =
            self.execution.strands.get_mut(&parent).map(|strand| &mut strand.phase)
        {
            join.running.remove(&slot);
        }
        self.parent_failed(parent, None, strand.previous, failure);
    }

    /// Stops whatever a strand waits for and records that, innermost first.
    fn abort_strand(&mut self, id: StrandId) {
        let Some(mut strand) = self.execution.strands.remove(&id) else { return };
        let begun = strand.entered > 0;
        let stopped = Phase::Stopped { error: None, map_run: strand.phase.map_run() };
        let phase = std::mem::replace(&mut strand.phase, stopped);
        match phase {
            Phase::Joining(join) => {
                for child in join.running.values() {
                    self.abort_strand(*child);
                }
                strand.phase = Phase::Joining(join);
            }
            stopped @ Phase::Stopped { .. } => strand.phase = stopped,
            // A strand that has not begun has nothing to record, and begins anew on a redrive.
            Phase::Entering if !begun => strand.phase = Phase::Entering,
            other => self.let_go(&other),
        }
        let kind = self.definition(&strand).state_type();
        if begun {
            if matches!(kind, StateType::Task | StateType::Wait | StateType::Parallel | StateType::Map) {
                self.emit(strand.previous, Details::StateAborted { kind });
            }
            if let Some((parent, slot)) = strand.parent
                && self.parent_is_map(parent)
            {
                let name = self.name_of(parent);
                self.emit(strand.previous, Details::MapIterationAborted { name, index: u64::from(slot) });
            }
        }
        self.execution.strands.insert(id, strand);
    }

    /// Cancels what a phase waits for.
    fn let_go(&mut self, phase: &Phase) {
        match phase {
            Phase::Task(open) => {
                self.close_task(open);
                self.effects.push(Effect::CancelTask { task: open.task });
            }
            Phase::Waiting { timer } | Phase::Delayed { timer } => self.cancel_timer(*timer),
            Phase::MapRun { map_run, .. } => {
                self.execution.map_runs.remove(map_run);
                self.effects.push(Effect::StopMapRun { map_run: *map_run });
            }
            _ => {}
        }
    }

    /// Drops the branches and iterations of a state that begins anew or is left.
    fn forget_children(&mut self, strand: &mut Strand) {
        let phase = std::mem::replace(&mut strand.phase, Phase::Done);
        if let Phase::Joining(join) = phase {
            for child in join.running.into_values() {
                if let Some(mut child) = self.execution.strands.remove(&child) {
                    self.forget_children(&mut child);
                }
            }
        }
    }

    fn parent_is_map(&self, parent: StrandId) -> bool {
        self.execution
            .strands
            .get(&parent)
            .is_some_and(|strand| self.definition(strand).state_type() == StateType::Map)
    }

    pub(super) fn name_of(&self, id: StrandId) -> Arc<str> {
        self.execution.strands.get(&id).map(|strand| self.definition(strand).name.clone()).unwrap_or_default()
    }

    /// Stops everything that is under way, without a record: the execution's last event says enough.
    fn stop_all(&mut self) {
        let ids: Vec<StrandId> = self.execution.strands.keys().copied().collect();
        for id in ids {
            let Some(mut strand) = self.execution.strands.remove(&id) else { continue };
            let stopped = Phase::Stopped { error: None, map_run: strand.phase.map_run() };
            let phase = std::mem::replace(&mut strand.phase, stopped);
            match phase {
                Phase::Joining(_) | Phase::Stopped { .. } | Phase::Entering | Phase::Done => {
                    strand.phase = phase;
                }
                other => self.let_go(&other),
            }
            self.execution.strands.insert(id, strand);
        }
        self.execution.ready.clear();
    }

    fn fail_execution(&mut self, previous: u64, details: ErrorDetails) {
        self.stop_all();
        self.emit(previous, Details::ExecutionFailed(details.clone()));
        let ErrorDetails { error, cause } = details;
        self.complete(Status::Failed, Outcome::Failed { error, cause });
    }

    /// Fails the execution from outside.
    pub(super) fn give_up(&mut self, details: ErrorDetails) {
        self.fail_execution(self.execution.last_event, details);
    }

    pub(super) fn abort_execution(&mut self, details: ErrorDetails) {
        self.stop_all();
        // What comes from outside follows nothing.
        self.emit(0, Details::ExecutionAborted(details.clone()));
        let ErrorDetails { error, cause } = details;
        self.complete(Status::Aborted, Outcome::Aborted { error, cause });
    }

    pub(super) fn time_out_execution(&mut self) {
        let previous = self.execution.last_event;
        self.stop_all();
        // DescribeExecution shows no error besides the status.
        self.emit(previous, Details::ExecutionTimedOut(ErrorDetails::default()));
        self.complete(Status::TimedOut, Outcome::TimedOut { error: None, cause: None });
    }

    /// The event that did not fit is not recorded and what followed from it does not happen.
    pub(super) fn history_is_full(&mut self) {
        if let Some(effects) = self.overflow.take() {
            self.effects.truncate(effects);
        }
        if self.execution.status != Status::Running {
            return;
        }
        let cause = "The execution reached the maximum number of history events (25000).";
        let details = ErrorDetails { error: Some(RUNTIME.into()), cause: Some(cause.into()) };
        self.fail_execution(self.execution.last_event, details);
    }

    /// Takes an execution up where it did not succeed, with fresh retries.
    pub(super) fn redrive(&mut self) {
        if !self.execution.is_redrivable() {
            return;
        }
        self.execution.status = Status::Running;
        self.execution.outcome = None;
        self.execution.redrives += 1;
        self.execution.redriven = Some(self.now);
        let redrive_count = self.execution.redrives;
        let redriven = self.emit(self.execution.last_event, Details::ExecutionRedriven { redrive_count });
        if let Some(seconds) = self.program.timeout_seconds {
            self.execution.machine_timer = Some(self.set_timer(self.now.plus_seconds(seconds)));
        }
        let ids: Vec<StrandId> = self.execution.strands.keys().copied().collect();
        for id in ids {
            self.redrive_strand(id, redriven);
        }
    }

    fn redrive_strand(&mut self, id: StrandId, redriven: u64) {
        let Some(mut strand) = self.execution.strands.remove(&id) else { return };
        if let Phase::Stopped { map_run, .. } = &mut strand.phase {
            let map_run = map_run.take();
            strand.retries.clear();
            strand.previous = redriven;
            let kind = self.definition(&strand).state_type();
            strand.phase = match map_run {
                Some((map_run, arn)) => {
                    let redrive_count = self.execution.redrives;
                    strand.previous =
                        self.emit(redriven, Details::MapRunRedriven { arn: arn.clone(), redrive_count });
                    self.execution.map_runs.insert(map_run, id);
                    self.effects.push(Effect::RedriveMapRun { map_run });
                    Phase::MapRun { map_run, arn }
                }
                // Only states that wait remain entered; the others begin anew.
                None if matches!(
                    kind,
                    StateType::Task | StateType::Wait | StateType::Parallel | StateType::Map
                ) =>
                {
                    Phase::Again
                }
                None => Phase::Entering,
            };
        }
        if matches!(strand.phase, Phase::Entering | Phase::Again) {
            self.execution.ready.push_back(id);
        }
        self.execution.strands.insert(id, strand);
    }
}

impl Phase {
    fn map_run(&self) -> Option<(MapRunId, Arc<str>)> {
        match self {
            Self::MapRun { map_run, arn } => Some((*map_run, arn.clone())),
            _ => None,
        }
    }
}

impl Failure {
    /// Whether an `ErrorEquals` covers the failure.
    fn matches(&self, errors: &[Arc<str>]) -> bool {
        let name = self.name();
        errors.iter().any(|error| match error.as_ref() {
            "States.ALL" => name != Some(RUNTIME) && name != Some(DATA_LIMIT_EXCEEDED),
            "States.TaskFailed" => {
                !matches!(name, Some(RUNTIME | DATA_LIMIT_EXCEEDED | TIMEOUT | HEARTBEAT_TIMEOUT))
            }
            HEARTBEAT_TIMEOUT if self.heartbeat => true,
            error => name == Some(error),
        })
    }
}

/// How long to wait before the next try, after `used` tries of this retrier.
fn delay(retrier: &Retrier, used: u32, entropy: &mut Derived) -> std::time::Duration {
    #[allow(clippy::cast_precision_loss)]
    let (interval, limit) = (
        retrier.interval_seconds as f64,
        retrier.max_delay_seconds.map_or(f64::INFINITY, |limit| limit as f64),
    );
    let exponent = i32::try_from(used).unwrap_or(i32::MAX);
    // A year is more than any execution lives, and keeps the arithmetic finite.
    let seconds = (interval * retrier.backoff_rate.powi(exponent)).min(limit).clamp(0.0, 31_622_400.0);
    let seconds = if retrier.full_jitter { seconds * entropy.random() } else { seconds };
    std::time::Duration::from_secs_f64(seconds)
}
