//! Whole executions in virtual time: tasks answer as a [`World`] says, timers fire as soon as nothing else can happen.
//!
//! Nothing is stored and nothing waits, so a year passes in no time; distributed maps run with their children. The same
//! world gives the same course, event for event.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::context::{ExecutionInfo, MapItem};
use crate::effect::{Effect, ItemSource, MapRunRequest, Outcome, ReaderRequest, TaskRequest};
use crate::event::{Event, EventKind, MapRunId, Seed, TaskId};
use crate::execution::{Execution, Status};
use crate::history::{ErrorDetails, HistoryEvent};
use crate::interpret::{Step, step};
use crate::map_run::{Child, MapRun};
use crate::program::{ExecutionType, Program};
use crate::time::Timestamp;

/// How many events an execution and its children may take. Without waits, an Express machine could go on for ever.
const MAX_EVENTS: u64 = 2_000_000;
/// How long Express executions may take.
const EXPRESS_LIMIT: Duration = Duration::from_mins(5);
/// The execution itself; what follows are children of distributed maps.
const ROOT: usize = 0;

/// What stands outside a simulated execution.
pub trait World {
    /// What comes of a task that is due at `at`: reports, each so long after. `None` ends the simulation there and then.
    fn task(&mut self, request: &TaskRequest, at: Timestamp) -> Option<Vec<(Duration, EventKind)>>;

    /// The items that an `ItemReader` finds. `None` ends the simulation.
    fn items(
        &mut self,
        request: &MapRunRequest,
        reader: &ReaderRequest,
    ) -> Option<Result<Vec<Value>, ErrorDetails>>;
}

/// How a simulation came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The execution is over.
    Over,
    /// It waits for something that nobody will ever say.
    Stuck,
    /// It would go on for ever, as far as one can tell after two million events.
    Endless,
    /// The [`World`] ended it.
    Abandoned,
}

/// An execution, its children, and the time.
#[derive(Debug)]
pub struct Simulation {
    program: Arc<Program>,
    actors: Vec<Actor>,
    runs: Vec<Run>,
    due: BTreeMap<(Timestamp, u64), (usize, EventKind)>,
    now: Timestamp,
    started: Timestamp,
    pushed: u64,
    events: u64,
    history: Vec<(Timestamp, HistoryEvent)>,
    abandoned: bool,
    /// About to go on, although it looks finished.
    redriven: bool,
}

/// One execution at work.
#[derive(Debug)]
struct Actor {
    /// Absent while it moves.
    execution: Option<Execution>,
    /// The map run that it is a child of, and which.
    parent: Option<(usize, u32)>,
    /// The states that its tasks belong to.
    tasks: HashMap<TaskId, Arc<str>>,
    /// Stopped along with its map.
    gone: bool,
}

/// One distributed map.
#[derive(Debug)]
struct Run {
    owner: usize,
    id: MapRunId,
    map: MapRun,
    over: bool,
}

impl Simulation {
    /// An execution that begins at `start`.
    pub fn new(program: Arc<Program>, info: ExecutionInfo, start: Timestamp) -> Self {
        let express = info.execution_type == ExecutionType::Express;
        let mut simulation = Self {
            program,
            actors: Vec::new(),
            runs: Vec::new(),
            due: BTreeMap::new(),
            now: start,
            started: start,
            pushed: 0,
            events: 0,
            history: Vec::new(),
            abandoned: false,
            redriven: false,
        };
        simulation.enter(Execution::new(info), None);
        if express {
            let late = EventKind::Stop { error: Some("States.Timeout".into()), cause: None };
            simulation.push(start + EXPRESS_LIMIT, ROOT, late);
        }
        simulation
    }

    /// Runs until the execution ends or nothing more can happen.
    pub fn run(&mut self, world: &mut dyn World) -> Ending {
        while self.is_running() || std::mem::take(&mut self.redriven) {
            let Some(((at, _), (actor, kind))) = self.due.pop_first() else { return Ending::Stuck };
            self.events += 1;
            if self.events > MAX_EVENTS {
                return Ending::Endless;
            }
            self.now = at;
            self.deliver(actor, kind, world);
            if self.abandoned {
                return Ending::Abandoned;
            }
        }
        Ending::Over
    }

    /// Stops the execution so long after its start, unless it is over by then.
    pub fn stop_after(&mut self, after: Duration, error: Option<Arc<str>>, cause: Option<Arc<str>>) {
        self.push(self.started + after, ROOT, EventKind::Stop { error, cause });
    }

    /// Redrives the execution from where it did not succeed, with the next [`Simulation::run`]. `false` if it cannot be.
    pub fn redrive(&mut self) -> bool {
        let redrivable = self.root().is_redrivable();
        if redrivable {
            // What is still due belongs to tasks and timers that are gone.
            self.due.clear();
            self.push(self.now, ROOT, EventKind::Redrive);
            self.redriven = true;
        }
        redrivable
    }

    /// The execution as it stands.
    pub fn root(&self) -> &Execution {
        self.actors[ROOT].execution.as_ref().expect("an execution is away only while it moves")
    }

    /// How it ended, once it has. Express executions that took too long have timed out.
    pub fn outcome(&self) -> Option<Outcome> {
        let outcome = self.root().outcome()?.clone();
        Some(match outcome {
            Outcome::Aborted { error, cause }
                if self.root().info().execution_type == ExecutionType::Express
                    && error.as_deref() == Some("States.Timeout") =>
            {
                Outcome::TimedOut { error, cause }
            }
            other => other,
        })
    }

    /// Its history, with times.
    pub fn history(&self) -> &[(Timestamp, HistoryEvent)] {
        &self.history
    }

    /// How much time has passed in it.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now.0.saturating_sub(self.started.0).max(0).unsigned_abs())
    }

    /// The states whose tasks have not been answered, those of children included.
    pub fn waiting(&self) -> Vec<Arc<str>> {
        let mut states: Vec<Arc<str>> = Vec::new();
        for actor in self.actors.iter().filter(|actor| !actor.gone) {
            let Some(execution) = &actor.execution else { continue };
            states.extend(execution.open_tasks().filter_map(|task| actor.tasks.get(&task).cloned()));
        }
        states.sort();
        states.dedup();
        states
    }

    fn is_running(&self) -> bool {
        matches!(self.root().status(), Status::Created | Status::Running)
    }

    fn enter(&mut self, execution: Execution, parent: Option<(usize, u32)>) {
        let actor = self.actors.len();
        self.actors.push(Actor { execution: Some(execution), parent, tasks: HashMap::new(), gone: false });
        self.push(self.now, actor, EventKind::Start);
    }

    fn push(&mut self, at: Timestamp, actor: usize, kind: EventKind) {
        self.pushed += 1;
        self.due.insert((at.max(self.now), self.pushed), (actor, kind));
    }

    /// A seed that is the same in every simulation.
    fn seed(&self) -> Seed {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(self.events + self.pushed).to_be_bytes());
        Seed(seed)
    }

    fn deliver(&mut self, actor: usize, kind: EventKind, world: &mut dyn World) {
        let event = Event { at: self.now, seed: self.seed(), kind };
        let Some(execution) =
            self.actors.get_mut(actor).filter(|it| !it.gone).and_then(|it| it.execution.take())
        else {
            return;
        };
        let Step { execution, history, effects } = step(&self.program, execution, &event);
        self.actors[actor].execution = Some(execution);
        if actor == ROOT {
            let now = self.now;
            self.history.extend(history.into_iter().map(|event| (now, event)));
        }
        for effect in effects {
            self.perform(actor, effect, world);
        }
    }

    fn perform(&mut self, actor: usize, effect: Effect, world: &mut dyn World) {
        match effect {
            Effect::ScheduleTask(request) => {
                self.actors[actor].tasks.insert(request.task, Arc::clone(&request.state));
                let Some(reports) = world.task(&request, self.now) else {
                    self.abandoned = true;
                    return;
                };
                for (after, kind) in reports {
                    self.push(self.now + after, actor, kind);
                }
            }
            Effect::SetTimer { timer, at } => self.push(at, actor, EventKind::TimerFired { timer }),
            Effect::StartMapRun(request) => self.start_map_run(actor, *request, world),
            Effect::StopMapRun { map_run } => {
                if let Some(run) = self.find_run(actor, map_run) {
                    self.close_run(run);
                }
            }
            Effect::RedriveMapRun { map_run } => {
                if let Some(run) = self.find_run(actor, map_run) {
                    self.runs[run].over = false;
                    self.runs[run].map.redrive();
                    self.go_on(run);
                }
            }
            Effect::Continue => self.push(self.now, actor, EventKind::Continue),
            Effect::Complete(outcome) => {
                if let Some((run, child)) = self.actors[actor].parent {
                    self.runs[run].map.finish(child, outcome);
                    self.go_on(run);
                }
            }
            // The interpreter ignores what comes of cancelled tasks and timers.
            Effect::CancelTask { .. } | Effect::CancelTimer { .. } => {}
        }
    }

    fn find_run(&self, owner: usize, map_run: MapRunId) -> Option<usize> {
        self.runs.iter().position(|run| run.owner == owner && run.id == map_run)
    }

    fn start_map_run(&mut self, owner: usize, request: MapRunRequest, world: &mut dyn World) {
        let map_run = request.map_run;
        let read = match &request.items {
            ItemSource::Input(_) => Ok(None),
            ItemSource::Reader(reader) => {
                let Some(items) = world.items(&request, reader) else {
                    self.abandoned = true;
                    return;
                };
                items.map(Some)
            }
        };
        let run = read.and_then(|read| MapRun::new(&self.program, request, read, self.now, self.seed()));
        match run {
            Ok(map) => {
                self.runs.push(Run { owner, id: map_run, map, over: false });
                self.go_on(self.runs.len() - 1);
            }
            Err(ErrorDetails { error, cause }) => {
                self.push(self.now, owner, EventKind::MapRunFailed { map_run, error, cause });
            }
        }
    }

    /// Starts as many children as may run, and ends the map when its end has come.
    fn go_on(&mut self, number: usize) {
        if self.runs[number].over {
            return;
        }
        while let Some((index, child)) = self.runs[number].map.start_next() {
            self.start_child(number, index, child);
        }
        let Run { owner, id: map_run, ref map, .. } = self.runs[number];
        let Some(end) = map.end() else { return };
        self.close_run(number);
        let event = match end {
            Ok(output) => EventKind::MapRunSucceeded { map_run, output },
            Err(ErrorDetails { error, cause }) => EventKind::MapRunFailed { map_run, error, cause },
        };
        self.push(self.now, owner, event);
    }

    fn start_child(&mut self, number: usize, index: u32, child: Child) {
        let request = &self.runs[number].map.request;
        let mut info = self.root().info().clone();
        let name = format!("{}-{index}", info.name);
        let machine = request.arn.split(":mapRun:").nth(1).and_then(|rest| rest.rsplit_once(':'));
        let machine = machine.map_or("", |(machine, _)| machine);
        info.id =
            format!("arn:aws:states:{}:{}:execution:{machine}:{name}", info.region, info.account).into();
        info.name = name.into();
        info.execution_type = request.execution_type;
        info.item = Some(MapItem { index: u64::from(index), key: None, value: child.input.clone() });
        info.input = child.input;
        let execution = Execution::of_workflow(info, request.processor);
        self.enter(execution, Some((number, index)));
    }

    /// What still runs of a map that is over stops.
    fn close_run(&mut self, number: usize) {
        self.runs[number].over = true;
        for actor in &mut self.actors {
            actor.gone |= actor.parent.is_some_and(|(run, _)| run == number);
        }
    }
}
