//! Parallel and inline Map states: their branches and iterations, and what comes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::flow::Io;
use super::{Failure, Flow, Machine};
use crate::context::MapItem;
use crate::effect::Outcome;
use crate::execution::{Join, Phase, Status, Strand, StrandId};
use crate::history::Details;
use crate::payload::Payload;
use crate::program::{Kind, StateDefinition, WorkflowId};

impl<'a> Machine<'a> {
    pub(super) fn begin_parallel(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        branches: &'a [WorkflowId],
    ) -> Result<Flow, Failure> {
        let input = self.effective_input(strand, definition)?;
        let input = match &definition.io.parameters {
            Some(parameters) => self.evaluate(strand, parameters, Io::input(&input))?,
            None => input,
        };
        Self::check_size(definition, &input)?;
        strand.previous = self.emit(strand.previous, Details::ParallelStateStarted);
        let mut running = BTreeMap::new();
        for (slot, branch) in (0..).zip(branches) {
            let child = self.spawn(id, slot, *branch, strand, input.clone(), strand.item.clone());
            running.insert(slot, child);
        }
        let count = u32::try_from(branches.len()).unwrap_or(u32::MAX);
        let join = Join {
            running,
            outputs: vec![None; branches.len()],
            done: 0,
            next: count,
            max_concurrency: 0,
            items: Vec::new(),
        };
        self.join(strand, definition, join)
    }

    /// A new strand of a workflow inside the state that `parent` is in.
    fn spawn(
        &mut self,
        parent_id: StrandId,
        slot: u32,
        workflow: WorkflowId,
        parent: &Strand,
        input: Payload,
        item: Option<Arc<MapItem>>,
    ) -> StrandId {
        let id = self.new_strand_id();
        let strand = Strand {
            parent: Some((parent_id, slot)),
            workflow,
            state: self.program.workflow(workflow).start,
            input,
            variables: parent.variables.clone(),
            item,
            entered: 0,
            entered_at: self.now,
            before_entry: 0,
            previous: parent.previous,
            retries: Vec::new(),
            phase: Phase::Entering,
        };
        self.execution.strands.insert(id, strand);
        self.execution.ready.push_back(id);
        id
    }

    /// Waits for what runs, or goes on when nothing is left to run.
    fn join(
        &mut self,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        join: Join,
    ) -> Result<Flow, Failure> {
        if (join.done as usize) < join.outputs.len() {
            strand.phase = Phase::Joining(Box::new(join));
            return Ok(Flow::Wait);
        }
        strand.phase = Phase::Done;
        let details = match definition.kind {
            Kind::Map(_) => Details::MapStateSucceeded,
            _ => Details::ParallelStateSucceeded,
        };
        // The exit follows what the success follows, not the success.
        self.emit(strand.previous, details);
        let outputs: Vec<Payload> = join.outputs.into_iter().flatten().collect();
        self.exit_with_result(strand, definition, Payload::array(&outputs))
    }

    /// Starts iterating over `items`, as many at once as allowed.
    pub(super) fn begin_iterations(
        &mut self,
        id: StrandId,
        strand: &mut Strand,
        definition: &'a StateDefinition,
        items: Vec<MapItem>,
        max_concurrency: u32,
    ) -> Result<Flow, Failure> {
        strand.previous = self.emit(strand.previous, Details::MapStateStarted { length: items.len() as u64 });
        let mut join = Join {
            running: BTreeMap::new(),
            outputs: vec![None; items.len()],
            done: 0,
            next: 0,
            max_concurrency,
            items: items.into_iter().map(|item| Some(Arc::new(item))).collect(),
        };
        self.fill(id, strand, definition, &mut join);
        self.join(strand, definition, join)
    }

    /// Starts iterations up to the limit of concurrency.
    fn fill(&mut self, id: StrandId, strand: &Strand, definition: &'a StateDefinition, join: &mut Join) {
        let Kind::Map(map) = &definition.kind else { return };
        while join.max_concurrency == 0 || join.running.len() < join.max_concurrency as usize {
            let slot = join.next;
            let Some(item) = join.items.get_mut(slot as usize).and_then(Option::take) else { return };
            join.next += 1;
            let child = self.spawn(id, slot, map.processor, strand, item.value.clone(), Some(item));
            join.running.insert(slot, child);
        }
    }

    /// The first thing an iteration does: records its beginning and selects its input.
    pub(super) fn begin_iteration(&mut self, strand: &mut Strand) -> Option<Flow> {
        if strand.entered > 0 {
            return None;
        }
        let (parent_id, slot) = strand.parent?;
        let mut parent = self.execution.strands.get(&parent_id)?.clone_for_selection();
        let definition = self.definition(&parent);
        let Kind::Map(map) = &definition.kind else { return None };
        let index = u64::from(slot);
        let started = Details::MapIterationStarted { name: definition.name.clone(), index };
        strand.previous = self.emit(strand.previous, started);
        if let Some(selector) = &map.selector {
            parent.item.clone_from(&strand.item);
            let selected = self
                .effective_input(&mut parent, definition)
                .and_then(|input| self.evaluate(&mut parent, selector, Io::input(&input)))
                .and_then(|selected| Self::check_size(definition, &selected).map(|()| selected));
            match selected {
                Ok(selected) => strand.input = selected,
                Err(failure) => {
                    strand.previous = parent.previous;
                    return Some(Flow::Unbegun(failure));
                }
            }
        }
        None
    }

    /// A strand reached the end of its workflow.
    pub(super) fn ended(&mut self, _id: StrandId, strand: &Strand, output: Payload) {
        let Some((parent, slot)) = strand.parent else {
            self.emit(strand.previous, Details::ExecutionSucceeded { output: output.clone() });
            self.execution.strands.clear();
            self.complete(Status::Succeeded, Outcome::Succeeded { output });
            return;
        };
        let last = strand.previous;
        self.resume(parent, |machine, id, strand, definition| {
            let Phase::Joining(mut join) = std::mem::replace(&mut strand.phase, Phase::Done) else {
                return Ok(Flow::Wait);
            };
            join.running.remove(&slot);
            if let Some(place) = join.outputs.get_mut(slot as usize) {
                *place = Some(output);
                join.done += 1;
            }
            strand.previous = last;
            if matches!(definition.kind, Kind::Map(_)) {
                let succeeded =
                    Details::MapIterationSucceeded { name: definition.name.clone(), index: u64::from(slot) };
                let succeeded = machine.emit(last, succeeded);
                // The next iteration follows the end of this one's work; only the Map state's own success follows the
                // record of this one's.
                machine.fill(id, strand, definition, &mut join);
                strand.previous = succeeded;
            }
            machine.join(strand, definition, *join)
        });
    }
}

impl Strand {
    /// The parent of an iteration as far as an `ItemSelector` can see it. Everything in it is shared, but for the join.
    fn clone_for_selection(&self) -> Strand {
        Strand {
            parent: self.parent,
            workflow: self.workflow,
            state: self.state,
            input: self.input.clone(),
            variables: self.variables.clone(),
            item: self.item.clone(),
            entered: self.entered,
            entered_at: self.entered_at,
            before_entry: self.before_entry,
            previous: self.previous,
            retries: self.retries.clone(),
            phase: Phase::Done,
        }
    }
}
